"""The world of the model test: three people, their accounts, and how a command is sent."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

import httpx2
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from tests.doors import Door, GraphQLDoor, Refused, RestDoor, register
from tests.model.books import (
    FIRST,
    LAST,
    Category,
    Group,
    Money,
    Person,
    Row,
)

T = TypeVar("T")
CURRENCIES: Final = (Money("EUR", 2), Money("JPY", 0), Money("KWD", 3))
DAYS: Final = st.integers(0, (LAST - FIRST).days).map(lambda n: FIRST + timedelta(days=n))
MINOR: Final = st.integers(-50_000, 50_000) | st.integers(-(10**12), 10**12)
POSITIVE: Final = st.integers(1, 90_000)
DOORS: Final = st.sampled_from((GraphQLDoor, RestDoor))
PEOPLE: Final = st.integers(0, 2)
PICK: Final = st.integers(0, 10**6)


def one_of(things: list[T], pick: int) -> T | None:
    """Some element of a list, or None of an empty one."""
    return things[pick % len(things)] if things else None


class World(RuleBasedStateMachine):
    """Three people in one currency; each step picks a person and a door."""

    thorough = False
    """Whether reports are looked at after every step and not only at the end."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        client: httpx2.AsyncClient,
        drain: Callable[[], Awaitable[Any]],
    ) -> None:
        super().__init__()
        self.loop, self.client, self.drain = loop, client, drain
        self.people: list[Person] = []
        self.signed: list[Any] = []
        self.groups: list[Group] = []
        self.money = CURRENCIES[0]
        self.touched: set[int] = set()
        self.key = 0

    def run(self, awaited: Awaitable[T]) -> T:
        """Do something on the loop of the application."""

        async def wait() -> T:
            return await awaited

        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result(120)

    def call(
        self, door: type[Door], who: int, operation: str, body: Any = None, **more: Any
    ) -> Any:
        """One operation by one person through one door."""
        self.touched.add(who)
        return self.run(door(self.client, self.signed[who]).call(operation, body, **more))

    def refused(
        self, door: type[Door], who: int, operation: str, body: Any = None, **more: Any
    ) -> Refused:
        """One operation that must be refused."""
        try:
            self.call(door, who, operation, body, **more)
        except Refused as no:
            return no
        raise AssertionError(f"{operation} was not refused")

    # -- the world ---------------------------------------------------------------------------------

    @initialize(money=st.sampled_from(CURRENCIES), openings=st.lists(MINOR, min_size=6, max_size=6))
    def found(self, money: Money, openings: list[int]) -> None:
        """Three people with two accounts each."""
        self.money = money
        for index, name in enumerate(("Ada", "Ben", "Cy")):
            signed = self.sign_up(name)
            self.signed.append(signed)
            person = Person(signed.id)
            self.people.append(person)
            for one in openings[2 * index : 2 * index + 2]:
                account = self.call(
                    RestDoor,
                    index,
                    "CreateAccount",
                    {
                        "name": "A",
                        "type": "CHECKING",
                        "currency": money.currency,
                        "openingBalance": money.text(one),
                    },
                )
                person.opening[account["id"]] = one
            self.learn_categories(index)

    def sign_up(self, name: str) -> Any:
        """Somebody new."""
        return self.run(register(self.client, name=name, baseCurrency=self.money.currency))

    def learn_categories(self, who: int) -> None:
        """Take over the starter set (and what shared expenses have added)."""
        door = RestDoor(self.client, self.signed[who])
        for one in self.run(door.pages("ListCategories", limit=100)):
            self.people[who].categories[one["id"]] = Category(
                one["id"], one["kind"], one["parentId"], one["key"]
            )

    def account(self, who: int, pick: int) -> str:
        """An account of a person."""
        found = one_of(list(self.people[who].opening), pick)
        assert found is not None
        return found

    def category(self, who: int, pick: int) -> str | None:
        """A category of a person, or none."""
        return one_of([None, *sorted(self.people[who].categories)], pick)

    def row(self, who: int, pick: int, *, plain: bool = False) -> Row | None:
        """A living row of a person; a plain one is neither linked nor split."""
        linked = {row.refund_of for row in self.people[who].rows.values()}
        found = [
            row
            for row in self.people[who].rows.values()
            if row.live
            and not row.leg
            and (
                not plain
                or (
                    row.transfer is None
                    and row.refund_of is None
                    and len(row.parts) == 1
                    and row.id not in linked
                )
            )
        ]
        return one_of(found, pick)
