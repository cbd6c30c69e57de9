"""Users: the viewer, who is the entry to everything owned."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from graph.accounts import AccountConnection, account_connection
from graph.analytics.operations import Reports
from graph.audit import AuditConnection, audit_connection
from graph.budgets import BudgetConnection, budget_connection
from graph.categories import CategoryConnection, CategoryKind, category_connection
from graph.changes import present_cursor
from graph.context import Info
from graph.edges import plain, said
from graph.groups import GroupConnection, ShareConnection, group_connection, share_connection
from graph.identities import UserIdentity, own_identities
from graph.inputs import expected, object_or_none, parsed, raw_value
from graph.nodes import Stored, node_kind
from graph.notifications import (
    NotificationConnection,
    Unread,
    notification_connection,
    unread_count,
)
from graph.paging import After, Before, First, Last
from graph.personal_tokens import PersonalToken, own_tokens
from graph.rates import Currency as RateCurrency
from graph.rates import ExchangeRateConnection, rate_connection
from graph.rules import RuleConnection, rule_connection
from graph.scalars import Date, JSONObject
from graph.sessions import UserSession, own_sessions
from graph.templates import TemplateConnection, template_connection
from graph.transactions import (
    TransactionConnection,
    TransactionFilterInput,
    TransactionSort,
    transaction_connection,
)
from models.database import Transaction as Tx
from models.groups import ProfileRow
from models.users import UserRow
from resolvers.groups import profiles_by_id
from resolvers.ledgers import LedgerWrite
from resolvers.users import ProfileUpdate, get_user, update_profile


async def _users_by_id(
    tx: Tx, keys: Sequence[tuple[UUID, UUID]]
) -> list[UserRow | ProfileRow | None]:
    """Oneself as a user, others as profiles while a group is shared."""
    others = [wanted for viewer, wanted in keys if viewer != wanted]
    found = dict(zip(others, await profiles_by_id(tx, others), strict=True)) if others else {}
    return [
        await get_user(tx, wanted) if viewer == wanted else found[wanted] for viewer, wanted in keys
    ]


node_kind("user", _users_by_id, lambda info, wanted: (info.context.actor.user_id, wanted))


@strawberry.type(description="The signed-in person, and the entry to everything she owns.")
class User(Stored, Reports):
    """A view over UserRow."""

    email: str = plain("The address that signs in.")
    name: str = plain("How the person is called.")
    base_currency: str = plain("ISO 4217 code of the currency in which totals are shown.")
    locale: str = plain("Language and region, such as de-AT.")
    time_zone: str = plain("IANA time zone; decides which day is today.")
    email_verified: bool = plain("Whether the address was proved.")
    two_factor_enabled: bool = plain("Whether signing in asks for a one-time code.")

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a user."""
        return isinstance(obj, UserRow)

    @strawberry.field(description="The person's accounts by name.", graphql_type=AccountConnection)
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

    @strawberry.field(
        description="The person's categories by name.", graphql_type=CategoryConnection
    )
    async def categories(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        kind: Annotated[CategoryKind | None, said("Only of this kind.")] = None,
    ) -> Any:
        """A page of categories."""
        return await category_connection(info, kind, None, first, after, last, before)

    @strawberry.field(
        description="The person's transactions, newest first.", graphql_type=TransactionConnection
    )
    async def transactions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Annotated[TransactionFilterInput | None, said("All conditions hold.")] = None,
        sort: Annotated[TransactionSort, said("In which order.")] = TransactionSort.DATE_DESC,
    ) -> Any:
        """A page of transactions."""
        return await transaction_connection(info, filter, sort, first, after, last, before)

    @strawberry.field(description="The person's budgets by name.", graphql_type=BudgetConnection)
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

    @strawberry.field(
        description="The person's recurring templates by name.", graphql_type=TemplateConnection
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

    @strawberry.field(description="The person's rules in their order.", graphql_type=RuleConnection)
    async def rules(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of rules."""
        return await rule_connection(info, first, after, last, before)

    @strawberry.field(description="The person's groups by name.", graphql_type=GroupConnection)
    async def groups(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of groups."""
        return await group_connection(info, first, after, last, before)

    @strawberry.field(
        description="The person's shares of group transactions, newest first.",
        graphql_type=ShareConnection,
    )
    async def shares(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        from_: Annotated[Date | None, said("First day.", name="from")] = None,
        to: Annotated[Date | None, said("Last day.")] = None,
    ) -> Any:
        """A page of shares."""
        filters = {"from": from_, "to": to}
        return await share_connection(info, filters, first, after, last, before)

    @strawberry.field(
        description="The person's own exchange rates, the newest day first.",
        graphql_type=ExchangeRateConnection,
    )
    async def rates(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        currency: RateCurrency = None,
    ) -> Any:
        """A page of own rates."""
        return await rate_connection(info, currency, first, after, last, before)

    @strawberry.field(
        description="What happened that the person may want to know, newest first.",
        graphql_type=NotificationConnection,
    )
    async def notifications(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        unread: Unread = None,
    ) -> Any:
        """A page of notifications."""
        return await notification_connection(info, unread, first, after, last, before)

    @strawberry.field(description="How many notifications the person has not read.")
    async def unread_notification_count(self, info: Info) -> int:
        """Counted only when asked for."""
        return await unread_count(info)

    @strawberry.field(
        description="The person's sessions that stand, the last used first; at most 100.",
        graphql_type=list[UserSession],
    )
    async def sessions(self, info: Info) -> Any:
        """Where the person is signed in."""
        return await own_sessions(info)

    @strawberry.field(
        description="The person's personal tokens that stand, the newest first; at most 100.",
        graphql_type=list[PersonalToken],
    )
    async def personal_tokens(self, info: Info) -> Any:
        """Which programs have a key."""
        return await own_tokens(info)

    @strawberry.field(
        description="The person's accounts elsewhere that may sign in, the oldest first.",
        graphql_type=list[UserIdentity],
    )
    async def identities(self, info: Info) -> Any:
        """Which other accounts open this one."""
        return await own_identities(info)

    @strawberry.field(
        description="What happened to the person's sign-in, newest first: sign-ins, changes of "
        "password and codes, tokens, exports.",
        graphql_type=AuditConnection,
    )
    async def audit(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of the audit."""
        return await audit_connection(info, first, after, last, before)

    @strawberry.field(
        description="Where the change feed stands at the moment of this answer: whoever has read "
        "the rest can follow it from here."
    )
    async def change_cursor(self, info: Info) -> str:
        """A sealed position."""
        return await present_cursor(info)


@strawberry.input(description="What changes the own profile: absent stays.")
class UpdateProfileInput:
    """Profile fields."""

    name: str | None = strawberry.field(default=UNSET, description="1 to 200 characters.")
    base_currency: str | None = strawberry.field(default=UNSET, description="ISO 4217 code.")
    locale: str | None = strawberry.field(default=UNSET, description="Such as de-AT.")
    time_zone: str | None = strawberry.field(default=UNSET, description="IANA name.")


@strawberry.type(description="The profile as it is now.")
class UpdateProfilePayload:
    """Answer of updateProfile."""

    user: User = plain("The signed-in person.")


@strawberry.type
class UserQueries:
    """Root fields of users."""

    @strawberry.field(
        description="The signed-in person: start here for everything owned.", graphql_type=User
    )
    async def viewer(self, info: Info) -> Any:
        """Read the own row."""
        return await get_user(await info.context.reader(), info.context.actor.user_id)


@strawberry.type
class UserMutations:
    """Writes of users."""

    @strawberry.mutation(
        description="Change the own profile.", graphql_type=UpdateProfilePayload | None
    )
    async def update_profile(
        self,
        info: Info,
        input: Annotated[UpdateProfileInput, said("The new values.")],
        expected_version: Annotated[int | None, said("The version you have seen.")] = None,
        unchanged: Annotated[
            JSONObject | None, said("Read-only values that must equal the stored ones.")
        ] = None,
        idempotency_key: Annotated[str | None, said("Makes repeats harmless for 24 h.")] = None,
    ) -> Any:
        """Write, then have all sessions read the person anew."""
        data = parsed(ProfileUpdate, input)

        async def work(write: LedgerWrite) -> UserRow:
            return await update_profile(
                write,
                data,
                expected_version=expected(expected_version),
                unchanged=dict(object_or_none(unchanged) or {}),
            )

        user = await info.context.write(
            "updateProfile",
            work,
            answer=UserRow,
            key=idempotency_key,
            payload=[raw_value(input), expected_version],
        )
        await info.context.services.auth.forget_sessions(info.context.actor)
        return UpdateProfilePayload(user=user)  # type: ignore[arg-type]
