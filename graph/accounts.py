"""Accounts in the graph."""

from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.context import Info
from graph.edges import plain, said
from graph.execution import reads
from graph.inputs import expected, object_or_none, parsed, raw_value
from graph.listing import newest_of_account
from graph.nodes import Stored, node_kind
from graph.paging import After, Before, Connection, First, Last, connection
from graph.scalars import Amount, Date, JSONObject, id_of, id_text
from models.accounts import AccountRow
from resolvers.accounts import (
    AccountCreate,
    AccountUpdate,
    accounts_by_id,
    count_accounts,
    create_account,
    delete_account,
    get_account,
    list_accounts,
    restore_account,
    update_account,
)
from resolvers.balances import Balance, balances_at
from resolvers.errors import NotFound
from resolvers.ledgers import LedgerWrite
from resolvers.money import format_minor
from resolvers.transactions.trash import delete_rows_of_account, restore_rows_of_account
from resolvers.wire import masked_number

if TYPE_CHECKING:
    from graph.transactions.types import Transaction

node_kind("acct", accounts_by_id)

IdempotencyKey = Annotated[
    str | None, said("Makes repeats of this write harmless for 24 hours: same key, same effect.")
]
ExpectedVersion = Annotated[
    int | None, said("The version you have seen; another one is STALE_OBJECT.")
]
Unchanged = Annotated[
    JSONObject | None, said("Read-only values that must equal the stored ones, else READ_ONLY.")
]


@strawberry.enum(description="What kind of place money lies in.")
class AccountType(Enum):
    """Types of accounts."""

    CHECKING = strawberry.enum_value("CHECKING", description="For daily payments.")
    SAVINGS = strawberry.enum_value("SAVINGS", description="Put aside.")
    CREDIT_CARD = strawberry.enum_value("CREDIT_CARD", description="What a card company is owed.")
    CASH = strawberry.enum_value("CASH", description="Notes and coins.")
    INVESTMENT = strawberry.enum_value("INVESTMENT", description="Securities and the like.")
    LOAN = strawberry.enum_value("LOAN", description="Borrowed money.")
    OTHER = strawberry.enum_value("OTHER", description="Anything else.")


@strawberry.type(description="What an account held at the end of a day.")
class AccountBalance:
    """A view over Balance."""

    as_of: Date = plain("The day.")
    currency: str = plain("ISO 4217 code.")

    @strawberry.field(description="The account.")
    def account_id(row: Parent[Balance]) -> ID:
        """Wire id."""
        return ID(id_text("acct", row.account_id) or "")

    @strawberry.field(description="Posted and pending together, opening balance included.")
    def balance(row: Parent[Balance]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.balance_minor, row.currency))

    @strawberry.field(description="Without what is pending.")
    def posted(row: Parent[Balance]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.posted_minor, row.currency))

    @strawberry.field(description="What is pending.")
    def pending(row: Parent[Balance]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.pending_minor, row.currency))


AsOf = Annotated[Date | None, said("End of which day; today in your time zone if absent.")]


async def _balance(row: AccountRow, info: Info, as_of: date | None) -> Balance:
    day = as_of or info.context.actor.today
    found: Balance | None = await info.context.load(balances_at, (row.ledger_id, row.id, day))
    if found is None:
        raise NotFound("There is no such account.")
    return found


@strawberry.type(description="A place where money lies, in one currency.")
class Account(Stored):
    """A view over AccountRow."""

    name: str = plain("How the account is called.")
    type: AccountType = plain("What kind of place it is.")
    currency: str = plain("ISO 4217 code; fixed once a transaction uses the account.")
    opening_date: Date | None = plain("First day of the opening balance; absent: always counted.")
    institution: str | None = plain("The bank.")
    archived: bool = plain("Hidden from daily use; still counted in reports.")

    @classmethod
    @reads()
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is an account."""
        return isinstance(obj, AccountRow)

    @strawberry.field(description="What lay in the account before its first transaction.")
    @reads("opening_minor", "currency")
    def opening_balance(row: Parent[AccountRow]) -> Amount:
        """Amount text."""
        return Amount(format_minor(row.opening_minor, row.currency))

    @strawberry.field(description="The account number, with all but its last four hidden.")
    @reads("number")
    def number(row: Parent[AccountRow]) -> str | None:
        """Masked number."""
        return masked_number(row.number)

    @strawberry.field(description="Posted and pending up to the end of a day.")
    async def balance(row: Parent[AccountRow], info: Info, as_of: AsOf = None) -> Amount:
        """Amount text."""
        found = await _balance(row, info, as_of)
        return Amount(format_minor(found.balance_minor, found.currency))

    @strawberry.field(
        description="The balance with its parts at the end of a day.", graphql_type=AccountBalance
    )
    async def balance_at(row: Parent[AccountRow], info: Info, as_of: AsOf = None) -> Any:
        """The parts of a balance."""
        return await _balance(row, info, as_of)

    @strawberry.field(
        description="The account's transactions, newest first.",
        graphql_type=Connection[
            Annotated["Transaction", strawberry.lazy("graph.transactions.types")]
        ],
    )
    async def transactions(
        row: Parent[AccountRow], info: Info, first: First = None, after: After = None
    ) -> Any:
        """First pages of many accounts load together."""
        return await newest_of_account(row, info, first, after)


AccountConnection = Connection[Account]


async def account_connection(
    info: Info,
    archived: bool | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Any:
    """A page of the person's accounts."""
    actor = info.context.actor
    return await connection(
        info,
        f"accounts:{archived}",
        lambda tx, request: list_accounts(tx, actor, request, archived=archived),
        lambda tx: count_accounts(tx, actor, archived=archived),
        first=first,
        after=after,
        last=last,
        before=before,
    )


@strawberry.input(description="What opens an account.")
class CreateAccountInput:
    """Fields of a new account."""

    name: str = strawberry.field(description="1 to 200 characters.")
    type: AccountType = strawberry.field(description="What kind of place it is.")
    currency: str = strawberry.field(description="ISO 4217 code.")
    opening_balance: Amount | None = strawberry.field(
        default=UNSET, description="What lies in it already (0)."
    )
    opening_date: Date | None = strawberry.field(
        default=UNSET, description="First day of the opening balance; absent: always counted."
    )
    institution: str | None = strawberry.field(default=UNSET, description="The bank.")
    number: str | None = strawberry.field(default=UNSET, description="Stored sealed.")
    archived: bool | None = strawberry.field(default=UNSET, description="Hidden from daily use.")


@strawberry.input(description="What changes an account: absent stays, null clears.")
class UpdateAccountInput:
    """Changeable fields of an account."""

    name: str | None = strawberry.field(default=UNSET, description="1 to 200 characters.")
    type: AccountType | None = strawberry.field(default=UNSET, description="What kind of place.")
    currency: str | None = strawberry.field(
        default=UNSET, description="Only while no transaction uses the account."
    )
    opening_balance: Amount | None = strawberry.field(default=UNSET, description="Opening balance.")
    opening_date: Date | None = strawberry.field(default=UNSET, description="Its first day.")
    institution: str | None = strawberry.field(default=UNSET, description="The bank.")
    number: str | None = strawberry.field(
        default=UNSET, description="Stored sealed; the masked number you got counts as absent."
    )
    archived: bool | None = strawberry.field(default=UNSET, description="Hidden from daily use.")


@strawberry.type(description="The account that was opened.")
class CreateAccountPayload:
    """Answer of createAccount."""

    account: Account = plain("The account.")


@strawberry.type(description="The account as it is now.")
class UpdateAccountPayload:
    """Answer of updateAccount."""

    account: Account = plain("The account.")


@strawberry.type(description="The account that went to the trash.")
class DeleteAccountPayload:
    """Answer of deleteAccount."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type(description="The account that came back.")
class RestoreAccountPayload:
    """Answer of restoreAccount."""

    account: Account = plain("The account.")


@strawberry.type
class AccountQueries:
    """Root fields of accounts."""

    @strawberry.field(description="Your accounts by name.", graphql_type=AccountConnection)
    async def accounts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        archived: Annotated[bool | None, said("Only archived ones, or only the others.")] = None,
    ) -> Any:
        """A page of accounts."""
        return await account_connection(info, archived, first, after, last, before)

    @strawberry.field(description="One account.", graphql_type=Account | None)
    async def account(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Raises NOT_FOUND."""
        context = info.context
        return await get_account(await context.reader(), context.actor, id_of("acct", id))

    @strawberry.field(
        description="The balance of an account at the end of a day.",
        graphql_type=AccountBalance | None,
    )
    async def account_balance(
        self, info: Info, id: Annotated[ID, said("The account.")], as_of: AsOf = None
    ) -> Any:
        """Raises NOT_FOUND."""
        context = info.context
        row = await get_account(await context.reader(), context.actor, id_of("acct", id))
        return await _balance(row, info, as_of)


@strawberry.type
class AccountMutations:
    """Writes of accounts."""

    @strawberry.mutation(description="Open an account.", graphql_type=CreateAccountPayload | None)
    async def create_account(
        self,
        info: Info,
        input: Annotated[CreateAccountInput, said("What opens it.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write an account."""
        data = parsed(AccountCreate, input)

        async def work(write: LedgerWrite) -> AccountRow:
            return await create_account(write, data)

        row = await info.context.write(
            "createAccount", work, answer=AccountRow, key=idempotency_key, payload=raw_value(input)
        )
        return CreateAccountPayload(account=row)  # type: ignore[arg-type]

    @strawberry.mutation(description="Change an account.", graphql_type=UpdateAccountPayload | None)
    async def update_account(
        self,
        info: Info,
        id: Annotated[ID, said("The account.")],
        input: Annotated[UpdateAccountInput, said("The new values.")],
        expected_version: ExpectedVersion = None,
        unchanged: Unchanged = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a change."""
        data = parsed(AccountUpdate, input)

        async def work(write: LedgerWrite) -> AccountRow:
            return await update_account(
                write,
                id_of("acct", id),
                data,
                expected_version=expected(expected_version),
                unchanged=dict(object_or_none(unchanged) or {}),
            )

        row = await info.context.write(
            "updateAccount",
            work,
            answer=AccountRow,
            key=idempotency_key,
            payload=[id, raw_value(input), expected_version],
        )
        return UpdateAccountPayload(account=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Put an account into the trash for 30 days.",
        graphql_type=DeleteAccountPayload | None,
    )
    async def delete_account(
        self,
        info: Info,
        id: Annotated[ID, said("The account.")],
        force: Annotated[bool, said("Take its transactions along.")] = False,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Other sides of its transfers stay, unlinked."""

        async def work(write: LedgerWrite) -> AccountRow:
            return await delete_account(
                write,
                id_of("acct", id),
                clear=delete_rows_of_account,
                force=force,
                expected_version=expected(expected_version),
            )

        row = await info.context.write(
            "deleteAccount",
            work,
            answer=AccountRow,
            key=idempotency_key,
            payload=[id, force, expected_version],
        )
        return DeleteAccountPayload(id=ID(id_text("acct", row.id) or ""), deleted=True)

    @strawberry.mutation(
        description="Take an account out of the trash, with the transactions deleted with it.",
        graphql_type=RestoreAccountPayload | None,
    )
    async def restore_account(
        self,
        info: Info,
        id: Annotated[ID, said("The account.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Bring back what deleteAccount took."""

        async def work(write: LedgerWrite) -> AccountRow:
            return await restore_account(
                write, id_of("acct", id), bring_back=restore_rows_of_account
            )

        row = await info.context.write(
            "restoreAccount", work, answer=AccountRow, key=idempotency_key, payload=[id]
        )
        return RestoreAccountPayload(account=row)  # type: ignore[arg-type]
