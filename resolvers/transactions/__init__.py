"""Transactions: reading them, writing them one by one or in batches, transfers and trash."""

from resolvers.transactions.bulk import BulkResult, RowResult, bulk_create, bulk_delete, bulk_update
from resolvers.transactions.glances import glance_at
from resolvers.transactions.inputs import (
    DERIVED,
    STORED,
    TransactionCreate,
    TransactionFilter,
    TransactionUpdate,
)
from resolvers.transactions.listing import (
    count_transactions,
    list_transactions,
    page_by_account,
    page_by_refunded,
    page_by_template,
    refunded_amounts,
)
from resolvers.transactions.locks import require_deletable, require_unlocked
from resolvers.transactions.reconcile import (
    Candidate,
    ReconcileInput,
    Reconciliation,
    reconcile_account,
)
from resolvers.transactions.rows import (
    any_transactions_by_id,
    transactions_by_id,
)
from resolvers.transactions.trash import delete_transactions, purge_trash, restore_transaction
from resolvers.transactions.walking import walk_transactions
from resolvers.transactions.writes import create_transactions, update_transactions

__all__ = [
    "DERIVED",
    "STORED",
    "BulkResult",
    "Candidate",
    "ReconcileInput",
    "Reconciliation",
    "RowResult",
    "TransactionCreate",
    "TransactionFilter",
    "TransactionUpdate",
    "any_transactions_by_id",
    "bulk_create",
    "bulk_delete",
    "bulk_update",
    "count_transactions",
    "create_transactions",
    "delete_transactions",
    "glance_at",
    "list_transactions",
    "page_by_account",
    "page_by_refunded",
    "page_by_template",
    "purge_trash",
    "reconcile_account",
    "refunded_amounts",
    "require_deletable",
    "require_unlocked",
    "restore_transaction",
    "transactions_by_id",
    "update_transactions",
    "walk_transactions",
]
