"""What a takeout comes in: the document alone, or an archive of it with the files."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import BinaryIO, Final
from uuid import UUID

from models import ids
from resolvers.imports.takeout.document import Piece, pieces
from resolvers.statements import StatementError
from resolvers.statements.archives import DOCUMENT, is_document, opened

_FILE: Final = re.compile(r"files/(file_[0-9a-z]{26})/[^/]+")


class Luggage:
    """A takeout at rest: its document, which can be read again and again, and its files."""

    def __init__(self, data: bytes) -> None:
        """Raises `StatementError` for what is no takeout."""
        self._data = data
        self._archived = not is_document(data)
        self._members: dict[UUID, str] = {}
        if not self._archived:
            return
        with opened(data) as archive:
            names = archive.namelist()
        if DOCUMENT not in names:
            raise StatementError("NO_TABLE", "The zip archive is no takeout and no export we know.")
        for name in names:
            found = _FILE.fullmatch(name)
            old = ids.decode("file", found[1]) if found else None
            if old is not None:
                self._members[old] = name

    @property
    def files(self) -> set[UUID]:
        """The uploads whose bytes are there."""
        return set(self._members)

    @contextmanager
    def document(self) -> Iterator[BinaryIO]:
        """The document from its beginning."""
        if not self._archived:
            yield io.BytesIO(self._data)
            return
        with opened(self._data) as archive, archive.open(DOCUMENT) as stream:
            yield stream  # type: ignore[misc]

    def pieces(self) -> Iterator[Piece]:
        """All members and objects, read anew."""
        with self.document() as stream:
            yield from pieces(stream)

    def file(self, old: UUID, size: int, digest: str) -> bytes | None:
        """The bytes of an upload, or None where they are not there or not what they were.

        Unpacks no more than the size that the document tells.
        """
        name = self._members.get(old)
        if name is None:
            return None
        try:
            with opened(self._data) as archive, archive.open(name) as stream:
                found = stream.read(size + 1)
        except StatementError:
            return None
        whole = len(found) == size and sha256(found).hexdigest() == digest
        return found if whole else None
