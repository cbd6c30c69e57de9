"""Making a backup while people go on writing."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO
from uuid import UUID, uuid4

from models.backup.archive import DATABASE, FILES, ArchiveKey, Head, Writer, key_context
from models.backup.tools import Server, dump
from models.base import utc_now
from models.embedded.postgres import sync_folder
from models.sealed_files import seal_chunks
from models.sealing import new_key
from models.stores.files import FileStore
from models.stores.keys import KeyProvider

Progress = Callable[[str, int], None]
"""Told what is going on and how much of it is done."""


@dataclass(frozen=True, slots=True)
class Made:
    """What went into an archive."""

    path: Path
    files: int
    size: int
    """Bytes of the archive."""


async def make_backup(
    target: Path,
    *,
    server: Server,
    tools: Path,
    files: FileStore,
    keys: KeyProvider,
    revision: str,
    build: str,
    roles: tuple[str, str],
    progress: Progress,
) -> Made:
    """Write an archive that appears whole or not at all; ``roles`` are the owner's and ours.

    Files are copied before the dump and once more after it: a file is stored before its row and
    removed after it, so that every row of the dump finds its file.  Raises ToolFailed, OSError.
    """
    archive_id, secret = uuid4(), new_key()
    wrapped = await keys.wrap(secret, key_context(archive_id))
    at = utc_now().isoformat(timespec="seconds").replace("+00:00", "Z")
    head = Head(archive_id, revision, build, at, *roles, wrapped)
    key = ArchiveKey(archive_id, secret)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    spool = tempfile.TemporaryFile(dir=target.parent)  # noqa: SIM115 - closed below
    try:
        with _private(draft) as stream:
            writer = Writer(stream, head, key)
            seen: set[tuple[UUID, UUID]] = set()
            await _copy(writer, files, seen, progress)
            size = 0
            async for chunk in seal_chunks(key.ring, archive_id, dump(tools, server)):
                spool.write(chunk)
                size += len(chunk)
                progress("database", size)
            spool.seek(0)
            writer.add(DATABASE, spool, size)
            await _copy(writer, files, seen, progress)
            writer.close()
            stream.flush()
            os.fsync(stream.fileno())
            total = stream.tell()
        # A link and not a rename: an archive that is there already is never replaced.
        os.link(draft, target)
        sync_folder(target.parent)
    finally:
        spool.close()
        with suppress(FileNotFoundError):
            draft.unlink()
    return Made(target, len(seen), total)


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


async def _copy(
    writer: Writer, files: FileStore, seen: set[tuple[UUID, UUID]], progress: Progress
) -> None:
    async for name in files.older_than(utc_now() + timedelta(days=1)):
        if name in seen:
            continue
        # An upload is at most 25 MiB; one that is removed this moment has no row any more.
        with suppress(FileNotFoundError):
            content = b"".join([piece async for piece in files.get(*name)])
            writer.add(f"{FILES}/{name[0]}/{name[1]}", content)
            seen.add(name)
            progress("files", len(seen))
