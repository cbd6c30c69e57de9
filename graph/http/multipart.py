"""Reads multipart forms while they arrive: the file goes straight to its taker, nothing is spooled.

Text fields are small and kept; the one file part is handed on piece by piece as the network gives
it, so a form of any size costs memory for one piece and stops at the first wrong byte.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from graph.http.json_body import parse_json
from resolvers.bounds import DEFAULTS
from resolvers.errors import BadRequest, TooLarge, UnsupportedMediaType, invalid

T = TypeVar("T")

FILE_PART: Final = "file"
TEXT_PARTS: Final = frozenset(
    {
        "purpose", "transactionId", "uploadId", "accountId", "mapping", "mappingFrom",
        "mappingName", "dryRun", "deleted",
    }
)  # fmt: skip
MAX_PARTS: Final = 20
MAX_HEADER_BYTES: Final = 8_192
MAX_HEADERS: Final = 8
MAX_TEXT_BYTES: Final = 65_536
MAX_PREAMBLE_BYTES: Final = 65_536
_BOUNDARY: Final = re.compile(r"[0-9a-zA-Z'()+_,./:=? -]{0,69}[0-9a-zA-Z'()+_,./:=?-]")

OnFile = Callable[[str | None, str | None, AsyncIterator[bytes]], Awaitable[T]]
"""Takes filename, declared type and plaintext of the file part; reads it to its end."""


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """Text fields by name, and what became of the file; None when the form has none."""

    fields: dict[str, str]
    file: T | None


async def read_multipart(
    stream: AsyncIterator[bytes],
    content_type: str,
    on_file: OnFile[T],
    *,
    most: int = DEFAULTS.largest,
    undo: Callable[[T], Awaitable[None]] | None = None,
) -> Form[T]:
    """Read one form; fields may come before or after the file.

    ``most`` is how many bytes a file may have.  ``undo`` is called with what ``on_file`` gave when the rest of the form turns out wrong.
    Raises UNSUPPORTED_MEDIA_TYPE for another type of body, BAD_REQUEST for a form that is
    malformed, without an end or over a limit of form, PAYLOAD_TOO_LARGE, and VALIDATION_ERROR
    for parts that are unknown or given twice.  Errors of ``on_file`` pass through.
    """
    reader = _Reader(stream, boundary_of(content_type), on_file, most)
    try:
        return await reader.read()
    except BaseException as error:
        if undo is not None and reader.file is not None:
            await undo(reader.file)
        if isinstance(error, ParserLimitReached):
            raise BadRequest(f"The form is over a limit: {error}.") from error
        if isinstance(error, MultipartError):
            raise BadRequest(
                "The form is malformed; send multipart/form-data (RFC 7578)."
            ) from error
        raise


def boundary_of(content_type: str) -> str:
    """The boundary that a Content-Type names (RFC 2046: 1 to 70 characters)."""
    try:
        kind, options = parse_options_header(content_type[:1_000])
    except (MultipartError, ValueError) as error:
        raise BadRequest("The Content-Type of the form is malformed.") from error
    if kind.lower() != "multipart/form-data":
        raise UnsupportedMediaType("Send the file as multipart/form-data, in a part named file.")
    boundary = options.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise BadRequest("The Content-Type of a form names a boundary of 1 to 70 characters.")
    return str(boundary)


class _Reader(Generic[T]):
    def __init__(
        self, stream: AsyncIterator[bytes], boundary: str, on_file: OnFile[T], most: int
    ) -> None:
        self._most = most + MAX_PARTS * MAX_TEXT_BYTES
        self._stream = stream
        self._on_file = on_file
        self._fields: dict[str, str] = {}
        self.file: T | None = None
        self._parser = PushMultipartParser(
            boundary,
            max_header_size=MAX_HEADER_BYTES,
            max_header_count=MAX_HEADERS,
            max_segment_count=MAX_PARTS,
        )

    async def read(self) -> Form[T]:
        seen: set[str] = set()
        async with aclosing(self._events()) as events:
            async for event in events:
                name = self._part(event, seen)
                if name == FILE_PART:
                    body = _body(events)
                    self.file = await self._on_file(event.filename, event.content_type, body)
                    # A taker that has seen enough leaves the rest; it still belongs to the part.
                    async for _ in body:
                        pass
                else:
                    self._fields[name] = await _text(name, _body(events))
        return Form(self._fields, self.file)

    def _part(self, event: Any, seen: set[str]) -> str:
        if not isinstance(event, MultipartSegment):
            raise BadRequest("The form is malformed: bytes outside a part.")
        if sum(len(key) + len(value) for key, value in event.headerlist) > MAX_HEADER_BYTES:
            raise BadRequest(f"A part has more than {MAX_HEADER_BYTES} bytes of headers.")
        name = event.name or ""
        if name != FILE_PART and name not in TEXT_PARTS:
            raise invalid(name[:60], "There is no such field.", "UNKNOWN_FIELD")
        if name in seen:
            raise invalid(name, "Given twice.")
        seen.add(name)
        return name

    async def _events(self) -> AsyncGenerator[Any, None]:
        """What the parser finds; the end of the stream before the end of the form is an error."""
        received = 0
        begun = False
        async for chunk in self._stream:
            received += len(chunk)
            if received > self._most:
                raise TooLarge(
                    f"The form has more than {self._most:,} bytes.",
                    details={"limit": "bytes", "allowed": self._most},
                )
            if not chunk or self._parser.closed:
                continue
            for event in self._parser.parse(chunk):
                begun = True
                yield event
            if not begun and received > MAX_PREAMBLE_BYTES:
                raise BadRequest("The form does not begin with its boundary.")
        self._parser.close()


async def _body(events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    """The bytes of the part that has just begun."""
    async for event in events:
        if event is None:
            return
        yield bytes(event)


async def _text(name: str, body: AsyncIterator[bytes]) -> str:
    value = bytearray()
    async for piece in body:
        value += piece
        if len(value) > MAX_TEXT_BYTES:
            raise BadRequest(f"The field {name} has more than {MAX_TEXT_BYTES} bytes.")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"The field {name} is not UTF-8.") from error


def typed_fields(fields: dict[str, str]) -> dict[str, Any]:
    """Text fields as the input they stand for: ``mapping`` is JSON, ``dryRun`` true or false.

    An empty field counts as absent: that is how browsers send what was left out.
    """
    typed: dict[str, Any] = {name: value for name, value in fields.items() if value != ""}
    if "mapping" in typed:
        typed["mapping"] = parse_json(typed["mapping"].encode(), what="The field mapping")
    if "dryRun" in typed:
        if typed["dryRun"] not in {"true", "false"}:
            raise invalid("dryRun", "Must be true or false.", "INVALID_TYPE")
        typed["dryRun"] = typed["dryRun"] == "true"
    return typed
