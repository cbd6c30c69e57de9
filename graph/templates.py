"""Recurring templates in the graph."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.accounts import Account, ExpectedVersion, IdempotencyKey, Unchanged
from graph.categories import Category
from graph.context import Info
from graph.edges import edge, own_ledger, plain, said
from graph.inputs import expected, object_or_none, parsed, raw_value
from graph.listing import newest_of_template
from graph.nodes import Stored, node_kind
from graph.paging import After, Before, Connection, First, Last, connection
from graph.scalars import Amount, Date, id_of, id_text
from models.templates import TemplateRow
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.inputs import parse
from resolvers.ledgers import LedgerWrite
from resolvers.money import format_minor
from resolvers.templates import (
    Executed,
    Progress,
    TemplateCreate,
    TemplateExecute,
    TemplateUpdate,
    count_templates,
    create_template,
    delete_template,
    execute_template,
    get_template,
    list_templates,
    progress_of,
    templates_by_id,
    update_template,
)

if TYPE_CHECKING:
    from graph.transactions.types import Transaction

node_kind("tmpl", templates_by_id)


@strawberry.enum(description="In which unit a template repeats.")
class TemplateFrequency(Enum):
    """Frequencies of templates."""

    DAILY = strawberry.enum_value("DAILY", description="Every so many days.")
    WEEKLY = strawberry.enum_value("WEEKLY", description="Every so many weeks.")
    MONTHLY = strawberry.enum_value("MONTHLY", description="Every so many months.")
    YEARLY = strawberry.enum_value("YEARLY", description="Every so many years.")


@strawberry.enum(description="What happens to a date that falls on a Saturday or Sunday.")
class WeekendPolicy(Enum):
    """Weekend policies of templates."""

    NONE = strawberry.enum_value("NONE", description="It stays.")
    BEFORE = strawberry.enum_value("BEFORE", description="It moves to the Friday before.")
    AFTER = strawberry.enum_value("AFTER", description="It moves to the Monday after.")
    SKIP = strawberry.enum_value("SKIP", description="It is left out.")


async def _progress(row: TemplateRow, info: Info) -> Progress:
    found: Progress = await info.context.load(progress_of, (row, info.context.actor.today))
    return found


@strawberry.type(description="A transaction that repeats: what is booked, and on which dates.")
class Template(Stored):
    """A view over TemplateRow."""

    name: str = plain("How the template is called.")
    currency: str = plain("ISO 4217 code, the account's.")
    description: str = plain("What its transactions say.")
    payee: str | None = plain("Who is paid, or who pays.")
    frequency: TemplateFrequency = plain("The unit of its interval.")
    interval: int = plain("Every how many days, weeks, months or years.")
    day_of_month: int | None = plain("1 to 31, clamped to the month's end; the start's if absent.")
    weekend_policy: WeekendPolicy = plain("What happens to dates on a weekend.")
    start_date: Date = plain("Every date is counted from here.")
    end_date: Date | None = plain("No planned date lies after it.")
    auto_post: bool = plain("Whether its transactions are booked by themselves when due.")
    account: Account | None = edge(
        accounts_by_id, own_ledger("account_id"), "The account; null while it lies in the trash."
    )
    category: Category | None = edge(
        categories_by_id, own_ledger("category_id"), "The category of its transactions."
    )

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a template."""
        return isinstance(obj, TemplateRow)

    @strawberry.field(description="The account, which fixes the currency.")
    def account_id(row: Parent[TemplateRow]) -> ID:
        """Wire id."""
        return ID(id_text("acct", row.account_id) or "")

    @strawberry.field(description="The category of its transactions.")
    def category_id(row: Parent[TemplateRow]) -> ID | None:
        """Wire id."""
        return id_text("cat", row.category_id)

    @strawberry.field(description="Signed: money in is positive, money out negative.")
    def amount(row: Parent[TemplateRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.amount_minor, row.currency))

    @strawberry.field(
        description="The first date after today that has no transaction; null after the last."
    )
    async def next_date(row: Parent[TemplateRow], info: Info) -> Date | None:
        """Derived from the schedule and what is done."""
        found = (await _progress(row, info)).next_date
        return None if found is None else Date(found)

    @strawberry.field(
        description="Due dates since the start without a transaction: the oldest 100."
    )
    async def missing_dates(row: Parent[TemplateRow], info: Info) -> list[Date]:
        """Derived from the schedule and what is done."""
        return [Date(day) for day in (await _progress(row, info)).missing_dates]

    @strawberry.field(
        description="The transactions that it made, newest first.",
        graphql_type=Connection[
            Annotated["Transaction", strawberry.lazy("graph.transactions.types")]
        ],
    )
    async def transactions(
        row: Parent[TemplateRow], info: Info, first: First = None, after: After = None
    ) -> Any:
        """First pages of many templates load together."""
        return await newest_of_template(row, info, first, after)


TemplateConnection = Connection[Template]


async def template_connection(
    info: Info, first: int | None, after: str | None, last: int | None, before: str | None
) -> Any:
    """A page of the person's templates."""
    actor = info.context.actor
    return await connection(
        info,
        "templates",
        lambda tx, request: list_templates(tx, actor, request),
        lambda tx: count_templates(tx, actor),
        first=first,
        after=after,
        last=last,
        before=before,
    )


@strawberry.input(description="What makes a recurring template.")
class CreateTemplateInput:
    """Fields of a new template."""

    name: str = strawberry.field(description="1 to 200 characters.")
    account_id: ID = strawberry.field(description="The account, which fixes the currency.")
    amount: Amount = strawberry.field(description="Signed: money in +, money out -.")
    description: str = strawberry.field(description="1 to 500 characters.")
    frequency: TemplateFrequency = strawberry.field(description="The unit of its interval.")
    start_date: Date = strawberry.field(description="Every date is counted from here.")
    interval: int | None = strawberry.field(default=UNSET, description="Every how many (1).")
    day_of_month: int | None = strawberry.field(
        default=UNSET, description="1 to 31, clamped; only for MONTHLY and YEARLY."
    )
    weekend_policy: WeekendPolicy | None = strawberry.field(default=UNSET, description="NONE.")
    end_date: Date | None = strawberry.field(default=UNSET, description="Its last possible date.")
    category_id: ID | None = strawberry.field(default=UNSET, description="The category.")
    payee: str | None = strawberry.field(default=UNSET, description="Up to 200 characters.")
    auto_post: bool | None = strawberry.field(
        default=UNSET, description="Book by itself when due, past dates at once (false)."
    )


@strawberry.input(description="What changes a template: absent stays, null clears.")
class UpdateTemplateInput:
    """Changeable fields of a template."""

    name: str | None = strawberry.field(default=UNSET, description="1 to 200 characters.")
    account_id: ID | None = strawberry.field(
        default=UNSET, description="Of another currency only with the amount in it."
    )
    amount: Amount | None = strawberry.field(default=UNSET, description="Signed.")
    description: str | None = strawberry.field(default=UNSET, description="1 to 500 characters.")
    frequency: TemplateFrequency | None = strawberry.field(default=UNSET, description="The unit.")
    start_date: Date | None = strawberry.field(
        default=UNSET, description="Every date is counted from here."
    )
    interval: int | None = strawberry.field(default=UNSET, description="Every how many.")
    day_of_month: int | None = strawberry.field(
        default=UNSET, description="1 to 31, clamped; only for MONTHLY and YEARLY."
    )
    weekend_policy: WeekendPolicy | None = strawberry.field(
        default=UNSET, description="What happens to dates on a weekend."
    )
    end_date: Date | None = strawberry.field(default=UNSET, description="Its last possible date.")
    category_id: ID | None = strawberry.field(default=UNSET, description="The category.")
    payee: str | None = strawberry.field(default=UNSET, description="Up to 200 characters.")
    auto_post: bool | None = strawberry.field(
        default=UNSET, description="Book by itself when due, past dates at once."
    )


@strawberry.type(description="The template that was made.")
class CreateTemplatePayload:
    """Answer of createTemplate."""

    template: Template = plain("The template.")


@strawberry.type(description="The template as it is now.")
class UpdateTemplatePayload:
    """Answer of updateTemplate."""

    template: Template = plain("The template.")


@strawberry.type(description="The template that is gone; its transactions stay.")
class DeleteTemplatePayload:
    """Answer of deleteTemplate."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type(description="The one transaction of a template's date.")
class ExecuteTemplatePayload:
    """Answer of executeTemplate."""

    transaction: Annotated["Transaction", strawberry.lazy("graph.transactions.types")] = plain(
        "The transaction."
    )
    created: bool = plain("False if it was there already.")


@strawberry.type
class TemplateQueries:
    """Root fields of templates."""

    @strawberry.field(
        description="Your recurring templates by name.", graphql_type=TemplateConnection
    )
    async def templates(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of templates."""
        return await template_connection(info, first, after, last, before)

    @strawberry.field(description="One recurring template.", graphql_type=Template | None)
    async def template(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Raises NOT_FOUND."""
        context = info.context
        return await get_template(await context.reader(), context.actor, id_of("tmpl", id))


@strawberry.type
class TemplateMutations:
    """Writes of templates."""

    @strawberry.mutation(
        description="Make a recurring template.", graphql_type=CreateTemplatePayload | None
    )
    async def create_template(
        self,
        info: Info,
        input: Annotated[CreateTemplateInput, said("What makes it.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a template."""
        data = parsed(TemplateCreate, input)

        async def work(write: LedgerWrite) -> TemplateRow:
            return await create_template(write, data)

        row = await info.context.write(
            "createTemplate",
            work,
            answer=TemplateRow,
            key=idempotency_key,
            payload=raw_value(input),
        )
        return CreateTemplatePayload(template=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Change a template. What it made stays; another schedule is for later dates only.",
        graphql_type=UpdateTemplatePayload | None,
    )
    async def update_template(
        self,
        info: Info,
        id: Annotated[ID, said("The template.")],
        input: Annotated[UpdateTemplateInput, said("The new values.")],
        expected_version: ExpectedVersion = None,
        unchanged: Unchanged = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a change."""
        data = parsed(TemplateUpdate, input)

        async def work(write: LedgerWrite) -> TemplateRow:
            return await update_template(
                write,
                id_of("tmpl", id),
                data,
                expected_version=expected(expected_version),
                unchanged=dict(object_or_none(unchanged) or {}),
            )

        row = await info.context.write(
            "updateTemplate",
            work,
            answer=TemplateRow,
            key=idempotency_key,
            payload=[id, raw_value(input), expected_version],
        )
        return UpdateTemplatePayload(template=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Delete a template; transactions that it made stay.",
        graphql_type=DeleteTemplatePayload | None,
    )
    async def delete_template(
        self,
        info: Info,
        id: Annotated[ID, said("The template.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a deletion."""

        async def work(write: LedgerWrite) -> TemplateRow:
            return await delete_template(
                write, id_of("tmpl", id), expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "deleteTemplate",
            work,
            answer=TemplateRow,
            key=idempotency_key,
            payload=[id, expected_version],
        )
        return DeleteTemplatePayload(id=ID(id_text("tmpl", row.id) or ""), deleted=True)

    @strawberry.mutation(
        description="Book a template's transaction of a date: once for each date, ever.",
        graphql_type=ExecuteTemplatePayload | None,
    )
    async def execute_template(
        self,
        info: Info,
        id: Annotated[ID, said("The template.")],
        date: Annotated[Date | None, said("Which date; today in your time zone if absent.")] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """A repeat finds the transaction of the first time; a deleted one is not made again."""
        day = parse(TemplateExecute, {"date": date}).date

        async def work(write: LedgerWrite) -> Executed:
            return await execute_template(write, id_of("tmpl", id), day)

        done = await info.context.write(
            "executeTemplate",
            work,
            answer=Executed,
            key=idempotency_key,
            payload=[id, None if day is None else day.isoformat()],
        )
        return ExecuteTemplatePayload(
            transaction=done.transaction,  # type: ignore[arg-type]
            created=done.created,
        )
