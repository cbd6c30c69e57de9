"""The demo person's life as a list of bookings: the same for the same days, whoever asks."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from resolvers.demo.places import (
    CARD,
    CASH,
    CASH_SHOPS,
    CHECKING,
    DOLLARS,
    FUNDS,
    GROCERIES,
    HEALTH,
    LEISURE,
    MONTHLY,
    MOVING,
    PLACES,
    RESTAURANTS,
    SAVINGS,
    SHOPPING,
    TRIP_SHOPS,
    TRIPS,
    Shop,
)

DAYS: Final = 1_096
"""How long the books are: three years."""
_SEED: Final = 20_190_402
_PENDING_DAYS: Final = 2


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a split booking."""

    category: str
    minor: int
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Booking:
    """One transaction, or both sides of a transfer; accounts and categories by their keys."""

    day: date
    account: str
    minor: int
    description: str
    category: str | None = None
    payee: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()
    status: str = "POSTED"
    parts: tuple[Part, ...] = ()
    to: str | None = None
    to_minor: int | None = None
    refund: "Booking | None" = None
    """Money that came back, booked with a reference to this row."""


def plan_life(first: date, today: date) -> list[Booking]:
    """All bookings from the first day up to today and a few after it, in order of days."""
    life = _Life(first, today)
    day = first
    while day <= today:
        life.live(day)
        day += timedelta(days=1)
    life.last_days()
    life.coming_days()
    return sorted(life.rows, key=lambda row: row.day)


class _Life:
    """Walks through the days with one seeded source of chance and an eye on every balance."""

    def __init__(self, first: date, today: date) -> None:
        self.rows: list[Booking] = []
        self._first = first
        self._today = today
        self._chance = random.Random(_SEED)  # noqa: S311 - a life, not a secret
        self._balance = Counter({place.key: place.opening_minor for place in PLACES})

    def live(self, day: date) -> None:
        """Everything that one day brings."""
        self._standing_orders(day)
        self._income(day)
        trip = self._trip(day)
        if trip is None:
            self._everyday(day)
        else:
            self._abroad(day, *trip)
        self._transfers(day)

    def _book(self, row: Booking) -> None:
        fresh = self._today - timedelta(days=_PENDING_DAYS) <= row.day <= self._today
        if fresh and row.account in {CARD, DOLLARS} and row.to is None:
            row = replace(row, status="PENDING")
        self.rows.append(row)
        self._balance[row.account] += row.minor
        if row.to is not None:
            self._balance[row.to] += row.to_minor or -row.minor
        if row.refund is not None:
            self._balance[row.account] += row.refund.minor

    def _often(self, percent: int) -> bool:
        return self._chance.randrange(100) < percent

    def _visit(self, day: date, account: str, shops: Sequence[Shop]) -> None:
        shop = self._chance.choice(shops)
        minor = self._chance.randint(shop.low, shop.high)
        row = Booking(
            day, account, -minor, shop.description, shop.category, shop.payee, tags=shop.tags
        )
        if shop.category == "groceries" and minor > 35_00 and self._often(45):
            row = self._mixed(row)
        elif shop in SHOPPING and minor > 20_00 and self._often(16):
            row = self._sent_back(row)
        elif self._often(7):
            row = replace(row, notes=self._chance.choice(_NOTES))
        self._book(row)

    def _mixed(self, row: Booking) -> Booking:
        """A big purchase that was not only food."""
        household = row.minor * self._chance.randint(12, 30) // 100
        pharmacy = row.minor * 9 // 100 if self._often(35) else 0
        parts = [
            Part("groceries", row.minor - household - pharmacy),
            Part("household", household, "Putzmittel, 洗衣粉"),
        ]
        if pharmacy:
            parts.append(Part("health", pharmacy))
        return replace(row, category=None, parts=tuple(parts))

    def _sent_back(self, row: Booking) -> Booking:
        day = row.day + timedelta(days=self._chance.randint(4, 14))
        if day > self._today:
            return row
        minor = -row.minor if self._often(40) else -row.minor * 2 // 5
        refund = replace(row, day=day, minor=minor, description=f"Refund: {row.description}")
        return replace(row, refund=refund, tags=(*row.tags, "returned"))

    def _standing_orders(self, day: date) -> None:
        for number, account, payee, description, category, minor in MONTHLY:
            if day.day == number:
                # Prices rise a little every year, as everywhere.
                years = (day - self._first).days // 365
                raised = minor + minor * 3 * years // 100
                self._book(Booking(day, account, -raised, description, category, payee))
        if day.day == 25 and day.month % 3 == 0:
            self._book(Booking(day, CHECKING, -14_85, "Account fee", "fees", "Donau Sparkasse"))
            fee = self._balance[FUNDS] * 15 // 10_000
            self._book(Booking(day, FUNDS, -fee, "Custody fee", "fees", "Alpen Invest"))
        if (day.month, day.day) == (2, 20):
            self._book(
                Booking(day, CHECKING, -312_40, "Health insurance top-up", "insurance", "Uniqa")
            )

    def _income(self, day: date) -> None:
        salary = 2_985_00 + 92_00 * ((day - self._first).days // 365)
        employer = "Müller & Söhne GmbH"
        if day.day == 28:
            notes = "Net after tax and social insurance"
            self._book(Booking(day, CHECKING, salary, "Salary", "salary", employer, notes))
        if (day.month, day.day) in {(6, 15), (11, 15)}:
            name = "Holiday pay" if day.month == 6 else "Christmas pay"
            self._book(Booking(day, CHECKING, salary, name, "bonus", employer))
        if day.day == 30 and day.month in {3, 6, 9, 12}:
            interest = self._balance[SAVINGS] * 45 // 10_000
            self._book(Booking(day, SAVINGS, interest, "Interest", "interest", "Donau Sparkasse"))
            gain = self._balance[FUNDS] * 60 // 10_000
            self._book(Booking(day, FUNDS, gain, "Dividend", "interest", "Alpen Invest"))
        if (day.month, day.day) == (4, 22):
            # A refund of the tax office stays with the category of what was paid.
            back = self._chance.randint(180_00, 420_00)
            self._book(Booking(day, CHECKING, back, "Tax return", "fees", "Finanzamt Österreich"))
        if (day.month, day.day) in {(5, 9), (12, 24)}:
            payee = "Γιαγιά Ελένη" if day.month == 5 else "Бабушка Нина"
            self._book(
                Booking(day, CHECKING, 100_00, "For your birthday ♥", "gifts_received", payee)
            )

    def _everyday(self, day: date) -> None:
        weekend = day.weekday() >= 5
        if day.weekday() != 6 and self._often(56):
            account = self._chance.choice((CHECKING, CHECKING, CARD))
            self._visit(day, account, GROCERIES)
        if self._often(58 if weekend else 40):
            self._visit(day, self._chance.choice((CARD, CHECKING)), RESTAURANTS)
        if self._often(11):
            self._visit(day, CARD, MOVING)
        if self._often(13):
            self._visit(day, CARD, SHOPPING)
        if self._often(22 if weekend else 4):
            self._visit(day, CHECKING, LEISURE)
        if self._often(4):
            self._visit(day, CHECKING, HEALTH)
        if self._often(26):
            self._visit(day, CASH, CASH_SHOPS)
        if self._often(3):
            minor = self._chance.randint(4_99, 29_99)
            self._book(Booking(day, CARD, -minor, "PAYPAL *MARKETPLACE", None, "PayPal"))

    def _trip(self, day: date) -> tuple[int, str] | None:
        """How many days into a trip a day is, and where; two months before, the flight is paid."""
        number = (day - self._first).days
        for start, length, where in TRIPS:
            if number == start - 60:
                minor = self._chance.randint(412_00, 688_00)
                tags = ("holiday",)
                self._book(
                    Booking(
                        day, CARD, -minor, f"Flight to {where}", "travel", "Austrian", tags=tags
                    )
                )
            if number == start - 10:
                self._to_dollars(day, 1_450_00)
            if start <= number < start + length:
                return number - start, where
        return None

    def _abroad(self, day: date, nights: int, where: str) -> None:
        if nights == 0:
            minor = self._chance.randint(690_00, 1_080_00)
            notes = f"Hotel in {where}, breakfast included"
            self._book(
                Booking(
                    day, DOLLARS, -minor, "Hotel", "hotels", "Hotel Edison", notes, ("holiday",)
                )
            )
        for _ in range(self._chance.randint(2, 5)):
            self._visit(day, DOLLARS, TRIP_SHOPS)
        if self._balance[DOLLARS] < 150_00:
            self._to_dollars(day, 250_00)

    def _to_dollars(self, day: date, minor: int) -> None:
        rate = self._chance.randint(10_480, 11_790)
        self._book(
            Booking(
                day,
                CHECKING,
                -minor,
                "Euros to dollars",
                payee="Globe Card",
                notes=f"Rate 1.{rate - 10_000:04}",
                to=DOLLARS,
                to_minor=minor * rate // 10_000,
            )
        )

    def _transfers(self, day: date) -> None:
        """Standing orders between own accounts, and top-ups of what runs low."""
        if day.day == 2:
            self._book(Booking(day, CHECKING, -450_00, "Monthly saving", to=SAVINGS))
        if day.day == 4:
            self._book(Booking(day, CHECKING, -150_00, "Savings plan: world index", to=FUNDS))
        if day.day == 9 and self._balance[CARD] < 0:
            owed = self._balance[CARD]
            self._book(Booking(day, CHECKING, owed, "Credit card bill", to=CARD))
        if self._balance[CASH] < 30_00:
            self._book(Booking(day, CHECKING, -100_00, "Cash machine", to=CASH))
        if self._balance[DOLLARS] < 20_00:
            self._to_dollars(day, 60_00)

    def last_days(self) -> None:
        """What the bank has announced and not booked yet."""
        waiting = (
            (0, CARD, "Kaffeeküche", "Coffee to go", "restaurants", 4_20),
            (1, CARD, "SPAR", "SPAR Neubaugasse", "groceries", 31_47),
            (2, DOLLARS, "Kagi", "Search", "subscriptions", 10_00),
        )
        for ago, account, payee, description, category, minor in waiting:
            day = self._today - timedelta(days=ago)
            self._book(Booking(day, account, -minor, description, category, payee))

    def coming_days(self) -> None:
        """What is known already and counts when its day comes."""
        known = (
            (6, CHECKING, "Wiener Konzerthaus", "Two tickets", "leisure", -96_00),
            (11, CHECKING, "Dr. Ayşe Yılmaz", "Check-up", "health", -85_00),
            (19, CHECKING, "Hausverwaltung Brückner", "Yearly settlement", "rent", -143_20),
            (24, CHECKING, "王芳", "Share of the cabin", "other_income", 180_00),
        )
        for ahead, account, payee, description, category, minor in known:
            day = self._today + timedelta(days=ahead)
            self._book(Booking(day, account, minor, description, category, payee))


_NOTES: Final = (
    "With Иван and Μαρία",
    "Split it next time!",
    "For the flat:\n– lamp\n– two chairs",
    "مع ليلى",
    "和小红一起",
    "Gift card used for the rest",
    "Büro, wird ersetzt",
)
