"""Chooses the media types of answers and recognises those of bodies, by RFC 9110 section 12."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice

from resolvers.errors import UnsupportedMediaType

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENTS = "text/event-stream"
PAGE_TYPES = ("text/html", "application/xhtml+xml")
MAX_RANGES = 100  # entries of a header that are looked at; browsers send eight

# Possessive, so that a crafted header costs no more than its length.
RANGE = re.compile(
    r"\s*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)/([!#$%&'*+.^_`|~0-9A-Za-z-]++)"
    r"((?:\s*+;\s*+[^\s=;,]++=(?:\"(?:[^\"\\]|\\.)*+\"|[^\s;,\"]*+)|\s*+;)*+)\s*+",
    re.ASCII,
)
PARAMETER = re.compile(r";\s*+([^\s=;,]++)=(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s;,\"]*+))", re.ASCII)
ITEM = re.compile(r"(?:\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z)|[^,\"]++)++", re.DOTALL)
QUALITY = re.compile(r"(?=[\d.])([01]?)(?:\.(\d*))?", re.ASCII)


class BodyKind(StrEnum):
    """Bodies that some path of ours reads; the GraphQL path reads JSON only."""

    JSON = "application/json"
    MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class _Range:
    """One entry of an Accept header; quality in thousandths."""

    kind: str
    quality: int
    position: int

    def covers(self, media_type: str) -> int:
        """How exactly the entry names a type: 3 by name, 2 by family, 1 by ``*/*``, 0 not."""
        family = media_type.split("/", maxsplit=1)[0]
        return {media_type: 3, f"{family}/*": 2, "*/*": 1}.get(self.kind, 0)


@lru_cache(maxsize=256)
def answer_type(accept: str | None) -> str | None:
    """The media type for the answer of a GraphQL request, or ``None`` where 406 is due.

    The better quality wins, then the type that is named rather than covered by a wildcard, then
    the earlier one. Without a header, and for ``*/*``, it is ``application/json``, as the
    GraphQL-over-HTTP specification asks of servers that older clients use.
    """
    if accept is None or not accept.strip():
        return JSON
    ranges = list(_ranges(accept))
    chosen: str | None = None
    best = (0, 0, 0)
    for media_type in (JSON, GRAPHQL):
        entry = _entry(ranges, media_type)
        if entry and entry.quality:
            rank = (entry.quality, entry.covers(media_type), -entry.position)
            if chosen is None or rank > best:
                chosen, best = media_type, rank
    return chosen


def wants_page(accept: str | None) -> bool:
    """Whether a browser asks: HTML is named, and no JSON is named before it or rated above it."""
    ranges = list(_ranges(accept or ""))
    named = [r for r in ranges if r.quality and r.kind in (*PAGE_TYPES, JSON, GRAPHQL)]
    first = min(named, key=lambda r: (-r.quality, r.position), default=None)
    return first is not None and first.kind in PAGE_TYPES


@lru_cache(maxsize=256)
def takes_events(accept: str | None, *, only: bool = False) -> bool:
    """Whether an event stream is named; ``only`` asks that no JSON is named beside it.

    Some clients name every type that they know with every request, and want JSON for a query.
    """
    named = {one.kind for one in _ranges(accept or "") if one.quality}
    return EVENTS in named and not (only and named & {JSON, GRAPHQL})


@lru_cache(maxsize=256)
def body_kind(
    content_type: str | None, readable: tuple[BodyKind, ...] = tuple(BodyKind)
) -> BodyKind:
    """Which of the ``readable`` kinds of body a Content-Type header announces.

    JSON is UTF-8 (RFC 8259), so any other charset is refused. Raises ``UnsupportedMediaType`` for
    every other or missing type.
    """
    kinds = " or ".join(readable)
    if content_type is None or not content_type.strip():
        raise UnsupportedMediaType(f"The request has no Content-Type; what is read is {kinds}.")
    match = RANGE.fullmatch(content_type)
    kind = f"{match[1]}/{match[2]}".lower() if match else ""
    if match is None or kind not in readable:
        shown = content_type.strip()[:80]
        raise UnsupportedMediaType(
            f"A body of type {shown!r} is not read; what is read is {kinds}."
        )
    charset = _parameters(match[3]).get("charset", "utf-8")
    if kind == BodyKind.JSON and charset.lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType(f"JSON is read as UTF-8, not as {charset[:40]!r}.")
    return BodyKind(kind)


def _ranges(accept: str) -> Iterator[_Range]:
    """Entries of the header; one that cannot be read is passed over, as RFC 9110 allows."""
    for position, item in enumerate(islice(ITEM.finditer(accept), MAX_RANGES)):
        match = RANGE.fullmatch(item[0])
        if match is None:
            continue
        parameters = _parameters(match[3])
        quality = QUALITY.fullmatch(parameters.get("q", "1"))
        charset = parameters.get("charset", "utf-8").lower()
        if quality and charset in {"utf-8", "utf8"}:
            thousandths = int(quality[1] or 0) * 1000 + int(f"{(quality[2] or '')[:3]:0<3}")
            kind = f"{match[1]}/{match[2]}".lower()
            yield _Range(kind, min(1000, thousandths), position)


def _entry(ranges: list[_Range], media_type: str) -> _Range | None:
    """The entry that speaks most exactly about a type; of equal ones the first."""
    covering = [r for r in ranges if r.covers(media_type)]
    return max(covering, key=lambda r: r.covers(media_type), default=None)


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, quoted, plain in PARAMETER.findall(text):
        found.setdefault(name.lower(), quoted or plain)
    return found
