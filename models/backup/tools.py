"""PostgreSQL's own programs for a backup: a consistent dump out, and all of it in or nothing."""

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from models.embedded.child import PartError
from models.embedded.postgres import binaries

Pipe = TypeVar("Pipe")
_PIECE_BYTES: Final = 262_144
_TOLD_BYTES: Final = 2_000
_FORGOTTEN: Final = ("limit_hits",)
"""Tables whose rows are worth nothing elsewhere."""


class ToolFailed(Exception):
    """A program of PostgreSQL is missing or failed; says which one and its last words."""


@dataclass(frozen=True, slots=True)
class Server:
    """A database and as whom to enter it."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    tls: str | None = None
    """A mode of libpq; None leaves it to PGSSLMODE."""
    ca: Path | None = None

    def environment(self) -> dict[str, str]:
        """What the programs are told: who we are, and how the settings of libpq want TLS."""
        kept = {k: v for k, v in os.environ.items() if k == "PATH" or k.startswith("PGSSL")}
        if self.tls is not None:
            kept |= {"PGSSLMODE": self.tls, "PGSSLROOTCERT": str(self.ca or "system")}
        return {
            **kept,
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": self.name,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGAPPNAME": "pockettrend backup",
            "LC_ALL": "C.UTF-8",
        }


def find_tools(wanted: Path | None = None) -> Path:
    """The folder of pg_dump and pg_restore: the one asked for, the wheel's, or one in PATH."""
    if wanted is not None:
        found = wanted if (wanted / "pg_dump").is_file() else None
    else:
        with suppress(PartError):
            return binaries()
        program = shutil.which("pg_dump")
        found = None if program is None else Path(program).parent
    if found is None:
        raise ToolFailed("pg_dump is not there: install PostgreSQL's client programs.")
    return found


async def dump(tools: Path, server: Server) -> AsyncIterator[bytes]:
    """The whole database as one moment saw it, in pg_dump's own format."""
    process = await asyncio.create_subprocess_exec(
        str(tools / "pg_dump"),
        "--format=custom",
        # What is sealed does not shrink, and the rest does well enough.
        "--compress=1",
        *(f"--exclude-table-data={name}" for name in _FORGOTTEN),
        env=server.environment(),
        stdout=PIPE,
        stderr=PIPE,
    )
    words = asyncio.create_task(_words(process))
    try:
        while piece := await _open(process.stdout).read(_PIECE_BYTES):
            yield piece
        if await process.wait() != 0:
            raise ToolFailed(f"pg_dump failed: {await words}")
    finally:
        await _ended(process, words)


async def load(tools: Path, server: Server, pieces: AsyncIterator[bytes]) -> None:
    """Bring a dump in, in one transaction."""
    process = await asyncio.create_subprocess_exec(
        str(tools / "pg_restore"),
        f"--dbname={server.name}",
        "--no-owner",
        "--exit-on-error",
        "--single-transaction",
        env=server.environment(),
        stdin=PIPE,
        stderr=PIPE,
    )
    words = asyncio.create_task(_words(process))
    try:
        entry = _open(process.stdin)
        with suppress(BrokenPipeError, ConnectionResetError):
            async for piece in pieces:
                entry.write(piece)
                await entry.drain()
            entry.close()
        if await process.wait() != 0:
            raise ToolFailed(f"pg_restore failed: {await words}")
    finally:
        await _ended(process, words)


def _open(pipe: Pipe | None) -> Pipe:
    if pipe is None:
        raise RuntimeError("the program was started without its pipes")
    return pipe


async def _words(process: Process) -> str:
    """The last words on stderr, read all along so that the program never waits for us."""
    kept = b""
    while piece := await _open(process.stderr).read(_TOLD_BYTES):
        kept = (kept + piece)[-_TOLD_BYTES:]
    return kept.decode(errors="replace").strip()


async def _ended(process: Process, words: "asyncio.Task[str]") -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    words.cancel()
    await asyncio.gather(words, return_exceptions=True)
