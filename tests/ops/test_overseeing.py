"""What an operator sees and ends by command, beside a running server."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.doors import PASSWORD
from tests.ops.test_backup import command
from tests.ops.test_serve import served

AMOUNT = "73194682.55"
LINE = re.compile(
    r"20\d\d-\S+Z\tuser_[0-9a-z]{26}\t([A-Z_]+|[A-Z]+ [a-z_]+)\t\S+( v\d+)?\t[0-9a-f-]{36}"
)


def person(client: httpx2.Client, name: str) -> dict[str, str]:
    body = {"email": f"{name}@example.org", "password": PASSWORD, "name": name.title()}
    token = client.post("/auth/register", json=body).json()["data"]["accessToken"]
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.serve
def test_an_operator_sees_who_did_what_and_ends_sessions(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        served(data, POCKETTREND_ARGON2_MEMORY_KIB="8192") as product,
        httpx2.Client(base_url=f"{product.url}/v1", timeout=20) as client,
    ):
        ada, bob = person(client, "ada"), person(client, "bob")
        account = {"name": "Secret name", "type": "CASH", "currency": "EUR"}
        account["openingBalance"] = AMOUNT
        assert client.post("/accounts", json=account, headers=ada).status_code == 201
        group = client.post("/groups", json={"name": "Flat", "currency": "EUR"}, headers=bob)
        assert group.status_code == 201

        everybody = command(data, "audit")
        assert everybody.returncode == 0, everybody.stderr
        lines = everybody.stdout.splitlines()
        assert [line for line in lines if not LINE.fullmatch(line)] == []
        what = [line.split("\t")[2] for line in lines]
        assert what.count("SIGNED_UP") == 2
        assert what.count("CREATE account") == 1
        assert what.count("CREATE group") == 1
        for told in (AMOUNT, "7319468255", "Secret", "@example.org", "Flat"):
            assert told not in everybody.stdout
        hers = command(data, "audit", "--email", "Ada@Example.org").stdout.splitlines()
        assert hers == [line for line in lines if line in set(hers)]
        assert len({line.split("\t")[1] for line in hers}) == 1
        assert "CREATE group" not in {line.split("\t")[2] for line in hers}
        later = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
        assert command(data, "audit", "--since", later).stdout == ""

        token = client.post(
            "/../graphql",
            json={
                "query": 'mutation { createPersonalToken(input: {name: "x", scopes: ["accounts:read"]})'
                " { token } }"
            },
            headers=ada,
        ).json()["data"]["createPersonalToken"]["token"]
        program = {"Authorization": f"Bearer {token}"}
        ended = command(data, "revoke-sessions", "--email", "ada@example.org")
        assert (ended.returncode, ended.stdout) == (0, "sessions ended: 1\n"), ended.stderr
        assert client.get("/accounts", headers=ada).status_code == 401
        assert client.get("/accounts", headers=bob).status_code == 200
        assert client.get("/accounts", headers=program).status_code == 200
        both = command(data, "revoke-sessions", "--email", "ada@example.org", "--tokens")
        assert both.stdout == "sessions ended: 0; personal tokens: 1\n"
        assert client.get("/accounts", headers=program).status_code == 401
        again = client.post("/auth/login", json={"email": "ada@example.org", "password": PASSWORD})
        assert again.status_code == 200
        nobody = command(data, "revoke-sessions", "--email", "eve@example.org")
        assert (nobody.returncode, nobody.stdout) == (1, "")
        assert "nobody signs in" in nobody.stderr
