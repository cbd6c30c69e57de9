"""Recording what a group spends and settles, and what of it moves on own accounts."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey, Unchanged
from graph.context import Info
from graph.edges import plain, said
from graph.groups.mutations import group_of
from graph.groups.records import (
    CreateGroupTransactionInput,
    GroupTransaction,
    Share,
    UpdateGroupTransactionInput,
)
from graph.groups.types import GroupId
from graph.inputs import expected, object_or_none, parsed, raw_value
from graph.scalars import id_of, id_text
from models.groups import GroupTransactionRow, ShareRow
from resolvers.errors import invalid
from resolvers.groups import (
    GroupTransactionCreate,
    GroupTransactionUpdate,
    book_own_leg,
    categorise_share,
    record_created,
    record_deleted,
    record_restored,
    record_updated,
)
from resolvers.ledgers import LedgerWrite

GroupTransactionId = Annotated[ID, said("The group transaction.")]


@strawberry.type(description="The group transaction that was recorded.")
class CreateGroupTransactionPayload:
    """Answer of createGroupTransaction."""

    transaction: GroupTransaction = plain("The group transaction.")


@strawberry.type(description="The group transaction as it is now.")
class UpdateGroupTransactionPayload:
    """Answer of updateGroupTransaction."""

    transaction: GroupTransaction = plain("The group transaction.")


@strawberry.type(description="The group transaction that was deleted.")
class DeleteGroupTransactionPayload:
    """Answer of deleteGroupTransaction."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type(description="The group transaction that came back.")
class RestoreGroupTransactionPayload:
    """Answer of restoreGroupTransaction."""

    transaction: GroupTransaction = plain("The group transaction.")


@strawberry.type(description="Your share, whose money is booked or not.")
class BookGroupLegPayload:
    """Answer of bookGroupLeg."""

    share: Share = plain("Your share.")


@strawberry.type(description="Your share as it counts now.")
class CategoriseSharePayload:
    """Answer of categoriseShare."""

    share: Share = plain("Your share.")


@strawberry.type
class GroupTransactionMutations:
    """Writes of group transactions and own shares."""

    @strawberry.mutation(
        description=(
            "Record an expense that several share, or a settlement between two. Your own share "
            "is booked at once, those of the others shortly after."
        ),
        graphql_type=CreateGroupTransactionPayload | None,
    )
    async def create_group_transaction(
        self,
        info: Info,
        group_id: GroupId,
        input: Annotated[CreateGroupTransactionInput, said("What is recorded.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """The group and the own books are written together."""
        data = parsed(GroupTransactionCreate, input)

        async def work(write: LedgerWrite) -> GroupTransactionRow:
            return await record_created(write, data)

        row = await info.context.write(
            "createGroupTransaction",
            work,
            answer=GroupTransactionRow,
            key=idempotency_key,
            payload=[group_id, raw_value(input)],
            ledger_id=group_of(group_id),
            also=[info.context.actor.ledger_id],
        )
        return CreateGroupTransactionPayload(transaction=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Change a group transaction; everybody's books follow.",
        graphql_type=UpdateGroupTransactionPayload | None,
    )
    async def update_group_transaction(
        self,
        info: Info,
        group_id: GroupId,
        id: GroupTransactionId,
        input: Annotated[UpdateGroupTransactionInput, said("The new values.")],
        expected_version: ExpectedVersion = None,
        unchanged: Unchanged = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT where it would change what a former member paid or owes."""
        data = parsed(GroupTransactionUpdate, input)

        async def work(write: LedgerWrite) -> GroupTransactionRow:
            return await record_updated(
                write,
                id_of("gtxn", id),
                data,
                expected_version=expected(expected_version),
                unchanged=dict(object_or_none(unchanged) or {}),
            )

        row = await info.context.write(
            "updateGroupTransaction",
            work,
            answer=GroupTransactionRow,
            key=idempotency_key,
            payload=[group_id, id, raw_value(input), expected_version],
            ledger_id=group_of(group_id),
            also=[info.context.actor.ledger_id],
        )
        return UpdateGroupTransactionPayload(transaction=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Delete a group transaction; everybody's books follow. It can be restored.",
        graphql_type=DeleteGroupTransactionPayload | None,
    )
    async def delete_group_transaction(
        self,
        info: Info,
        group_id: GroupId,
        id: GroupTransactionId,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT where it would change what a former member paid or owes."""

        async def work(write: LedgerWrite) -> GroupTransactionRow:
            return await record_deleted(
                write, id_of("gtxn", id), expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "deleteGroupTransaction",
            work,
            answer=GroupTransactionRow,
            key=idempotency_key,
            payload=[group_id, id, expected_version],
            ledger_id=group_of(group_id),
            also=[info.context.actor.ledger_id],
        )
        return DeleteGroupTransactionPayload(id=ID(id_text("gtxn", row.id) or ""), deleted=True)

    @strawberry.mutation(
        description="Bring a deleted group transaction back; everybody's books follow.",
        graphql_type=RestoreGroupTransactionPayload | None,
    )
    async def restore_group_transaction(
        self,
        info: Info,
        group_id: GroupId,
        id: GroupTransactionId,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT for one that is not deleted."""

        async def work(write: LedgerWrite) -> GroupTransactionRow:
            return await record_restored(write, id_of("gtxn", id))

        row = await info.context.write(
            "restoreGroupTransaction",
            work,
            answer=GroupTransactionRow,
            key=idempotency_key,
            payload=[group_id, id],
            ledger_id=group_of(group_id),
            also=[info.context.actor.ledger_id],
        )
        return RestoreGroupTransactionPayload(transaction=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description=(
            "Book on an own account what you paid in a group transaction, or received to settle; "
            "another account moves it, null takes it back."
        ),
        graphql_type=BookGroupLegPayload | None,
    )
    async def book_group_leg(
        self,
        info: Info,
        group_transaction_id: GroupTransactionId,
        account_id: Annotated[ID | None, said("Your account, in the same currency.")] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises NOT_FOUND where you have no share."""
        account = id_of("acct", account_id)
        if account_id is not None and account is None:
            raise invalid("accountId", "There is no such object.", "NOT_FOUND")

        async def work(write: LedgerWrite) -> ShareRow:
            return await book_own_leg(write, id_of("gtxn", group_transaction_id), account)

        row = await info.context.write(
            "bookGroupLeg",
            work,
            answer=ShareRow,
            key=idempotency_key,
            payload=[group_transaction_id, account_id],
        )
        return BookGroupLegPayload(share=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Count your own share of an expense under another of your categories.",
        graphql_type=CategoriseSharePayload | None,
    )
    async def categorise_share(
        self,
        info: Info,
        group_transaction_id: GroupTransactionId,
        category_id: Annotated[ID, said("Your own category, of kind EXPENSE.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises NOT_FOUND where you have no share."""
        category = id_of("cat", category_id)

        async def work(write: LedgerWrite) -> ShareRow:
            return await categorise_share(write, id_of("gtxn", group_transaction_id), category)

        row = await info.context.write(
            "categoriseShare",
            work,
            answer=ShareRow,
            key=idempotency_key,
            payload=[group_transaction_id, category_id],
        )
        return CategoriseSharePayload(share=row)  # type: ignore[arg-type]
