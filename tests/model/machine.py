"""Random commands of several people through both doors, checked against the model after each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import httpx2
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from tests.doors import Door, GraphQLDoor, Refused, RestDoor, register
from tests.model.books import (
    FIRST,
    LAST,
    Category,
    Expense,
    Group,
    Item,
    Money,
    Part,
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


class Books(RuleBasedStateMachine):
    """Three people in one currency; each step picks a person and a door."""

    rows = Bundle("rows")

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

        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result(60)

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
            signed = self.run(register(self.client, name=name, baseCurrency=money.currency))
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

    # -- transactions ------------------------------------------------------------------------------

    @rule(who=PEOPLE, door=DOORS, account=PICK, category=PICK, day=DAYS, minor=MINOR, again=DOORS)
    def book(
        self,
        who: int,
        door: type[Door],
        account: int,
        category: int,
        day: date,
        minor: int,
        again: type[Door],
    ) -> None:
        """Book a row, and repeat the request through some door: it stays one row."""
        chosen = self.category(who, category)
        body = {
            "accountId": self.account(who, account),
            "categoryId": chosen,
            "date": day.isoformat(),
            "amount": self.money.text(minor),
            "description": "row",
        }
        self.key += 1
        key = f"book-{self.key}"
        made = self.call(door, who, "CreateTransaction", body, key=key)
        assert self.call(again, who, "CreateTransaction", body, key=key)["id"] == made["id"]
        self.people[who].write(
            Row(made["id"], body["accountId"], day, minor, (Part(chosen, minor),))
        )

    @rule(
        who=PEOPLE,
        door=DOORS,
        account=PICK,
        day=DAYS,
        parts=st.lists(st.tuples(PICK, MINOR), min_size=2, max_size=4),
    )
    def book_split(
        self, who: int, door: type[Door], account: int, day: date, parts: list[tuple[int, int]]
    ) -> None:
        """Book a row of several parts."""
        known = sorted(self.people[who].categories)
        found = tuple(Part(known[pick % len(known)], minor) for pick, minor in parts)
        total = sum(part.minor for part in found)
        made = self.call(
            door,
            who,
            "CreateTransaction",
            {
                "accountId": self.account(who, account),
                "date": day.isoformat(),
                "amount": self.money.text(total),
                "description": "split",
                "splits": [
                    {"categoryId": part.category, "amount": self.money.text(part.minor)}
                    for part in found
                ],
            },
        )
        self.people[who].write(Row(made["id"], made["accountId"], day, total, found))

    @rule(who=PEOPLE, door=DOORS, day=DAYS, minor=POSITIVE)
    def transfer(self, who: int, door: type[Door], day: date, minor: int) -> None:
        """Move money between the two own accounts."""
        here, there = list(self.people[who].opening)[:2]
        made = self.call(
            door,
            who,
            "CreateTransaction",
            {
                "accountId": here,
                "transferAccountId": there,
                "date": day.isoformat(),
                "amount": self.money.text(-minor),
                "description": "move",
            },
        )
        other = made["transferId"]
        person = self.people[who]
        person.write(Row(made["id"], here, day, -minor, (Part(None, -minor),), other))
        person.write(Row(other, there, day, minor, (Part(None, minor),), made["id"]))

    @rule(who=PEOPLE, door=DOORS, pick=PICK, minor=MINOR, day=DAYS, category=PICK, account=PICK)
    def change(
        self,
        who: int,
        door: type[Door],
        pick: int,
        minor: int,
        day: date,
        category: int,
        account: int,
    ) -> None:
        """Change everything about a plain row."""
        row = self.row(who, pick, plain=True)
        if row is None:
            return
        chosen = self.category(who, category)
        target = self.account(who, account)
        self.call(
            door,
            who,
            "UpdateTransaction",
            {
                "amount": self.money.text(minor),
                "date": day.isoformat(),
                "categoryId": chosen,
                "accountId": target,
            },
            id=row.id,
        )
        self.people[who].write(
            replace(row, minor=minor, day=day, account=target, parts=(Part(chosen, minor),))
        )

    @rule(who=PEOPLE, door=DOORS, pick=PICK)
    def change_of_an_old_version(self, who: int, door: type[Door], pick: int) -> None:
        """Whoever has not seen the newest version changes nothing."""
        row = self.row(who, pick)
        if row is not None:
            body = {"amount": self.money.text(1)}
            no = self.refused(door, who, "UpdateTransaction", body, id=row.id, version=999)
            assert no.code == "STALE_OBJECT"

    @rule(who=PEOPLE, door=DOORS, pick=PICK)
    def somebody_elses(self, who: int, door: type[Door], pick: int) -> None:
        """What is not yours is not there, whatever one does with it."""
        row = self.row((who + 1) % 3, pick)
        if row is not None:
            assert self.refused(door, who, "GetTransaction", id=row.id).code == "NOT_FOUND"
            assert self.refused(door, who, "DeleteTransaction", id=row.id).code == "NOT_FOUND"
            body = {
                "accountId": row.account,
                "date": "2026-01-01",
                "amount": "1",
                "description": "x",
            }
            no = self.refused(door, who, "CreateTransaction", body)
            assert no.paths == {"accountId": "NOT_FOUND"}

    @rule(who=PEOPLE, door=DOORS, pick=PICK)
    def delete(self, who: int, door: type[Door], pick: int) -> None:
        """Into the trash."""
        row = self.row(who, pick)
        person = self.people[who]
        if row is not None and row.id not in {
            one.refund_of for one in person.rows.values() if one.live
        }:
            self.call(door, who, "DeleteTransaction", id=row.id)
            person.drop(row.id)

    @rule(who=PEOPLE, door=DOORS, pick=PICK)
    def restore(self, who: int, door: type[Door], pick: int) -> None:
        """Out of the trash, with the other side of a transfer."""
        person = self.people[who]
        row = one_of([row for row in person.rows.values() if not row.live and not row.leg], pick)
        if row is not None and (row.refund_of is None or person.rows[row.refund_of].live):
            self.call(door, who, "RestoreTransaction", id=row.id)
            person.drop(row.id, live=True)

    @rule(who=PEOPLE, door=DOORS, pick=PICK, minor=MINOR, day=DAYS)
    def refund(self, who: int, door: type[Door], pick: int, minor: int, day: date) -> None:
        """Money that comes back nets what it was spent on, on its own day."""
        row = self.row(who, pick, plain=True)
        if row is None:
            return
        made = self.call(
            door,
            who,
            "CreateTransaction",
            {
                "accountId": row.account,
                "date": day.isoformat(),
                "amount": self.money.text(minor),
                "description": "refund",
                "refundOf": row.id,
            },
        )
        self.people[who].write(
            Row(made["id"], row.account, day, minor, (Part(None, minor),), refund_of=row.id)
        )

    @rule(
        who=PEOPLE,
        door=DOORS,
        account=PICK,
        day=DAYS,
        minors=st.lists(MINOR, min_size=1, max_size=5),
        bad=st.booleans(),
        policy=st.sampled_from(("ATOMIC", "SKIP_FAILED")),
    )
    def bulk(
        self,
        who: int,
        door: type[Door],
        account: int,
        day: date,
        minors: list[int],
        bad: bool,
        policy: str,
    ) -> None:
        """Several rows at once: all or none, or all but the bad one."""
        target = self.account(who, account)
        rows: list[Any] = [
            {
                "accountId": target,
                "date": day.isoformat(),
                "amount": self.money.text(minor),
                "description": "bulk",
            }
            for minor in minors
        ]
        if bad:
            rows.append({**rows[0], "amount": "one"})
        if bad and policy == "ATOMIC":
            no = self.refused(door, who, "CreateTransactions", transactions=rows, policy=policy)
            assert no.details["results"][-1]["status"] == "error"
            return
        made = self.call(door, who, "CreateTransactions", transactions=rows, policy=policy)
        assert (made["succeeded"], made["failed"]) == (len(minors), int(bad))
        for minor, result in zip(minors, made["results"], strict=False):
            self.people[who].write(Row(result["id"], target, day, minor, (Part(None, minor),)))

    # -- budgets -----------------------------------------------------------------------------------

    @rule(
        who=PEOPLE,
        door=DOORS,
        minor=POSITIVE,
        carry=st.sampled_from(("NONE", "SURPLUS", "BOTH")),
        pick=PICK,
    )
    def plan(self, who: int, door: type[Door], minor: int, carry: str, pick: int) -> None:
        """A budget of one item."""
        person = self.people[who]
        expenses = sorted(one.id for one in person.categories.values() if one.kind == "EXPENSE")
        category = expenses[pick % len(expenses)]
        made = self.call(
            door,
            who,
            "CreateBudget",
            {
                "name": "plan",
                "period": "MONTHLY",
                "startDate": "2026-01-01",
                "currency": self.money.currency,
                "items": [
                    {"categoryId": category, "amount": self.money.text(minor), "carry": carry}
                ],
            },
        )
        item = made["items"][0]["id"]
        person.items[item] = Item(made["id"], item, category, minor, carry)

    @rule(who=PEOPLE, door=DOORS, pick=PICK, month=st.integers(1, 6))
    def analysis(self, who: int, door: type[Door], pick: int, month: int) -> None:
        """Plan, carry and reality of one month."""
        person = self.people[who]
        item = one_of(list(person.items.values()), pick)
        if item is None:
            return
        told = self.call(door, who, "GetBudgetAnalysis", id=item.budget, date=f"2026-{month:02}-15")
        mine = self.shared(who)
        carried, actual = person.carried(item, month, mine), person.spent(item, month, mine)
        seen = told["items"][0]
        figures = [seen[name] for name in ("budgeted", "carried", "actual", "remaining")]
        wanted = (item.minor, carried, actual, item.minor + carried - actual)
        assert [self.money.minor(one) for one in figures] == list(wanted)

    # -- groups ------------------------------------------------------------------------------------

    @rule(who=PEOPLE, door=DOORS, other=DOORS)
    def share(self, who: int, door: type[Door], other: type[Door]) -> None:
        """A group of all three: one founds it, the others are invited and accept."""
        if len(self.groups) == 2:
            return
        body = {"name": "Group", "currency": self.money.currency}
        made = self.call(door, who, "CreateGroup", body)["id"]
        for guest in {0, 1, 2} - {who}:
            invite = {"groupId": made, "email": self.signed[guest].email, "role": "MEMBER"}
            sent = self.call(door, who, "CreateInvitation", invite)["id"]
            self.call(other, guest, "AcceptInvitation", id=sent)
        keys = {
            one["key"]: one["id"]
            for one in self.call(door, who, "ListCategories", groupId=made, limit=100)["items"]
            if one["kind"] == "EXPENSE"
        }
        self.groups.append(Group(made, {person.id for person in self.people}, keys))

    @rule(
        who=PEOPLE,
        door=DOORS,
        pick=PICK,
        day=DAYS,
        payers=st.lists(POSITIVE, min_size=1, max_size=3),
        method=st.sampled_from(("EQUAL", "EXACT", "PERCENT", "SHARES")),
        weights=st.lists(st.integers(1, 97), min_size=2, max_size=3),
        key=PICK,
        leg=st.booleans(),
    )
    def spend_together(
        self,
        who: int,
        door: type[Door],
        pick: int,
        day: date,
        payers: list[int],
        method: str,
        weights: list[int],
        key: int,
        leg: bool,
    ) -> None:
        """A shared expense with several payers, split in some way."""
        group = one_of(self.groups, pick)
        if group is None:
            return
        turn = [self.people[(who + n) % 3].id for n in range(3)]
        paid = dict(zip(turn, payers, strict=False))
        amount = sum(paid.values())
        chosen = one_of([None, *sorted(one for one in group.keys if one)], key)
        shares = self.wanted_shares(method, turn, weights, amount)
        body = {
            "date": day.isoformat(),
            "amount": self.money.text(amount),
            "description": "together",
            "categoryId": group.keys[chosen] if chosen else None,
            "paidBy": [
                {"userId": one, "amount": self.money.text(minor)} for one, minor in paid.items()
            ],
            "splitMethod": method,
            "shares": shares,
        }
        account = self.account(who, key)
        if leg:
            body["accountId"] = account
        made = self.call(door, who, "CreateGroupTransaction", body, id=group.id)
        owed = {one["userId"]: self.money.minor(one["amount"]) for one in made["shares"]}
        self.check_shares(method, weights, amount, list(owed.values()))
        group.expenses[made["id"]] = Expense(made["id"], "EXPENSE", day, chosen, paid, owed)
        if leg:
            minor = -paid[self.people[who].id]
            self.people[who].write(
                Row(f"leg {made['id']}", account, day, minor, (Part(None, minor),), leg=True)
            )
        self.touched |= {0, 1, 2}

    def wanted_shares(
        self, method: str, turn: list[str], weights: list[int], amount: int
    ) -> list[dict[str, str]]:
        """Shares as the request names them."""
        people = turn[: len(weights)]
        if method == "EXACT":
            first = amount // 3
            parts = [first, amount - first, *([0] * (len(people) - 2))]
            return [
                {"userId": one, "amount": self.money.text(minor)}
                for one, minor in zip(people, parts, strict=True)
            ]
        if method == "PERCENT":
            weights = [weights[0], *([1] * (len(people) - 2)), 0]
            weights[-1] = 100 - sum(weights)
        if method == "EQUAL":
            return [{"userId": one} for one in people]
        return [
            {"userId": one, "weight": str(weight)}
            for one, weight in zip(people, weights, strict=True)
        ]

    def check_shares(self, method: str, weights: list[int], amount: int, owed: list[int]) -> None:
        """Shares sum exactly, and none is a whole unit from its fair part."""
        assert sum(owed) == amount
        if method == "EQUAL":
            assert all(abs(one * len(owed) - amount) < len(owed) for one in owed)
        if method == "SHARES":
            total = sum(weights)
            for one, weight in zip(sorted(owed), sorted(weights), strict=True):
                assert abs(one * total - amount * weight) < total

    @rule(who=PEOPLE, door=DOORS, pick=PICK, day=DAYS, minor=POSITIVE, to=st.integers(1, 2))
    def settle(self, who: int, door: type[Door], pick: int, day: date, minor: int, to: int) -> None:
        """One pays another."""
        group = one_of(self.groups, pick)
        if group is None:
            return
        payer, receiver = self.people[who].id, self.people[(who + to) % 3].id
        text = self.money.text(minor)
        body = {
            "kind": "SETTLEMENT",
            "date": day.isoformat(),
            "amount": text,
            "description": "paid back",
            "paidBy": [{"userId": payer, "amount": text}],
            "splitMethod": "EXACT",
            "shares": [{"userId": receiver, "amount": text}],
        }
        made = self.call(door, who, "CreateGroupTransaction", body, id=group.id)["id"]
        group.expenses[made] = Expense(
            made, "SETTLEMENT", day, None, {payer: minor}, {receiver: minor}
        )
        self.touched |= {0, 1, 2}

    @rule(who=PEOPLE, door=DOORS, pick=PICK, which=PICK)
    def take_back(self, who: int, door: type[Door], pick: int, which: int) -> None:
        """A shared expense is deleted, with the cash side that its author had booked."""
        group = one_of(self.groups, pick)
        if group is None:
            return
        one = one_of([one for one in group.expenses.values() if one.live], which)
        if one is None:
            return
        self.call(door, who, "DeleteGroupTransaction", id=group.id, txId=one.id)
        group.expenses[one.id] = replace(one, live=False)
        for person in self.people:
            if (leg := f"leg {one.id}") in person.rows:
                person.drop(leg)
        self.touched |= {0, 1, 2}

    def check_groups(self, door: type[Door], who: int) -> None:
        """Nets are the model's and sum to zero; few payments settle everything."""
        for group in self.groups:
            told = self.call(door, who, "GetGroupBalances", id=group.id)
            nets = {one["userId"]: self.money.minor(one["net"]) for one in told["balances"]}
            wanted = {one: minor for one, minor in group.nets().items() if minor}
            assert {one: minor for one, minor in nets.items() if minor} == wanted
            assert sum(nets.values()) == 0
            for plan in ("debts", "simplifiedDebts"):
                left = dict(wanted)
                for debt in told[plan]:
                    minor = self.money.minor(debt["amount"])
                    left[debt["fromUserId"]] = left.get(debt["fromUserId"], 0) + minor
                    left[debt["toUserId"]] = left.get(debt["toUserId"], 0) - minor
                assert not any(left.values()), plan
            assert len(told["simplifiedDebts"]) <= max(0, len(wanted) - 1)

    def shared(self, who: int) -> list[Group]:
        """The groups whose expenses are in a person's books."""
        return [group for group in self.groups if self.people[who].id in group.members]

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def figures_are_the_models(self) -> None:
        """Balances, months and breakdowns of whoever has been touched, by both doors in turn."""
        if not self.people:
            return
        self.run(self.drain())
        for who in sorted(self.touched):
            door = (GraphQLDoor, RestDoor)[(self.key + who) % 2]
            self.check_balances(door, who)
            self.check_reports(door, who) if 0 else None
        self.touched.clear()

    def check_balances(self, door: type[Door], who: int) -> None:
        """Each account's balance is its rows' sum."""
        told = self.call(door, who, "ListAccounts", limit=100)["items"]
        person = self.people[who]
        assert {one["id"]: self.money.minor(one["balance"]) for one in told} == {
            one: person.balance(one) for one in person.opening
        }

    def check_reports(self, door: type[Door], who: int) -> None:
        """Months and categories as the model has them."""
        if self.groups:
            self.learn_categories(who)
        person, groups = self.people[who], self.shared(who)
        span = {"from": FIRST.isoformat(), "to": LAST.isoformat()}
        told = self.call(door, who, "GetMonthlySummary", **span)
        months = {
            one["month"]: (self.money.minor(one["income"]), self.money.minor(one["expenses"]))
            for one in told["months"]
        }
        assert months == person.months(groups)
        for one in told["months"]:
            assert Decimal(one["net"]) == Decimal(one["income"]) - Decimal(one["expenses"])
        told = self.call(door, who, "GetCategoryBreakdown", **span)
        assert self.money.minor(told["total"]) == sum(person.breakdown(groups, "EXPENSE").values())
        told = self.call(door, who, "GetNetWorth", **span)
        owns = sum(person.balance(one) for one in person.opening)
        assert self.money.minor(told["points"][-1]["netWorth"]) == owns
        nets = sum(group.nets()[person.id] for group in groups)
        assert self.money.minor(told["receivable"]) == nets
