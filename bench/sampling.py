"""A profile of the serving thread by samples: which layer and which function it stands in.

Samples rather than traced calls: tracing makes small functions look several times as dear, and it
loses its place where the database driver switches greenlets.
"""

import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

_EVERY: Final = 0.001
_SWITCH: Final = 0.0001
_SHOWN: Final = 40
_ROOT: Final = Path(__file__).resolve().parents[1]
_IDLE: Final = frozenset({"asyncio/runners.py", "uvloop/__init__.py"})
"""Where the thread stands when its loop waits for work, or runs what is not Python."""


class Sampler(threading.Thread):
    """Looks at one thread about a thousand times a second."""

    def __init__(self, thread_id: int) -> None:
        super().__init__(name="sampler", daemon=True)
        self._thread_id = thread_id
        self._done = threading.Event()
        self._own: Counter[CodeType] = Counter()
        self._with_callees: Counter[CodeType] = Counter()
        self._idle = 0

    def run(self) -> None:
        """Sample until told to stop."""
        usual = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH)
        while not self._done.is_set():
            time.sleep(_EVERY)
            frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001 - there is no other
            if frame is not None:
                self._note(frame)
        sys.setswitchinterval(usual)

    def _note(self, leaf: FrameType) -> None:
        if _place(leaf.f_code) in _IDLE:
            self._idle += 1
            return
        self._own[leaf.f_code] += 1
        seen: set[CodeType] = set()
        frame: FrameType | None = leaf
        while frame is not None:
            seen.add(frame.f_code)
            frame = frame.f_back
        self._with_callees.update(seen)

    def finish(self) -> str:
        """Stop, and the profile as text."""
        self._done.set()
        self.join()
        total = max(sum(self._own.values()), 1)
        layers: Counter[str] = Counter()
        for code, count in self._own.items():
            layers[_layer(code)] += count
        lines = [
            f"{total} samples at work, {self._idle} in the loop itself",
            "",
            "own time by layer",
        ]
        lines += [f"{count / total:7.1%}  {name}" for name, count in layers.most_common()]
        for title, counter in (
            ("own time by function", self._own),
            ("time by function with what it calls (as far as its greenlet)", self._with_callees),
        ):
            lines += ["", title]
            lines += [
                f"{count / total:7.1%}  {code.co_qualname}  {_place(code)}:{code.co_firstlineno}"
                for code, count in counter.most_common(_SHOWN)
            ]
        return "\n".join(lines)


def _place(code: CodeType) -> str:
    """A file without the folders of this machine."""
    path = Path(code.co_filename)
    parts = path.parts
    if "site-packages" in parts:
        return "/".join(parts[parts.index("site-packages") + 1 :])
    if path.is_relative_to(_ROOT):
        return path.relative_to(_ROOT).as_posix()
    return "/".join(parts[-2:])


def _layer(code: CodeType) -> str:
    """The package, or the room of the product."""
    path = Path(code.co_filename)
    first = _place(code).partition("/")[0]
    if path.is_relative_to(_ROOT) and "site-packages" not in path.parts:
        return f"product: {first}"
    return first if "site-packages" in path.parts else "python itself"
