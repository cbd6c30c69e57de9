"""Laying a report out: a child process with little memory and time sets it with typst."""

import asyncio
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import orjson

from resolvers.errors import Unavailable

SECONDS: Final = 30.0
"""For a busy machine; the process itself gets 20 seconds of computing."""
AT_ONCE: Final = 2
_FOLDER: Final = Path(__file__).parent
_CHILD: Final = _FOLDER / "child.py"
_FONT_PACKAGES: Final = ("manimgx_fonts", "manimgx_fonts_cjk")
_MAGIC: Final = b"%PDF-"


class Printer:
    """Sets a few reports at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def print(self, sheet: dict[str, Any]) -> bytes:
        """The PDF of a sheet; raises UNAVAILABLE when it cannot be set within the limits."""
        task = {
            "template": str(_FOLDER / "report.typ"),
            "root": str(_FOLDER),
            "fonts": font_folders(),
            "data": sheet,
        }
        async with self._turns:
            found = await _run(orjson.dumps(task))
        if not found.startswith(_MAGIC):
            raise Unavailable("The report could not be laid out; ask for a shorter period.")
        return found


def font_folders() -> list[str]:
    """Where the fonts lie; found without running a line of their packages."""
    specs = [find_spec(name) for name in _FONT_PACKAGES]
    return [str(Path(spec.origin).parent) for spec in specs if spec is not None and spec.origin]


async def _run(task: bytes) -> bytes:
    # Nothing of our environment but where temporary files would go, were there any.
    kept = {name: os.environ[name] for name in ("TMPDIR", "PATH") if name in os.environ}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(_CHILD),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=kept,
        cwd=_FOLDER,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(SECONDS):
            found, _ = await child.communicate(task)
    except TimeoutError:
        return b""
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return found
