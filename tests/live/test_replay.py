"""A copy that is kept by following the feed equals what the API lists, whatever happened."""

import random
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from app import Running
from graph.handlers import job_handlers
from resolvers.jobs import Worker
from tests.doors import GraphQLDoor, Person, Refused
from tests.live.following import Copy, since

pytestmark = pytest.mark.anyio
CSV = "Date,Text,Amount\n2026-01-0{day},Shop {day},-{day}.00\n2026-01-09,Pay,100.00\n"


class Life:
    """Random days in a person's books."""

    def __init__(self, door: GraphQLDoor, seed: int) -> None:
        self.door = door
        self.random = random.Random(seed)  # noqa: S311 - the same days every time
        self.accounts: list[str] = []
        self.categories: list[str] = []
        self.rows: list[str] = []
        self.budgets: list[str] = []
        self.templates: list[str] = []
        self.files: list[str] = []

    async def call(self, operation: str, body: Any = None, **more: Any) -> Any:
        """A call that may be refused: the copy has to be right after a refusal, too."""
        try:
            return await self.door.call(operation, body, **more)
        except Refused:
            return None

    def one(self, among: list[str]) -> str:
        return self.random.choice(among)

    def amount(self) -> str:
        return f"{self.random.choice(('', '-'))}{self.random.randint(1, 500)}.{self.random.randint(10, 99)}"

    async def begin(self) -> None:
        for name in ("Giro", "Cash"):
            body = {"name": name, "type": "CASH", "currency": "EUR", "openingBalance": "10"}
            self.accounts.append((await self.door.call("CreateAccount", body))["id"])
        for name, kind in (("Food", "EXPENSE"), ("Fun", "EXPENSE"), ("Work", "INCOME")):
            made = await self.door.call("CreateCategory", {"name": name, "kind": kind})
            self.categories.append(made["id"])
        await self.book()

    def draft(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "accountId": self.one(self.accounts),
            "date": f"2026-0{self.random.randint(1, 9)}-1{self.random.randint(0, 9)}",
            "amount": self.amount(),
            "description": f"row {self.random.randint(1, 99)}",
            "tags": self.random.sample(["a", "b", "c"], 2),
        }
        if self.random.random() < 0.5:
            row["categoryId"] = self.one(self.categories)
        return row

    async def book(self) -> None:
        made = await self.call("CreateTransaction", self.draft())
        if made:
            self.rows.append(made["id"])

    async def book_many(self) -> None:
        found = await self.call("CreateTransactions", transactions=[self.draft() for _ in range(5)])
        self.rows += [one["id"] for one in (found or {}).get("results", ())]

    async def split(self) -> None:
        parts = [
            {"categoryId": self.one(self.categories), "amount": "-6.00", "notes": "one"},
            {"categoryId": self.one(self.categories), "amount": "-4.00"},
        ]
        row = {**self.draft(), "amount": "-10.00", "splits": parts}
        row.pop("categoryId", None)
        made = await self.call("CreateTransaction", row)
        if made:
            self.rows.append(made["id"])

    async def transfer(self) -> None:
        one, other = self.random.sample(self.accounts, 2)
        row = {**self.draft(), "accountId": one, "transferAccountId": other}
        row.pop("categoryId", None)
        made = await self.call("CreateTransaction", row)
        if made:
            self.rows.append(made["id"])

    async def change(self) -> None:
        await self.call("UpdateTransaction", {"amount": self.amount()}, id=self.one(self.rows))

    async def delete(self) -> None:
        await self.call("DeleteTransaction", id=self.one(self.rows))

    async def restore(self) -> None:
        await self.call("RestoreTransaction", id=self.one(self.rows))

    async def change_account(self) -> None:
        name = {"name": f"A{self.random.randint(1, 99)}"}
        await self.call("UpdateAccount", name, id=self.one(self.accounts))

    async def delete_account(self) -> None:
        body = {"name": "Gone", "type": "CASH", "currency": "EUR"}
        made = await self.door.call("CreateAccount", body)
        row = {**self.draft(), "accountId": made["id"], "transferAccountId": self.accounts[0]}
        row.pop("categoryId", None)
        await self.call("CreateTransaction", row)
        await self.call("CreateTransaction", {**self.draft(), "accountId": made["id"]})
        await self.call("DeleteAccount", id=made["id"], force=True)
        if self.random.random() < 0.5:
            await self.call("RestoreAccount", id=made["id"])

    async def change_category(self) -> None:
        body = {"name": f"C{self.random.randint(1, 99)}", "parentId": self.one(self.categories)}
        await self.call("UpdateCategory", body, id=self.one(self.categories))

    async def delete_category(self) -> None:
        body = {"name": f"D{self.random.randint(1, 99)}", "kind": "EXPENSE"}
        made = await self.call("CreateCategory", body)
        if made:
            await self.call("CreateCategory", {**body, "name": "Child", "parentId": made["id"]})
            await self.call("CreateTransaction", {**self.draft(), "categoryId": made["id"]})
            await self.call("DeleteCategory", id=made["id"], moveTo=self.categories[0])

    async def plan(self) -> None:
        items = [{"categoryId": self.one(self.categories), "amount": "100"}]
        body = {"name": "B", "period": "MONTHLY", "startDate": "2026-01-01", "items": items}
        made = await self.call("CreateBudget", body)
        if made:
            self.budgets.append(made["id"])
            item = made["items"][0]["id"]
            change = {"amount": "70.50"}
            await self.call("UpdateBudgetItem", change, id=made["id"], itemId=item)

    async def replan(self) -> None:
        if self.budgets:
            budget = self.one(self.budgets)
            what = self.random.choice(("name", "item", "delete"))
            if what == "name":
                await self.call("UpdateBudget", {"name": "N"}, id=budget)
            elif what == "item":
                item = {"categoryId": self.one(self.categories), "amount": "5"}
                await self.call("CreateBudgetItem", item, id=budget)
            else:
                await self.call("DeleteBudget", id=budget)

    async def schedule(self) -> None:
        body = {
            "name": "Rent", "accountId": self.one(self.accounts), "amount": "-5",
            "description": "x", "frequency": "MONTHLY", "startDate": "2026-01-01",
        }  # fmt: skip
        made = await self.call("CreateTemplate", body)
        if made:
            self.templates.append(made["id"])
            await self.call("ExecuteTemplate", {"date": "2026-01-01"}, id=made["id"])
        if self.random.random() < 0.3:
            await self.call("DeleteTemplate", id=self.one(self.templates))

    async def import_file(self) -> None:
        content = b64encode(CSV.format(day=self.random.randint(1, 8)).encode()).decode()
        file = await self.door.call("CreateUpload", {"filename": "a.csv", "content": content})
        body = {"uploadId": file["id"], "accountId": self.one(self.accounts)}
        await self.call("CreateImport", body)
        spare = await self.door.call("CreateUpload", {"filename": "b.csv", "content": content})
        await self.call("DeleteUpload", id=spare["id"])

    async def rename(self) -> None:
        await self.call("UpdateMe", {"name": f"Ada {self.random.randint(1, 99)}"})

    def deeds(self) -> list[Callable[[], Any]]:
        return [
            self.book, self.book_many, self.split, self.transfer, self.change, self.delete,
            self.restore, self.change_account, self.delete_account, self.change_category,
            self.delete_category, self.plan, self.replan, self.schedule, self.import_file,
            self.rename,
        ]  # fmt: skip


async def work_off(running: Running) -> None:
    """Run the jobs that wait."""
    worker = Worker(running.services.database, running.broker, job_handlers(running.services))
    await worker.run_due()


@pytest.mark.parametrize("seed", range(4))
async def test_a_followed_copy_equals_what_is_listed(
    client: Any, ada: Person, running: Running, seed: int
) -> None:
    door = GraphQLDoor(client, ada)
    life = Life(door, seed)
    await life.begin()
    deeds = life.deeds()
    life.random.shuffle(deeds)
    followed = Copy()
    cursor = "start"
    for number, deed in enumerate([*deeds, *life.random.choices(deeds, k=20)]):
        await deed()
        if number % 5 == 0:
            await work_off(running)
        if number % 7 == 3:
            events = await since(door, cursor, limit=life.random.randint(1, 9))
            cursor = (await door.query("{viewer{changeCursor}}"))["data"]["viewer"]["changeCursor"]
            followed.take(events)
    await work_off(running)
    followed.take(await since(door, cursor))
    await followed.compare(door)
    begun = Copy()
    begun.take(await since(door, "start", limit=life.random.randint(1, 20)))
    await begun.compare(door)
    assert begun.objects == {kind: found for kind, found in followed.objects.items() if found}
