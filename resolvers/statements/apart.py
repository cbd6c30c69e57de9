"""Reads large files in a process of their own.

While a file is read all of its records are in memory, a kilobyte each, for the order of days and the
signs of amounts are decided by the whole of it.  In a process of its own that memory goes back with
its end, requests have the interpreter for themselves meanwhile, and whatever a hostile file may do
to a reader happens where no key, no connection and no other file is.

Both directions are frames: four bytes of length (big endian), then as many bytes.
"""

import asyncio
import gc
import os
import sys
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

import orjson

from resolvers.statements.lines import Lines
from resolvers.statements.model import StatementError
from resolvers.statements.prepare import Asked, Reading, prepare

LARGE_BYTES: Final = 1024 * 1024
"""Smaller files are read here: to start a process costs as much as to read ten thousand rows."""
_ROOT: Final = Path(__file__).resolve().parents[2]
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "PYTHONDONTWRITEBYTECODE")
"""All that the process is told of the environment; the rest may hold secrets."""
_LENGTH: Final = 4


class ReaderEnded(Exception):
    """The process that was to read a file has ended without an answer."""


async def read_anywhere(data: bytes, asked: Asked) -> Reading:
    """Read a file beside the requests; raises StatementError when it cannot be read.

    Raises ReaderEnded where its process was killed: that may pass when it is tried again.
    """
    if len(data) < LARGE_BYTES:
        return await asyncio.to_thread(prepare, data, asked)
    return await _read_apart(data, asked)


async def _read_apart(data: bytes, asked: Asked) -> Reading:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "resolvers.statements.apart",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env=kept | {"PYTHONPATH": str(_ROOT)}, cwd=_ROOT,
    )  # fmt: skip
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the process was started with pipes")
    try:
        for frame in (orjson.dumps(asdict(asked)), data):
            process.stdin.writelines(_framed(frame))
            await process.stdin.drain()
        process.stdin.close()
        return await _reading(process.stdout)
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        code = await process.wait()
        raise ReaderEnded(f"The process that reads a file has ended with {code}.") from error
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _reading(stream: asyncio.StreamReader) -> Reading:
    told = orjson.loads(await _frame(stream))
    if "code" in told:
        raise StatementError(told["code"], told["message"], tuple(told["headers"]))
    lines = Lines(count=told["count"], first=told["first"], last=told["last"])
    for currency in told["currencies"]:
        lines.amounts[currency] = array("q", await _frame(stream))
    lines.chunks = [await _frame(stream) for _ in range(told["chunks"])]
    return Reading(**told["file"], lines=lines)


async def _frame(stream: asyncio.StreamReader) -> bytes:
    return await stream.readexactly(int.from_bytes(await stream.readexactly(_LENGTH), "big"))


def _framed(frame: bytes) -> tuple[bytes, bytes]:
    return len(frame).to_bytes(_LENGTH, "big"), frame


def _answer(data: bytes, asked: Asked) -> Iterator[bytes]:
    """What ``_reading`` reads."""
    try:
        found = prepare(data, asked)
    except StatementError as error:
        yield orjson.dumps({"code": error.code, "message": error.message, "headers": error.headers})
        return
    lines = found.lines
    told = {
        "file": {
            one.name: getattr(found, one.name) for one in fields(found) if one.name != "lines"
        },
        "count": lines.count,
        "first": lines.first,
        "last": lines.last,
        "currencies": list(lines.amounts),
        "chunks": len(lines.chunks),
    }
    yield orjson.dumps(told)
    for amounts in lines.amounts.values():
        yield amounts.tobytes()
    yield from lines.chunks


def main() -> None:
    """Read what comes on standard input, answer on standard output, and end."""
    # It ends before cycles could matter.
    gc.disable()
    given, answers = sys.stdin.buffer, sys.stdout.buffer
    asked, data = (given.read(int.from_bytes(given.read(_LENGTH), "big")) for _ in range(2))
    with suppress(BrokenPipeError):
        for frame in _answer(data, Asked(**orjson.loads(asked))):
            answers.writelines(_framed(frame))
        answers.flush()


if __name__ == "__main__":
    main()
