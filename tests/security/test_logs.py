"""What a served product writes down: lines of JSON, and nothing that anybody sent."""

import json
from pathlib import Path

import httpx2
import pytest

from tests.doors import PASSWORD
from tests.ops.test_serve import served

pytestmark = [pytest.mark.long, pytest.mark.serve]
AMOUNT = "73194682.55"
EMAIL = "canary.bird@example.org"
BREAK = "x%0d%0a%7B%22event%22%3A%22forged%22%7D"


@pytest.mark.case("L01")
def test_no_line_holds_what_was_sent(tmp_path: Path) -> None:
    said = [PASSWORD, "wrong-" + PASSWORD, EMAIL, "canary.bird", AMOUNT, "7319468255", "forged"]
    more = {"POCKETTREND_LOG_LEVEL": "debug", "POCKETTREND_ARGON2_MEMORY_KIB": "8192"}
    with served(tmp_path / "data", **more) as product:
        with httpx2.Client(base_url=product.url, timeout=20) as client:
            who = {"email": EMAIL, "password": PASSWORD, "name": "Canary"}
            session = client.post("/v1/auth/register", json=who).json()["data"]
            said += [session["accessToken"], session["refreshToken"]]
            client.post("/v1/auth/login", json={**who, "password": "wrong-" + PASSWORD})
            client.post("/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
            client.post("/v1/auth/forgot-password", json={"email": EMAIL})
            client.post(
                "/v1/auth/reset-password", json={"token": "canary-token", "password": PASSWORD}
            )
            fresh = client.post("/v1/auth/refresh", json={"refreshToken": session["refreshToken"]})
            said += [*fresh.json()["data"].values()][:2]
            head = {"Authorization": f"Bearer {session['accessToken']}"}
            account = {"name": "Cash", "type": "CASH", "currency": "EUR", "openingBalance": AMOUNT}
            assert client.post("/v1/accounts", json=account, headers=head).status_code == 201
            for body in ({**account, "amount": AMOUNT}, {"openingBalance": "x" + AMOUNT}):
                client.post("/v1/accounts", json=body, headers=head)
            for query in (f'{{ accounts(search: "{AMOUNT}") {{ id }} }}', "{ viewer { email } }"):
                client.post("/graphql", json={"query": query}, headers=head)
            client.get(f"/v1/transactions?search={EMAIL}&cursor={BREAK}", headers=head)
            client.get(f"/v1/{BREAK}?token={session['accessToken']}", headers=head)
            odd = {**head, "X-Request-Id": 'a"} {"event":"forged', "User-Agent": "forged\t{}"}
            client.get("/v1/accounts", headers=odd)
            client.post("/v1/auth/logout", headers=head)
        log = product.errors.read_text()
    lines = log.splitlines()
    assert len(lines) > 10
    events = [json.loads(line)["event"] for line in lines if line.startswith("{")]
    assert len(events) == len([line for line in lines if not line.startswith("pockettrend: ")])
    assert [text for text in said if text in log] == []
