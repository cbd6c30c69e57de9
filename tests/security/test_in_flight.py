"""A key whose first request is still running elsewhere: 409 with a time, and its answer afterwards."""

import asyncio
from typing import Any

import httpx2
import pytest

from app import Running, create_app, start
from models.embedded.parts import Endpoints
from resolvers.ledgers import Ledgers
from settings import Settings
from tests.doors import Person

pytestmark = [pytest.mark.anyio, pytest.mark.case("X02")]
ACCOUNT = {"name": "Giro", "type": "CASH", "currency": "EUR"}


async def test_who_repeats_too_early_is_told_when_to_come_back(
    client: httpx2.AsyncClient, ada: Person, running: Running, parts: Endpoints, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    other = await start(settings, parts)
    try:
        database = other.services.database
        short = database._begun_write.replace("'lock_timeout', '3000'", "'lock_timeout', '50'")
        assert short != database._begun_write
        monkeypatch.setattr(database, "_begun_write", short)
        begun, go_on = asyncio.Event(), asyncio.Event()
        whole = Ledgers._flush

        async def slowly(self: Any, *words: Any, **more: Any) -> Any:
            if self is running.services.ledgers:
                begun.set()
                await go_on.wait()
            return await whole(self, *words, **more)

        monkeypatch.setattr(Ledgers, "_flush", slowly)
        head = {**ada.headers, "Idempotency-Key": "in flight"}
        first = asyncio.create_task(client.post("/v1/accounts", json=ACCOUNT, headers=head))
        await begun.wait()
        transport = httpx2.ASGITransport(app=create_app(other.services, settings, other))
        async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as there:
            early = await there.post("/v1/accounts", json=ACCOUNT, headers=head)
            assert (early.status_code, early.json()["error"]["code"]) == (409, "CONFLICT")
            assert 1 <= int(early.headers["retry-after"]) <= 5
            go_on.set()
            made = await first
            assert made.status_code == 201, made.text
            again = await there.post("/v1/accounts", json=ACCOUNT, headers=head)
            assert again.json()["data"] == made.json()["data"]
            assert again.headers["idempotency-replayed"] == "true"
            listed = await there.get("/v1/accounts", headers=ada.headers)
            assert len(listed.json()["data"]["items"]) == 1
    finally:
        await other.close()
