"""Transactions in the graph: types, lists and writes."""

from graph.transactions.bulk import BulkMutations
from graph.transactions.mutations import TransactionMutations
from graph.transactions.queries import (
    TransactionQueries,
    transaction_connection,
)
from graph.transactions.reconcile import ReconcileMutations
from graph.transactions.types import (
    Transaction,
    TransactionConnection,
    TransactionField,
    TransactionFilterInput,
    TransactionSort,
)

__all__ = [
    "BulkMutations",
    "ReconcileMutations",
    "Transaction",
    "TransactionConnection",
    "TransactionField",
    "TransactionFilterInput",
    "TransactionMutations",
    "TransactionQueries",
    "TransactionSort",
    "transaction_connection",
]
