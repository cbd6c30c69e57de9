"""Processes killed at every kind of point of a write: the write happened wholly or not at all."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from app import Running
from graph.context import Services
from models import ids
from models.embedded.parts import Endpoints
from resolvers.verify.walk import verify_ledger
from settings import Settings
from tests.doors import Person, RestDoor
from tests.security.killed import KILLED

pytestmark = [pytest.mark.anyio, pytest.mark.long]
ROOT = Path(__file__).resolve().parents[2]
POINTS = ("statement 9", "commit", "told", "none")


async def writes_of(door: RestDoor) -> dict[str, tuple[str, str, Any]]:
    """One write of each kind that touches several rows."""
    accounts = [
        (await door.call("CreateAccount", {"name": name, "type": "CASH", "currency": "EUR"}))["id"]
        for name in ("Giro", "Cash", "Old")
    ]
    group = (await door.call("CreateGroup", {"name": "g"}))["id"]
    row = {"accountId": accounts[0], "date": "2026-01-01", "amount": "-1.10", "description": "x"}
    for account in (accounts[1], accounts[2]):
        await door.call("CreateTransaction", {**row, "accountId": account})
    template = await door.call(
        "CreateTemplate",
        {"name": "t", **{k: row[k] for k in ("accountId", "amount", "description")},
         "frequency": "MONTHLY", "startDate": "2026-01-01"},
    )  # fmt: skip
    return {
        "transfer": ("POST", "/v1/transactions", {**row, "transferAccountId": accounts[1]}),
        "batch": ("POST", "/v1/transactions/bulk", {"transactions": [row] * 30}),
        "occurrence": ("POST", f"/v1/templates/{template['id']}/execute", {"date": "2026-02-01"}),
        "shared": (
            "POST",
            f"/v1/groups/{group}/transactions",
            {"amount": "9", "description": "x", "accountId": accounts[0]},
        ),
    }


@pytest.mark.case("X03", "M05", "X01")
async def test_a_write_that_is_killed_happened_once_or_not_at_all(
    client: Any, ada: Person, services: Services, running: Running, parts: Endpoints,
    settings: Settings,
) -> None:  # fmt: skip
    """Each try repeats the same key, so together they have one effect, however they ended."""
    door = RestDoor(client, ada)
    writes = await writes_of(door)
    tries = [
        (
            {
                "method": method, "path": path, "body": body,
                "headers": {**ada.headers, "Idempotency-Key": f"killed {name}"},
            },
            point,
        )
        for name, (method, path, body) in writes.items()
        for point in POINTS
    ]  # fmt: skip
    before = len(await door.pages("ListTransactions", limit=100))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.security.killed",
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told = {"parts": asdict(parts), "data": str(settings.data)}
    lines = "\n".join(map(json.dumps, [told, *tries])) + "\n"
    out, errors = await child.communicate(lines.encode())
    codes = [int(line[5:]) for line in out.splitlines() if line.startswith(b"code ")]
    assert len(codes) == len(tries), errors.decode()[-2_000:]
    for (request, point), code in zip(tries, codes, strict=True):
        if point == "none":
            assert code == 0, (request["path"], errors.decode()[-2_000:])
        else:
            # A key that was answered before the later points: then nothing is written any more.
            assert code in {KILLED, 0}, (request["path"], point)
    assert codes.count(KILLED) >= 2 * len(writes)
    kept = await door.pages("ListTransactions", limit=100)
    # Both sides of the transfer, thirty rows, one occurrence, the own leg.
    assert len(kept) - before == 2 + 30 + 1 + 1
    me = await services.auth.actor(ada.token)
    report = await verify_ledger(services.database, running.chain_key, me.ledger_id, me.user_id)
    assert report.differences == ()
    assert ids.decode("user", ada.id) == me.user_id
