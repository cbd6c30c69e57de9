"""Reads the document of a takeout object by object, so that none of any size is held whole.

The document is one JSON object; its members are plain values or lists of objects, in any order.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, NoReturn

from resolvers.statements import StatementError

MAX_UNPACKED: Final = 1_000_000_000
"""Bytes of a document: what an archive of a few megabytes may at most grow to."""
_MAX_OBJECT: Final = 4_000_000
"""Characters of one object, or of one plain member."""
_MAX_MEMBERS: Final = 200
_PIECE: Final = 65_536
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_MAX_SPACE: Final = 100_000
"""Blanks in a row: nobody writes more, and a bomb is made of them."""
MEMBER: Final = -1


@dataclass(frozen=True, slots=True)
class Piece:
    """One object of a list with its number from 0, or a plain member (number ``MEMBER``)."""

    section: str
    number: int
    value: Any


def damaged(what: str) -> StatementError:
    """The failure of a document that is not what a takeout is."""
    return StatementError("DAMAGED_FILE", f"The takeout is damaged: {what}.")


class _Text:
    """Text on its way in: what is not read yet, in a window that grows only for a large object."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=_no_number)
        self._window = ""
        self._at = 0
        self._read = 0
        self._ended = False

    def _more(self, size: int = _PIECE) -> None:
        data = self._stream.read(size)
        self._read += len(data)
        if self._read > MAX_UNPACKED:
            message = f"The takeout unpacks to more than {MAX_UNPACKED // 10**6} MB."
            raise StatementError("TOO_LARGE", message)
        self._ended = not data
        try:
            text = self._decode.decode(data, final=self._ended)
        except UnicodeDecodeError as error:
            raise damaged("it is not UTF-8") from error
        self._window = self._window[self._at :] + text
        self._at = 0

    def sign(self) -> str:
        """The next character that is no space, which stays; empty at the end."""
        skipped = 0
        while True:
            found = _SPACE.match(self._window, self._at)
            end = self._at if found is None else found.end()
            skipped += end - self._at
            self._at = end
            if skipped > _MAX_SPACE:
                raise damaged(f"it holds more than {_MAX_SPACE:,} blanks in a row")
            if end < len(self._window):
                return self._window[end]
            if self._ended:
                return ""
            self._more()

    def take(self, wanted: str) -> str:
        """The next character, which must be one of some."""
        found = self.sign()
        if not found or found not in wanted:
            raise damaged("it breaks off" if not found else "it is no JSON")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next value, whole."""
        self.sign()
        size = _PIECE
        while True:
            try:
                found, end = self._json.raw_decode(self._window, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    raise damaged("it breaks off, or it is no JSON") from error
            except RecursionError as error:
                raise damaged("it is nested without end") from error
            else:
                # A number may go on behind the window.
                if end < len(self._window) or self._ended:
                    self._at = end
                    return found
            if len(self._window) - self._at > _MAX_OBJECT:
                raise damaged(f"an object in it has more than {_MAX_OBJECT:,} characters")
            self._more(size)
            size *= 2


def _no_number(_: str) -> NoReturn:
    raise damaged("it holds NaN or Infinity")


def pieces(stream: BinaryIO) -> Iterator[Piece]:
    """All members and objects of a document in its order.

    Raises `StatementError` DAMAGED_FILE for what is no such document, at the place where that
    shows, and TOO_LARGE.
    """
    text = _Text(stream)
    text.take("{")
    members = 0
    following = "}" if text.sign() == "}" else ","
    while following == ",":
        members += 1
        if members > _MAX_MEMBERS:
            raise damaged(f"it has more than {_MAX_MEMBERS} members")
        name = text.value()
        if not isinstance(name, str):
            raise damaged("it is no JSON")
        text.take(":")
        if text.sign() == "[":
            yield from _objects(text, name)
        else:
            yield Piece(name, MEMBER, text.value())
        following = text.take(",}")
    if not members:
        text.take("}")
    if text.sign():
        raise damaged("something follows its end")


def _objects(text: _Text, section: str) -> Iterator[Piece]:
    text.take("[")
    number = 0
    if text.sign() == "]":
        text.take("]")
        return
    while True:
        yield Piece(section, number, text.value())
        number += 1
        if text.take(",]") == "]":
            return
