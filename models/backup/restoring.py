"""Bringing a backup back into an empty place."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from models.backup.archive import (
    DATABASE,
    FILES,
    BackupBroken,
    Head,
    check,
    members,
    open_key,
    read_head,
)
from models.backup.making import Progress
from models.backup.tools import Server, load
from models.base import utc_now
from models.migrate import newest_revision
from models.sealed_files import open_chunks
from models.sealing import SealBroken
from models.stores.files import FileStore
from models.stores.keys import KeyProvider

_PIECE_BYTES: Final = 262_144
_TABLES: Final = text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")


class RestoreRefused(Exception):
    """A backup cannot go where it was told to go; nothing was changed."""


async def restore_backup(
    path: Path,
    *,
    owner: AsyncEngine,
    server: Server,
    tools: Path,
    files: FileStore,
    keys: KeyProvider,
    roles: tuple[str, str],
    progress: Progress,
) -> Head:
    """Prove an archive, then bring back its files and, in one transaction, its database.

    It may be repeated after a failure: files that are there already are those of the archive.
    Raises RestoreRefused, BackupBroken, ToolFailed, OSError.
    """
    head = read_head(path)
    if head.revision > newest_revision():
        message = f"It was made by {head.build}, which is newer than this build: update first."
        raise RestoreRefused(message)
    if (head.owner, head.app) != roles:
        message = (
            f"Its rights name the roles {head.owner} (owner) and {head.app} (application); "
            f"here they are {roles[0]} and {roles[1]}.  Make roles of those names and use them."
        )
        raise RestoreRefused(message)
    try:
        key = await open_key(head, keys)
    except SealBroken:
        message = "The master key here is not the one under which this backup was made."
        raise RestoreRefused(message) from None
    for done in check(path, key):
        progress("checking", done)
        await asyncio.sleep(0)
    async with owner.connect() as connection:
        if await connection.scalar(_TABLES):
            raise RestoreRefused("The database has tables already: restore into an empty one.")
    names = {one for one in map(_file_of, (name for name, _, _ in members(path))) if one}
    async for there in files.older_than(utc_now() + timedelta(days=1)):
        if there not in names:
            raise RestoreRefused("The place of files is not empty: restore into an empty one.")
    done = 0
    for name, _, stream in members(path):
        if (file := _file_of(name)) is not None:
            await files.put(*file, _pieces(stream))
            done += 1
            progress("files", done)
    for name, _, stream in members(path):
        if name == DATABASE:
            progress("database", 0)
            try:
                await load(tools, server, open_chunks(key.ring, head.id, _pieces(stream)))
            except SealBroken as error:
                raise BackupBroken(f"The database in {path} does not open.") from error
    return head


def _file_of(name: str) -> tuple[UUID, UUID] | None:
    parts = name.split("/")
    if len(parts) != 3 or parts[0] != FILES:
        return None
    return UUID(parts[1]), UUID(parts[2])


async def _pieces(stream: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := stream.read(_PIECE_BYTES):
        yield piece
