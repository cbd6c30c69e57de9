"""A group transaction brought into a member's own books: her share, and the leg of her money."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select, text, update

from models.base import among, table
from models.categories import Category, CategoryRow
from models.database import Transaction as Tx
from models.groups import GroupTransactionRow, ShareRow
from models.ids import new_id
from models.transactions import TransactionRow
from resolvers.accounts import accounts_by_id
from resolvers.categories import (
    CategoryCreate,
    categories_by_id,
    create_category,
    get_category,
)
from resolvers.errors import Conflict, NotFound, invalid
from resolvers.groups.shares import (
    SHARE_COLUMNS,
    SHARE_PLAIN,
    H,
    open_shares,
    shares_by_id,
)
from resolvers.groups.transactions import COLUMNS, P, X, open_group_transactions
from resolvers.ledgers import LedgerWrite
from resolvers.transactions.legs import moved_minor
from resolvers.transactions.locks import RECONCILED, require_deletable, require_unlocked
from resolvers.transactions.rows import T, transactions_by_id
from resolvers.transactions.storing import insert_rows, stamp_rows, update_rows
from resolvers.transactions.trash import restore_rows

SHARED_KEY: Final = "shared"
BATCH: Final = 200
"""How many shares one write brings, so that a long catch-up lets other writers in between."""
_C: Final = table(Category)
_FAREWELL: Final = text("SELECT set_config('app.farewell', :group, true)")


async def sync_from_group(
    write: LedgerWrite, group_id: UUID, transaction_id: UUID | None = None
) -> bool:
    """Bring what is new of a group, or of one transaction in it, into the writer's own books.

    Reads the group as it is now, so that late, lost or repeated calls end at the same books.
    Somebody who has left may look once more.  True when more waits.
    """
    await write.tx.run(_FAREWELL, {"group": str(group_id)})
    me = write.actor.user_id
    known = H.alias("known")
    statement = (
        select(*COLUMNS)
        .select_from(
            X.join(P, (P.c.ledger_id == X.c.ledger_id) & (P.c.transaction_id == X.c.id)).outerjoin(
                known, (known.c.ledger_id == write.ledger_id) & (known.c.id == X.c.id)
            )
        )
        .where(X.c.ledger_id == group_id, P.c.user_id == me)
        .where(known.c.source_version.is_distinct_from(X.c.version))
    )
    lost = select(*COLUMNS).where(
        X.c.ledger_id == group_id,
        X.c.id.in_(
            select(H.c.id).where(
                H.c.ledger_id == write.ledger_id,
                H.c.group_id == group_id,
                H.c.source_version < X.c.version,
            )
        ),
    )
    if transaction_id is not None:
        statement = statement.where(X.c.id == transaction_id)
        lost = lost.where(X.c.id == transaction_id)
    found = await write.tx.rows(statement.order_by(X.c.id).limit(BATCH))
    there = {row.id for row in found}
    found = [*found, *(r for r in await write.tx.rows(lost.limit(BATCH)) if r.id not in there)]
    for row in await open_group_transactions(write.tx, found):
        await sync_share(write, row)
    return transaction_id is None and len(found) >= BATCH


async def sync_share(write: LedgerWrite, row: GroupTransactionRow) -> ShareRow | None:
    """Make the writer's share, and its leg, what a group transaction says; None where she has none."""
    me = write.actor.user_id
    old = (await shares_by_id(write.tx, [(write.ledger_id, row.id)], deleted=True))[0]
    if old is not None and old.source_version >= row.version:
        return old if old.deleted_at is None else None
    paid = [one.amount_minor for one in row.paid_by if one.user_id == me]
    owed = [one.amount_minor for one in row.shares if one.user_id == me]
    if row.deleted_at is not None or not (paid or owed):
        if old is not None:
            await _drop(write, old, row.version)
        return None
    new = ShareRow(
        ledger_id=write.ledger_id,
        id=row.id,
        group_id=row.ledger_id,
        kind=row.kind,
        date=row.date,
        currency=row.currency,
        description=row.description,
        paid_minor=sum(paid),
        owed_minor=sum(owed),
        category_id=await _own_category(write, row, old),
        group_category_id=row.category_id,
        source_version=row.version,
        deleted_at=None,
        version=1 if old is None else old.version + 1,
        created_at=write.now if old is None else old.created_at,
        updated_at=write.now,
    )
    write.figures = True
    if old is None:
        await write.tx.run(insert(H).values(**_cells(write, new)))
        write.record("share", "CREATE", None, new)
        return new
    await _store(write, new)
    if old.deleted_at is None:
        write.record("share", "UPDATE", old, new)
        await _follow(write, old, new)
    else:
        write.record("share", "RESTORE", None, new)
        await _bring_back(write, old, new)
    return new


def _cells(write: LedgerWrite, row: ShareRow) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in SHARE_PLAIN},
        "paid": write.ring.seal_minor("shares.paid", row.id, row.paid_minor),
        "owed": write.ring.seal_minor("shares.owed", row.id, row.owed_minor),
    }


async def _store(write: LedgerWrite, row: ShareRow) -> None:
    await write.tx.run(
        update(H)
        .where(H.c.ledger_id == write.ledger_id, H.c.id == row.id)
        .values(**_cells(write, row))
    )


async def _drop(write: LedgerWrite, old: ShareRow, source_version: int) -> None:
    """Take a share out of the books; its leg goes to the trash at the same moment."""
    gone = replace(
        old,
        source_version=source_version,
        deleted_at=old.deleted_at or write.now,
        version=old.version + 1,
        updated_at=write.now,
    )
    await _store(write, gone)
    if old.deleted_at is None:
        write.figures = True
        write.record("share", "DELETE", old, None)
        await _trash(write, await legs_of(write, [old.id]))


async def _own_category(
    write: LedgerWrite, row: GroupTransactionRow, old: ShareRow | None
) -> UUID | None:
    """The own category of the same key as the group's, else "Shared"; a choice of hers stays."""
    if row.kind == "SETTLEMENT":
        return None
    same = old is not None and old.group_category_id == row.category_id
    if old is not None and same and old.category_id is not None:
        return old.category_id
    key = None
    if row.category_id is not None:
        theirs = (await categories_by_id(write.tx, [(row.ledger_id, row.category_id)]))[0]
        key = theirs.key if theirs is not None else None
    rows = await write.tx.rows(
        select(_C.c.id, _C.c.key, _C.c.kind).where(
            _C.c.ledger_id == write.ledger_id, _C.c.key.in_([key or SHARED_KEY, SHARED_KEY])
        )
    )
    mine = {one.key: one.id for one in rows if one.kind == "EXPENSE" or one.key == SHARED_KEY}
    found: UUID | None = mine.get(key) or mine.get(SHARED_KEY)
    if found is not None:
        return found
    data = CategoryCreate.model_validate(
        {"name": "Shared", "kind": "EXPENSE", "key": SHARED_KEY, "color": "#5c6bc0"}
        | {"icon": "people"}
    )
    return (await create_category(write, data)).id


async def legs_of(write: LedgerWrite, transaction_ids: Sequence[UUID]) -> list[TransactionRow]:
    """The living legs of group transactions in the writer's accounts."""
    found = await write.tx.rows(
        select(T.c.id).where(
            T.c.ledger_id == write.ledger_id,
            T.c.group_transaction_id.in_(transaction_ids),
            T.c.deleted_at.is_(None),
        )
    )
    rows = await transactions_by_id(write.tx, [(write.ledger_id, row.id) for row in found])
    return [row for row in rows if row is not None]


async def legs_by_share(tx: Tx, keys: Sequence[tuple[UUID, UUID]]) -> list[TransactionRow | None]:
    """Living legs by (own ledger, group transaction); None where none is booked."""
    found = await tx.rows(
        select(T.c.ledger_id, T.c.id).where(
            among(T.c.ledger_id, {key[0] for key in keys}),
            among(T.c.group_transaction_id, {key[1] for key in keys}),
            T.c.deleted_at.is_(None),
        )
    )
    rows = await transactions_by_id(tx, [(row.ledger_id, row.id) for row in found])
    legs = {(row.ledger_id, row.group_transaction_id): row for row in rows if row is not None}
    return [legs.get(key) for key in keys]


def _moved(share: ShareRow) -> int:
    return moved_minor(share.kind, share.paid_minor, share.owed_minor)


async def _trash(write: LedgerWrite, legs: Sequence[TransactionRow]) -> None:
    changed = [
        (leg, replace(leg, deleted_at=write.now, version=leg.version + 1, updated_at=write.now))
        for leg in legs
    ]
    await stamp_rows(write, changed, "DELETE", deleted_at=write.now)


async def _follow(write: LedgerWrite, old: ShareRow, new: ShareRow) -> None:
    """Let the leg follow its share; what she changed about it by hand stays."""
    legs = await legs_of(write, [new.id])
    if not _moved(new) or new.currency != old.currency:
        await _trash(write, legs)
        return
    await _change_legs(write, legs, old, new)


async def _change_legs(
    write: LedgerWrite, legs: Sequence[TransactionRow], old: ShareRow, new: ShareRow
) -> None:
    changed = []
    for leg in legs:
        moved = replace(
            leg,
            amount_minor=_moved(new),
            date=new.date if leg.date == old.date else leg.date,
            description=new.description if leg.description == old.description else leg.description,
            category_id=new.category_id,
            category_kind=None if new.category_id is None else leg.category_kind or "EXPENSE",
        )
        if moved != leg:
            # The group's word is newer than the statement's: the lock opens, to be looked at again.
            if leg.status == RECONCILED and (moved.amount_minor, moved.date) != (
                leg.amount_minor,
                leg.date,
            ):
                moved = replace(moved, status="POSTED")
            moved = replace(moved, version=leg.version + 1, updated_at=write.now)
            changed.append((leg, moved))
    await update_rows(write, changed)


async def _bring_back(write: LedgerWrite, old: ShareRow, new: ShareRow) -> None:
    """The leg that went to the trash with its share comes back with it, as far as it still fits."""
    found = await write.tx.rows(
        select(T.c.id).where(
            T.c.ledger_id == write.ledger_id,
            T.c.group_transaction_id == new.id,
            T.c.deleted_at == old.deleted_at,
        )
    )
    keys = [(write.ledger_id, row.id) for row in found]
    rows = [r for r in await transactions_by_id(write.tx, keys, deleted=True) if r is not None]
    accounts = await accounts_by_id(write.tx, [(write.ledger_id, r.account_id) for r in rows])
    fit = [
        row
        for row, account in zip(rows, accounts, strict=True)
        if account is not None and account.currency == new.currency and _moved(new)
    ]
    await restore_rows(write, fit)
    if fit:
        await _change_legs(write, await legs_of(write, [new.id]), old, new)


async def book_leg(
    write: LedgerWrite, share: ShareRow | None, account_id: UUID | None
) -> TransactionRow | None:
    """Book what a share moved on an own account, move it to another one, or take it back (None)."""
    legs = [] if share is None else await legs_of(write, [share.id])
    if account_id is None:
        require_deletable(legs)
        await _trash(write, legs)
        return None
    account = (await accounts_by_id(write.tx, [(write.ledger_id, account_id)]))[0]
    if account is None:
        raise invalid("accountId", "There is no such object.", "NOT_FOUND")
    if share is None or not _moved(share):
        raise invalid("accountId", "You paid nothing here: no account of yours has moved.")
    if account.currency != share.currency:
        message = f"The account is in {account.currency}, this was paid in {share.currency}."
        raise invalid("accountId", message)
    if legs:
        leg = legs[0]
        if leg.account_id == account.id:
            return leg
        moved = replace(leg, account_id=account.id, version=leg.version + 1, updated_at=write.now)
        require_unlocked(leg, moved)
        await update_rows(write, [(leg, moved)])
        return moved
    category = await _category_of(write, share)
    row = TransactionRow(
        ledger_id=write.ledger_id, id=new_id(), account_id=account.id,
        category_id=share.category_id, date=share.date, amount_minor=_moved(share),
        currency=share.currency, description=share.description, payee=None, notes=None, tags=(),
        status="POSTED", split_count=0, splits=(), transfer_id=None, refund_of=None,
        external_id=None, import_id=None, template_id=None, group_id=share.group_id,
        category_kind=category.kind if category else None, content_key=None, deleted_at=None,
        version=1, created_at=write.now, updated_at=write.now, group_transaction_id=share.id,
    )  # fmt: skip
    await insert_rows(write, [row])
    return row


async def _category_of(write: LedgerWrite, share: ShareRow) -> CategoryRow | None:
    if share.category_id is None:
        return None
    return (await categories_by_id(write.tx, [(write.ledger_id, share.category_id)]))[0]


async def own_share(write: LedgerWrite, transaction_id: UUID | None) -> ShareRow:
    """One's share of a group transaction; raises NOT_FOUND."""
    if transaction_id is not None:
        row = (await shares_by_id(write.tx, [(write.ledger_id, transaction_id)]))[0]
        if row is not None:
            return row
    raise NotFound("You have no share in such a group transaction.")


async def categorise_share(
    write: LedgerWrite, transaction_id: UUID | None, category_id: UUID | None
) -> ShareRow:
    """Count an own share under another own category; the group's stays as it is."""
    old = await own_share(write, transaction_id)
    if old.kind == "SETTLEMENT":
        raise Conflict("A settlement is no spending: it has no category.")
    try:
        category = await get_category(write.tx, write.ledger_id, category_id)
    except NotFound as error:
        raise invalid("categoryId", "There is no such object.", "NOT_FOUND") from error
    if category.kind != "EXPENSE":
        raise invalid("categoryId", "The category is of kind INCOME.")
    return await _recategorise(write, old, category)


async def _recategorise(write: LedgerWrite, old: ShareRow, category: CategoryRow) -> ShareRow:
    if old.category_id == category.id:
        return old
    new = replace(old, category_id=category.id, version=old.version + 1, updated_at=write.now)
    await _store(write, new)
    write.figures = True
    write.record("share", "UPDATE", old, new)
    await _change_legs(write, await legs_of(write, [old.id]), old, new)
    return new


async def move_shares(write: LedgerWrite, old: CategoryRow, target: CategoryRow) -> None:
    """Give the shares of a category that goes another one; deleted ones go along unseen."""
    rows = await write.tx.rows(
        select(*SHARE_COLUMNS).where(H.c.ledger_id == write.ledger_id, H.c.category_id == old.id)
    )
    for row in await open_shares(write.tx, rows):
        new = replace(row, category_id=target.id, version=row.version + 1, updated_at=write.now)
        await _store(write, new)
        if row.deleted_at is None:
            write.record("share", "UPDATE", row, new)
