"""A profile of the serving thread by samples: which layer and which function it stands in.

Samples rather than traced calls: tracing makes small functions look several times as dear, and it
loses its place where the database driver switches greenlets.
"""

import sys
import threading
import time
from collections import Counter
from functools import cache
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
        self._own: Counter[tuple[CodeType, CodeType | None]] = Counter()
        self._with_callees: Counter[CodeType] = Counter()
        self._nearest: Counter[CodeType | None] = Counter()
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
        self._own[leaf.f_code, leaf.f_back and leaf.f_back.f_code] += 1
        stack: list[CodeType] = []
        frame: FrameType | None = leaf
        while frame is not None:
            stack.append(frame.f_code)
            frame = frame.f_back
        self._with_callees.update(set(stack))
        self._nearest[next((code for code in stack if _is_ours(code)), None)] += 1

    def finish(self) -> str:
        """Stop, and the profile as text."""
        self._done.set()
        self.join()
        total = max(sum(self._own.values()), 1)
        layers: Counter[str] = Counter()
        files: Counter[str] = Counter()
        functions: Counter[str] = Counter()
        for (code, caller), count in self._own.items():
            layers[_layer(code)] += count
            files[_place(code)] += count
            functions[f"{_named(code)}  <-  {_named(caller)}"] += count
        nearest = Counter({_named(code): count for code, count in self._nearest.items()})
        inside = Counter({_named(code): count for code, count in self._with_callees.items()})
        lines = [f"{total} samples at work, {self._idle} in the loop itself (waiting, or in C)"]
        for title, counter, shown in (
            ("own time by layer", layers, None),
            ("own time by file", files, _SHOWN),
            ("own time by function and who called it", functions, _SHOWN),
            ("time by the innermost function of the product (- is none)", nearest, _SHOWN),
            ("time with callees (as far as the greenlet or task)", inside, 3 * _SHOWN),
        ):
            lines += ["", title]
            lines += [f"{count / total:7.1%}  {name}" for name, count in counter.most_common(shown)]
        return "\n".join(lines)


def _named(code: CodeType | None) -> str:
    return f"{code.co_qualname}  {_place(code)}:{code.co_firstlineno}" if code else "-"


def _is_ours(code: CodeType) -> bool:
    return _layer(code).startswith("product: ") and not _place(code).startswith("bench/")


@cache
def _place(code: CodeType) -> str:
    """A file without the folders of this machine."""
    path = Path(code.co_filename)
    parts = path.parts
    if "site-packages" in parts:
        return "/".join(parts[parts.index("site-packages") + 1 :])
    if path.is_relative_to(_ROOT):
        return path.relative_to(_ROOT).as_posix()
    return "/".join(parts[-2:])


@cache
def _layer(code: CodeType) -> str:
    """The package, or the room of the product."""
    path = Path(code.co_filename)
    first = _place(code).partition("/")[0]
    if path.is_relative_to(_ROOT) and "site-packages" not in path.parts:
        return f"product: {first}"
    return first if "site-packages" in path.parts else "python itself"
