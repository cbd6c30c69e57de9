"""Transactions read from the database: opened rows, batches and references."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, bindparam, select
from sqlalchemy.sql.selectable import FromClause

from models.base import among, among_named, maker, table
from models.categories import Category
from models.database import Transaction as Tx
from models.statements import Prepared
from models.transactions import RefundedRow, Split, SplitRow, Transaction, TransactionRow
from resolvers.access import Actor
from resolvers.errors import NotFound

T: Final = table(Transaction)
S: Final = table(Split)
_C: Final = table(Category)

Key = tuple[UUID, UUID]

SOURCE: Final[FromClause] = T.outerjoin(
    _C, and_(_C.c.ledger_id == T.c.ledger_id, _C.c.id == T.c.category_id)
)
CATEGORY_KIND: Final[ColumnElement[str]] = _C.c.kind
COLUMNS: Final = (
    T.c.ledger_id, T.c.id, T.c.account_id, T.c.category_id, T.c.date, T.c.amount, T.c.currency,
    T.c.description, T.c.payee, T.c.notes, T.c.tags, T.c.status, T.c.split_count, T.c.transfer_id,
    T.c.refund_of, T.c.external_id, T.c.import_id, T.c.template_id, T.c.group_id, T.c.content_key,
    T.c.deleted_at, T.c.version, T.c.created_at, T.c.updated_at, T.c.occurrence_date,
    T.c.group_transaction_id, T.c.locked,
    _C.c.kind.label("category_kind"),
)  # fmt: skip


LIVING: Final = (T.c.ledger_id == bindparam("ledger_id"), T.c.deleted_at.is_(None))
_FOUND: Final = (
    select(*COLUMNS)
    .select_from(SOURCE)
    .where(T.c.ledger_id == bindparam("ledger_id"), among_named(T.c.id, "ids"))
)
_BY_ID: Final = Prepared(_FOUND.where(T.c.deleted_at.is_(None)))
_DELETED_BY_ID: Final = Prepared(_FOUND.where(T.c.deleted_at.is_not(None)))
_PARTS: Final = Prepared(
    select(S.c.id, S.c.transaction_id, S.c.category_id, S.c.amount, S.c.notes)
    .where(S.c.ledger_id == bindparam("ledger_id"), among_named(S.c.transaction_id, "ids"))
    .order_by(S.c.transaction_id, S.c.position)
)
_make: Final = maker(TransactionRow)
AMOUNT: Final = "transactions.amount"
_cells: Final[Callable[[Any], tuple[Any, ...]]] = itemgetter(slice(0, len(COLUMNS)))


async def refunded_by_id(tx: Tx, keys: Iterable[Key]) -> dict[Key, RefundedRow]:
    """What refunds name, living or in the trash: one statement a ledger, none without refunds.

    A statement of its own and no join: on tables without statistics a join of transactions to
    themselves is planned as a loop over all of them.
    """
    wanted: dict[UUID, list[UUID]] = {}
    for ledger_id, one in dict.fromkeys(keys):
        wanted.setdefault(ledger_id, []).append(one)
    found: dict[Key, RefundedRow] = {}
    for ledger_id, some in wanted.items():
        await tx.unlock([ledger_id])
        ring = tx.ring(ledger_id)
        rows = await tx.rows(
            select(T.c.id, T.c.amount, T.c.category_id, CATEGORY_KIND.label("kind"))
            .select_from(SOURCE)
            .where(T.c.ledger_id == ledger_id, among(T.c.id, some))
        )
        for row in rows:
            minor = ring.unseal_minor("transactions.amount", row.id, row.amount)
            found[ledger_id, row.id] = RefundedRow(row.category_id, row.kind, spent=minor <= 0)
    return found


def refunded_of(row: TransactionRow) -> RefundedRow:
    """What refunds of a transaction must know of it."""
    return RefundedRow(row.category_id, row.category_kind, spent=row.amount_minor <= 0)


async def open_transactions(tx: Tx, rows: Iterable[Row[Any]]) -> list[TransactionRow]:
    """Database rows with their sealed cells opened and their split parts read along."""
    found = list(rows)
    ledgers = {row.ledger_id for row in found}
    await tx.unlock(ledgers)
    parts = await parts_of(
        tx, {(row.ledger_id, row.id): row.currency for row in found if row.split_count}
    )
    refunded = await refunded_by_id(tx, [(r.ledger_id, r.refund_of) for r in found if r.refund_of])
    if len(ledgers) != 1:
        rings = {ledger_id: tx.ring(ledger_id) for ledger_id in ledgers}
        amounts: Sequence[int] = [
            rings[r.ledger_id].unseal_minor(AMOUNT, r.id, r.amount) for r in found
        ]
    else:
        amounts = tx.ring(*ledgers).unseal_minors(
            AMOUNT, [r.id for r in found], [r.amount for r in found]
        )
    opened = []
    for cells, minor in zip(map(_cells, found), amounts, strict=True):
        # In the order of COLUMNS: a name for each, where looking each up in its row costs more.
        (
            ledger_id, row_id, account_id, category_id, date, _, currency, description, payee,
            notes, tags, status, split_count, transfer_id, refund_of, external_id, import_id,
            template_id, group_id, content_key, deleted_at, version, created_at, updated_at,
            occurrence_date, group_transaction_id, locked, category_kind,
        ) = cells  # fmt: skip
        opened.append(
            _make(
                ledger_id,
                row_id,
                account_id,
                category_id,
                date,
                minor,
                currency,
                description,
                payee,
                notes and tx.ring(ledger_id).unseal_text("transactions.notes", row_id, notes),
                tuple(tags),
                status,
                split_count,
                tuple(parts.get((ledger_id, row_id), ())) if split_count else (),
                transfer_id,
                refund_of,
                external_id,
                import_id,
                template_id,
                group_id,
                category_kind,
                content_key,
                deleted_at,
                version,
                created_at,
                updated_at,
                occurrence_date,
                group_transaction_id,
                refunded.get((ledger_id, refund_of)) if refund_of else None,
                tuple(locked),
            )
        )
    return opened


async def parts_of(tx: Tx, currencies: Mapping[Key, str]) -> dict[Key, list[SplitRow]]:
    """Parts of split transactions, which are given with their currencies."""
    found: dict[Key, list[SplitRow]] = {}
    for ledger_id in {key[0] for key in currencies}:
        await tx.unlock([ledger_id])
        ring = tx.ring(ledger_id)
        wanted = [key[1] for key in currencies if key[0] == ledger_id]
        rows = await tx.rows(_PARTS, {"ledger_id": ledger_id, "ids": wanted})
        for row in rows:
            key = (ledger_id, row.transaction_id)
            found.setdefault(key, []).append(
                SplitRow(
                    id=row.id,
                    category_id=row.category_id,
                    amount_minor=ring.unseal_minor("splits.amount", row.id, row.amount),
                    notes=ring.unseal_text("splits.notes", row.id, row.notes),
                    currency=currencies[key],
                )
            )
    return found


async def transactions_by_id(
    tx: Tx, keys: Sequence[Key], *, deleted: bool = False
) -> list[TransactionRow | None]:
    """Transactions in the order of their keys; None for what is not there.

    ``deleted`` reads from the trash instead of the living rows.
    """
    found: dict[Key, TransactionRow] = {}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        statement = _DELETED_BY_ID if deleted else _BY_ID
        rows = await tx.rows(statement, {"ledger_id": ledger_id, "ids": wanted})
        for row in await open_transactions(tx, rows):
            found[ledger_id, row.id] = row
    return [found.get(key) for key in keys]


async def any_transactions_by_id(tx: Tx, keys: Sequence[Key]) -> list[TransactionRow | None]:
    """Transactions in the order of their keys, living or in the trash."""
    living = await transactions_by_id(tx, keys)
    lost = [key for key, row in zip(keys, living, strict=True) if row is None]
    if not lost:
        return living
    found = dict(zip(lost, await transactions_by_id(tx, lost, deleted=True), strict=True))
    return [row or found[key] for key, row in zip(keys, living, strict=True)]


async def get_transaction(
    tx: Tx, actor: Actor, transaction_id: UUID | None, *, deleted: bool = False
) -> TransactionRow:
    """One transaction of the person; raises NOT_FOUND."""
    if transaction_id is not None:
        key = (actor.ledger_id, transaction_id)
        row = (await transactions_by_id(tx, [key], deleted=deleted))[0]
        if row is not None:
            return row
    raise NotFound("There is no such transaction.")
