"""Categories in the graph."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey, Unchanged
from graph.context import Info
from graph.edges import edge, own_ledger, plain, said
from graph.execution import reads
from graph.inputs import expected, object_or_none, parsed, raw_value
from graph.nodes import Stored, node_kind
from graph.paging import After, Before, Connection, First, Last, connection
from graph.scalars import id_of, id_text, id_texts
from models.categories import CategoryRow
from resolvers.budgets import move_items
from resolvers.categories import (
    CategoryCreate,
    CategoryUpdate,
    categories_anywhere,
    categories_by_id,
    children_by_parent,
    count_categories,
    create_category,
    get_category,
    list_categories,
    update_category,
)
from resolvers.errors import invalid
from resolvers.groups import groups_by_id, move_group_transactions, move_shares
from resolvers.ledgers import LedgerWrite
from resolvers.rules import move_rules
from resolvers.templates import move_templates
from resolvers.transactions.recategorise import delete_category

if TYPE_CHECKING:
    from graph.groups.types import Group

node_kind("cat", categories_anywhere)


@strawberry.enum(description="Whether money of a category comes in or goes out.")
class CategoryKind(Enum):
    """Kinds of categories."""

    INCOME = strawberry.enum_value("INCOME", description="Money in.")
    EXPENSE = strawberry.enum_value("EXPENSE", description="Money out.")


@strawberry.type(description="What money was for: a node of a tree.")
class Category(Stored):
    """A view over CategoryRow."""

    name: str = plain("How the category is called.")
    kind: CategoryKind = plain("Income or expense.")
    key: str | None = plain("A stable name that is the same in all ledgers, such as groceries.")
    color: str | None = plain("#rrggbb.")
    icon: str | None = plain("Name of a picture.")
    archived: bool = plain("No longer offered; still counted.")
    parent: "Category | None" = edge(
        categories_by_id, own_ledger("parent_id"), "The category above."
    )
    children: "list[Category]" = edge(
        children_by_parent, lambda row, _: (row.ledger_id, row.id), "The categories below, by name."
    )
    group: Annotated["Group", strawberry.lazy("graph.groups.types")] | None = edge(
        groups_by_id,
        reads("ledger_id")(lambda row, _: row.ledger_id),
        "The group whose set it is of; null for yours.",
    )

    @classmethod
    @reads()
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a category."""
        return isinstance(obj, CategoryRow)

    @strawberry.field(description="Id of the category above.")
    @reads("parent_id", many=id_texts("cat"))
    def parent_id(row: Parent[CategoryRow]) -> ID | None:
        """Wire id."""
        return id_text("cat", row.parent_id)


CategoryConnection = Connection[Category]


async def place_of(info: Info, group_id: str | None) -> UUID:
    """The ledger of a set: the own one, or a group's; one that is none is NOT_FOUND."""
    if group_id is None:
        return info.context.actor.ledger_id
    found = id_of("grp", group_id)
    if found is None or (await groups_by_id(await info.context.reader(), [found]))[0] is None:
        raise invalid("groupId", "There is no such object.", "NOT_FOUND")
    return found


async def _ledger_of(info: Info, category_id: str) -> UUID:
    """The ledger in which a category lies, the own one for what nobody may see."""
    actor, wanted = info.context.actor, id_of("cat", category_id)
    if wanted is None:
        return actor.ledger_id
    reader = await info.context.reader()
    row = (await categories_anywhere(reader, [(actor.ledger_id, wanted)]))[0]
    return actor.ledger_id if row is None else row.ledger_id


async def category_connection(
    info: Info,
    kind: CategoryKind | None,
    archived: bool | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    group_id: str | None = None,
) -> Any:
    """A page of the own categories, or of a group's."""
    ledger_id = await place_of(info, group_id)
    word = None if kind is None else str(kind.value)
    return await connection(
        info,
        f"categories:{ledger_id}:{word}:{archived}",
        lambda tx, page: list_categories(tx, ledger_id, page, kind=word, archived=archived),
        lambda tx: count_categories(tx, ledger_id, kind=word, archived=archived),
        first=first,
        after=after,
        last=last,
        before=before,
    )


@strawberry.input(description="What makes a category.")
class CreateCategoryInput:
    """Fields of a new category."""

    name: str = strawberry.field(description="1 to 200 characters.")
    kind: CategoryKind = strawberry.field(description="Income or expense, as its parent.")
    parent_id: ID | None = strawberry.field(default=UNSET, description="The category above.")
    key: str | None = strawberry.field(default=UNSET, description="a-z, 0-9 and _, up to 40.")
    color: str | None = strawberry.field(default=UNSET, description="#rrggbb.")
    icon: str | None = strawberry.field(default=UNSET, description="Name of a picture.")
    archived: bool | None = strawberry.field(default=UNSET, description="No longer offered.")


@strawberry.input(description="What changes a category: absent stays, null clears.")
class UpdateCategoryInput:
    """Changeable fields of a category."""

    name: str | None = strawberry.field(default=UNSET, description="1 to 200 characters.")
    kind: CategoryKind | None = strawberry.field(default=UNSET, description="Income or expense.")
    parent_id: ID | None = strawberry.field(default=UNSET, description="The category above.")
    key: str | None = strawberry.field(default=UNSET, description="a-z, 0-9 and _, up to 40.")
    color: str | None = strawberry.field(default=UNSET, description="#rrggbb.")
    icon: str | None = strawberry.field(default=UNSET, description="Name of a picture.")
    archived: bool | None = strawberry.field(default=UNSET, description="No longer offered.")


@strawberry.type(description="The category that was made.")
class CreateCategoryPayload:
    """Answer of createCategory."""

    category: Category = plain("The category.")


@strawberry.type(description="The category as it is now.")
class UpdateCategoryPayload:
    """Answer of updateCategory."""

    category: Category = plain("The category.")


@strawberry.type(description="The category that is gone.")
class DeleteCategoryPayload:
    """Answer of deleteCategory."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type
class CategoryQueries:
    """Root fields of categories."""

    @strawberry.field(
        description="Your categories by name, or those of a group.", graphql_type=CategoryConnection
    )
    async def categories(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        kind: Annotated[CategoryKind | None, said("Only of this kind.")] = None,
        archived: Annotated[bool | None, said("Only archived ones, or only the others.")] = None,
        group_id: Annotated[ID | None, said("The set of this group instead of your own.")] = None,
    ) -> Any:
        """A page of categories."""
        return await category_connection(info, kind, archived, first, after, last, before, group_id)

    @strawberry.field(description="One category.", graphql_type=Category | None)
    async def category(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Raises NOT_FOUND."""
        reader, ledger_id = await info.context.reader(), await _ledger_of(info, id)
        return await get_category(reader, ledger_id, id_of("cat", id))


@strawberry.type
class CategoryMutations:
    """Writes of categories."""

    @strawberry.mutation(description="Make a category.", graphql_type=CreateCategoryPayload | None)
    async def create_category(
        self,
        info: Info,
        input: Annotated[CreateCategoryInput, said("What makes it.")],
        group_id: Annotated[ID | None, said("For this group's set instead of your own.")] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a category."""
        ledger_id = await place_of(info, group_id)
        data = parsed(CategoryCreate, input)

        async def work(write: LedgerWrite) -> CategoryRow:
            return await create_category(write, data)

        row = await info.context.write(
            "createCategory",
            work,
            answer=CategoryRow,
            key=idempotency_key,
            payload=raw_value(input) if group_id is None else [group_id, raw_value(input)],
            ledger_id=ledger_id,
        )
        return CreateCategoryPayload(category=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Change a category.", graphql_type=UpdateCategoryPayload | None
    )
    async def update_category(
        self,
        info: Info,
        id: Annotated[ID, said("The category.")],
        input: Annotated[UpdateCategoryInput, said("The new values.")],
        expected_version: ExpectedVersion = None,
        unchanged: Unchanged = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a change."""
        data, ledger_id = parsed(CategoryUpdate, input), await _ledger_of(info, id)

        async def work(write: LedgerWrite) -> CategoryRow:
            return await update_category(
                write,
                id_of("cat", id),
                data,
                expected_version=expected(expected_version),
                unchanged=dict(object_or_none(unchanged) or {}),
            )

        row = await info.context.write(
            "updateCategory",
            work,
            answer=CategoryRow,
            key=idempotency_key,
            payload=[id, raw_value(input), expected_version],
            ledger_id=ledger_id,
        )
        return UpdateCategoryPayload(category=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Delete a category; one in use needs another to move to.",
        graphql_type=DeleteCategoryPayload | None,
    )
    async def delete_category(
        self,
        info: Info,
        id: Annotated[ID, said("The category.")],
        move_to: Annotated[
            ID | None, said("Where its transactions, parts and budget items go.")
        ] = None,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT with the counts when in use."""
        target = id_of("cat", move_to)
        if move_to is not None and target is None:
            raise invalid("moveTo", "There is no such object.", "NOT_FOUND")
        ledger_id = await _ledger_of(info, id)

        async def work(write: LedgerWrite) -> CategoryRow:
            return await delete_category(
                write,
                id_of("cat", id),
                move_to=target,
                follow=(
                    move_items,
                    move_templates,
                    move_rules,
                    move_shares,
                    move_group_transactions,
                ),
                expected_version=expected(expected_version),
            )

        row = await info.context.write(
            "deleteCategory",
            work,
            answer=CategoryRow,
            key=idempotency_key,
            payload=[id, move_to, expected_version],
            ledger_id=ledger_id,
        )
        return DeleteCategoryPayload(id=ID(id_text("cat", row.id) or ""), deleted=True)
