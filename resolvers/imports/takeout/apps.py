"""The export of another app as the objects of a takeout, so that one way in serves both.

An id follows from what a movement says and from how often it was said before, never from where
it stands in the file: the same export again, or a later one that overlaps, adds nothing twice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from models import ids
from models.accounts import AccountRow
from models.categories import CategoryRow
from resolvers.imports.takeout.document import Piece
from resolvers.imports.takeout.kept import KeptCategory
from resolvers.imports.takeout.survey import Survey
from resolvers.inputs import parse
from resolvers.money import digits_of, round_to_minor
from resolvers.statements import StatementError
from resolvers.statements.apps import Export, Ledger, Movement, Path
from resolvers.wire import instant

_TYPES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("CREDIT_CARD", ("credit", "card", "visa", "mastercard", "amex")),
    ("SAVINGS", ("saving",)),
    ("LOAN", ("loan", "mortgage", "debt")),
    ("INVESTMENT", ("invest", "brokerage", "401k", "ira", "retirement")),
    ("CASH", ("cash", "wallet", "petty")),
)
_MAX_NAME: Final = 200
_MAX_TEXT: Final = 500
_MAX_NOTES: Final = 4_000
_MAX_TAG: Final = 60
_MOST_DIGITS: Final = 20
_MOST_CATEGORIES: Final = 5_000
_MOST_ACCOUNTS: Final = 500


@dataclass(slots=True)
class Moving:
    """An export on its way: the objects it becomes, and what they are called."""

    export: Export
    home: str
    now: datetime
    space: UUID
    """Ids of one app in one ledger: every export of it makes the same ones."""
    here_accounts: Mapping[str, AccountRow]
    here_categories: Mapping[tuple[str, str], CategoryRow]
    accounts: dict[tuple[str, str], UUID] = field(default_factory=dict)
    kinds: dict[Path, str] = field(default_factory=dict)
    adopted: dict[UUID, UUID] = field(default_factory=dict)
    """What is here already and is used as it is."""
    rounded: int = 0

    @property
    def stamps(self) -> dict[str, str | None]:
        """When its objects came to be: now."""
        return {"createdAt": instant(self.now), "updatedAt": instant(self.now)}

    def id(self, prefix: str, *said: object) -> UUID:
        """The id of something by what it says."""
        return uuid5(self.space, "\x1f".join((prefix, *map(str, said))))

    def currency(self, one: Movement) -> str:
        """A movement's currency: its own, its account's here, its account's there, else the home's."""
        if one.currency:
            return one.currency
        here = self.here_accounts.get(one.account.casefold())
        told = self.export.ledgers.get(one.account)
        return here.currency if here else (told.currency if told else None) or self.home


def moving(
    export: Export,
    ledger_id: UUID,
    home: str,
    now: datetime,
    accounts: Mapping[str, AccountRow],
    categories: Mapping[tuple[str, str], CategoryRow],
) -> tuple[Moving, Survey]:
    """Prepare an export: which accounts and categories it needs, and which of them are here."""
    space = uuid5(NAMESPACE_OID, f"{ledger_id}/{export.app}")
    move = Moving(export, home, now, space, accounts, categories)
    survey = Survey(head={"complete": True})
    for one in export.movements:
        key = (one.account, move.currency(one))
        values = [one.amount, *(part.amount for part in one.parts)]
        move.rounded += any(
            value.adjusted() <= _MOST_DIGITS and round_to_minor(value, key[1])[1]
            for value in values
        )
        if key not in move.accounts:
            old = move.id("acct", *key)
            move.accounts[key] = old
            survey.accounts[old] = key[1]
            if len(move.accounts) > _MOST_ACCOUNTS:
                message = f"The export has more than {_MOST_ACCOUNTS:,} accounts."
                raise StatementError("TOO_MANY_ROWS", message)
            here = accounts.get(one.account.casefold())
            if here is not None and here.currency == key[1]:
                move.adopted[old] = here.id
    move.kinds = _kinds(export)
    for path in sorted(move.kinds, key=len):
        _category(move, survey, path)
    survey.counts.update(
        {
            "categories": len(survey.categories),
            "accounts": len(survey.accounts),
            "transactions": len(export.movements),
            "budgets": 1 if export.plans else 0,
        }
    )
    return move, survey


def _kinds(export: Export) -> dict[Path, str]:
    """Income or expense of each category and what it lies below: as the app says, or by its sums."""
    sums: dict[Path, Decimal] = {}
    for one in export.movements:
        for path, amount in [(part.category, part.amount) for part in one.parts] or [(one.category, one.amount)]:  # fmt: skip
            if path:
                sums[path] = sums.get(path, Decimal(0)) + amount
    for plan in export.plans:
        sums.setdefault(plan.category, Decimal(0))
    kinds = {}
    for path, total in sums.items():
        income = path in export.income or (not export.income and total > 0)
        kinds[path] = "INCOME" if income else "EXPENSE"
    below: dict[Path, set[str]] = {}
    for path, kind in kinds.items():
        for end in range(1, len(path)):
            below.setdefault(path[:end], set()).add(kind)
    for path, found in below.items():
        kinds.setdefault(path, "INCOME" if found == {"INCOME"} else "EXPENSE")
    if len(kinds) > _MOST_CATEGORIES:
        message = f"The export has more than {_MOST_CATEGORIES:,} categories."
        raise StatementError("TOO_MANY_ROWS", message)
    return kinds


def _category(move: Moving, survey: Survey, path: Path) -> None:
    kind = move.kinds[path]
    old = move.id("cat", *path)
    parent = path[:-1]
    held = bool(parent) and move.kinds[parent] == kind
    raw = {
        **move.stamps,
        "id": ids.encode("cat", old),
        "name": path[-1][:_MAX_NAME],
        "kind": kind,
        "parentId": ids.encode("cat", move.id("cat", *parent)) if held else None,
    }
    survey.categories[old] = parse(KeptCategory, raw)
    here = move.here_categories.get((path[-1].casefold(), kind))
    if here is not None:
        move.adopted[old] = here.id


@dataclass(slots=True)
class Bag:
    """The objects of an export as pieces of a takeout; it has no files."""

    move: Moving
    survey: Survey

    @property
    def files(self) -> set[UUID]:
        """None."""
        return set()

    def file(self, old: UUID, size: int, digest: str) -> bytes | None:
        """None."""

    def pieces(self) -> Iterator[Piece]:
        """All objects, the same at every reading."""
        move = self.move
        for number, one in enumerate(self.survey.categories.values()):
            raw = one.model_dump(mode="json", by_alias=True)
            raw |= move.stamps | {"id": ids.encode("cat", one.id), "parentId": ids.encode("cat", one.parent_id) if one.parent_id else None}  # fmt: skip
            yield Piece("categories", number, raw)
        for number, ((name, currency), old) in enumerate(move.accounts.items()):
            yield Piece("accounts", number, _account(move, name, currency, old))
        made = list(_ids(move))
        for number, movement in enumerate(move.export.movements):
            yield Piece("transactions", movement.line - 1, _transaction(move, made, number))
        if move.export.plans:
            yield Piece("budgets", 0, _budget(move))


def _account(move: Moving, name: str, currency: str, old: UUID) -> dict[str, Any]:
    told = move.export.ledgers.get(name, Ledger(name))
    many = sum(one == name for one, _ in move.accounts) > 1
    ending = f" ({currency})" if many and currency != (told.currency or move.home) else ""
    words = name.casefold()
    guess = next((kind for kind, hints in _TYPES if any(one in words for one in hints)), "CHECKING")
    return {
        **move.stamps,
        "id": ids.encode("acct", old),
        "name": name[: _MAX_NAME - len(ending)].strip() + ending,
        "type": told.type or guess,
        "currency": currency,
        "archived": told.archived,
    }


def _ids(move: Moving) -> Iterator[UUID]:
    """Ids of all movements: of their day, so that lists by id are lists by time."""
    said: Counter[tuple[object, ...]] = Counter()
    for one in move.export.movements:
        what: tuple[object, ...] = (one.account, one.day, f"{one.amount.normalize():f}", one.currency, one.payee, one.description, one.transfer)  # fmt: skip
        if one.external_id:
            what = (one.account, one.external_id)
        said[what] += 1
        hashed = sha256("\x1f".join(map(str, (*what, said[what]))).encode()).digest()
        yield move.id("txn", hashed.hex())


def _transaction(move: Moving, made: list[UUID], number: int) -> dict[str, Any]:
    one = move.export.movements[number]
    currency = move.currency(one)
    pair = None if one.pair is None else made[one.pair]
    tags = dict.fromkeys(tag.strip()[:_MAX_TAG] for tag in one.tags if tag.strip())
    return {
        **move.stamps,
        "id": ids.encode("txn", made[number]),
        "accountId": ids.encode("acct", move.accounts[one.account, currency]),
        "date": one.day.isoformat(),
        "amount": _amount(one.amount, currency),
        "currency": currency,
        "description": " ".join(one.description.split())[:_MAX_TEXT],
        "payee": one.payee[:_MAX_NAME] if one.payee else None,
        "notes": one.notes[:_MAX_NOTES] if one.notes else None,
        "tags": list(tags)[:50],
        "status": one.status,
        "categoryId": _cat(move, one.category) if one.category and pair is None else None,
        "externalId": one.external_id,
        "transferId": None if pair is None else ids.encode("txn", pair),
        "splits": [
            {
                "categoryId": _cat(move, part.category),
                "amount": _amount(part.amount, currency),
                "notes": part.notes,
            }
            for part in one.parts
        ]
        if one.parts and all(part.category for part in one.parts)
        else [],
    }


def _cat(move: Moving, path: Path) -> str:
    return ids.encode("cat", move.id("cat", *path))


def _amount(value: Decimal, currency: str) -> str:
    """Plain text in the digits of a currency, rounded half to even; absurd sizes stay as they are."""
    if value.adjusted() > _MOST_DIGITS:
        return format(value, "f")
    minor, _ = round_to_minor(value, currency)
    return format(Decimal(minor).scaleb(-digits_of(currency)), "f")


def _budget(move: Moving) -> dict[str, Any]:
    plans = move.export.plans
    items: dict[Path, Decimal] = {}
    for plan in plans:
        items[plan.category] = items.get(plan.category, Decimal(0)) + plan.amount
    return {
        **move.stamps,
        "id": ids.encode("bdgt", move.id("bdgt", plans[0].month)),
        "name": move.export.app,
        "period": "MONTHLY",
        "startDate": plans[0].month.isoformat(),
        "currency": move.home,
        "items": [
            {
                **move.stamps,
                "id": ids.encode("item", move.id("item", plans[0].month, *path)),
                "categoryId": _cat(move, path),
                "amount": _amount(amount, move.home),
            }
            for path, amount in items.items()
        ],
    }


def now() -> datetime:
    """The moment at which objects of an export come to be."""
    return datetime.now(UTC)
