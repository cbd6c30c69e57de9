"""Groups in the graph: people, shared expenses, balances, and the own share of them."""

from graph.groups.mutations import GroupMutations
from graph.groups.queries import GroupQueries, group_connection, share_connection
from graph.groups.recording import GroupTransactionMutations
from graph.groups.records import (
    GroupTransaction,
    GroupTransactionConnection,
    Share,
    ShareConnection,
)
from graph.groups.types import Group, GroupConnection, Member, MemberConnection, Profile

__all__ = [
    "Group",
    "GroupConnection",
    "GroupMutations",
    "GroupQueries",
    "GroupTransaction",
    "GroupTransactionConnection",
    "GroupTransactionMutations",
    "Member",
    "MemberConnection",
    "Profile",
    "Share",
    "ShareConnection",
    "group_connection",
    "share_connection",
]
