"""A small model of people's books in exact integers, written without a look at the product.

It knows rows, splits, transfers, refunds, budgets and shared expenses, and says what every figure
must be.  Amounts are minor units of the one currency of its world.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

FIRST: Final = date(2026, 1, 1)
LAST: Final = date(2026, 6, 30)
MONTHS: Final = tuple(f"2026-{month:02}" for month in range(1, 7))


@dataclass(frozen=True)
class Category:
    """A category of one person; ``key`` is what equal categories of a group go by."""

    id: str
    kind: str
    parent: str | None
    key: str | None


@dataclass(frozen=True)
class Part:
    """What counts for one category: a whole row, or a part of a split one."""

    category: str | None
    minor: int


@dataclass(frozen=True)
class Row:
    """One transaction on one account."""

    id: str
    account: str
    day: date
    minor: int
    parts: tuple[Part, ...]
    transfer: str | None = None
    refund_of: str | None = None
    leg: bool = False
    """The cash side of a shared expense: it moves money and is nobody's spending."""
    live: bool = True


@dataclass(frozen=True)
class Item:
    """One line of a monthly budget that starts on the first day of the model's year."""

    budget: str
    id: str
    category: str
    minor: int
    carry: str


@dataclass(frozen=True)
class Expense:
    """A shared expense or a settlement: who paid what, and whose it was."""

    id: str
    kind: str
    day: date
    key: str | None
    paid: dict[str, int]
    owed: dict[str, int]
    live: bool = True


@dataclass
class Group:
    """People who share expenses."""

    id: str
    members: set[str]
    keys: dict[str | None, str]
    """Its spending categories by their key."""
    expenses: dict[str, Expense] = field(default_factory=dict)

    def nets(self) -> dict[str, int]:
        """What each person is owed (above zero) or owes."""
        found: dict[str, int] = defaultdict(int)
        for one in self.expenses.values():
            if one.live:
                for who, minor in one.paid.items():
                    found[who] += minor
                for who, minor in one.owed.items():
                    found[who] -= minor
        return found


@dataclass
class Person:
    """Everything one person owns."""

    id: str
    opening: dict[str, int] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)

    def balance(self, account: str) -> int:
        """Opening balance and everything that lives on the account."""
        rows = (row.minor for row in self.rows.values() if row.live and row.account == account)
        return self.opening[account] + sum(rows)

    def _kind(self, category: str | None, minor: int) -> str:
        if category is not None:
            return self.categories[category].kind
        return "INCOME" if minor > 0 else "EXPENSE"

    def counted(self, groups: list[Group]) -> list[tuple[date, str, str | None, int]]:
        """Day, kind, category and signed amount of whatever is income or spending."""
        found: list[tuple[date, str, str | None, int]] = []
        for row in self.rows.values():
            if not row.live or row.transfer is not None or row.leg:
                continue
            if row.refund_of is not None:
                linked = self.rows[row.refund_of]
                category = linked.parts[0].category
                kind = self._kind(category, linked.minor)
                found.append((row.day, kind, category, row.minor))
                continue
            found += [
                (row.day, self._kind(part.category, part.minor), part.category, part.minor)
                for part in row.parts
            ]
        for group in groups:
            for one in group.expenses.values():
                if one.live and one.kind == "EXPENSE" and one.owed.get(self.id):
                    category = self.of_key(one.key)
                    found.append((one.day, "EXPENSE", category, -one.owed[self.id]))
        return found

    def of_key(self, key: str | None) -> str:
        """The own category of a key, or where shares without one go."""
        for wanted in (key, "shared"):
            for one in self.categories.values():
                if wanted is not None and one.key == wanted:
                    return one.id
        return "shared"

    def months(self, groups: list[Group]) -> dict[str, tuple[int, int]]:
        """Income and expenses of each month, both positive magnitudes and neither clamped."""
        found = dict.fromkeys(MONTHS, (0, 0))
        for day, kind, _, minor in self.counted(groups):
            month = f"{day:%Y-%m}"
            if month in found:
                income, expenses = found[month]
                if kind == "INCOME":
                    found[month] = (income + minor, expenses)
                else:
                    found[month] = (income, expenses - minor)
        return found

    def breakdown(self, groups: list[Group], kind: str) -> dict[str | None, int]:
        """Spending (or income) by the category itself, children apart."""
        sign = 1 if kind == "INCOME" else -1
        found: dict[str | None, int] = defaultdict(int)
        for day, one, category, minor in self.counted(groups):
            if one == kind and FIRST <= day <= LAST:
                found[category] += sign * minor
        return found

    def _item_of(self, budget: str, category: str | None) -> Item | None:
        wanted = {one.category: one for one in self.items.values() if one.budget == budget}
        while category is not None and category not in wanted:
            known = self.categories.get(category)
            category = known.parent if known else None
        return wanted.get(category) if category is not None else None

    def spent(self, item: Item, month: int, groups: list[Group]) -> int:
        """What counted against an item in a month."""
        kind = self.categories[item.category].kind
        sign = 1 if kind == "INCOME" else -1
        return sum(
            sign * minor
            for day, one, category, minor in self.counted(groups)
            if (day.year, day.month) == (2026, month)
            and one == kind
            and self._item_of(item.budget, category) == item
        )

    def carried(self, item: Item, month: int, groups: list[Group]) -> int:
        """What the months before leave to an item."""
        left = 0
        if item.carry == "NONE":
            return left
        for before in range(1, month):
            left += item.minor - self.spent(item, before, groups)
            if item.carry == "SURPLUS":
                left = max(left, 0)
        return left

    def write(self, row: Row) -> None:
        """Put a row in place."""
        self.rows[row.id] = row

    def drop(self, row: str, *, live: bool = False) -> None:
        """Into the trash with its other side, or back."""
        for one in (row, self.rows[row].transfer):
            if one is not None:
                self.rows[one] = replace(self.rows[one], live=live)


@dataclass(frozen=True)
class Money:
    """How the world's currency is written."""

    currency: str
    digits: int

    def text(self, minor: int) -> str:
        """Minor units as the wire has them."""
        return str(Decimal(minor).scaleb(-self.digits).quantize(Decimal(1).scaleb(-self.digits)))

    def minor(self, text: str) -> int:
        """The wire's text in minor units, exactly."""
        value = Decimal(text).scaleb(self.digits)
        assert value == value.to_integral_value()
        return int(value)
