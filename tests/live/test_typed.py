"""Typed subscriptions: what each tells, to whom, and what is read after an event."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from app import Running
from graph.handlers import job_handlers
from resolvers.jobs import Worker
from tests.doors import GraphQLDoor, Person
from tests.statements import counted

pytestmark = pytest.mark.anyio
CASH = {"name": "A", "type": "CASH", "currency": "EUR"}
ROW = {"date": "2026-01-01", "amount": "-1.50", "description": "x"}
CSV = b"Date,Text,Amount\n2026-01-01,Shop,-1.00\n2026-01-09,Pay,100.00\n"


async def accounts(door: GraphQLDoor, *names: str) -> list[str]:
    return [(await door.call("CreateAccount", {**CASH, "name": name}))["id"] for name in names]


async def test_transactions_of_one_account(
    dial: Any, client: Any, ada: Person, bob: Person
) -> None:
    door = GraphQLDoor(client, ada)
    giro, cash = await accounts(door, "Giro", "Cash")
    document = (
        "subscription($a: ID){transactionChanged(accountId:$a)"
        "{op id version cursor transaction{amount account{name balance}}}}"
    )
    talk = await (await dial()).init(ada.token)
    await talk.run(document, a=giro)
    stranger = await (await dial()).init(bob.token)
    await stranger.run(document, a=giro)
    error = await stranger.hear()
    assert error["payload"][0]["extensions"]["code"] == "NOT_FOUND"
    await stranger.run("subscription{transactionChanged{id}}")
    await stranger.silence()
    await talk.silence()

    made = await door.call("CreateTransaction", {**ROW, "accountId": giro})
    await door.call("CreateTransaction", {**ROW, "accountId": cash})
    told = (await talk.next())["transactionChanged"]
    shown = {"amount": "-1.50", "account": {"name": "Giro", "balance": "-1.50"}}
    assert (told["op"], told["id"], told["transaction"]) == ("CREATE", made["id"], shown)
    await door.call("UpdateTransaction", {"accountId": cash}, id=made["id"])
    told = (await talk.next())["transactionChanged"]
    # It has left the account: told once more, and it shows where it is now.
    assert (told["op"], told["version"]) == ("UPDATE", 2)
    assert told["transaction"]["account"]["name"] == "Cash"
    await door.call("UpdateTransaction", {"accountId": giro}, id=made["id"])
    await door.call("DeleteTransaction", id=made["id"])
    ops = [(await talk.next())["transactionChanged"]["op"] for _ in range(2)]
    assert ops == ["UPDATE", "DELETE"]
    await door.call("CreateTransaction", {**ROW, "accountId": cash, "transferAccountId": giro})
    told = (await talk.next())["transactionChanged"]
    assert told["transaction"]["amount"] == "1.50"
    await talk.silence()
    await stranger.silence()


async def test_balances_that_are_other_ones(dial: Any, client: Any, ada: Person) -> None:
    door = GraphQLDoor(client, ada)
    giro, cash = await accounts(door, "Giro", "Cash")
    every = await (await dial()).init(ada.token)
    await every.run("subscription{balanceChanged{accountId account{name balance}}}")
    one = await (await dial()).init(ada.token)
    await one.run("subscription($a: ID){balanceChanged(accountId:$a){account{balance}}}", a=cash)
    await every.silence()
    await one.silence()
    row = {**ROW, "accountId": giro, "transferAccountId": cash}
    made = await door.call("CreateTransaction", row)
    told = [(await every.next())["balanceChanged"] for _ in range(2)]
    assert {t["account"]["name"]: t["account"]["balance"] for t in told} == {
        "Giro": "-1.50",
        "Cash": "1.50",
    }
    assert (await one.next())["balanceChanged"] == {"account": {"balance": "1.50"}}
    # A word is no money.
    await door.call("UpdateTransaction", {"description": "y"}, id=made["id"])
    await door.call("UpdateAccount", {"name": "Other"}, id=cash)
    await every.silence()
    # Many rows at once are one event an account.
    await door.call("CreateTransactions", transactions=[{**ROW, "accountId": cash}] * 20)
    assert (await one.next())["balanceChanged"] == {"account": {"balance": "-28.50"}}
    await one.silence()
    await door.call("UpdateAccount", {"openingBalance": "100"}, id=cash)
    assert (await one.next())["balanceChanged"] == {"account": {"balance": "71.50"}}
    await door.call("DeleteAccount", id=cash, force=True)
    assert (await one.next())["balanceChanged"] == {"account": None}


async def test_an_import_from_now_to_its_end(
    dial: Any, client: Any, ada: Person, running: Running
) -> None:
    door = GraphQLDoor(client, ada)
    (giro,) = await accounts(door, "Giro")
    upload = {"filename": "a.csv", "content": b64encode(CSV).decode()}
    file = await door.call("CreateUpload", upload)
    body = {"uploadId": file["id"], "accountId": giro}
    run = await door.call("CreateImport", body)
    talk = await (await dial()).init(ada.token)
    document = "subscription($i: ID!){importProgress(importId:$i){id status version counts{new}}}"
    await talk.run(document, i=run["id"])
    told = (await talk.next())["importProgress"]
    assert (told["id"], told["status"]) == (run["id"], "PROCESSING")
    services = running.services
    await Worker(services.database, running.broker, job_handlers(services)).run_due()
    versions = [told["version"]]
    while told["status"] == "PROCESSING":
        told = (await talk.next())["importProgress"]
        versions.append(told["version"])
    assert (told["status"], told["counts"]) == ("COMPLETED", {"new": 2})
    assert versions == list(range(versions[0], versions[-1] + 1))
    assert (await talk.hear())["type"] == "complete"
    await talk.run(document, i=run["id"])
    assert (await talk.next())["importProgress"]["status"] == "COMPLETED"
    assert (await talk.hear())["type"] == "complete"


async def test_notifications_as_they_come(
    dial: Any, client: Any, ada: Person, bob: Person, running: Running
) -> None:
    door = GraphQLDoor(client, ada)
    (giro,) = await accounts(door, "Giro")
    talk = await (await dial()).init(ada.token)
    await talk.run("subscription{notificationReceived{id type title readAt}}")
    stranger = await (await dial()).init(bob.token)
    await stranger.run("subscription{notificationReceived{id}}")
    await talk.silence()
    await stranger.silence()
    upload = {"filename": "a.csv", "content": b64encode(CSV).decode()}
    file = await door.call("CreateUpload", upload)
    await door.call("CreateImport", {"uploadId": file["id"], "accountId": giro})
    services = running.services
    await Worker(services.database, running.broker, job_handlers(services)).run_due()
    told = (await talk.next())["notificationReceived"]
    assert (told["type"], told["readAt"]) == ("IMPORT_FINISHED", None)
    assert told["id"] in {one["id"] for one in await door.pages("ListNotifications", limit=10)}
    await stranger.silence()


async def test_what_is_read_after_an_event_is_read_anew(
    dial: Any, client: Any, ada: Person
) -> None:
    door = GraphQLDoor(client, ada)
    (giro,) = await accounts(door, "Giro")
    talk = await (await dial()).init(ada.token)
    await talk.run(
        "subscription{changes(kinds:[TRANSACTION]){node{... on Transaction{account{balance}}}}}"
    )
    await talk.silence()
    for number in (1, 2, 3):
        await door.call("CreateTransaction", {**ROW, "accountId": giro, "amount": "1"})
        told = (await talk.next())["changes"]
        assert told["node"]["account"]["balance"] == f"{number}.00"


async def test_nobody_asks_the_database_while_nothing_happens(
    dial: Any, ada: Person, running: Running
) -> None:
    talk = await (await dial()).init(ada.token)
    for number in range(10):
        await talk.run("subscription{changes{id}}", str(number))
    await talk.silence()
    # The first look after the line to the others stands wakes everybody once.
    asked: set[str] = set()
    for _ in range(100):
        await asyncio.sleep(0.05)
        with counted(running.services.database) as ran:
            await running.services.live.look()
        asked = {one for one in ran if "set_config" not in one}
        if len(asked) == 2:
            break
    assert len(asked) == 2, "one for everybody's versions, one for everybody's sessions"


async def test_an_event_whose_answer_fails_in_part_is_told(
    client: Any, ada: Person, dial: Any
) -> None:
    door = GraphQLDoor(client, ada)
    [account] = await accounts(door, "Giro")
    talk = await (await dial()).init(ada.token)
    await talk.run(
        "subscription { transactionChanged { transaction { "
        "a: account { balance transactions(first: 500) { totalCount } } b: account { balance } } } }"
    )
    for _ in range(2):
        await door.call("CreateTransaction", {**ROW, "accountId": account})
        told = await talk.hear()
        assert told["type"] == "next"
        [error] = told["payload"]["errors"]
        assert error["extensions"]["code"] == "VALIDATION_ERROR"
