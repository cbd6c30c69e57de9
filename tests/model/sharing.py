"""What people do together in the model test: groups, shared expenses, settlements."""

from dataclasses import replace
from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.doors import Door
from tests.model.books import (
    Expense,
    Group,
    Part,
    Row,
)
from tests.model.world import DAYS, DOORS, PEOPLE, PICK, POSITIVE, World, one_of


class Sharing(World):
    """Groups of all three."""

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
