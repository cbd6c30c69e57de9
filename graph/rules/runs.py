"""Runs of rules in the graph: over what is there, followed, and taken back."""

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey
from graph.context import Info
from graph.edges import edge, own_ledger, plain, said
from graph.inputs import expected, parsed, raw_value
from graph.nodes import Stored, node_kind
from graph.paging import After, Before, Connection, First, Last, connection
from graph.rules.types import LabelsView, Rule
from graph.scalars import Date, Instant, id_of, id_text
from graph.transactions import Transaction, TransactionField
from models.rules import RuleChangeRow, RuleRunRow
from resolvers.ledgers import LedgerWrite
from resolvers.rules import (
    RunInput,
    changed_fields,
    count_changes,
    count_runs,
    get_run,
    list_changes,
    list_runs,
    rules_by_id,
    runs_by_id,
    start_run,
    start_undo,
)
from resolvers.transactions import transactions_by_id

node_kind("run", runs_by_id)


@strawberry.enum(description="How far a run of rules has come.")
class RuleRunStatus(Enum):
    """Statuses of runs."""

    PROCESSING = strawberry.enum_value("PROCESSING", description="Queued or running.")
    COMPLETED = strawberry.enum_value("COMPLETED", description="Done.")
    FAILED = strawberry.enum_value(
        "FAILED", description="Given up; what it did until then stands and can be taken back."
    )
    UNDOING = strawberry.enum_value("UNDOING", description="Being taken back.")
    UNDONE = strawberry.enum_value("UNDONE", description="Taken back.")


@strawberry.enum(description="What became of a change when its run was taken back.")
class RuleChangeOutcome(Enum):
    """Outcomes of changes."""

    RESTORED = strawberry.enum_value("RESTORED", description="All is as it was before.")
    PARTLY = strawberry.enum_value("PARTLY", description="Some fields are; see kept.")
    KEPT = strawberry.enum_value("KEPT", description="Nothing was given back; see kept.")


@strawberry.enum(description="Why a field was not given back.")
class NotRestored(Enum):
    """Reasons to keep what a run has set."""

    EDITED = strawberry.enum_value("EDITED", description="It was changed since.")
    DELETED = strawberry.enum_value("DELETED", description="The transaction was deleted.")
    GONE = strawberry.enum_value("GONE", description="The category that it had was deleted.")


@strawberry.type(description="A field that was not given back.")
class KeptChange:
    """A field with its reason."""

    field: TransactionField = plain("Which one.")
    reason: NotRestored = plain("Why.")


@strawberry.type(description="What a run changed on one transaction.")
class RuleChange:
    """A view over RuleChangeRow."""

    before: LabelsView = plain("How it was.")
    after: LabelsView = plain("How the run left it.")
    transaction: Transaction | None = edge(
        transactions_by_id, own_ledger("transaction_id"), "The transaction; null in the trash."
    )

    @strawberry.field(description="The transaction.")
    def transaction_id(row: Parent[RuleChangeRow]) -> ID:
        """Wire id."""
        return ID(id_text("txn", row.transaction_id) or "")

    @strawberry.field(description="What was changed.")
    def changed_fields(row: Parent[RuleChangeRow]) -> list[TransactionField]:
        """As enums."""
        return [TransactionField(name) for name in changed_fields(row.before, row.after)]

    @strawberry.field(description="The rules that matched it, in their order.")
    def rule_ids(row: Parent[RuleChangeRow]) -> list[ID]:
        """Wire ids."""
        return [ID(id_text("rule", one) or "") for one in row.rule_ids]

    @strawberry.field(description="What became of it when the run was taken back.")
    def outcome(row: Parent[RuleChangeRow]) -> RuleChangeOutcome | None:
        """As an enum."""
        return None if row.outcome is None else RuleChangeOutcome(row.outcome)

    @strawberry.field(description="What was not given back.")
    def kept(row: Parent[RuleChangeRow]) -> list[KeptChange]:
        """Fields with their reasons."""
        pairs = [one.split(":") for one in row.kept]
        return [
            KeptChange(field=TransactionField(name), reason=NotRestored(why)) for name, why in pairs
        ]


RuleChangeConnection = Connection[RuleChange]


@strawberry.type(
    description="Rules run over the transactions that are there, with the rules as they were then."
)
class RuleRun(Stored):
    """A view over RuleRunRow."""

    status: RuleRunStatus = plain("How far it has come.")
    overwrite: bool = plain("Whether categories that no hand has set give way.")
    rows_done: int = plain("Transactions that were looked at.")
    rows_total: int | None = plain("Transactions to look at, once they are counted.")
    changed: int = plain("Transactions that were changed.")
    restored: int = plain("Of these, how many are as before again.")
    kept: int = plain("Of these, how many could not be given back as a whole.")
    error_code: str | None = plain(
        "Why it was given up: PATTERN_TOO_COSTLY for a regular expression with too many ways "
        "to go, INTERNAL_ERROR for what is not your doing."
    )
    started_at: Instant | None = plain("When a worker took it up.")
    finished_at: Instant | None = plain("When it ended.")

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a run."""
        return isinstance(obj, RuleRunRow)

    @strawberry.field(name="from", description="First posting date.")
    def from_(row: Parent[RuleRunRow]) -> Date | None:
        """A day."""
        return None if row.from_date is None else Date(row.from_date)

    @strawberry.field(description="Last posting date.")
    def to(row: Parent[RuleRunRow]) -> Date | None:
        """A day."""
        return None if row.to_date is None else Date(row.to_date)

    @strawberry.field(description="Only of this account.")
    def account_id(row: Parent[RuleRunRow]) -> ID | None:
        """Wire id."""
        return id_text("acct", row.account_id)

    @strawberry.field(description="The rules, in their order.")
    def rule_ids(row: Parent[RuleRunRow]) -> list[ID]:
        """Wire ids."""
        return [ID(id_text("rule", one) or "") for one in row.rule_ids]

    @strawberry.field(
        description="The rules as they are now, but for those that are deleted.",
        graphql_type=list[Rule],
    )
    async def rules(row: Parent[RuleRunRow], info: Info) -> Any:
        """Rules of all runs load together."""
        load = info.context.load
        found = [await load(rules_by_id, (row.ledger_id, one)) for one in row.rule_ids]
        return [one for one in found if one is not None]

    @strawberry.field(
        description="What it changed, in the order of its going.",
        graphql_type=RuleChangeConnection,
    )
    async def changes(
        row: Parent[RuleRunRow],
        info: Info,
        first: First = None,
        after: After = None,
        outcome: Annotated[
            RuleChangeOutcome | None, said("Only changes that came to this.")
        ] = None,
    ) -> Any:
        """A page of changes."""
        ledger, word = row.ledger_id, raw_value(outcome)
        return await connection(
            info,
            f"run:{row.id}:{word}",
            lambda tx, page: list_changes(tx, ledger, row.id, page, outcome=word),
            lambda tx: count_changes(tx, ledger, row.id, outcome=word),
            first=first,
            after=after,
        )


RuleRunConnection = Connection[RuleRun]


@strawberry.input(description="Which rules are run, and over which transactions.")
class RunRulesInput:
    """Fields of a run."""

    rule_ids: list[ID] | None = strawberry.field(
        default=UNSET, description="These, active or not; all active ones if absent."
    )
    from_: Date | None = strawberry.field(
        name="from", default=UNSET, description="First posting date."
    )
    to: Date | None = strawberry.field(default=UNSET, description="Last posting date.")
    account_id: ID | None = strawberry.field(default=UNSET, description="Of this account.")
    overwrite: bool | None = strawberry.field(
        default=UNSET,
        description="Whether a category that a file, a template or an earlier rule has set gives "
        "way (false). What a hand has set never does.",
    )


@strawberry.type(description="The run, whose work goes on.")
class RunRulesPayload:
    """Answer of runRules."""

    run: RuleRun = plain("The run.")


@strawberry.type(description="The run that is being taken back.")
class UndoRuleRunPayload:
    """Answer of undoRuleRun."""

    run: RuleRun = plain("The run.")


@strawberry.type
class RuleRunQueries:
    """Root fields of runs."""

    @strawberry.field(
        description="Your runs of rules, newest first.", graphql_type=RuleRunConnection
    )
    async def rule_runs(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of runs."""
        actor = info.context.actor
        return await connection(
            info,
            "ruleRuns",
            lambda tx, page: list_runs(tx, actor, page),
            lambda tx: count_runs(tx, actor),
            first=first,
            after=after,
            last=last,
            before=before,
        )

    @strawberry.field(description="One run of rules.", graphql_type=RuleRun | None)
    async def rule_run(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Raises NOT_FOUND."""
        context = info.context
        return await get_run(await context.reader(), context.actor, id_of("run", id))


@strawberry.type
class RuleRunMutations:
    """Writes of runs."""

    @strawberry.mutation(
        description="Run rules over the transactions that are there; a worker does it, one run at "
        "a time. undoRuleRun takes it back.",
        graphql_type=RunRulesPayload | None,
    )
    async def run_rules(
        self,
        info: Info,
        input: Annotated[RunRulesInput | None, said("Which; all over all.")] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT while another run is under way."""
        data = parsed(RunInput, input)

        async def work(write: LedgerWrite) -> RuleRunRow:
            return await start_run(write, data)

        row = await info.context.write(
            "runRules", work, answer=RuleRunRow, key=idempotency_key, payload=raw_value(input)
        )
        return RunRulesPayload(run=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Take a run back: what it changed is as before again, but for what was changed "
        "since, which is told.",
        graphql_type=UndoRuleRunPayload | None,
    )
    async def undo_rule_run(
        self,
        info: Info,
        id: Annotated[ID, said("The run.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT for a run that goes on or was taken back."""

        async def work(write: LedgerWrite) -> RuleRunRow:
            return await start_undo(
                write, id_of("run", id), expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "undoRuleRun",
            work,
            answer=RuleRunRow,
            key=idempotency_key,
            payload=[id, expected_version],
        )
        return UndoRuleRunPayload(run=row)  # type: ignore[arg-type]
