"""What a rule would do: tried on the transactions that are there, before it is saved."""

from enum import Enum
from typing import Any, Final

import strawberry
from strawberry import Parent

from graph.context import Info
from graph.edges import plain
from graph.paging import After, Connection, First, connection
from graph.rules.types import LabelsView
from graph.transactions import Transaction, TransactionField
from resolvers.rules import (
    Match,
    Trial,
    changed_fields,
    labels_of,
    trial_page,
)

_WHY: Final = {
    "LOCKED": "A hand has set it.",
    "PRESENT": "It has one, and overwrite is false.",
    "SPLIT": "The split parts have the categories.",
    "GROUP": "It follows the group's transaction.",
    "GONE": "The rule's category was deleted.",
    "FULL": "There is no room for more.",
}


@strawberry.enum(description="Why a rule leaves a field as it is.")
class KeptReason(Enum):
    """Reasons to leave a field."""

    LOCKED = strawberry.enum_value("LOCKED", description=_WHY["LOCKED"])
    PRESENT = strawberry.enum_value("PRESENT", description=_WHY["PRESENT"])
    SPLIT = strawberry.enum_value("SPLIT", description=_WHY["SPLIT"])
    GROUP = strawberry.enum_value("GROUP", description=_WHY["GROUP"])
    GONE = strawberry.enum_value("GONE", description=_WHY["GONE"])
    FULL = strawberry.enum_value("FULL", description=_WHY["FULL"])


@strawberry.type(description="A field that a rule would set and leaves as it is.")
class KeptField:
    """A field with its reason."""

    field: TransactionField = plain("Which one.")
    reason: KeptReason = plain("Why.")


@strawberry.type(description="A transaction that a rule matches, and what it would become.")
class RuleTestRow:
    """A view over Match."""

    @strawberry.field(description="The transaction as it is.")
    def transaction(row: Parent[Match]) -> Transaction:
        """Before."""
        return row.before  # type: ignore[return-value]

    @strawberry.field(description="What the rule would change; nothing where all is so already.")
    def changed_fields(row: Parent[Match]) -> list[TransactionField]:
        """Names of the fields."""
        names = changed_fields(labels_of(row.before), labels_of(row.after))
        return [TransactionField(name) for name in names]

    @strawberry.field(description="How it would be.")
    def after(row: Parent[Match]) -> LabelsView:
        """After."""
        return labels_of(row.after)  # type: ignore[return-value]

    @strawberry.field(description="What the rule would set and leaves as it is.")
    def kept(row: Parent[Match]) -> list[KeptField]:
        """Fields with their reasons."""
        return [
            KeptField(field=TransactionField(name), reason=KeptReason(why))
            for name, why in row.kept.items()
        ]


RuleTestRowConnection = Connection[RuleTestRow]


@strawberry.type(description="A rule tried on the transactions that are there; nothing is written.")
class RuleTest:
    """A view over Trial."""

    @strawberry.field(description="How many transactions it matches.")
    async def matched(row: Parent[Trial], info: Info) -> int:
        """Counted with ``changed`` in one go."""
        return (await row.counts(await info.context.reader())).matched

    @strawberry.field(description="How many of them it would change.")
    async def changed(row: Parent[Trial], info: Info) -> int:
        """Counted with ``matched`` in one go."""
        return (await row.counts(await info.context.reader())).changed

    @strawberry.field(
        description="The transactions that it matches, newest first.",
        graphql_type=RuleTestRowConnection,
    )
    async def rows(row: Parent[Trial], info: Info, first: First = None, after: After = None) -> Any:
        """A page."""

        async def count(tx: Any) -> int:
            return (await row.counts(tx)).matched

        return await connection(
            info,
            "testRule",
            lambda tx, page: trial_page(tx, row, page),
            count,
            first=first,
            after=after,
        )
