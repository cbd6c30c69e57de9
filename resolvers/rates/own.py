"""Own rates: set, deleted, listed, and read as the book that conversions look into."""

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import Row, delete, func, insert, or_, select, update

from models.base import among, table
from models.database import Transaction as Tx
from models.ecb import published
from models.ids import new_id
from models.rates import Rate as StoredRate
from models.rates import RateRow
from resolvers.access import Actor
from resolvers.errors import Conflict, FieldError, Invalid, NotFound
from resolvers.inputs import AmountText, CurrencyCode, Input, PostingDate
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.paging import Order, Page, PageRequest, fetch_page
from resolvers.rates.book import Rate, RateBook, published_book

R: Final = table(StoredRate)
MAX_OWN: Final = 20_000
"""How many own rates a ledger holds: fifty years of workdays in one pair, or a few pairs."""
_MOST: Final = Decimal(10) ** 12
_DIGITS: Final = 12

Key = tuple[UUID, UUID]
_COLUMNS: Final = tuple(R.c[f.name] for f in fields(RateRow))


class RateSet(Input):
    """What a currency was worth on a day."""

    from_: Annotated[CurrencyCode, Field(alias="from")]
    to: CurrencyCode
    date: PostingDate
    rate: AmountText


def _row(found: Row[Any]) -> RateRow:
    return RateRow(**{f.name: getattr(found, f.name) for f in fields(RateRow)})


def checked_rate(data: RateSet) -> Decimal:
    """The rate as it is stored; raises VALIDATION_ERROR."""
    wrong = []
    if data.from_ == data.to:
        wrong.append(FieldError("to", "INVALID", "A rate is between two currencies."))
    rate = Decimal(data.rate)
    exponent = rate.as_tuple().exponent
    if not 0 < rate < _MOST or (isinstance(exponent, int) and -exponent > _DIGITS):
        message = "Above zero, below 10^12, at most 12 digits after the point."
        wrong.append(FieldError("rate", "INVALID", message))
    if wrong:
        raise Invalid(wrong)
    return rate.quantize(Decimal(1).scaleb(-_DIGITS))


async def set_rate(
    write: LedgerWrite, data: RateSet, *, expected_version: int | None = None
) -> RateRow:
    """Say what a currency was worth on a day; what was said of the pair and day is replaced."""
    value = checked_rate(data)
    here = R.c.ledger_id == write.ledger_id
    pair = (data.from_, data.to)
    found = await write.tx.first(
        select(*_COLUMNS).where(
            here, R.c.from_currency.in_(pair), R.c.to_currency.in_(pair), R.c.day == data.date
        )
    )
    if found is None:
        count = int(await write.tx.scalar(select(func.count()).select_from(R).where(here)))
        if count >= MAX_OWN:
            raise Conflict(f"At most {MAX_OWN:,} own rates.")
        row = RateRow(
            ledger_id=write.ledger_id,
            id=new_id(),
            from_currency=data.from_,
            to_currency=data.to,
            day=data.date,
            rate=value,
            version=1,
            created_at=write.now,
            updated_at=write.now,
        )
        await write.tx.run(insert(R).values(**_cells(row)))
        write.record("rate", "CREATE", None, row)
        write.figures = True
        return row
    old = _row(found)
    require_version(old, expected_version)
    new = replace(old, from_currency=pair[0], to_currency=pair[1], rate=value)
    if new == old:
        return old
    new = replace(new, version=old.version + 1, updated_at=write.now)
    await write.tx.run(update(R).where(here, R.c.id == old.id).values(**_cells(new)))
    write.record("rate", "UPDATE", old, new)
    write.figures = True
    return new


def _cells(row: RateRow) -> dict[str, Any]:
    return {f.name: getattr(row, f.name) for f in fields(row)}


async def delete_rate(
    write: LedgerWrite, rate_id: UUID | None, *, expected_version: int | None = None
) -> RateRow:
    """Take an own rate back: figures follow published rates again."""
    old = None
    if rate_id is not None:
        old = (await rates_by_id(write.tx, [(write.ledger_id, rate_id)]))[0]
    if old is None:
        raise NotFound("There is no such rate.")
    require_version(old, expected_version)
    await write.tx.run(delete(R).where(R.c.ledger_id == write.ledger_id, R.c.id == old.id))
    write.record("rate", "DELETE", old, None)
    write.figures = True
    return old


async def rates_by_id(tx: Tx, keys: Sequence[Key]) -> list[RateRow | None]:
    """Own rates in the order of their keys; None for what is not there."""
    found: dict[Key, RateRow] = {}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        rows = await tx.rows(
            select(*_COLUMNS).where(R.c.ledger_id == ledger_id, R.c.id.in_(wanted))
        )
        found.update({(ledger_id, row.id): _row(row) for row in rows})
    return [found.get(key) for key in keys]


def _mine(actor: Actor, currency: str | None) -> list[Any]:
    where = [R.c.ledger_id == actor.ledger_id]
    if currency is not None:
        where.append(or_(R.c.from_currency == currency, R.c.to_currency == currency))
    return where


async def list_rates(
    tx: Tx, actor: Actor, request: PageRequest, *, currency: str | None = None
) -> Page[RateRow]:
    """A page of the person's own rates, the newest day first."""
    statement = select(*_COLUMNS).where(*_mine(actor, currency))
    page = await fetch_page(tx, statement, Order((R.c.day, R.c.id), descending=True), request)
    return page.map(lambda rows: [_row(row) for row in rows])


async def count_rates(tx: Tx, actor: Actor, *, currency: str | None = None) -> int:
    """How many own rates the person has."""
    statement = select(func.count()).select_from(R).where(*_mine(actor, currency))
    return int(await tx.scalar(statement))


async def rate_book(tx: Tx, ledger_id: UUID, currencies: Collection[str]) -> RateBook:
    """Published rates under the own ones of a ledger, between some currencies.

    Own rates are read only where there are two of them: else there is nothing to convert.
    """
    if len(set(currencies)) < 2:
        return published_book(published())
    # A cross rate goes through the euro.
    names = {*currencies, "EUR"}
    rows = await tx.rows(
        select(*_COLUMNS).where(
            R.c.ledger_id == ledger_id,
            among(R.c.from_currency, names),
            among(R.c.to_currency, names),
        )
    )
    return RateBook(published(), [_row(row) for row in rows])


async def rate_of(tx: Tx, actor: Actor, from_: str, to: str, day: date) -> Rate | None:
    """The rate with which an amount of a day is converted for a person; None without one."""
    book = await rate_book(tx, actor.ledger_id, (from_, to))
    return book.find(from_, to, day)


def rates_version() -> str:
    """Names the published rates in validators: own ones move their ledger's version."""
    return published().version
