"""The schema: the nouns composed, and nothing else."""

from functools import cache
from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from graph.accounts import AccountMutations, AccountQueries
from graph.analytics import AnalyticsQueries
from graph.auth import AuthMutations
from graph.budgets import BudgetMutations, BudgetQueries
from graph.categories import CategoryMutations, CategoryQueries
from graph.changes import ChangeQueries
from graph.context import Info
from graph.edges import said
from graph.elsewhere import ElsewhereMutations
from graph.exports import ExportMutations, ExportQueries
from graph.groups import GroupMutations, GroupQueries, GroupTransactionMutations
from graph.imports import ImportMutations, ImportQueries
from graph.invitations import InvitationMutations, InvitationQueries
from graph.nodes import Node, find_node
from graph.notifications import NotificationMutations, NotificationQueries
from graph.personal_tokens import PersonalTokenMutations
from graph.rates import RateMutations, RateQueries
from graph.rules import RuleMutations, RuleQueries, RuleRunMutations, RuleRunQueries
from graph.scalars import CONFIG, accept_whole_decimals
from graph.second_factor import SecondFactorMutations
from graph.sessions import SessionMutations
from graph.subscriptions import Subscription
from graph.templates import TemplateMutations, TemplateQueries
from graph.transactions import (
    BulkMutations,
    ReconcileMutations,
    TransactionMutations,
    TransactionQueries,
)
from graph.uploads import UploadMutations, UploadQueries
from graph.users import UserMutations, UserQueries
from resolvers.errors import invalid


@strawberry.type(description="What can be asked.")
class Query(
    UserQueries,
    AccountQueries,
    CategoryQueries,
    TransactionQueries,
    BudgetQueries,
    AnalyticsQueries,
    RateQueries,
    TemplateQueries,
    RuleQueries,
    RuleRunQueries,
    GroupQueries,
    InvitationQueries,
    UploadQueries,
    ImportQueries,
    NotificationQueries,
    ExportQueries,
    ChangeQueries,
):
    """All root fields."""

    @strawberry.field(
        description="Any object that you may see, by its id; null for all others.",
        graphql_type=Node | None,
    )
    async def node(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Relay's refetch."""
        return await find_node(info, id)

    @strawberry.field(
        description="Several objects by their ids, in that order.", graphql_type=list[Node | None]
    )
    async def nodes(self, info: Info, ids: Annotated[list[ID], said("At most 100.")]) -> Any:
        """Relay's refetch of many."""
        if len(ids) > 100:
            raise invalid("ids", "At most 100 ids.")
        return [await find_node(info, one) for one in ids]


@strawberry.type(description="What can be changed.")
class Mutation(
    AuthMutations,
    SessionMutations,
    SecondFactorMutations,
    ElsewhereMutations,
    PersonalTokenMutations,
    UserMutations,
    AccountMutations,
    CategoryMutations,
    TransactionMutations,
    BulkMutations,
    ReconcileMutations,
    BudgetMutations,
    RateMutations,
    TemplateMutations,
    RuleMutations,
    RuleRunMutations,
    GroupMutations,
    GroupTransactionMutations,
    InvitationMutations,
    UploadMutations,
    ImportMutations,
    NotificationMutations,
    ExportMutations,
):
    """All writes."""


AUTH_MUTATIONS = frozenset(
    {
        "register",
        "login",
        "refresh",
        "logout",
        "forgotPassword",
        "resetPassword",
        "verifyEmail",
        "changePassword",
        "deleteUser",
        "beginSignIn",
        "finishSignIn",
        "linkIdentity",
        "setUpTwoFactor",
        "enableTwoFactor",
        "disableTwoFactor",
        "renewRecoveryCodes",
    }
)


@cache
def schema() -> strawberry.Schema:
    """The one schema of this process."""
    accept_whole_decimals()
    return strawberry.Schema(
        query=Query, mutation=Mutation, subscription=Subscription, config=CONFIG
    )


def schema_text() -> str:
    """The schema in the schema definition language, as committed in ``schema.graphql``."""
    return schema().as_str() + "\n"
