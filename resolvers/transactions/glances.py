"""Glances: pages of transactions of which only what is looked at is read, edges along with it.

A page of fifty rows with category and account is one statement of a dozen columns where whole rows
with their edges are three of fifty.  What joins is the very row that the edge would have loaded:
the same conditions, the same policies, the same moment.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, select

from models.accounts import Account
from models.base import among_named, table
from models.categories import Category
from models.cuts import Cell, Column, Cut, Linked, columns_of, minors, sealed, words
from models.database import Transaction as Tx
from models.ids import quick
from models.statements import Forms
from models.transactions import TransactionRow
from resolvers.access import Actor
from resolvers.accounts import ACCOUNTS, accounts_by_id
from resolvers.categories import CATEGORIES, categories_by_id
from resolvers.paging import Page
from resolvers.shown import Follows, Join, Shown, along_of
from resolvers.transactions.rows import (
    AMOUNT,
    CATEGORY_KIND,
    LIVING,
    SOURCE,
    T,
    get_transaction,
    parts_of,
    refunded_by_id,
)

REMEMBERED: Final = 256
"""Statements of so many selections are kept: clients ask the same ones again."""
_NAMED: Final = Forms(REMEMBERED)
_PLAIN: Final = (
    "ledger_id", "id", "account_id", "category_id", "date", "currency", "description", "payee",
    "status", "split_count", "transfer_id", "refund_of", "external_id", "import_id", "template_id",
    "group_id", "content_key", "deleted_at", "version", "created_at", "updated_at",
    "occurrence_date", "group_transaction_id",
)  # fmt: skip
_CELLS: Final[Mapping[str, Cell]] = {
    **{name: Cell(T.c[name]) for name in _PLAIN},
    "amount_minor": minors(T.c.amount, AMOUNT),
    "notes": sealed(T.c.notes, "transactions.notes"),
    "tags": words(T.c.tags),
    "locked": words(T.c.locked),
    "category_kind": Cell(CATEGORY_KIND),
    # These are read by statements of their own; what stands here says for which rows.
    "splits": Cell(T.c.split_count),
    "refunded": Cell(T.c.refund_of),
}
_NEEDED: Final = {"splits": ("currency",)}
_JOINS: Final = (
    Join(accounts_by_id, "account_id", ACCOUNTS, table(Account).alias("along_account")),
    Join(categories_by_id, "category_id", CATEGORIES, table(Category).alias("along_category")),
)


class Glance:
    """What is looked at of transactions, as a statement and as what makes rows of its columns."""

    def __init__(self, attributes: frozenset[str], follows: Sequence[Follows]) -> None:
        self._joins: list[tuple[Follows, Join, Cut[Any]]] = []
        names = {*attributes, "date"}
        for name in attributes:
            names.update(_NEEDED.get(name, ()))
        by_batch = {one.batch: one for one in follows}
        for join in _JOINS:
            followed = by_batch.get(join.batch)
            joined = None if followed is None else join.cut(followed)
            if followed is not None and joined is not None and join.own in attributes:
                self._joins.append((followed, join, joined))
        self._cut = Cut(TransactionRow, _CELLS, names)
        self._width = len(self._cut.columns) + sum(len(cut.columns) for _, _, cut in self._joins)
        self._with_kind = "category_kind" in names
        self._sealed = self._cut.sealed or any(cut.sealed for _, _, cut in self._joins)
        self.keyed = (self._cut.place("date"), self._cut.place("id"))
        """Places of the columns by which pages are sorted."""

    def statement(self, *, whole_source: bool = False) -> Select[Any]:
        """The columns of the rows themselves; ``whole_source`` joins what conditions speak of."""
        source = SOURCE if self._with_kind or whole_source else T
        columns = [one.label(f"own_{at}") for at, one in enumerate(self._cut.columns)]
        if self._joins:
            columns.append(T.c.ledger_id.label("own_ledger_id"))
        return select(*columns).select_from(source)

    def living(self) -> Select[Any]:
        """The statement over all living rows of a ledger."""
        return self.statement().where(*LIVING)

    def around(self, page: Select[Any], *, down: bool | None) -> Select[Any]:
        """The rows of a page with what is joined, in the page's order if ``down`` tells one.

        Joined are the rows of the page alone, whatever the planner knows of the tables: before it
        has counted their rows it would join all that the page is cut out of.
        """
        if not self._joins:
            return page
        rows = page.subquery("page")
        *own, ledger_id = rows.c
        source: Any = rows
        columns = list(own)
        for _, join, cut in self._joins:
            one = join.source
            named = and_(
                one.c.ledger_id == ledger_id,
                one.c.id == own[self._cut.place(join.own)],
                *join.kind.living(one),
            )
            source = source.outerjoin(one, named)
            # Names are not looked at: two tables may have the same.
            columns += [
                column.label(f"along_{len(columns) + at}") for at, column in enumerate(cut.columns)
            ]
        found = select(*columns).select_from(source)
        if down is None:
            return found
        return found.order_by(*(own[at].desc() if down else own[at].asc() for at in self.keyed))

    async def named(
        self, tx: Tx, ledger_id: UUID, keys: Page[Any], *, deleted: bool
    ) -> Page[TransactionRow]:
        """A page whose rows are named by its keys already: what is gone is left out."""

        def build() -> Select[Any]:
            there = T.c.deleted_at.is_not(None) if deleted else T.c.deleted_at.is_(None)
            mine = T.c.ledger_id == bindparam("ledger_id")
            rows = self.statement().where(mine, among_named(T.c.id, "ids"), there)
            return self.around(rows, down=None)

        wanted = [key[1] for key in keys.keys]
        statement = _NAMED.get((self, deleted), build)
        found = await tx.rows(statement, {"ledger_id": ledger_id, "ids": wanted})
        at = self._cut.place("id")
        by_id = {row[at]: row for row in found}
        rows = [by_id[one] for one in wanted if one in by_id]
        page = Page(rows, keys.keys, keys.has_next, keys.has_previous)
        return await self.page(tx, ledger_id, page)

    async def page(self, tx: Tx, ledger_id: UUID, found: Page[Any]) -> Page[TransactionRow]:
        """A page of rows out of what the statement gave, with what was read along."""
        # It is a part of every key that follows.
        ledger_id = quick(ledger_id)
        columns = columns_of(found.items, self._width)
        ring = None
        if self._sealed and found.items:
            await tx.unlock([ledger_id])
            ring = tx.ring(ledger_id)
        along: dict[str, Linked] = {}
        start = len(self._cut.columns)
        own_columns = await self._read(tx, ledger_id, columns[:start])
        for followed, join, cut in self._joins:
            end = start + len(cut.columns)
            own = columns[self._cut.place(join.own)]
            along[join.own] = along_of(cut, followed, ledger_id, ring, own, columns[start:end])
            start = end
        rows = self._cut.sheet(ledger_id, ring, own_columns, along)
        return Page(rows, found.keys, found.has_next, found.has_previous)

    async def _read(self, tx: Tx, ledger_id: UUID, columns: Sequence[Column]) -> list[Column]:
        """The columns with parts of splits and what refunds name in their places."""
        read, ids = list(columns), columns[0]
        if "splits" in self._cut.names:
            at = self._cut.place("splits")
            read[at] = [()] * len(ids)
            if any(columns[at]):
                currencies = columns[self._cut.place("currency")]
                split = {
                    (ledger_id, one): currency
                    for one, currency, count in zip(ids, currencies, columns[at], strict=True)
                    if count
                }
                parts = await parts_of(tx, split)
                read[at] = [tuple(parts.get((ledger_id, one), ())) for one in ids]
        if "refunded" in self._cut.names:
            at = self._cut.place("refunded")
            if any(columns[at]):
                named = [None if one is None else (ledger_id, one) for one in columns[at]]
                known = await refunded_by_id(tx, [one for one in named if one is not None])
                read[at] = [None if one is None else known.get(one) for one in named]
        return read


@lru_cache(maxsize=REMEMBERED)
def _known(attributes: frozenset[str], follows: tuple[Follows, ...]) -> Glance | None:
    return Glance(attributes, follows) if attributes <= _CELLS.keys() else None


def glance_of(shown: Shown | None) -> Glance | None:
    """The glance for what is looked at; None for whole rows."""
    if shown is None or shown.attributes is None:
        return None
    return _known(shown.attributes, tuple(shown.follows))


async def glance_at(
    tx: Tx, actor: Actor, transaction_id: UUID | None, shown: Shown | None
) -> Sequence[TransactionRow]:
    """One transaction of the person, alone, with what was read along; raises NOT_FOUND."""
    glance = glance_of(shown)
    if glance is None or transaction_id is None:
        return [await get_transaction(tx, actor, transaction_id)]
    alone: Page[Any] = Page([], [(None, transaction_id)], has_next=False, has_previous=False)
    found = await glance.named(tx, actor.ledger_id, alone, deleted=False)
    return found.items or [await get_transaction(tx, actor, None)]
