"""A canary amount goes through every feature and rests nowhere in the clear."""

import asyncio
import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis

from app import Running
from models.embedded.parts import Endpoints
from tests.doors import Door, Person
from tests.exports.files import download

pytestmark = [pytest.mark.anyio, pytest.mark.case("E03")]

MINOR = 7_319_468_255
AMOUNT = "73194682.55"
NEEDLES = (
    b"7319468255",
    b"73194682.55",
    b"73194682,55",
    b"73,194,682",
    b"73.194.682",
    *(sign.to_bytes(8, order, signed=True) for sign in (MINOR, -MINOR) for order in ("little", "big")),
)  # fmt: skip
SECRET = "canary of a note 73194682.55"
CSV = f"Date,Text,Amount\n2026-02-01,canary file,-{AMOUNT}\n".encode()


def found_in(data: bytes) -> list[bytes]:
    return [needle for needle in NEEDLES if needle in data]


def pieces(path: Path) -> Iterator[bytes]:
    """A file in overlapping pieces, so that nothing hides on a border."""
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            yield rest + chunk
            rest = chunk[-32:]


async def exported(door: Door, client: Any) -> None:
    """Every kind of export leaves with the amount in it and leaves nothing behind."""
    for kind in ("csv", "json"):
        content = await download(door, kind)
        assert AMOUNT.encode() in content, kind
    asked = "mutation{requestTakeout{export{downloadUrl}}}"
    answer = await client.post("/graphql", json={"query": asked}, headers=door.headers)
    link = urlsplit(answer.json()["data"]["requestTakeout"]["export"]["downloadUrl"])
    archive = await client.get(f"{link.path}?{link.query}")
    with zipfile.ZipFile(io.BytesIO(archive.content)) as opened:
        assert AMOUNT.encode() in opened.read("data.json")


async def ruled(door: Door, client: Any) -> None:
    """A rule with the amount in a condition and a note."""
    what = f'conditions: [{{field: AMOUNT, min: "{AMOUNT}"}}], actions: {{notes: "{SECRET}"}}'
    make = f'mutation {{ createRule(input: {{name: "{SECRET}", {what}}}) {{ rule {{ id }} }} }}'
    trial = f"{{ testRule(rule: {{{what}}}) {{ matched changed }} }}"
    offered = "{ transactions { nodes { suggestion { score } } } }"
    for document in (make, trial, "mutation { runRules { run { id } } }", offered):
        answer = await client.post("/graphql", json={"query": document}, headers=door.headers)
        assert "errors" not in answer.json()


async def taken_back(door: Door, client: Any, run: str) -> None:
    """A decision overruled both ways, and the whole import reverted."""
    say = "overruleImportRows(id: $id, rows: [{position: 0, decision: %s}]) { import { id } }"
    steps = [say % word for word in ("SKIPPED", "NEW")] + [
        "revertImport(id: $id) { import { id } }"
    ]
    for step in steps:
        body = {"query": f"mutation($id: ID!) {{ {step} }}", "variables": {"id": run}}
        answer = await client.post("/graphql", json=body, headers=door.headers)
        assert "errors" not in answer.json(), answer.text
    for _ in range(2_000):
        found = await door.call("GetImport", id=run)
        if found["status"] != "PROCESSING":
            break
        await asyncio.sleep(0.025)
    assert found["status"] == "REVERTED"


async def every_feature(door: Door, client: Any) -> None:
    body = {"name": "Giro", "type": "CASH", "currency": "EUR", "openingBalance": AMOUNT}
    giro = (await door.call("CreateAccount", {**body, "number": SECRET}, key="c1"))["id"]
    spar = (await door.call("CreateAccount", {**body, "name": "Spar"}))["id"]
    known = (await door.call("ListCategories"))["items"][0]["id"]
    row = {"accountId": giro, "date": "2026-01-01", "description": "x", "notes": SECRET}
    made = await door.call("CreateTransaction", {**row, "amount": f"-{AMOUNT}"}, key="c2")
    await door.call("UpdateTransaction", {"amount": AMOUNT}, id=made["id"])
    parts = [{"categoryId": known, "amount": AMOUNT, "notes": SECRET}, {"categoryId": known, "amount": "0"}]  # fmt: skip
    await door.call("CreateTransaction", {**row, "amount": AMOUNT, "splits": parts})
    await door.call("CreateTransaction", {**row, "amount": AMOUNT, "transferAccountId": spar})
    await door.call("CreateTransactions", transactions=[{**row, "amount": AMOUNT}], key="c3")
    await door.call("ListTransactions", minAmount=AMOUNT, sort="AMOUNT_DESC", limit=1)
    await door.call("GetAccountBalance", id=giro, asOf="2026-01-01")
    await door.call(
        "ReconcileAccount", id=giro, date="2026-01-01", statementBalance=AMOUNT, key="c10"
    )
    await door.call("DeleteTransaction", id=made["id"])
    await door.call("RestoreTransaction", id=made["id"])
    plan = {"name": "Plan", "period": "MONTHLY", "startDate": "2026-01-01"}
    items = [{"categoryId": known, "amount": AMOUNT, "carry": "BOTH"}]
    budget = await door.call("CreateBudget", {**plan, "items": items}, key="c4")
    item = budget["items"][0]["id"]
    await door.call("UpdateBudgetItem", {"amount": AMOUNT}, id=budget["id"], itemId=item)
    await door.call("GetBudgetAnalysis", id=budget["id"], date="2026-02-01")
    for report in ("GetNetWorth", "GetSpendingTrends", "GetCategoryBreakdown", "GetMonthlySummary"):
        await door.call(report, **{"from": "2026-01-01", "to": "2026-12-31"})
    await door.call("GetBudgetPerformance")
    await door.call("ExplainMonthlySummary", month="2026-01", **{"from": "2026-01-01"})
    plan = {"name": "x", "accountId": giro, "amount": AMOUNT, "description": "x"}
    plan |= {"frequency": "MONTHLY", "startDate": "2026-01-01", "autoPost": True}
    template = await door.call("CreateTemplate", plan, key="c5")
    # What a budget and a template tell names figures.
    await door.call("CreateTransaction", {**row, "amount": f"-{AMOUNT}", "categoryId": known})
    await door.call("ExecuteTemplate", id=template["id"], date="2026-01-02", key="c6")
    await ruled(door, client)
    group = (await door.call("CreateGroup", {"name": "Trip", "currency": "EUR"}, key="c11"))["id"]
    entry = {"amount": AMOUNT, "description": "x", "accountId": giro}
    made = await door.call("CreateGroupTransaction", entry, id=group, key="c8")
    exact = {"splitMethod": "EXACT", "shares": [{"userId": made["createdBy"], "amount": AMOUNT}]}
    await door.call("UpdateGroupTransaction", exact, id=group, txId=made["id"])
    await door.call("AddGroupMember", {"email": "x@example.org"}, id=group, key="c9")
    await door.call("GetGroupBalances", id=group)
    await door.call("DeleteGroupTransaction", id=group, txId=made["id"])
    await door.call("RestoreGroupTransaction", id=group, txId=made["id"])
    for amount in ("73194682.555", f"-{AMOUNT}x"):
        with pytest.raises(Exception, match="amount"):
            await door.call("CreateTransaction", {**row, "amount": amount})
    answer = await client.post(
        "/v1/imports/csv",
        files={"file": ("canary.csv", CSV, "text/csv")},
        data={"accountId": giro},
        headers=door.headers,
    )
    wanted = answer.json()["data"]["id"]
    for _ in range(2_000):
        run = await door.call("GetImport", id=wanted)
        if run["status"] != "PROCESSING":
            break
        await asyncio.sleep(0.025)
    assert run["counts"]["new"] == 1
    await exported(door, client)
    await taken_back(door, client, wanted)
    assert AMOUNT in str((await door.call("ListChanges", limit=100))["changes"])


async def test_no_amount_rests_in_the_clear(
    door: Door,
    client: Any,
    ada: Person,
    running: Running,
    parts: Endpoints,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Whoever makes a temporary file, here or in a child, makes it where we look.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    stop = asyncio.Event()
    worker = asyncio.create_task(running.work(stop))
    try:
        await every_feature(door, client)
    finally:
        # Or it would take the jobs of the tests that follow.
        stop.set()
        await worker
    root = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database=parts.database_name,
        user="postgres",
        password=parts.superuser_password,
    )
    await root.execute("CHECKPOINT")
    cluster = Path(await root.fetchval("SHOW data_directory"))
    await root.close()
    folders = [cluster.parent, running.settings.data / "files", tmp_path]
    looked, control = 0, 0
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                looked += 1
                for piece in pieces(path):
                    assert found_in(piece) == [], path
                    control += b"canary file" in piece
    assert looked > 500
    assert control > 0, "a description rests in the clear: not finding it means looking elsewhere"
    cache = redis.Redis(
        unix_socket_path=parts.redis_socket,
        username=parts.redis_username,
        password=parts.redis_password,
    )
    for key in cache.scan_iter("pt:*"):
        # Limits are hashes, everything else is text.
        limit = cache.type(key) == b"hash"
        kept = b"".join(cache.hvals(key)) if limit else cache.get(key) or b""
        assert found_in(key + kept) == []
    cache.close()
    printed = capfd.readouterr()
    assert found_in((printed.out + printed.err).encode()) == []
