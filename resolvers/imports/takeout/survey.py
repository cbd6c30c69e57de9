"""Looks a takeout through before anything of it is brought in.

What refers to each other goes by id, and may stand before what it refers to; so the first reading
notes which ids there are, and the later ones bring object after object.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from models import ids
from resolvers.categories import MAX_DEPTH
from resolvers.errors import Invalid
from resolvers.imports.takeout.archive import Luggage
from resolvers.imports.takeout.document import MEMBER, Piece, damaged
from resolvers.imports.takeout.kept import KeptAccount, KeptCategory
from resolvers.inputs import parse
from resolvers.money import parse_minor
from resolvers.statements import StatementError

FORMAT: Final = "pocket-trend-takeout"
VERSION: Final = 1
MAX_OBJECTS: Final = 1_000_000
MAX_TRANSACTIONS: Final = 500_000
_MAX_SMALL: Final = 20_000
"""Categories, accounts, imports and uploads: their ids are held in memory."""
_TAIL: Final = (1 << 32) - 1

STAYS: Final[Mapping[str, str]] = {
    "groups": "belong to all of their members",
    "groupTransactions": "belong to the groups",
    "shares": "are made from the groups",
    "invitations": "are between people of the place they were sent at",
    "sessions": "are signed in elsewhere",
    "ruleRuns": "are taken back in the ledger that they ran in",
    "ruleChanges": "are what such runs have changed there",
    "changes": "are the history of the old ledger; this one begins its own",
    "audit": "tells of the sign-ins of the old account; this one writes its own",
    "personalTokens": "open the old account and no other",
    "identities": "are linked to the sign-in of the old account",
}
"""Sections that are not brought in, and why."""

BROUGHT: Final = frozenset(
    {
        "categories", "accounts", "trashedAccounts", "transactions", "trashedTransactions",
        "uploads", "imports", "importRows", "budgets", "templates", "rules", "rates",
        "notifications",
    }
)  # fmt: skip
"""Sections that are brought in."""


@dataclass(slots=True)
class Survey:
    """What a takeout holds, by the ids that its objects had."""

    head: dict[str, Any] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    categories: dict[UUID, KeptCategory] = field(default_factory=dict)
    accounts: dict[UUID, str] = field(default_factory=dict)
    """Currency by account, those in the trash too."""
    uploads: set[UUID] = field(default_factory=set)
    imports: set[UUID] = field(default_factory=set)
    legs: int = 0
    """Transactions that were somebody's part in a group."""

    @property
    def complete(self) -> bool:
        """Whether no filter left anything out."""
        return self.head.get("complete") is True


def survey_of(luggage: Luggage) -> Survey:
    """Read a takeout from end to end; raises `StatementError` for what is none, or too large."""
    found = Survey()
    for piece in luggage.pieces():
        _note(found, piece)
    if found.head.get("format") != FORMAT:
        raise StatementError("NO_TABLE", "The JSON document is no takeout of Pocket Trend.")
    version = found.head.get("formatVersion")
    if version != VERSION:
        message = f"The takeout is of format version {version}; version {VERSION} is read here."
        raise StatementError("UNSUPPORTED_FORMAT", message)
    _plant(found.categories)
    return found


def _note(found: Survey, piece: Piece) -> None:
    if piece.number == MEMBER:
        if piece.section in BROUGHT | STAYS.keys():
            # Read as anything else, all that is in it would be lost without a word.
            kind = "an object" if isinstance(piece.value, dict) else "a plain value"
            raise damaged(f"{piece.section}: must be a list of objects and is {kind}")
        found.head[piece.section] = piece.value
        return
    found.counts[piece.section] += 1
    if found.counts.total() > MAX_OBJECTS:
        raise StatementError("TOO_MANY_ROWS", f"The takeout has more than {MAX_OBJECTS:,} objects.")
    if found.counts["transactions"] > MAX_TRANSACTIONS:
        message = f"The takeout has more than {MAX_TRANSACTIONS:,} transactions."
        raise StatementError("TOO_MANY_ROWS", message)
    value = piece.value
    if not isinstance(value, dict):
        raise damaged(f"entry {piece.number + 1} of {piece.section[:40]} is no object")
    match piece.section:
        case "categories":
            _category(found, value)
        case "accounts" | "trashedAccounts":
            _account(found, value)
        case "uploads":
            _keep(found.uploads, "file", value)
        case "imports":
            _keep(found.imports, "imp", value)
        case "transactions" | "trashedTransactions":
            found.legs += value.get("groupId") is not None
    _small(found)


def _keep(known: set[UUID], prefix: str, value: Mapping[str, Any]) -> None:
    one = ids.decode(prefix, value.get("id"))
    if one is not None:
        known.add(one)


def _small(found: Survey) -> None:
    for name in ("categories", "accounts", "uploads", "imports"):
        if len(getattr(found, name)) > _MAX_SMALL:
            message = f"The takeout has more than {_MAX_SMALL:,} {name}."
            raise StatementError("TOO_MANY_ROWS", message)


def _category(found: Survey, value: dict[str, Any]) -> None:
    try:
        one = parse(KeptCategory, value)
    except Invalid:
        # Told where it is brought in; what refers to it goes without.
        return
    found.categories[one.id] = one


def _account(found: Survey, value: dict[str, Any]) -> None:
    try:
        one = parse(KeptAccount, value)
        parse_minor(one.opening_balance, one.currency)
    except (Invalid, ValueError):
        return
    found.accounts[one.id] = one.currency


def _plant(categories: dict[UUID, KeptCategory]) -> None:
    """Make it a tree as a ledger has one: parents that are there, of the same kind, not too deep."""
    keys: set[str] = set()
    for one_id, one in categories.items():
        changes: dict[str, Any] = {}
        parent = categories.get(one.parent_id) if one.parent_id else None
        if one.parent_id and (parent is None or parent.kind != one.kind):
            changes["parent_id"] = None
        if one.key is not None and one.key in keys:
            changes["key"] = None
        keys |= {one.key} if one.key else set()
        if changes:
            categories[one_id] = one.model_copy(update=changes)
    for one_id, one in categories.items():
        if len(list(ancestors(categories, one_id))) >= MAX_DEPTH:
            categories[one_id] = one.model_copy(update={"parent_id": None})


def ancestors(categories: Mapping[UUID, KeptCategory], one_id: UUID) -> Iterator[UUID]:
    """The parents of a category, the nearest first; a circle ends where it gets too deep."""
    step = categories[one_id].parent_id
    for _ in range(MAX_DEPTH):
        if step is None:
            return
        yield step
        step = categories[step].parent_id


def brought(import_id: UUID, old: UUID) -> UUID:
    """The id that an object gets here: of the same time and order, and the same at every try.

    Only the last 32 bits change, so that what was made at once stays in its order.
    """
    tail = int.from_bytes(sha256(import_id.bytes + old.bytes).digest()[:4], "big")
    return UUID(int=(old.int & ~_TAIL) | tail)
