"""A naive, exact model of reports: rows in a list, fractions, loops, and nothing clever."""

from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from uuid import UUID

from models.ecb import published
from resolvers.money import digits_of


@dataclass(slots=True)
class Row:
    """One booked transaction as the model remembers it."""

    id: UUID
    account: UUID
    currency: str
    day: date
    parts: list[tuple[UUID | None, int]]
    """Category and minor units; one entry unless it is split."""
    transfer: bool = False
    deleted: bool = False
    refund_of: "Row | None" = None
    payee: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def split(self) -> bool:
        return len(self.parts) > 1

    @property
    def minor(self) -> int:
        return sum(minor for _, minor in self.parts)


@dataclass(slots=True)
class Flow:
    """One part that counts."""

    row: Row
    category: UUID | None
    income: bool
    value: int | None
    """In the report's currency; None without a rate."""


@dataclass(slots=True)
class Model:
    """All rows, categories and own rates of a person."""

    kinds: dict[UUID, str]
    parents: dict[UUID, UUID | None]
    rows: list[Row] = field(default_factory=list)
    openings: dict[UUID, tuple[str, int, date | None]] = field(default_factory=dict)
    own: dict[tuple[str, str, date], Fraction] = field(default_factory=dict)

    def rate(self, currency: str, to: str, day: date) -> Fraction | None:
        """The rate of a day: the last known, at most seven days back, through the euro."""
        if currency == to:
            return Fraction(1)
        legs = []
        for one in (currency, to):
            leg = self._euro(one, day)
            if leg is None:
                return None
            legs.append(leg)
        return legs[1] / legs[0]

    def _euro(self, currency: str, day: date) -> Fraction | None:
        if currency == "EUR":
            return Fraction(1)
        for back in range(8):
            when = day - timedelta(days=back)
            if ("EUR", currency, when) in self.own:
                return self.own["EUR", currency, when]
            found = published().on_or_before(currency, when, 0)
            if found is not None:
                return Fraction(found[0])
        # After the last word on a currency that one serves on.
        said = [key for key in self.own if key[1] == currency and key[2] <= day]
        if said and not published().knows(currency):
            return self.own[max(said, key=lambda key: key[2])]
        return None

    def converted(self, minor: int, currency: str, to: str, day: date) -> int | None:
        """Minor units of another currency, half to even."""
        if minor == 0:
            return 0
        rate = self.rate(currency, to, day)
        if rate is None:
            return None
        # Python rounds fractions half to even.
        return round(minor * rate * Fraction(10) ** (digits_of(to) - digits_of(currency)))

    def flows(self, first: date, last: date, to: str, account: UUID | None = None) -> list[Flow]:
        """All parts of a span that count."""
        found = []
        for row in self.rows:
            if row.deleted or row.transfer or not first <= row.day <= last:
                continue
            if account is not None and row.account != account:
                continue
            for category, minor in row.parts:
                counted, income = self._counts_for(row, category, minor)
                value = self.converted(minor, row.currency, to, row.day)
                found.append(Flow(row, counted, income, value))
        return found

    def _counts_for(self, row: Row, category: UUID | None, minor: int) -> tuple[UUID | None, bool]:
        link = row.refund_of
        if link is not None and not row.split:
            target = None if link.split else link.parts[0][0]
            if target is not None or category is not None:
                category = target or category
            else:
                return None, link.minor > 0
        if category is None:
            return None, minor > 0
        return category, self.kinds[category] == "INCOME"

    def path(self, category: UUID | None) -> Iterator[UUID]:
        """A category and what lies above it."""
        while category is not None:
            yield category
            category = self.parents[category]

    def balance(self, account: UUID, day: date) -> int:
        """What an account holds at the end of a day."""
        _, opening, since = self.openings[account]
        start = opening if since is None or since <= day else 0
        return start + sum(
            row.minor
            for row in self.rows
            if row.account == account and not row.deleted and row.day <= day
        )


def total(flows: Sequence[Flow], wanted: Callable[[Flow], bool], sign: int) -> int | None:
    """The sum of some flows; None if one of them is unknown."""
    values = [flow.value for flow in flows if wanted(flow)]
    return None if None in values else sign * sum(one for one in values if one is not None)


def months(first: date, last: date) -> list[tuple[date, date]]:
    """Months of a span, cut to it."""
    found = []
    begin = first.replace(day=1)
    while begin <= last:
        end = begin.replace(day=monthrange(begin.year, begin.month)[1])
        found.append((max(begin, first), min(end, last)))
        begin = end + timedelta(days=1)
    return found
