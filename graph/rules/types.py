"""What a rule looks like in the graph, and what makes and changes one."""

from enum import Enum
from typing import Any

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.accounts import Account
from graph.categories import Category
from graph.context import Info
from graph.edges import edge, own_ledger, plain
from graph.nodes import Stored, node_kind
from graph.paging import Connection
from graph.scalars import Amount, Date, id_text
from models.rules import Labels, RuleCondition, RuleRow
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.rules import labels_of, rules_by_id

node_kind("rule", rules_by_id)


@strawberry.enum(description="How many of its conditions a rule wants to hold.")
class RuleMatch(Enum):
    """Ways to join conditions."""

    ALL = strawberry.enum_value("ALL", description="Every one.")
    ANY = strawberry.enum_value("ANY", description="At least one.")


@strawberry.enum(description="What a condition looks at.")
class RuleSubject(Enum):
    """Subjects of conditions."""

    PAYEE = strawberry.enum_value("PAYEE", description="The payee, as rules before have left it.")
    DESCRIPTION = strawberry.enum_value("DESCRIPTION", description="The description.")
    TEXT = strawberry.enum_value("TEXT", description="The payee or the description.")
    AMOUNT = strawberry.enum_value("AMOUNT", description="The amount and its sign.")
    ACCOUNT = strawberry.enum_value("ACCOUNT", description="The account.")


@strawberry.enum(description="How a text is compared: without regard to case, accents and spaces.")
class RuleOperator(Enum):
    """Comparisons of texts."""

    CONTAINS = strawberry.enum_value("CONTAINS", description="The value stands in it.")
    EQUALS = strawberry.enum_value("EQUALS", description="It is the value.")
    STARTS = strawberry.enum_value("STARTS", description="It begins with the value.")
    ENDS = strawberry.enum_value("ENDS", description="It ends with the value.")
    MATCHES = strawberry.enum_value(
        "MATCHES",
        description="The value is a regular expression that is found in it. Understood are "
        r"letters, ., [a-z], [^0-9], \d \w \s \b and their opposites, ^, $, groups, |, * + ? and "
        "{2,5}; it takes linear time, so references back and looks around are refused.",
    )


@strawberry.enum(description="Which way money went.")
class AmountDirection(Enum):
    """Signs of amounts."""

    IN = strawberry.enum_value("IN", description="Money in: above zero.")
    OUT = strawberry.enum_value("OUT", description="Money out: below zero.")


@strawberry.type(name="RuleCondition", description="One thing that must hold for a rule.")
class ConditionView:
    """A view over RuleCondition."""

    value: str | None = plain("The text that is looked for.")

    @strawberry.field(description="What it looks at.")
    def field(row: Parent[RuleCondition]) -> RuleSubject:
        """As an enum."""
        return RuleSubject(row.field)

    @strawberry.field(description="How a text is compared; null for amounts and accounts.")
    def operator(row: Parent[RuleCondition]) -> RuleOperator | None:
        """As an enum."""
        return None if row.operator is None else RuleOperator(row.operator)

    @strawberry.field(description="At least this absolute value, in each row's own currency.")
    def min(row: Parent[RuleCondition]) -> Amount | None:
        """Amount text."""
        return None if row.minimum is None else Amount(row.minimum)

    @strawberry.field(description="At most this absolute value, in each row's own currency.")
    def max(row: Parent[RuleCondition]) -> Amount | None:
        """Amount text."""
        return None if row.maximum is None else Amount(row.maximum)

    @strawberry.field(description="Which way the money went.")
    def direction(row: Parent[RuleCondition]) -> AmountDirection | None:
        """As an enum."""
        return None if row.direction is None else AmountDirection(row.direction)

    @strawberry.field(description="It is one of these accounts.")
    def account_ids(row: Parent[RuleCondition]) -> list[ID]:
        """Wire ids."""
        return [ID(id_text("acct", one) or "") for one in row.account_ids]

    @strawberry.field(name="not", description="Whether it must not hold instead.")
    def not_(row: Parent[RuleCondition]) -> bool:
        """Negated."""
        return row.negate


@strawberry.type(name="TransactionLabels", description="What a rule may set on a transaction.")
class LabelsView:
    """A view over Labels."""

    payee: str | None = plain("The payee.")
    tags: list[str] = plain("The tags; a rule adds its own.")
    notes: str | None = plain("The notes; a rule adds its own below those that are there.")
    category: Category | None = edge(
        categories_by_id, own_ledger("category_id"), "The category; null once it is deleted."
    )

    @strawberry.field(description="The category.")
    def category_id(row: Parent[Labels]) -> ID | None:
        """Wire id."""
        return id_text("cat", row.category_id)


def _accounts(row: RuleRow) -> list[Any]:
    named = dict.fromkeys(one for each in row.conditions for one in each.account_ids)
    return [(row.ledger_id, one) for one in named]


@strawberry.type(
    description="What is done to transactions that look like this: to every new one that a file "
    "brings, and on request to those that are there. Rules go in their order; the first one that "
    "sets a field decides it, tags gather. What a hand has set stays, and transfers are left alone."
)
class Rule(Stored):
    """A view over RuleRow."""

    name: str = plain("How the rule is called.")
    position: int = plain("Its place in the order; see reorderRules.")
    active: bool = plain("Whether it is used.")
    stop: bool = plain("Whether no later rule looks at what it matched.")

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a rule."""
        return isinstance(obj, RuleRow)

    @strawberry.field(description="How many of its conditions have to hold.")
    def match(row: Parent[RuleRow]) -> RuleMatch:
        """As an enum."""
        return RuleMatch(row.match)

    @strawberry.field(description="What must hold.")
    def conditions(row: Parent[RuleRow]) -> list[ConditionView]:
        """Rows."""
        return list(row.conditions)  # type: ignore[arg-type]

    @strawberry.field(description="What is done.")
    def actions(row: Parent[RuleRow]) -> LabelsView:
        """The values that it sets."""
        return labels_of(row)  # type: ignore[return-value]

    @strawberry.field(
        description="The accounts that its conditions name, but for those in the trash.",
        graphql_type=list[Account],
    )
    async def accounts(row: Parent[RuleRow], info: Info) -> Any:
        """Accounts of all rules load together."""
        found = [await info.context.load(accounts_by_id, key) for key in _accounts(row)]
        return [one for one in found if one is not None]


RuleConnection = Connection[Rule]


@strawberry.input(description="One thing that must hold for a rule.")
class RuleConditionInput:
    """Fields of a condition."""

    field: RuleSubject = strawberry.field(description="What it looks at.")
    operator: RuleOperator | None = strawberry.field(
        default=UNSET, description="How a text is compared (CONTAINS)."
    )
    value: str | None = strawberry.field(
        default=UNSET, description="The text that is looked for: up to 200 characters."
    )
    min: Amount | None = strawberry.field(
        default=UNSET, description="At least this absolute value, in each row's own currency."
    )
    max: Amount | None = strawberry.field(
        default=UNSET, description="At most this absolute value, in each row's own currency."
    )
    direction: AmountDirection | None = strawberry.field(
        default=UNSET, description="Which way the money went."
    )
    account_ids: list[ID] | None = strawberry.field(
        default=UNSET, description="One of these accounts: up to 50."
    )
    not_: bool | None = strawberry.field(
        name="not", default=UNSET, description="True: it must not hold (false)."
    )


@strawberry.input(description="What a rule sets; at least one of them, unless it stops.")
class RuleActionsInput:
    """Fields of actions."""

    category_id: ID | None = strawberry.field(default=UNSET, description="The category.")
    payee: str | None = strawberry.field(
        default=UNSET, description="The payee, in place of what the bank said."
    )
    tags: list[str] | None = strawberry.field(
        default=UNSET, description="Tags that are added: up to 50."
    )
    notes: str | None = strawberry.field(
        default=UNSET, description="Notes that are added: up to 4,000 characters."
    )


@strawberry.input(description="What makes a rule.")
class CreateRuleInput:
    """Fields of a new rule."""

    name: str = strawberry.field(description="1 to 200 characters.")
    conditions: list[RuleConditionInput] = strawberry.field(description="1 to 20 of them.")
    actions: RuleActionsInput = strawberry.field(description="What it sets.")
    match: RuleMatch | None = strawberry.field(default=UNSET, description="ALL.")
    active: bool | None = strawberry.field(default=UNSET, description="Whether it is used (true).")
    stop: bool | None = strawberry.field(
        default=UNSET, description="Whether no later rule looks at what it matched (false)."
    )


@strawberry.input(description="What changes a rule: absent stays.")
class UpdateRuleInput:
    """Changeable fields of a rule."""

    name: str | None = strawberry.field(default=UNSET, description="1 to 200 characters.")
    conditions: list[RuleConditionInput] | None = strawberry.field(
        default=UNSET, description="Replaces all conditions."
    )
    actions: RuleActionsInput | None = strawberry.field(
        default=UNSET, description="Replaces all actions."
    )
    match: RuleMatch | None = strawberry.field(default=UNSET, description="ALL or ANY.")
    active: bool | None = strawberry.field(default=UNSET, description="Whether it is used.")
    stop: bool | None = strawberry.field(default=UNSET, description="Whether it ends the pass.")


@strawberry.input(description="A rule as far as it decides anything, to be tested.")
class TestRuleInput:
    """Fields of a rule that need not be saved."""

    conditions: list[RuleConditionInput] = strawberry.field(description="1 to 20 of them.")
    actions: RuleActionsInput = strawberry.field(description="What it would set.")
    match: RuleMatch | None = strawberry.field(default=UNSET, description="ALL.")


@strawberry.input(description="Which of the transactions that are there.")
class RuleRowsInput:
    """Transactions to test on or to run over."""

    from_: Date | None = strawberry.field(
        name="from", default=UNSET, description="First posting date."
    )
    to: Date | None = strawberry.field(default=UNSET, description="Last posting date.")
    account_id: ID | None = strawberry.field(default=UNSET, description="Of this account.")
    overwrite: bool | None = strawberry.field(
        default=UNSET,
        description="Whether a category that a file, a template or an earlier rule has set gives "
        "way (false). What a hand has set never does.",
    )
