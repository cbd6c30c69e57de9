"""Lists, single rules, trials and the writes of rules."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import expected, parsed, raw_value
from graph.paging import After, Before, First, Last, connection
from graph.rules.trials import RuleTest
from graph.rules.types import (
    CreateRuleInput,
    Rule,
    RuleConnection,
    RuleRowsInput,
    TestRuleInput,
    UpdateRuleInput,
)
from graph.scalars import id_of, id_text
from models.rules import RuleRow
from resolvers.errors import invalid
from resolvers.ledgers import LedgerWrite
from resolvers.rules import (
    RowsInput,
    RuleCreate,
    RuleDraft,
    RuleUpdate,
    begin_trial,
    count_rules,
    create_rule,
    delete_rule,
    get_rule,
    list_rules,
    reorder_rules,
    update_rule,
)
from resolvers.rules.writes import MAX_RULES


async def rule_connection(
    info: Info,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    *,
    active: bool | None = None,
) -> Any:
    """A page of the person's rules."""
    actor = info.context.actor
    return await connection(
        info,
        f"rules:{active}",
        lambda tx, page: list_rules(tx, actor, page, active=active),
        lambda tx: count_rules(tx, actor, active=active),
        first=first,
        after=after,
        last=last,
        before=before,
    )


@strawberry.type(description="The rule that was made.")
class CreateRulePayload:
    """Answer of createRule."""

    rule: Rule = plain("The rule.")


@strawberry.type(description="The rule as it is now.")
class UpdateRulePayload:
    """Answer of updateRule."""

    rule: Rule = plain("The rule.")


@strawberry.type(description="The rule that is gone; what it did stays.")
class DeleteRulePayload:
    """Answer of deleteRule."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type(description="All rules in their order.")
class ReorderRulesPayload:
    """Answer of reorderRules."""

    rules: list[Rule] = plain("The rules.")


@strawberry.type
class RuleQueries:
    """Root fields of rules."""

    @strawberry.field(description="Your rules in their order.", graphql_type=RuleConnection)
    async def rules(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        active: Annotated[bool | None, said("Only those that are used, or are not.")] = None,
    ) -> Any:
        """A page of rules."""
        return await rule_connection(info, first, after, last, before, active=active)

    @strawberry.field(description="One rule.", graphql_type=Rule | None)
    async def rule(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Raises NOT_FOUND."""
        context = info.context
        return await get_rule(await context.reader(), context.actor, id_of("rule", id))

    @strawberry.field(
        description="What a rule would match and change among the transactions that are there, as "
        "if it were the only one: nothing is written.",
        graphql_type=RuleTest | None,
    )
    async def test_rule(
        self,
        info: Info,
        rule: Annotated[TestRuleInput, said("The rule, saved or not.")],
        rows: Annotated[RuleRowsInput | None, said("On which transactions; on all.")] = None,
    ) -> Any:
        """Raises VALIDATION_ERROR as createRule does."""
        context = info.context
        draft, wanted = parsed(RuleDraft, rule), parsed(RowsInput, rows)
        return await begin_trial(await context.reader(), context.actor, draft, wanted)


@strawberry.type
class RuleMutations:
    """Writes of rules."""

    @strawberry.mutation(
        description="Make a rule, behind all others: at most 200, with at most 20 MATCHES, "
        "5 in one.",
        graphql_type=CreateRulePayload | None,
    )
    async def create_rule(
        self,
        info: Info,
        input: Annotated[CreateRuleInput, said("What makes it.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a rule."""
        data = parsed(RuleCreate, input)

        async def work(write: LedgerWrite) -> RuleRow:
            return await create_rule(write, data)

        row = await info.context.write(
            "createRule", work, answer=RuleRow, key=idempotency_key, payload=raw_value(input)
        )
        return CreateRulePayload(rule=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Change a rule; what it did to transactions stays.",
        graphql_type=UpdateRulePayload | None,
    )
    async def update_rule(
        self,
        info: Info,
        id: Annotated[ID, said("The rule.")],
        input: Annotated[UpdateRuleInput, said("The new values.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a change."""
        data = parsed(RuleUpdate, input)

        async def work(write: LedgerWrite) -> RuleRow:
            return await update_rule(
                write, id_of("rule", id), data, expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "updateRule",
            work,
            answer=RuleRow,
            key=idempotency_key,
            payload=[id, raw_value(input), expected_version],
        )
        return UpdateRulePayload(rule=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Give all rules their places anew.", graphql_type=ReorderRulesPayload | None
    )
    async def reorder_rules(
        self,
        info: Info,
        ids: Annotated[list[ID], said("Every rule once, in the order that is wanted.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises VALIDATION_ERROR unless every rule is named once."""
        if len(ids) > MAX_RULES:
            raise invalid("ids", f"At most {MAX_RULES} ids.")

        async def work(write: LedgerWrite) -> list[RuleRow]:
            return await reorder_rules(write, [id_of("rule", one) for one in ids])

        rows = await info.context.write(
            "reorderRules", work, answer=list[RuleRow], key=idempotency_key, payload=ids
        )
        return ReorderRulesPayload(rules=rows)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Delete a rule; what it did to transactions stays.",
        graphql_type=DeleteRulePayload | None,
    )
    async def delete_rule(
        self,
        info: Info,
        id: Annotated[ID, said("The rule.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a deletion."""

        async def work(write: LedgerWrite) -> RuleRow:
            return await delete_rule(
                write, id_of("rule", id), expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "deleteRule", work, answer=RuleRow, key=idempotency_key, payload=[id, expected_version]
        )
        return DeleteRulePayload(id=ID(id_text("rule", row.id) or ""), deleted=True)
