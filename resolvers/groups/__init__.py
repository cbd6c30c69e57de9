"""Groups: people who share expenses, who owes whom, and what each books of it in her own ledger.

Reports read ``own_shares`` (own spending) and ``receivables`` (what groups owe), and leave out
transactions with a ``group_id``.
"""

from resolvers.groups.balances import Balance, Debt, GroupBalances, balances_of
from resolvers.groups.books import categorise_share, legs_by_share, move_shares
from resolvers.groups.entries import SYNC_SHARE, move_group_transactions
from resolvers.groups.inputs import (
    GroupCreate,
    GroupTransactionCreate,
    GroupTransactionFilter,
    GroupTransactionUpdate,
    GroupUpdate,
    MemberUpdate,
)
from resolvers.groups.members import (
    FAREWELL,
    add_member,
    enter,
    forget_member,
    remove_member,
    update_member,
)
from resolvers.groups.recording import (
    book_own_leg,
    record_created,
    record_deleted,
    record_restored,
    record_updated,
)
from resolvers.groups.rows import (
    count_groups,
    count_members,
    get_group,
    get_member,
    groups_by_id,
    list_groups,
    list_members,
    members_by_id,
    members_of,
    profiles_by_id,
    require_owner,
    roles_by_key,
)
from resolvers.groups.shares import (
    ShareFilter,
    count_shares,
    list_shares,
    own_shares,
    receivables,
    shares_by_id,
)
from resolvers.groups.transactions import (
    count_group_transactions,
    get_group_transaction,
    group_transactions_anywhere,
    group_transactions_by_id,
    list_group_transactions,
    page_by_group,
)
from resolvers.groups.writes import create_group, delete_group, founding, update_group

__all__ = [
    "FAREWELL",
    "SYNC_SHARE",
    "Balance",
    "Debt",
    "GroupBalances",
    "GroupCreate",
    "GroupTransactionCreate",
    "GroupTransactionFilter",
    "GroupTransactionUpdate",
    "GroupUpdate",
    "MemberUpdate",
    "ShareFilter",
    "add_member",
    "balances_of",
    "book_own_leg",
    "categorise_share",
    "count_group_transactions",
    "count_groups",
    "count_members",
    "count_shares",
    "create_group",
    "delete_group",
    "enter",
    "forget_member",
    "founding",
    "get_group",
    "get_group_transaction",
    "get_member",
    "group_transactions_anywhere",
    "group_transactions_by_id",
    "groups_by_id",
    "legs_by_share",
    "list_group_transactions",
    "list_groups",
    "list_members",
    "list_shares",
    "members_by_id",
    "members_of",
    "move_group_transactions",
    "move_shares",
    "own_shares",
    "page_by_group",
    "profiles_by_id",
    "receivables",
    "record_created",
    "record_deleted",
    "record_restored",
    "record_updated",
    "remove_member",
    "require_owner",
    "roles_by_key",
    "shares_by_id",
    "update_group",
    "update_member",
]
