"""Agreeing an account with its statement."""

from asyncio import gather
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.accounts import Account, IdempotencyKey
from graph.context import Info
from graph.edges import edge, own_ledger, plain, said
from graph.scalars import Amount, Date, id_of, id_text
from graph.transactions.types import Transaction
from resolvers.accounts import accounts_by_id
from resolvers.inputs import parse
from resolvers.ledgers import LedgerWrite
from resolvers.money import format_minor
from resolvers.transactions import (
    Candidate,
    ReconcileInput,
    Reconciliation,
    any_transactions_by_id,
    reconcile_account,
)

_SAID = {
    "PENDING": "They wait; posted, they would close the gap.",
    "DUPLICATE": "They look like the same booking twice; without one of them it would agree.",
    "SIGN": "With the opposite sign it would agree.",
    "TRASH": "It lies in the trash; restored, it would close the gap.",
    "LATER": "It is dated after the statement; dated earlier, it would close the gap.",
    "EXTRA": "Without it the balances would agree: perhaps the statement does not have it.",
    "STATEMENT_SIGN": "The statement's balance is the books' with the opposite sign.",
}


@strawberry.enum(description="What would make books and statement agree.")
class ReconcileReason(Enum):
    """Reasons of candidates."""

    PENDING = strawberry.enum_value("PENDING", description=_SAID["PENDING"])
    DUPLICATE = strawberry.enum_value("DUPLICATE", description=_SAID["DUPLICATE"])
    SIGN = strawberry.enum_value("SIGN", description=_SAID["SIGN"])
    TRASH = strawberry.enum_value("TRASH", description=_SAID["TRASH"])
    LATER = strawberry.enum_value("LATER", description=_SAID["LATER"])
    EXTRA = strawberry.enum_value("EXTRA", description=_SAID["EXTRA"])
    STATEMENT_SIGN = strawberry.enum_value("STATEMENT_SIGN", description=_SAID["STATEMENT_SIGN"])


@strawberry.type(description="One explanation of the whole difference.")
class ReconcileCandidate:
    """A view over Candidate."""

    @strawberry.field(description="What would make it agree.")
    def reason(row: Parent[Candidate]) -> ReconcileReason:
        """Reason word."""
        return ReconcileReason(row.reason)

    @strawberry.field(description="The same as a sentence.")
    def message(row: Parent[Candidate]) -> str:
        """A sentence."""
        return _SAID[row.reason]

    @strawberry.field(description="The transactions it is about.")
    def transaction_ids(row: Parent[Candidate]) -> list[ID]:
        """Wire ids."""
        return [ID(id_text("txn", one) or "") for one in row.transaction_ids]

    @strawberry.field(
        description="The transactions it is about, as they are now.",
        graphql_type=list[Transaction],
    )
    async def transactions(row: Parent[Candidate], info: Info) -> Any:
        """Living ones and, by its reason, one from the trash."""
        ledger_id = info.context.actor.ledger_id
        keys = [(ledger_id, one) for one in row.transaction_ids]
        found = await gather(*(info.context.load(any_transactions_by_id, key) for key in keys))
        return [one for one in found if one is not None]


@strawberry.type(description="What comparing an account with a statement came to.")
class ReconciliationResult:
    """A view over Reconciliation."""

    date: Date = plain("The day of the statement.")
    currency: str = plain("ISO 4217 code.")
    reconciled: int = plain("How many transactions were locked just now.")
    candidates: list[ReconcileCandidate] = plain(
        "Where they differ: explanations of the whole difference, the likeliest first, 10 at most."
    )
    account: Account | None = edge(accounts_by_id, own_ledger("account_id"), "The account.")

    @strawberry.field(description="The account.")
    def account_id(row: Parent[Reconciliation]) -> ID:
        """Wire id."""
        return ID(id_text("acct", row.account_id) or "")

    @strawberry.field(description="What the statement says.")
    def statement_balance(row: Parent[Reconciliation]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.statement_minor, row.currency))

    @strawberry.field(description="What the books say: posted up to the day, pending left out.")
    def balance(row: Parent[Reconciliation]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.balance_minor, row.currency))

    @strawberry.field(description="What the statement has more than the books.")
    def difference(row: Parent[Reconciliation]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.difference_minor, row.currency))

    @strawberry.field(description="Whether both are equal; only then anything was locked.")
    def agrees(row: Parent[Reconciliation]) -> bool:
        """No difference."""
        return row.difference_minor == 0


@strawberry.type(description="What the comparison came to.")
class ReconcileAccountPayload:
    """Answer of reconcileAccount."""

    reconciliation: ReconciliationResult = plain("The comparison.")


@strawberry.type
class ReconcileMutations:
    """The write that locks what a statement has agreed to."""

    @strawberry.mutation(
        description="Compare an account with a statement. Where the balances are equal, every posted "
        "transaction up to the day is locked as RECONCILED; where not, nothing changes and the "
        "answer says what would explain it.",
        graphql_type=ReconcileAccountPayload | None,
    )
    async def reconcile_account(
        self,
        info: Info,
        account_id: Annotated[ID, said("The account.")],
        date: Annotated[Date, said("The day of the statement, not after today.")],
        statement_balance: Annotated[Amount, said("The balance it shows: owed money is negative.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """A difference is an answer and not an error."""
        data = parse(ReconcileInput, {"date": date, "statementBalance": statement_balance})

        async def work(write: LedgerWrite) -> Reconciliation:
            return await reconcile_account(write, id_of("acct", account_id), data)

        row = await info.context.write(
            "reconcileAccount",
            work,
            answer=Reconciliation,
            key=idempotency_key,
            payload=[account_id, data.date.isoformat(), str(statement_balance)],
        )
        return ReconcileAccountPayload(reconciliation=row)  # type: ignore[arg-type]
