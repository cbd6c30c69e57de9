"""Whether a rule holds for a transaction: conditions compiled once, asked of many rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final
from uuid import UUID

from models.rules import RuleCondition, RuleRow
from models.transactions import TransactionRow
from resolvers.money import digits_of
from resolvers.rules.folding import folded
from resolvers.rules.inputs import TEXTS
from resolvers.rules.patterns import TooCostly, compile_pattern


@dataclass(frozen=True)
class Facts:
    """What rules look at; texts are folded when they are first asked for."""

    account_id: UUID
    minor: int
    """Minor units; what is not looked at may be 0."""
    currency: str
    description: str
    payee: str | None

    @cached_property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """Folded texts by the subject of a condition."""
        payee, description = folded(self.payee), folded(self.description)
        return {
            "PAYEE": (payee,),
            "DESCRIPTION": (description,),
            "TEXT": (payee, description),
        }

    @cached_property
    def size(self) -> Decimal:
        """The magnitude in the currency's own unit."""
        return Decimal(abs(self.minor)).scaleb(-digits_of(self.currency))


def facts_of(row: TransactionRow) -> Facts:
    """What rules look at in a transaction."""
    return Facts(row.account_id, row.amount_minor, row.currency, row.description, row.payee)


Test = Callable[[Facts], bool]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule that can be asked."""

    row: RuleRow
    tests: tuple[Test, ...]
    lenient: bool = False
    """Whether a rule whose pattern is too costly counts as one that does not match."""

    def holds(self, facts: Facts) -> bool:
        """Whether all of its conditions hold, or any of them; raises TooCostly unless lenient."""
        each = (test(facts) for test in self.tests)
        try:
            return all(each) if self.row.match == "ALL" else any(each)
        except TooCostly:
            if self.lenient:
                return False
            raise

    @property
    def weighs(self) -> bool:
        """Whether it asks for amounts, which are sealed."""
        return any(one.field == "AMOUNT" for one in self.row.conditions)


def compile_rules(rows: Sequence[RuleRow], *, lenient: bool = False) -> list[Compiled]:
    """Rules ready to be asked, in their order."""
    return [Compiled(row, tuple(_test(one) for one in row.conditions), lenient) for row in rows]


def _test(one: RuleCondition) -> Test:
    if one.field in TEXTS:
        found = _text(one)
    elif one.field == "AMOUNT":
        found = _amount(one)
    else:
        accounts = frozenset(one.account_ids)

        def found(facts: Facts) -> bool:
            return facts.account_id in accounts

    if not one.negate:
        return found
    return lambda facts: not found(facts)


def _text(one: RuleCondition) -> Test:
    compare = _comparison(one.operator or "CONTAINS", one.value or "")
    subject = one.field
    return lambda facts: any(compare(text) for text in facts.texts[subject])


def _comparison(operator: str, value: str) -> Callable[[str], bool]:
    if operator == "MATCHES":
        return compile_pattern(value).search
    wanted = folded(value)
    found: dict[str, Callable[[str], bool]] = {
        "CONTAINS": lambda text: wanted in text,
        "EQUALS": lambda text: text == wanted,
        "STARTS": lambda text: text.startswith(wanted),
        "ENDS": lambda text: text.endswith(wanted),
    }
    return found[operator]


_SIGNS: Final = {"IN": 1, "OUT": -1}


def _amount(one: RuleCondition) -> Test:
    """Bounds are inclusive and in each row's own currency."""
    low = None if one.minimum is None else Decimal(one.minimum)
    high = None if one.maximum is None else Decimal(one.maximum)
    sign = _SIGNS.get(one.direction or "", 0)

    def found(facts: Facts) -> bool:
        if sign and facts.minor * sign <= 0:
            return False
        return (low is None or facts.size >= low) and (high is None or facts.size <= high)

    return found
