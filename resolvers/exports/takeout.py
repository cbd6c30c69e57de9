"""A takeout: everything of a person as one JSON document, alone or in an archive with its files.

The format is described in ``docs/takeout.md``; its number grows when a reader of the older one
would misread the newer one.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from io import RawIOBase
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import orjson

from models import ids
from models.base import utc_now
from models.database import Transaction as Tx
from models.stores.files import FileStore
from models.uploads import UploadRow
from resolvers.access import Actor
from resolvers.errors import Gone
from resolvers.exports.asked import Asked
from resolvers.exports.every import every
from resolvers.exports.kept import kept
from resolvers.exports.sections import CORE, REST
from resolvers.exports.tables import csv_pieces
from resolvers.uploads import list_uploads, open_upload
from resolvers.users import get_user
from resolvers.wire import instant

FORMAT: Final = "pocket-trend-takeout"
FORMAT_VERSION: Final = 1
_PICTURES: Final = ("image/", "application/pdf", "application/vnd.openxml")
_ABOUT: Final = """\
Everything that Pocket Trend holds of you, as of {at}.

data.json          everything, to be read by programs: amounts are decimal text, ids are names
transactions.csv   your transactions, to be opened in a spreadsheet
files/             what you uploaded; data.json says which transaction each one proves

How data.json is built is described in the documentation under "Takeout".
"""


async def json_pieces(tx: Tx, actor: Actor, asked: Asked) -> AsyncIterator[bytes]:
    """The document in pieces: a page of objects each."""
    wanted = asked.wanted
    head = {
        "format": FORMAT,
        "formatVersion": FORMAT_VERSION,
        "exportedAt": instant(utc_now()),
        "complete": asked.everything,
        "filter": {
            name: value for name, value in asked.filter.items() if value not in (None, False)
        },
        "profile": kept(await get_user(tx, actor.user_id)),
    }
    # The sections follow inside of the same object.
    yield orjson.dumps(head)[:-1]
    sections = {**CORE, **(REST if asked.everything else {})}
    for name, section in sections.items():
        start = b',"' + name.encode() + b'":['
        async for rows in section(tx, actor, wanted):
            if rows:
                yield start + orjson.dumps(rows)[1:-1]
                start = b","
        yield b"]" if start == b"," else start + b"]"
    yield b"}\n"


class _Outlet(RawIOBase):
    """What an archive is written into: it cannot seek, and what came is taken out."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any, /) -> int:
        """Hold the bytes until they are taken."""
        self._held += data
        return len(data)

    def taken(self) -> bytes:
        """The bytes that came since the last time."""
        found = bytes(self._held)
        self._held.clear()
        return found


@dataclass(slots=True)
class _Archive:
    """An archive that is given out while it is written (APPNOTE 4.4.4: sizes follow the data)."""

    outlet: _Outlet
    zip: ZipFile
    at: datetime

    async def member(
        self, name: str, pieces: AsyncIterator[bytes], *, packed: bool = True
    ) -> AsyncIterator[bytes]:
        """Write one file; what is ready of the archive is given out on the way."""
        about = ZipInfo(name, self.at.timetuple()[:6])
        about.compress_type = ZIP_DEFLATED if packed else ZIP_STORED
        about.external_attr = 0o600 << 16
        about.create_system = 3
        async with aclosing(pieces) as found:  # type: ignore[type-var]
            with self.zip.open(about, "w", force_zip64=True) as file:
                async for piece in found:
                    file.write(piece)
                    yield self.outlet.taken()
        yield self.outlet.taken()


async def _text(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def zip_pieces(tx: Tx, files: FileStore, actor: Actor, asked: Asked) -> AsyncIterator[bytes]:
    """The archive in pieces: data, table and files, each opened while it is written."""
    now = utc_now()
    outlet = _Outlet()
    with ZipFile(outlet, "w", allowZip64=True) as opened:
        archive = _Archive(outlet, opened, now)
        members: list[tuple[str, AsyncIterator[bytes]]] = [
            ("README.txt", _text(_ABOUT.format(at=instant(now)))),
            ("data.json", json_pieces(tx, actor, asked)),
            ("transactions.csv", csv_pieces(tx, actor, asked)),
        ]
        for name, pieces in members:
            async for piece in archive.member(name, pieces):
                yield piece
        async for row in every(lambda page: list_uploads(tx, actor, page)):
            try:
                content = await open_upload(tx, files, row)
            except Gone:
                # Removed after this moment began: its row says so in the data.
                continue
            packed = not row.content_type.startswith(_PICTURES)
            async for piece in archive.member(_file_name(row), content, packed=packed):
                yield piece
    yield outlet.taken()


def _file_name(row: UploadRow) -> str:
    """Unique by its id; the given name is a last part only, cleaned when it was stored."""
    return f"files/{ids.encode('file', row.id)}/{row.filename}"
