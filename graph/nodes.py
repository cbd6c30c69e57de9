"""Node: every stored object can be fetched again by its id alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.context import Batch, Info
from graph.edges import plain
from graph.execution import reads
from graph.scalars import Instant
from models import ids
from models.accounts import AccountRow
from models.budgets import BudgetItemRow, BudgetRow
from models.categories import CategoryRow
from models.groups import GroupRow, GroupTransactionRow, ProfileRow
from models.imports import ImportRunRow
from models.invitations import InvitationRow
from models.notifications import NotificationRow
from models.rates import RateRow
from models.rules import RuleRow, RuleRunRow
from models.templates import TemplateRow
from models.transactions import TransactionRow
from models.uploads import UploadRow
from models.users import UserRow

PREFIX: Final[dict[type, str]] = {
    AccountRow: "acct",
    BudgetRow: "bdgt",
    BudgetItemRow: "item",
    CategoryRow: "cat",
    GroupRow: "grp",
    GroupTransactionRow: "gtxn",
    InvitationRow: "inv",
    ProfileRow: "user",
    TransactionRow: "txn",
    TemplateRow: "tmpl",
    UserRow: "user",
    UploadRow: "file",
    ImportRunRow: "imp",
    NotificationRow: "notif",
    RateRow: "rate",
    RuleRow: "rule",
    RuleRunRow: "run",
}


def _ids_of(kind: type) -> Callable[[Sequence[UUID]], list[str]]:
    """What writes the ids of rows of one kind."""
    return partial(ids.encode_many, PREFIX[kind])


@strawberry.interface(description="An object that has an id and can be fetched by it.")
class Node:
    """Relay's node."""

    @strawberry.field(description="The id of the object: a type name and 26 characters.")
    @reads("id", many_of=_ids_of)
    def id(row: Parent[Any]) -> ID:
        """Wire id by the kind of the row."""
        return ID(ids.encode(PREFIX[type(row)], row.id))


@strawberry.interface(description="An object that is stored and versioned.")
class Stored(Node):
    """What every stored object has beside its id."""

    version: int = plain("Grows with each change of the object; send it as expectedVersion.")
    created_at: Instant = plain("When the object was made.")
    updated_at: Instant = plain("When the object was last changed.")


@dataclass(frozen=True, slots=True)
class NodeKind:
    """How one kind of object is found by its id."""

    prefix: str
    batch: Batch
    key: Callable[[Info, UUID], Any]


KINDS: Final[dict[str, NodeKind]] = {}


def node_kind(prefix: str, batch: Batch, key: Callable[[Info, UUID], Any] | None = None) -> None:
    """Let ``node`` find one kind; by default among the rows of the personal ledger."""
    KINDS[prefix] = NodeKind(prefix, batch, key or (lambda i, u: (i.context.actor.ledger_id, u)))


async def find_node(info: Info, wanted: str) -> Any:
    """The object of an id that the caller may see, else None."""
    context = info.context
    _ = context.actor
    kind = KINDS.get(ids.prefix_of(wanted) or "")
    found = None if kind is None else ids.decode(kind.prefix, wanted)
    if kind is None or found is None:
        return None
    return await context.load(kind.batch, kind.key(info, found))
