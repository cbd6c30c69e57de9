"""Root fields of budgets and their items."""

from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey, Unchanged
from graph.budgets.types import (
    AnalysisDate,
    Budget,
    BudgetAnalysis,
    BudgetConnection,
    BudgetItem,
    BudgetItemConnection,
    CreateBudgetInput,
    CreateBudgetItemInput,
    UpdateBudgetInput,
    UpdateBudgetItemInput,
    analysis_of,
    budget_connection,
)
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import expected, object_or_none, parsed, raw_value
from graph.paging import After, Before, First, Last, connection
from graph.scalars import id_of, id_text
from models.budgets import BudgetItemRow, BudgetRow
from resolvers.budgets import (
    BudgetCreate,
    BudgetItemCreate,
    BudgetItemUpdate,
    BudgetUpdate,
    count_items,
    create_budget,
    create_item,
    delete_budget,
    delete_item,
    get_budget,
    get_item,
    list_items,
    update_budget,
    update_item,
)
from resolvers.errors import NotFound
from resolvers.ledgers import LedgerWrite

BudgetId = Annotated[ID, said("The budget.")]
ItemId = Annotated[ID, said("The item.")]
OfBudget = Annotated[ID | None, said("If given, the item has to be one of this budget.")]


def _budget_of(budget_id: str | None) -> UUID | None:
    """An optional budget; an id that is none fits no item."""
    found = id_of("bdgt", budget_id)
    if budget_id is not None and found is None:
        raise NotFound("There is no such budget.")
    return found


@strawberry.type(description="The budget that was made.")
class CreateBudgetPayload:
    """Answer of createBudget."""

    budget: Budget = plain("The budget.")


@strawberry.type(description="The budget as it is now.")
class UpdateBudgetPayload:
    """Answer of updateBudget."""

    budget: Budget = plain("The budget.")


@strawberry.type(description="The budget that is gone.")
class DeleteBudgetPayload:
    """Answer of deleteBudget."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type(description="The item that was made.")
class CreateBudgetItemPayload:
    """Answer of createBudgetItem."""

    item: BudgetItem = plain("The item.")


@strawberry.type(description="The item as it is now.")
class UpdateBudgetItemPayload:
    """Answer of updateBudgetItem."""

    item: BudgetItem = plain("The item.")


@strawberry.type(description="The item that is gone.")
class DeleteBudgetItemPayload:
    """Answer of deleteBudgetItem."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type
class BudgetQueries:
    """Root fields of budgets."""

    @strawberry.field(description="Your budgets by name.", graphql_type=BudgetConnection)
    async def budgets(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of budgets."""
        return await budget_connection(info, first, after, last, before)

    @strawberry.field(description="One budget.", graphql_type=Budget | None)
    async def budget(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Raises NOT_FOUND."""
        return await _budget(info, id)

    @strawberry.field(
        description="Items of one budget in the order in which they were made.",
        graphql_type=BudgetItemConnection,
    )
    async def budget_items(
        self,
        info: Info,
        budget_id: BudgetId,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """Raises NOT_FOUND."""
        row = await _budget(info, budget_id)
        return await connection(
            info,
            f"budgetItems:{row.id}",
            lambda tx, request: list_items(tx, row, request),
            lambda tx: count_items(tx, row),
            first=first,
            after=after,
            last=last,
            before=before,
        )

    @strawberry.field(description="One item of a budget.", graphql_type=BudgetItem | None)
    async def budget_item(
        self, info: Info, id: Annotated[ID, said("Its id.")], budget_id: OfBudget = None
    ) -> Any:
        """Raises NOT_FOUND."""
        context, budget = info.context, _budget_of(budget_id)
        return await get_item(await context.reader(), context.actor, budget, id_of("item", id))

    @strawberry.field(
        description="How reality compares with a budget in one period.",
        graphql_type=BudgetAnalysis | None,
    )
    async def budget_analysis(self, info: Info, id: BudgetId, date: AnalysisDate = None) -> Any:
        """Raises NOT_FOUND, and VALIDATION_ERROR for a day outside the budget."""
        return await analysis_of(await _budget(info, id), info, date)


async def _budget(info: Info, budget_id: str) -> BudgetRow:
    context = info.context
    return await get_budget(await context.reader(), context.actor, id_of("bdgt", budget_id))


@strawberry.type
class BudgetMutations:
    """Writes of budgets and items."""

    @strawberry.mutation(
        description="Make a budget, with items if they are given.",
        graphql_type=CreateBudgetPayload | None,
    )
    async def create_budget(
        self,
        info: Info,
        input: Annotated[CreateBudgetInput, said("What makes it.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a budget."""
        data = parsed(BudgetCreate, input)

        async def work(write: LedgerWrite) -> BudgetRow:
            return await create_budget(write, data)

        row = await info.context.write(
            "createBudget", work, answer=BudgetRow, key=idempotency_key, payload=raw_value(input)
        )
        return CreateBudgetPayload(budget=row)  # type: ignore[arg-type]

    @strawberry.mutation(description="Change a budget.", graphql_type=UpdateBudgetPayload | None)
    async def update_budget(
        self,
        info: Info,
        id: BudgetId,
        input: Annotated[UpdateBudgetInput, said("The new values.")],
        expected_version: ExpectedVersion = None,
        unchanged: Unchanged = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a change."""
        data = parsed(BudgetUpdate, input)

        async def work(write: LedgerWrite) -> BudgetRow:
            return await update_budget(
                write,
                id_of("bdgt", id),
                data,
                expected_version=expected(expected_version),
                unchanged=dict(object_or_none(unchanged) or {}),
            )

        row = await info.context.write(
            "updateBudget",
            work,
            answer=BudgetRow,
            key=idempotency_key,
            payload=[id, raw_value(input), expected_version],
        )
        return UpdateBudgetPayload(budget=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Delete a budget with its items; no transaction is touched.",
        graphql_type=DeleteBudgetPayload | None,
    )
    async def delete_budget(
        self,
        info: Info,
        id: BudgetId,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Delete for good."""

        async def work(write: LedgerWrite) -> BudgetRow:
            version = expected(expected_version)
            return await delete_budget(write, id_of("bdgt", id), expected_version=version)

        row = await info.context.write(
            "deleteBudget",
            work,
            answer=BudgetRow,
            key=idempotency_key,
            payload=[id, expected_version],
        )
        return DeleteBudgetPayload(id=ID(id_text("bdgt", row.id) or ""), deleted=True)

    @strawberry.mutation(
        description="Plan an amount for one more category of a budget.",
        graphql_type=CreateBudgetItemPayload | None,
    )
    async def create_budget_item(
        self,
        info: Info,
        budget_id: BudgetId,
        input: Annotated[CreateBudgetItemInput, said("What makes it.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write an item."""
        data = parsed(BudgetItemCreate, input)

        async def work(write: LedgerWrite) -> BudgetItemRow:
            return await create_item(write, id_of("bdgt", budget_id), data)

        row = await info.context.write(
            "createBudgetItem",
            work,
            answer=BudgetItemRow,
            key=idempotency_key,
            payload=[budget_id, raw_value(input)],
        )
        return CreateBudgetItemPayload(item=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Change an item of a budget.", graphql_type=UpdateBudgetItemPayload | None
    )
    async def update_budget_item(
        self,
        info: Info,
        id: ItemId,
        input: Annotated[UpdateBudgetItemInput, said("The new values.")],
        budget_id: OfBudget = None,
        expected_version: ExpectedVersion = None,
        unchanged: Unchanged = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a change."""
        data, budget = parsed(BudgetItemUpdate, input), _budget_of(budget_id)

        async def work(write: LedgerWrite) -> BudgetItemRow:
            return await update_item(
                write,
                budget,
                id_of("item", id),
                data,
                expected_version=expected(expected_version),
                unchanged=dict(object_or_none(unchanged) or {}),
            )

        row = await info.context.write(
            "updateBudgetItem",
            work,
            answer=BudgetItemRow,
            key=idempotency_key,
            payload=[budget_id, id, raw_value(input), expected_version],
        )
        return UpdateBudgetItemPayload(item=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Delete an item of a budget.", graphql_type=DeleteBudgetItemPayload | None
    )
    async def delete_budget_item(
        self,
        info: Info,
        id: ItemId,
        budget_id: OfBudget = None,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Delete for good."""
        budget = _budget_of(budget_id)

        async def work(write: LedgerWrite) -> BudgetItemRow:
            version = expected(expected_version)
            return await delete_item(write, budget, id_of("item", id), expected_version=version)

        row = await info.context.write(
            "deleteBudgetItem",
            work,
            answer=BudgetItemRow,
            key=idempotency_key,
            payload=[budget_id, id, expected_version],
        )
        return DeleteBudgetItemPayload(id=ID(id_text("item", row.id) or ""), deleted=True)
