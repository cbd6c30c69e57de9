"""Writing up to 500 transactions at once."""

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.accounts import IdempotencyKey
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import raw_value
from graph.scalars import JSONObject, RawRow, id_of, id_text
from resolvers.ledgers import LedgerWrite
from resolvers.transactions import (
    BulkResult,
    RowResult,
    bulk_create,
    bulk_delete,
    bulk_update,
)


@strawberry.enum(description="What a wrong row does to the others.")
class BulkPolicy(Enum):
    """Policies of a batch."""

    ATOMIC = strawberry.enum_value("ATOMIC", description="All rows or none.")
    SKIP_FAILED = strawberry.enum_value("SKIP_FAILED", description="Good rows are kept.")


@strawberry.type(description="Why a row was refused.")
class RowError:
    """A registry error of one row."""

    code: str = plain("A code of the error registry.")
    message: str = plain("A sentence.")
    details: JSONObject = plain("For a program.")


@strawberry.type(description="What one row of a batch came to.")
class BulkRowResult:
    """A view over RowResult."""

    index: int = plain("Place of the row in the request, from 0.")

    @strawberry.field(description="The transaction.")
    def id(row: Parent[RowResult]) -> ID | None:
        """Wire id."""
        return id_text("txn", row.id)

    @strawberry.field(description="Either ok or error.")
    def status(row: Parent[RowResult]) -> str:
        """Status word."""
        return row.status

    @strawberry.field(description="Why it was refused.")
    def error(row: Parent[RowResult]) -> RowError | None:
        """The row's error."""
        if row.error is None:
            return None
        return RowError(
            code=row.error["code"],
            message=row.error["message"],
            details=JSONObject(row.error["details"]),
        )


@strawberry.type(description="What a batch came to, row by row.")
class BulkPayload:
    """A view over BulkResult."""

    succeeded: int = plain("Rows that were done.")
    failed: int = plain("Rows that were refused.")
    results: list[BulkRowResult] = plain("One for each row, in their order.")


Policy = Annotated[BulkPolicy, said("What a wrong row does to the others.")]


@strawberry.type
class BulkMutations:
    """Batches of transactions."""

    @strawberry.mutation(
        description="Book 1 to 500 transactions; rows have the fields of CreateTransactionInput.",
        graphql_type=BulkPayload | None,
    )
    async def create_transactions(
        self,
        info: Info,
        transactions: Annotated[list[RawRow | None], said("The rows.")],
        policy: Policy = BulkPolicy.ATOMIC,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Each row is checked by the parser of a single one."""

        async def work(write: LedgerWrite) -> BulkResult:
            return await bulk_create(write, transactions, raw_value(policy))

        return await info.context.write(
            "createTransactions",
            work,
            answer=BulkResult,
            key=idempotency_key,
            payload=[transactions, policy.value],
        )

    @strawberry.mutation(
        description="Change 1 to 500 transactions; rows have an id, UpdateTransactionInput's "
        "fields and, if you like, the version you have seen.",
        graphql_type=BulkPayload | None,
    )
    async def update_transactions(
        self,
        info: Info,
        transactions: Annotated[list[RawRow | None], said("The rows.")],
        policy: Policy = BulkPolicy.ATOMIC,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Each row is checked by the parser of a single one."""

        async def work(write: LedgerWrite) -> BulkResult:
            return await bulk_update(write, transactions, raw_value(policy))

        return await info.context.write(
            "updateTransactions",
            work,
            answer=BulkResult,
            key=idempotency_key,
            payload=[transactions, policy.value],
        )

    @strawberry.mutation(
        description="Put 1 to 500 transactions into the trash.", graphql_type=BulkPayload | None
    )
    async def delete_transactions(
        self,
        info: Info,
        ids: Annotated[list[ID], said("The transactions.")],
        policy: Policy = BulkPolicy.ATOMIC,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Transfers go with both their sides."""

        async def work(write: LedgerWrite) -> BulkResult:
            wanted = [id_of("txn", one) for one in ids]
            return await bulk_delete(write, wanted, raw_value(policy))

        return await info.context.write(
            "deleteTransactions",
            work,
            answer=BulkResult,
            key=idempotency_key,
            payload=[ids, policy.value],
        )
