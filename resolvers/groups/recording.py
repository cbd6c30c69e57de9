"""A group's transaction and the writer's own books, written together or not at all.

The write has the group's ledger in front and the writer's personal ledger beside it.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from models.groups import GroupTransactionRow, ShareRow
from resolvers.groups.books import book_leg, own_share, sync_share
from resolvers.groups.entries import (
    create_group_transaction,
    delete_group_transaction,
    restore_group_transaction,
    update_group_transaction,
)
from resolvers.groups.inputs import GroupTransactionCreate, GroupTransactionUpdate
from resolvers.ledgers import LedgerWrite


def own_books(write: LedgerWrite) -> LedgerWrite:
    """The write to the personal ledger."""
    return write.beside[write.actor.ledger_id]


async def record_created(write: LedgerWrite, data: GroupTransactionCreate) -> GroupTransactionRow:
    """Record a group transaction, the own share, and the own leg where an account is named."""
    row = await create_group_transaction(write, data)
    share = await sync_share(own_books(write), row)
    if data.account_id is not None:
        await book_leg(own_books(write), share, data.account_id)
    return row


async def record_updated(
    write: LedgerWrite,
    transaction_id: UUID | None,
    data: GroupTransactionUpdate,
    *,
    expected_version: int | None = None,
    unchanged: Mapping[str, Any] | None = None,
) -> GroupTransactionRow:
    """Change a group transaction; an account of null takes the own leg back."""
    row = await update_group_transaction(
        write, transaction_id, data, expected_version=expected_version, unchanged=unchanged
    )
    share = await sync_share(own_books(write), row)
    # Somebody without a share may send back the null that she got.
    if data.given("account_id") and (share is not None or data.account_id is not None):
        await book_leg(own_books(write), share, data.account_id)
    return row


async def record_deleted(
    write: LedgerWrite, transaction_id: UUID | None, *, expected_version: int | None = None
) -> GroupTransactionRow:
    """Take a group transaction out of the group and the own books."""
    row = await delete_group_transaction(write, transaction_id, expected_version=expected_version)
    await sync_share(own_books(write), row)
    return row


async def record_restored(write: LedgerWrite, transaction_id: UUID | None) -> GroupTransactionRow:
    """Bring a group transaction back into the group and the own books."""
    row = await restore_group_transaction(write, transaction_id)
    await sync_share(own_books(write), row)
    return row


async def book_own_leg(
    write: LedgerWrite, transaction_id: UUID | None, account_id: UUID | None
) -> ShareRow:
    """Book, move or take back the leg of an own share, in the personal ledger alone."""
    share = await own_share(write, transaction_id)
    await book_leg(write, share, account_id)
    return share
