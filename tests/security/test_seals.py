"""Sealed values under attack: flipped bits, repeated nonces, keys in the wrong ledger, bent dates."""

import multiprocessing
import os
from datetime import date
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import Running
from graph.context import Services
from models import ids
from models.database import key_context
from models.embedded.parts import Endpoints
from models.sealing import LedgerRing, SealBroken, new_key
from models.stores.keys import LocalKeys
from tests.doors import Door, GraphQLDoor, Person, Refused

pytestmark = pytest.mark.anyio
PLACE = "transactions.amount"


def ring(ledger: Any = None) -> LedgerRing:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    return LedgerRing(ledger or uuid4(), {1: AESGCM(new_key())})


@pytest.mark.case("E02")
def test_each_flipped_bit_is_noticed() -> None:
    keys, row = ring(), uuid4()
    sealed = keys.seal_minor(PLACE, row, 7_319_468_255)
    assert len(sealed) * 8 == 328
    for bit in range(328):
        bent = bytearray(sealed)
        bent[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Exception) as refused:
            keys.unseal_minor(PLACE, row, bytes(bent))
        assert type(refused.value).__name__ in {"SealBroken", "KeyMissing"}, bit
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            keys.unseal_minor(PLACE, row, sealed[:length])


@pytest.mark.case("E01")
@settings(max_examples=50)
@given(st.integers(-(10**14), 10**14), st.sampled_from(["row", "column", "ledger"]))
def test_a_value_opens_in_its_own_place_only(minor: int, moved: str) -> None:
    ledger, row = uuid4(), uuid4()
    keys = ring(ledger)
    sealed = keys.seal_minor(PLACE, row, minor)
    assert keys.unseal_minor(PLACE, row, sealed) == minor
    other = LedgerRing(uuid4() if moved == "ledger" else ledger, keys.keys)
    place = "accounts.total" if moved == "column" else PLACE
    with pytest.raises(SealBroken):
        other.unseal_minor(place, uuid4() if moved == "row" else row, sealed)


def _nonces(send: Any, keys: LedgerRing, count: int) -> None:
    row = uuid4()
    send.send_bytes(b"".join(keys.seal_minor(PLACE, row, 1)[5:17] for _ in range(count)))
    send.close()


@pytest.mark.case("E04")
@pytest.mark.parametrize("count", [25_000, pytest.param(250_000, marks=pytest.mark.long)])
def test_forked_workers_never_repeat_a_nonce(count: int) -> None:
    """A generator that is seeded before the fork would."""
    keys, context = ring(), multiprocessing.get_context("fork")
    seen: set[bytes] = set()
    lines = [context.Pipe(duplex=False) for _ in range(4)]
    workers = [context.Process(target=_nonces, args=(send, keys, count)) for _, send in lines]
    for worker in workers:
        worker.start()
    for receive, _ in lines:
        packed = receive.recv_bytes()
        seen.update(packed[at : at + 12] for at in range(0, len(packed), 12))
    for worker in workers:
        worker.join()
    assert len(seen) == 4 * count


@pytest.mark.case("E07")
async def test_a_key_of_another_ledger_does_not_open(
    services: Services, running: Running, parts: Endpoints, client: Any, ada: Person, bob: Person
) -> None:
    provider = LocalKeys(os.urandom(32))
    mine, theirs = uuid4(), uuid4()
    wrapped = await provider.wrap(new_key(), key_context(mine, 1))
    for context in (key_context(theirs, 1), key_context(mine, 2), b""):
        with pytest.raises(SealBroken):
            await provider.unwrap(wrapped, context)
    # The same in the database: Bob's ledger gets a copy of Ada's wrapped key.
    door = GraphQLDoor(client, bob)
    account = {"name": "Giro", "type": "CASH", "currency": "EUR", "openingBalance": "73194682.55"}
    wanted = (await door.call("CreateAccount", account))["id"]
    root = await asyncpg.connect(
        host=parts.database_host, port=parts.database_port, database=parts.database_name,
        user="postgres", password=parts.superuser_password,
    )  # fmt: skip
    ledgers = [
        await root.fetchval("SELECT ledger_id FROM users WHERE id = $1", ids.decode("user", one.id))
        for one in (ada, bob)
    ]
    held = await root.fetchval("SELECT wrapped FROM ledger_keys WHERE ledger_id = $1", ledgers[1])
    swap = "UPDATE ledger_keys SET wrapped = $2 WHERE ledger_id = $1"
    copied = await root.fetchval("SELECT wrapped FROM ledger_keys WHERE ledger_id = $1", ledgers[0])
    try:
        await root.execute(swap, ledgers[1], copied)
        services.database.rings.drop(ledgers[1])
        with pytest.raises(Refused) as refused:
            await door.call("GetAccount", id=wanted)
        assert refused.value.code == "DATA_INTEGRITY"
        assert "73194682" not in str(refused.value.details) + refused.value.message
    finally:
        await root.execute(swap, ledgers[1], held)
        await root.close()
    services.database.rings.drop(ledgers[1])
    assert (await door.call("GetAccount", id=wanted))["balance"] == "73194682.55"


DATES = (
    "2026-02-29", "2100-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00",
    "0000-01-01", "1899-12-31", "2201-01-01", "10000-01-01", "-2026-01-01", "+2026-01-01",
    "2026-1-1", "20260101", "2026-W01-1", "2026-001", "2026-01-01T00:00:00Z", "2026-01-01+02:00",
    "２０２６-01-01", "٢٠٢٦-01-01", " 2026-01-01", "2026/01/01", "today", "",
)  # fmt: skip


@pytest.mark.case("M06")
async def test_days_that_do_not_exist_are_refused_everywhere(door: Door) -> None:
    account = await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"})
    row = {"accountId": account["id"], "amount": "-1", "description": "x"}
    for value in DATES:
        told = await door.call(
            "CreateTransactions",
            transactions=[{**row, "date": value}, {**row, "date": "2024-02-29"}],
            policy="SKIP_FAILED",
        )
        bad, good = told["results"]
        assert (bad["status"], good["status"]) == ("error", "ok"), value
        assert bad["error"]["details"]["fields"][0]["path"].startswith("date"), value
        for name in ("from", "to"):
            with pytest.raises(Refused) as refused:
                await door.call("ListTransactions", **{name: value})
            assert refused.value.code == "VALIDATION_ERROR", value
    for edge in ("1900-01-01", "2200-12-31", "2000-02-29"):
        made = await door.call("CreateTransaction", {**row, "date": edge})
        assert made["date"] == edge


@pytest.mark.case("M06")
@pytest.mark.parametrize(
    ("start", "frequency", "expected"),
    [
        ("2024-02-29", "YEARLY", ["2024-02-29", "2025-02-28", "2026-02-28"]),
        ("2025-10-31", "MONTHLY", ["2025-10-31", "2025-11-30", "2025-12-31"]),
        # The clocks of Europe/Vilnius move on 2025-10-26 and 2026-03-29: days are days.
        ("2025-10-25", "DAILY", ["2025-10-25", "2025-10-26", "2025-10-27"]),
    ],
)
async def test_leap_days_and_clock_changes_move_no_date(
    eager: httpx2.AsyncClient, start: str, frequency: str, expected: list[str]
) -> None:
    from tests.doors import register  # noqa: PLC0415

    person = await register(eager, timeZone="Europe/Vilnius")
    door = GraphQLDoor(eager, person)
    account = await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"})
    body = {
        "name": "x", "accountId": account["id"], "amount": "-1", "description": "x",
        "frequency": frequency, "startDate": start,
    }  # fmt: skip
    made = await door.call("CreateTemplate", body)
    assert made["missingDates"][:3] == [one for one in expected if one <= str(date.today())]  # noqa: DTZ011
