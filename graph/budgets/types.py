"""What budgets, items and analyses look like in the graph."""

from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.categories import Category
from graph.context import Info
from graph.edges import edge, own_ledger, plain, said
from graph.explained import ExplainedRowConnection, explained
from graph.nodes import Stored, node_kind
from graph.paging import After, Connection, First, connection
from graph.rates import MissingRate, StaleRate
from graph.scalars import Amount, Date, id_text
from models.budgets import BudgetItemRow, BudgetRow
from resolvers.budgets import (
    Analysis,
    Figures,
    ItemAnalysis,
    analyses_of,
    budgets_by_id,
    count_budgets,
    day_within,
    items_by_id,
    list_budgets,
)
from resolvers.categories import categories_by_id
from resolvers.money import format_minor

node_kind("bdgt", budgets_by_id)
node_kind("item", items_by_id)


@strawberry.enum(description="How often a budget begins anew.")
class BudgetPeriod(Enum):
    """Periods of budgets."""

    WEEKLY = strawberry.enum_value("WEEKLY", description="Every 7 days from the start.")
    BIWEEKLY = strawberry.enum_value("BIWEEKLY", description="Every 14 days from the start.")
    MONTHLY = strawberry.enum_value(
        "MONTHLY", description="On the start's day of each month, or its last day if it is shorter."
    )
    QUARTERLY = strawberry.enum_value("QUARTERLY", description="Every three months.")
    YEARLY = strawberry.enum_value("YEARLY", description="Every twelve months.")
    CUSTOM = strawberry.enum_value("CUSTOM", description="Once, from the start to the end.")


@strawberry.enum(description="What a period leaves to the next one.")
class BudgetCarry(Enum):
    """Policies of carrying over."""

    NONE = strawberry.enum_value("NONE", description="Nothing: each period begins at zero.")
    SURPLUS = strawberry.enum_value(
        "SURPLUS", description="What is left over; what is overspent is forgiven."
    )
    BOTH = strawberry.enum_value("BOTH", description="What is left over and what is overspent.")


def _amount(minor: int | None, currency: str) -> Amount | None:
    return None if minor is None else Amount(format_minor(minor, currency))


@strawberry.type
class _Compared:
    """Fields that an item and a whole budget have in common: views over their figures."""

    @strawberry.field(description="The plan for the period.")
    def budgeted(row: Parent[Any]) -> Amount:
        """Amount text."""
        figures: Figures = row.figures
        return Amount(format_minor(figures.budgeted_minor, figures.currency))

    @strawberry.field(
        description="What earlier periods left: below zero when they were overspent and that is "
        "carried; null where a rate is missing."
    )
    def carried(row: Parent[Any]) -> Amount | None:
        """Amount text."""
        return _amount(row.figures.carried_minor, row.figures.currency)

    @strawberry.field(
        description="What happened: spending is positive and refunds net it, income is positive "
        "in its own items; null where a rate is missing."
    )
    def actual(row: Parent[Any]) -> Amount | None:
        """Amount text."""
        return _amount(row.figures.actual_minor, row.figures.currency)

    @strawberry.field(description="Budgeted and carried less actual; null where a rate is missing.")
    def remaining(row: Parent[Any]) -> Amount | None:
        """Amount text."""
        return _amount(row.figures.remaining_minor, row.figures.currency)

    @strawberry.field(
        description="Actual in percent of budgeted and carried, with one decimal; null where a "
        "rate is missing or nothing is there to be used.",
        graphql_type=float | None,
    )
    def percent_used(row: Parent[Any]) -> Any:
        """An exact decimal that the executor writes as a number."""
        found: Decimal | None = row.figures.percent_used
        return found

    @strawberry.field(
        description="The parts that ``actual`` is made of, newest first: what they count sums to "
        "it.",
        graphql_type=ExplainedRowConnection,
    )
    async def rows(row: Parent[Any], info: Info, first: First = None, after: After = None) -> Any:
        """A page of parts."""
        return await explained(info, row.rows, first, after)


@strawberry.type(description="One item of a budget in one period.")
class BudgetItemAnalysis(_Compared):
    """A view over ItemAnalysis."""

    item: "BudgetItem" = plain("The item.")
    category: Category = edge(
        categories_by_id, lambda row, _: (row.item.ledger_id, row.item.category_id), "Its category."
    )

    @strawberry.field(description="The item.")
    def item_id(row: Parent[ItemAnalysis]) -> ID:
        """Wire id."""
        return ID(id_text("item", row.item.id) or "")

    @strawberry.field(description="Its category.")
    def category_id(row: Parent[ItemAnalysis]) -> ID:
        """Wire id."""
        return ID(id_text("cat", row.item.category_id) or "")


@strawberry.type(
    description="How reality compares with a budget in one period: without transfers, with what is "
    "pending or dated later in the period. Totals are those of the EXPENSE items."
)
class BudgetAnalysis(_Compared):
    """A view over Analysis."""

    currency: str = plain("ISO 4217 code of all amounts.")
    from_: Date = plain("First day of the period.", name="from")
    to: Date = plain("Last day of the period.")
    items: list[BudgetItemAnalysis] = plain("Each item; subcategories count into their parent's.")
    missing_rates: list[MissingRate] = plain("What would have to be known to convert all amounts.")
    stale_rates: list[StaleRate] = plain("Rates older than seven days that had to serve.")

    @strawberry.field(description="The budget.")
    def budget_id(row: Parent[Analysis]) -> ID:
        """Wire id."""
        return ID(id_text("bdgt", row.budget_id) or "")

    @strawberry.field(
        description="Spending that no item covers, uncategorised too; null where a rate is missing."
    )
    def unbudgeted(row: Parent[Analysis]) -> Amount | None:
        """Amount text."""
        return _amount(row.unbudgeted_minor, row.currency)

    @strawberry.field(
        description="The parts that ``unbudgeted`` is made of, newest first.",
        graphql_type=ExplainedRowConnection,
    )
    async def unbudgeted_rows(
        row: Parent[Analysis], info: Info, first: First = None, after: After = None
    ) -> Any:
        """A page of parts."""
        return await explained(info, row.unbudgeted_rows, first, after)


AnalysisDate = Annotated[
    Date | None,
    said("A day of the period that is meant: today if absent, or the budget's nearest day."),
]


async def analysis_of(row: BudgetRow, info: Info, date: Any) -> Any:
    """One analysis; those of a list load together."""
    context = info.context
    return await context.load(analyses_of, (row, day_within(row, date, context.actor.today)))


@strawberry.type(description="What a budget plans for one category in each period.")
class BudgetItem(Stored):
    """A view over BudgetItemRow."""

    carry: BudgetCarry = plain("What a period leaves to the next one.")
    category: Category = edge(categories_by_id, own_ledger("category_id"), "The category.")
    budget: "Budget" = edge(budgets_by_id, own_ledger("budget_id"), "The budget.")

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is an item."""
        return isinstance(obj, BudgetItemRow)

    @strawberry.field(description="The budget.")
    def budget_id(row: Parent[BudgetItemRow]) -> ID:
        """Wire id."""
        return ID(id_text("bdgt", row.budget_id) or "")

    @strawberry.field(description="The category; those below it count into the item, too.")
    def category_id(row: Parent[BudgetItemRow]) -> ID:
        """Wire id."""
        return ID(id_text("cat", row.category_id) or "")

    @strawberry.field(description="The plan for a period, zero or more, in the budget's currency.")
    def amount(row: Parent[BudgetItemRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.amount_minor, row.currency))


@strawberry.type(description="A plan that repeats period by period.")
class Budget(Stored):
    """A view over BudgetRow."""

    name: str = plain("How the budget is called.")
    period: BudgetPeriod = plain("How often it begins anew.")
    start_date: Date = plain("First day of the first period; the others follow from it.")
    end_date: Date | None = plain("Last day of the last period; absent: it goes on.")
    currency: str = plain("ISO 4217 code of all its amounts; fixed while it has items.")
    alert_percents: list[int] = plain("Shares of use, in percent, at which you want to know.")
    items: list[BudgetItem] = plain("Its items in the order in which they were made.")

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a budget."""
        return isinstance(obj, BudgetRow)

    @strawberry.field(
        description="How reality compares in one period.", graphql_type=BudgetAnalysis
    )
    async def analysis(row: Parent[BudgetRow], info: Info, date: AnalysisDate = None) -> Any:
        """Raises VALIDATION_ERROR for a day outside the budget."""
        return await analysis_of(row, info, date)


BudgetConnection = Connection[Budget]
BudgetItemConnection = Connection[BudgetItem]


async def budget_connection(
    info: Info, first: int | None, after: str | None, last: int | None, before: str | None
) -> Any:
    """A page of the person's budgets."""
    actor = info.context.actor
    return await connection(
        info,
        "budgets",
        lambda tx, request: list_budgets(tx, actor, request),
        lambda tx: count_budgets(tx, actor),
        first=first,
        after=after,
        last=last,
        before=before,
    )


@strawberry.input(description="What plans an amount for a category.")
class CreateBudgetItemInput:
    """Fields of a new item."""

    category_id: ID = strawberry.field(description="The category: one item each in a budget.")
    amount: Amount = strawberry.field(description="Zero or more, in the budget's currency.")
    carry: BudgetCarry | None = strawberry.field(
        default=UNSET, description="What a period leaves to the next one (NONE)."
    )


@strawberry.input(description="What changes an item: absent stays.")
class UpdateBudgetItemInput:
    """Changeable fields of an item."""

    category_id: ID | None = strawberry.field(default=UNSET, description="Another category.")
    amount: Amount | None = strawberry.field(default=UNSET, description="Zero or more.")
    carry: BudgetCarry | None = strawberry.field(
        default=UNSET, description="What a period leaves to the next one."
    )


@strawberry.input(description="What makes a budget, its items along with it if they are given.")
class CreateBudgetInput:
    """Fields of a new budget."""

    name: str = strawberry.field(description="1 to 200 characters.")
    period: BudgetPeriod = strawberry.field(description="How often it begins anew.")
    start_date: Date = strawberry.field(description="First day of the first period.")
    end_date: Date | None = strawberry.field(
        default=UNSET, description="Last day of the last period; a CUSTOM budget needs it."
    )
    currency: str | None = strawberry.field(
        default=UNSET, description="ISO 4217 code; your base currency if absent."
    )
    alert_percents: list[int] | None = strawberry.field(
        default=UNSET, description="Up to 10 shares of 1 to 1,000 percent (80 and 100)."
    )
    items: list[CreateBudgetItemInput] | None = strawberry.field(
        default=UNSET, description="Up to 200 items, one a category."
    )


@strawberry.input(description="What changes a budget: absent stays, null clears.")
class UpdateBudgetInput:
    """Changeable fields of a budget; its items have operations of their own."""

    name: str | None = strawberry.field(default=UNSET, description="1 to 200 characters.")
    period: BudgetPeriod | None = strawberry.field(default=UNSET, description="How often.")
    start_date: Date | None = strawberry.field(default=UNSET, description="First day of all.")
    end_date: Date | None = strawberry.field(default=UNSET, description="Last day of all.")
    currency: str | None = strawberry.field(
        default=UNSET, description="ISO 4217 code; only while the budget has no items."
    )
    alert_percents: list[int] | None = strawberry.field(
        default=UNSET, description="Up to 10 shares of 1 to 1,000 percent; replaces all."
    )
