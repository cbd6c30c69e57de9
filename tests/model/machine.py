"""Random commands of several people through both doors, checked against the model after each."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.doors import Door, GraphQLDoor, RestDoor
from tests.model.books import (
    FIRST,
    LAST,
    Item,
    Part,
    Row,
)
from tests.model.sharing import Sharing
from tests.model.world import DAYS, DOORS, MINOR, PEOPLE, PICK, POSITIVE, one_of


class Books(Sharing):
    """Three people in one currency; each step picks a person and a door."""

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
            if self.thorough:
                self.check_reports(door, who)
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

    def teardown(self) -> None:
        """The reports are right, and the feed, replayed from its start, ends in what is there."""
        for who, person in enumerate(self.people):
            door = (RestDoor, GraphQLDoor)[who % 2]
            self.check_reports(door, who)
            found = self.replayed(door, who)
            assert found == {
                row.id: row.minor for row in person.rows.values() if row.live and not row.leg
            }

    def replayed(self, door: type[Door], who: int) -> dict[str, int]:
        """Amounts of own transactions as somebody has them who only reads the feed."""
        amounts: dict[str, int] = {}
        cursor = "start"
        while True:
            page = self.call(door, who, "ListChanges", cursor=cursor, limit=50)
            for change in page["changes"]:
                kind, _, what = change["type"].partition(".")
                if kind == "transaction":
                    amounts.pop(change["id"], None)
                    if what != "deleted" and change["data"]["groupId"] is None:
                        amounts[change["id"]] = self.money.minor(change["data"]["amount"])
            cursor = page["cursor"]
            if not page["hasMore"]:
                return amounts
