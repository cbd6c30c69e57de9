"""An unexpected failure is masked at both doors, logged once, and shows nothing of our insides."""

import json
from typing import Any

import pytest

from graph.http.logs import configure_logs
from tests.doors import Door, Refused, RestDoor

pytestmark = [pytest.mark.anyio, pytest.mark.case("G17")]


async def test_our_own_mistakes_are_masked_and_logged_once(
    door: Door, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("SELECT secret FROM insides")

    monkeypatch.setattr("graph.accounts.get_account", broken)
    configure_logs(level="warning", style="json", for_good=False)
    capfd.readouterr()
    with pytest.raises(Refused) as refused:
        await door.call("GetAccount", id="acct_" + "0" * 26)
    assert refused.value.code == "INTERNAL_ERROR"
    assert refused.value.status == (500 if isinstance(door, RestDoor) else 200)
    assert "insides" not in refused.value.message + json.dumps(refused.value.details)
    lines = [line for line in capfd.readouterr().err.splitlines() if '"unexpected"' in line]
    assert len(lines) == 1
    assert refused.value.details["requestId"] in lines[0]
