"""Tenants do not meet: not through either door, not below them in the database."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from graph.context import Services
from models import ids
from models.accounts import Account
from models.base import table
from models.transactions import Transaction
from rest_compat.routes import ENDPOINTS
from tests.doors import Door, GraphQLDoor, Person, Refused, operations

pytestmark = pytest.mark.anyio


async def filled(door: Door) -> dict[str, str]:
    """One object of each kind."""
    body = {"name": "Giro", "type": "CASH", "currency": "EUR", "openingBalance": "7.77"}
    account = await door.call("CreateAccount", body)
    category = await door.call("CreateCategory", {"name": "Mine", "kind": "EXPENSE"})
    row = {"accountId": account["id"], "date": "2026-01-01", "amount": "-1", "description": "x"}
    transaction = await door.call("CreateTransaction", row)
    plan = {"name": "Plan", "period": "MONTHLY", "startDate": "2026-01-01"}
    items = [{"categoryId": category["id"], "amount": "5"}]
    budget = await door.call("CreateBudget", {**plan, "items": items})
    group = await door.call("CreateGroup", {"name": "Ours"})
    entry = await door.call(
        "CreateGroupTransaction", {"amount": "3", "description": "x"}, id=group["id"]
    )
    asked = await door.call(
        "CreateInvitation", {"groupId": group["id"], "email": "nobody@example.org"}
    )
    return {
        "groups": group["id"],
        "entries": entry["id"],
        "invitations": asked["id"],
        "accounts": account["id"],
        "categories": category["id"],
        "transactions": transaction["id"],
        "budgets": budget["id"],
        "items": budget["items"][0]["id"],
    }


def theft(operation: str) -> dict[str, Any]:
    """A body that would do for an object of one's own."""
    if operation == "CreateBudgetItem":
        return {"categoryId": "cat_" + "0" * 26, "amount": "9"}
    if operation.endswith("Member"):
        return {"role": "OWNER"} if operation.startswith("Update") else {"email": "x@example.org"}
    if operation == "CreateGroupTransaction":
        return {"amount": "9", "description": "x"}
    return {"amount": "9"} if operation.endswith(("Transaction", "Item")) else {"name": "Stolen"}


@pytest.mark.case("T01")
async def test_each_id_of_another_person_is_not_found_at_each_path(door: Door, bob: Person) -> None:
    theirs = await filled(door.as_person(bob))
    before = await door.as_person(bob).call("ListTransactions")
    tried = 0
    for row in ENDPOINTS:
        noun = row.path.split("/")[1]
        if "{id}" not in row.path or noun not in theirs:
            continue
        variables = operations()[row.operation].variables
        body = theft(row.operation) if "body" in variables else None
        known = {
            "itemId": theirs["items"], "statementBalance": "1", "txId": theirs["entries"],
            "userId": bob.id,
        }  # fmt: skip
        more = {name: value for name, value in known.items() if name in variables}
        more |= {"date": "2026-01-01"} if "statementBalance" in variables else {}
        if row.operation.startswith("ListGroup"):
            more.pop("userId", None)
        with pytest.raises(Refused) as refused:
            await door.call(row.operation, body, id=theirs[noun], **more)
        assert refused.value.code == "NOT_FOUND", row
        tried += 1
    assert tried >= 41
    assert await door.as_person(bob).call("ListTransactions") == before


@pytest.mark.case("T01")
async def test_nothing_of_another_person_is_listed_or_found_by_node(
    client: Any, ada: Person, bob: Person
) -> None:
    theirs = await filled(GraphQLDoor(client, bob))
    door = GraphQLDoor(client, ada)
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    wanted = [*theirs.values(), bob.id, "user_x", "", "txn_" + "z" * 26, "\U0001f4a3"]
    found = await door.query(document, ids=wanted)
    assert found["data"]["nodes"] == [None] * len(wanted)
    mine = await GraphQLDoor(client, bob).query(document, ids=[*theirs.values(), bob.id])
    assert [one["id"] for one in mine["data"]["nodes"]] == [*theirs.values(), bob.id]
    for operation in ("ListAccounts", "ListTransactions"):
        assert (await door.call(operation))["items"] == []


@pytest.mark.case("T02")
@pytest.mark.case("T03")
async def test_without_an_identity_no_row_is_seen_or_written(
    client: Any, ada: Person, services: Services
) -> None:
    await filled(GraphQLDoor(client, ada))
    accounts = table(Account)
    async with services.database.read(None) as tx:
        assert await tx.rows(select(accounts.c.id)) == []

    async def write(tx: Any) -> int:
        return await tx.run(update(accounts).values(name="x"))

    assert await services.database.change(None, write) == 0
    # The same pooled connection, after a transaction that had an identity.
    async with services.database.read(ids.decode("user", ada.id)) as tx:
        assert len(await tx.rows(select(accounts.c.id))) == 1
    for _ in range(5):
        async with services.database.read(None) as tx:
            assert await tx.scalar(text("SELECT app_user()")) is None
            assert await tx.rows(select(accounts.c.id)) == []


@pytest.mark.case("T04")
@pytest.mark.case("T05")
@pytest.mark.case("T11")
async def test_the_database_refuses_what_the_rules_would(
    client: Any, ada: Person, bob: Person, services: Services
) -> None:
    theirs = await filled(GraphQLDoor(client, bob))
    mine = await filled(GraphQLDoor(client, ada))
    transactions, accounts = table(Transaction), table(Account)
    me = ids.decode("user", ada.id)
    account = ids.decode("acct", theirs["accounts"])
    async with services.database.read(me) as tx:
        ledger = await tx.scalar(select(accounts.c.ledger_id))
    async with services.database.read(ids.decode("user", bob.id)) as tx:
        other = await tx.scalar(select(accounts.c.ledger_id))
    own = transactions.c.id == ids.decode("txn", mine["transactions"])

    async def point_at_their_account(tx: Any) -> None:
        await tx.run(update(transactions).where(own).values(account_id=account))

    async def move_into_their_ledger(tx: Any) -> None:
        await tx.run(update(transactions).where(own).values(ledger_id=other))

    async def write_into_their_ledger(tx: Any) -> None:
        await tx.run(
            insert(accounts).values(
                ledger_id=other, id=uuid4(), name="x", type="CASH", currency="EUR", opening=b"",
                total=b"", archived=False, version=1, created_at=text("now()"),
                updated_at=text("now()"),
            )
        )  # fmt: skip

    async def promote(tx: Any) -> None:
        await tx.run(text("UPDATE memberships SET role = 'OWNER'"))

    async def join(tx: Any) -> None:
        await tx.run(
            text("INSERT INTO memberships VALUES (:ledger, :me, 'OWNER', now())"),
            {"ledger": other, "me": me},
        )

    async def found_again(tx: Any) -> None:
        await tx.run(text("SELECT open_personal_ledger(:l)"), {"l": uuid4()})

    async def truncate(tx: Any) -> None:
        await tx.run(text("TRUNCATE transactions CASCADE"))

    for crime in (
        point_at_their_account, move_into_their_ledger, write_into_their_ledger, promote, join,
        found_again, truncate,
    ):  # fmt: skip
        with pytest.raises(DBAPIError):
            await services.database.change(me, crime)

    async def same_id(tx: Any) -> int:
        return await tx.run(
            insert(accounts).values(
                ledger_id=ledger, id=account, name="x", type="CASH", currency="EUR", opening=b"",
                total=b"", archived=False, version=1, created_at=text("now()"),
                updated_at=text("now()"),
            )
        )  # fmt: skip

    assert await services.database.change(me, same_id) == 1
