"""Writing one transaction."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey, Unchanged
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import expected, object_or_none, parsed, raw_value
from graph.scalars import id_of, id_text
from graph.transactions.types import (
    CreateTransactionInput,
    Transaction,
    UpdateTransactionInput,
)
from models.transactions import TransactionRow
from resolvers.errors import NotFound
from resolvers.inputs import parse
from resolvers.ledgers import LedgerWrite
from resolvers.transactions import (
    TransactionCreate,
    TransactionUpdate,
    create_transactions,
    delete_transactions,
    restore_transaction,
    update_transactions,
)
from resolvers.transactions.references import ahead_of
from resolvers.transactions.writes import Patch, one


@strawberry.type(description="The transaction that was booked; of a transfer the given side.")
class CreateTransactionPayload:
    """Answer of createTransaction."""

    transaction: Transaction = plain("The transaction.")


@strawberry.type(description="The transaction as it is now.")
class UpdateTransactionPayload:
    """Answer of updateTransaction."""

    transaction: Transaction = plain("The transaction.")


@strawberry.type(description="The transaction that went to the trash.")
class DeleteTransactionPayload:
    """Answer of deleteTransaction."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type(description="The transaction that came back.")
class RestoreTransactionPayload:
    """Answer of restoreTransaction."""

    transaction: Transaction = plain("The transaction.")


@strawberry.type
class TransactionMutations:
    """Writes of transactions."""

    @strawberry.mutation(
        description="Book a transaction, or both sides of a transfer.",
        graphql_type=CreateTransactionPayload | None,
    )
    async def create_transaction(
        self,
        info: Info,
        input: Annotated[CreateTransactionInput, said("What is booked.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Both sides of a transfer are written, or none."""
        raw = raw_value(input)
        data = parse(TransactionCreate, raw)

        async def work(write: LedgerWrite) -> TransactionRow:
            return one(await create_transactions(write, [data]))

        row = await info.context.write(
            "createTransaction",
            work,
            answer=TransactionRow,
            key=idempotency_key,
            payload=raw,
            ahead=ahead_of(data),
        )
        return CreateTransactionPayload(transaction=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Change a transaction; both sides of a transfer change together.",
        graphql_type=UpdateTransactionPayload | None,
    )
    async def update_transaction(
        self,
        info: Info,
        id: Annotated[ID, said("The transaction.")],
        input: Annotated[UpdateTransactionInput, said("The new values.")],
        expected_version: ExpectedVersion = None,
        unchanged: Unchanged = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a change."""
        data = parsed(TransactionUpdate, input)

        async def work(write: LedgerWrite) -> TransactionRow:
            wanted = id_of("txn", id)
            if wanted is None:
                raise NotFound("There is no such transaction.")
            same = dict(object_or_none(unchanged) or {})
            patch = Patch(wanted, data, expected(expected_version), same)
            return one(await update_transactions(write, [patch]))

        row = await info.context.write(
            "updateTransaction",
            work,
            answer=TransactionRow,
            key=idempotency_key,
            payload=[id, raw_value(input), expected_version],
        )
        return UpdateTransactionPayload(transaction=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Put a transaction into the trash for 30 days; a transfer with both sides.",
        graphql_type=DeleteTransactionPayload | None,
    )
    async def delete_transaction(
        self,
        info: Info,
        id: Annotated[ID, said("The transaction.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a deletion."""

        async def work(write: LedgerWrite) -> TransactionRow:
            wanted = (id_of("txn", id), expected(expected_version))
            return one(await delete_transactions(write, [wanted]))

        row = await info.context.write(
            "deleteTransaction",
            work,
            answer=TransactionRow,
            key=idempotency_key,
            payload=[id, expected_version],
        )
        return DeleteTransactionPayload(id=ID(id_text("txn", row.id) or ""), deleted=True)

    @strawberry.mutation(
        description="Take a transaction out of the trash; a transfer with both sides.",
        graphql_type=RestoreTransactionPayload | None,
    )
    async def restore_transaction(
        self,
        info: Info,
        id: Annotated[ID, said("The transaction.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Undo a deletion within 30 days."""

        async def work(write: LedgerWrite) -> TransactionRow:
            return await restore_transaction(write, id_of("txn", id))

        row = await info.context.write(
            "restoreTransaction", work, answer=TransactionRow, key=idempotency_key, payload=[id]
        )
        return RestoreTransactionPayload(transaction=row)  # type: ignore[arg-type]
