"""Stored files: bytes that are sealed in chunks while they stream in, and opened while they leave."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Final, ParamSpec, Protocol, TypeVar
from uuid import UUID, uuid4

P = ParamSpec("P")
T = TypeVar("T")

_PIECE_BYTES: Final = 262_144
_DRAFT: Final = ".part"


class FileStore(Protocol):
    """Keeps sealed objects by ledger and id; it never sees plaintext."""

    async def put(self, ledger_id: UUID, file_id: UUID, chunks: AsyncIterator[bytes]) -> int:
        """Store sealed chunks under a name; all or nothing.  Returns the stored size."""

    def get(self, ledger_id: UUID, file_id: UUID) -> AsyncIterator[bytes]:
        """The sealed bytes in pieces; raises FileNotFoundError."""

    async def delete(self, ledger_id: UUID, file_id: UUID) -> None:
        """Remove; absent is fine."""

    def older_than(self, before: datetime) -> AsyncIterator[tuple[UUID, UUID]]:
        """Ledger and id of every object stored before an instant, for finding orphans."""

    async def probe(self) -> None:
        """Touch the store; raises OSError when it is not well."""


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Blocking IO in a thread.

    A cancelled caller waits until the thread has let go: closing a file under a write could hit
    another file that got the same descriptor.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class LocalFiles:
    """Objects as files of mode 0600 in ``<folder>/<2 hex>/<file id>.<ledger id>``.

    The two digits are the last of the id, which are random; the first ones are its time.  An
    object appears by one rename of a synced draft, so a reader never sees half of one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, ledger_id: UUID, file_id: UUID) -> Path:
        return self._folder / file_id.hex[-2:] / f"{file_id}.{ledger_id}"

    async def put(self, ledger_id: UUID, file_id: UUID, chunks: AsyncIterator[bytes]) -> int:
        """Store sealed chunks under a name; all or nothing.  Returns the stored size."""
        target = self._path(ledger_id, file_id)
        draft = target.with_name(f"{uuid4().hex}{_DRAFT}")
        file = await _in_thread(_create, draft)
        size = 0
        try:
            async for chunk in chunks:
                await _in_thread(_write, file, chunk)
                size += len(chunk)
            await _in_thread(_keep, file, draft, target)
        except BaseException:
            await _in_thread(_drop, file, draft)
            raise
        return size

    async def get(self, ledger_id: UUID, file_id: UUID) -> AsyncIterator[bytes]:
        """The sealed bytes in pieces; raises FileNotFoundError."""
        file = await _in_thread(FileIO, str(self._path(ledger_id, file_id)))
        try:
            while piece := await _in_thread(file.read, _PIECE_BYTES):
                yield piece
        finally:
            file.close()

    async def delete(self, ledger_id: UUID, file_id: UUID) -> None:
        """Remove; absent is fine."""
        await _in_thread(self._path(ledger_id, file_id).unlink, missing_ok=True)

    async def older_than(self, before: datetime) -> AsyncIterator[tuple[UUID, UUID]]:
        """Ledger and id of every object stored before an instant, for finding orphans.

        Drafts of that age belong to writers that were killed; they are removed on the way.
        """
        for folder in await _in_thread(_folders, self._folder):
            for names in await _in_thread(_old_names, folder, before.timestamp()):
                yield names

    async def probe(self) -> None:
        """Write and remove a file: a disk that is full or read-only can still be read."""
        await _in_thread(_touch, self._folder)


def _touch(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    probe = folder / ".probe"
    probe.write_bytes(b"1")
    probe.unlink(missing_ok=True)


def _create(draft: Path) -> FileIO:
    draft.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft.parent.mkdir(mode=0o700, exist_ok=True)
    return FileIO(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _write(file: FileIO, chunk: bytes) -> None:
    # A raw write may take less than it was given, for instance on a disk that is filling up.
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]


def _keep(file: FileIO, draft: Path, target: Path) -> None:
    os.fsync(file.fileno())
    file.close()
    draft.rename(target)
    # The name is durable only when its folder is; two levels, since both may be new.
    for folder in (target.parent, target.parent.parent):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _drop(file: FileIO, draft: Path) -> None:
    file.close()
    draft.unlink(missing_ok=True)


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _old_names(folder: Path, before: float) -> list[tuple[UUID, UUID]]:
    found = []
    for path in folder.iterdir():
        # An object may be deleted while the folder is read.
        with suppress(FileNotFoundError, ValueError):
            if path.stat().st_mtime >= before:
                continue
            if path.suffix == _DRAFT:
                path.unlink()
                continue
            file_id, _, ledger_id = path.name.partition(".")
            found.append((UUID(ledger_id), UUID(file_id)))
    return found
