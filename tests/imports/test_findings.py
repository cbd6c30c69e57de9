"""What testers found by attacking imports, each finding on a real database."""

from typing import Any

import pytest

from tests.imports.world import World

pytestmark = pytest.mark.anyio

HEAD = "Date,Description,Amount\n"


def counts(run: Any) -> dict[str, int]:
    return {name: count for name, count in run.counts.items() if count}


async def test_money_of_no_known_currency_is_never_booked(world: World) -> None:
    account = await world.account()
    body = "Date,Description,Amount,Currency\n" + "".join(
        f"2024-01-{n + 10},row {n},-1.00,{code}\n"
        for n, code in enumerate(["eur", "usd", "BTC", "XAU", "€", "$", "DEM"])
    )
    run = await world.bring_in(body, account)
    assert counts(run) == {"rows": 7, "new": 4, "failed": 3}
    assert [one["currency"] for one in run.accounts] == ["EUR", "DEM", "USD"]
    assert [row.currency for row in await world.booked()] == ["EUR", "USD", "EUR", "DEM"]
    lines = await world.lines(run.id)
    assert [(line.currency, line.amount) for line in lines if line.decision == "FAILED"] == [
        (None, "-1.00")
    ] * 3
    assert "'BTC'" in lines[2].reason
    assert run.warnings == ["3 of 7 rows could not be read."]


async def test_the_warning_counts_what_failed(world: World) -> None:
    body = HEAD + "2024-01-02,A,-1.00\n2024-01-03,B,99999999999999999\n9999-01-01,C,-1.00\n"
    run = await world.bring_in(body, await world.account())
    assert counts(run) == {"rows": 3, "new": 1, "failed": 2}
    assert run.warnings == ["2 of 3 rows could not be read."]
    reason = (await world.lines(run.id))[2].reason
    assert reason == "The date '9999-01-01' lies outside the years 1900 to 2200."
