"""What an export is asked for, and the signed link that asks for it again without a token."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal, get_args
from urllib.parse import quote
from uuid import UUID

import orjson

from models.sealing import SealBroken, open_bytes, seal_bytes
from resolvers.access import Actor
from resolvers.errors import Gone, NotFound, invalid
from resolvers.inputs import parse
from resolvers.report import Paper
from resolvers.transactions import TransactionFilter

Format = Literal["CSV", "JSON", "PDF", "ZIP"]
LINK_SECONDS: Final = 900
"""A link is followed at once; what it opens is everything that somebody owns."""
CONTENT_TYPES: Final[Mapping[str, str]] = {
    "CSV": "text/csv; charset=utf-8",
    "JSON": "application/json",
    "PDF": "application/pdf",
    "ZIP": "application/zip",
}
_CONTEXT: Final = b"export link"
_MAX_TOKEN: Final = 6_000
_UNKNOWN: Final = "There is no such export."
# Countries that print on Letter; all others print on A4 (ISO 216).
_LETTER: Final = frozenset(
    ["US", "CA", "MX", "PH", "CL", "CO", "VE", "CR", "GT", "NI", "PA", "SV", "DO", "PR", "BZ"]
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One export: its format, which transactions, and how the file is to be."""

    format: Format
    filter: Mapping[str, Any] = field(default_factory=dict)
    """The filter as it was given, in wire form."""
    bom: bool = False
    paper: Paper | None = None

    @property
    def wanted(self) -> TransactionFilter:
        """The checked filter; raises VALIDATION_ERROR."""
        wanted = parse(TransactionFilter, dict(self.filter))
        if wanted.from_ is not None and wanted.to is not None and wanted.from_ > wanted.to:
            raise invalid("to", "The last day is before the first one.")
        return wanted

    @property
    def everything(self) -> bool:
        """Whether no condition leaves anything out."""
        return not any(value not in (None, False) for value in self.filter.values())

    @property
    def content_type(self) -> str:
        """The media type of the file."""
        return CONTENT_TYPES[self.format]

    def filename(self, today: date) -> str:
        """The name under which the file is saved; it tells the range where there is one."""
        first, last = self.filter.get("from"), self.filter.get("to")
        span = "_".join(str(day) for day in (first, last) if day is not None)
        stem = {"PDF": "report", "ZIP": "takeout"}.get(self.format, "transactions")
        return f"pocket-trend-{stem}-{span or today.isoformat()}.{self.format.lower()}"


def paper_of(asked: Paper | None, locale: str) -> Paper:
    """The paper that was asked for, else the one of the person's country."""
    if asked is not None:
        return asked
    regions = [part for part in locale.replace("_", "-").split("-")[1:] if len(part) == 2]
    return "LETTER" if regions and regions[0].upper() in _LETTER else "A4"


@dataclass(frozen=True, slots=True)
class Linked:
    """What a link opens: an export, as a person in one of her sessions."""

    asked: Asked
    user_id: UUID
    session_id: UUID | None


def link_path(key: bytes, asked: Asked, actor: Actor, now: datetime) -> tuple[str, datetime]:
    """Path and query of a link that opens one export, and when it ends.

    The token is sealed: nobody can make, change or read one.  It stands in the query, which no
    log of ours holds.
    """
    expires = int(now.timestamp()) + LINK_SECONDS
    told = {
        "format": asked.format,
        "filter": _plain(asked.filter),
        "bom": asked.bom,
        "paper": asked.paper,
        "user": actor.user_id.hex,
        "session": actor.session_id.hex if actor.session_id is not None else None,
        "expires": expires,
    }
    sealed = seal_bytes(key, orjson.dumps(told), _CONTEXT)
    token = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
    path = f"/v1/exports/{quote(asked.filename(actor.today))}?token={token}"
    return path, datetime.fromtimestamp(expires, tz=now.tzinfo)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """A filter as JSON holds it: dates as text."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in values.items()
    }


def open_link(key: bytes, token: str, now: datetime) -> Linked:
    """What a link asks for; raises NOT_FOUND for one that is not ours, GONE after its time."""
    if len(token) > _MAX_TOKEN:
        raise NotFound(_UNKNOWN)
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        told = orjson.loads(open_bytes(key, sealed, _CONTEXT))
    except (SealBroken, binascii.Error, ValueError) as error:
        raise NotFound(_UNKNOWN) from error
    if now.timestamp() >= told["expires"]:
        raise Gone("This link has expired; ask for the export again.")
    if told["format"] not in get_args(Format):
        raise NotFound(_UNKNOWN)
    asked = Asked(told["format"], told["filter"], told["bom"], told["paper"])
    session = told["session"]
    return Linked(asked, UUID(told["user"]), UUID(session) if session is not None else None)
