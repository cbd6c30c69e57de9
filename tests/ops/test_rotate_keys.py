"""Keys of a serving product change under it: nobody is refused, and everything opens afterwards."""

import threading
from pathlib import Path

import httpx2
import pytest

from models.stores.keys import read_keys
from tests.doors import PASSWORD
from tests.ops.test_backup import command
from tests.ops.test_serve import served

pytestmark = [pytest.mark.long, pytest.mark.serve]


@pytest.mark.case("E05")
def test_keys_rotate_under_a_serving_product(tmp_path: Path) -> None:
    data = tmp_path / "data"
    failures: list[str] = []
    counts: list[int] = []
    over = threading.Event()

    def load(url: str, name: str) -> None:
        with httpx2.Client(base_url=f"{url}/v1", timeout=20) as client:
            count = 0
            while not over.is_set():
                # Each person has a ledger of her own, whose key is wrapped this moment.
                person = {"email": f"{name}{count}@example.org", "password": PASSWORD, "name": name}
                session = client.post("/auth/register", json=person)
                if session.status_code != 201:
                    failures.append(session.text)
                    break
                token = session.json()["data"]["accessToken"]
                head = {"Authorization": f"Bearer {token}"}
                account = {"name": "Cash", "type": "CASH", "currency": "EUR"}
                account["openingBalance"] = "12.34"
                made = client.post("/accounts", json=account, headers=head)
                listed = client.get("/accounts", headers=head)
                if made.status_code != 201 or listed.status_code != 200:
                    failures.append(made.text + listed.text)
                elif listed.json()["data"]["items"][0]["balance"] != "12.34":
                    failures.append(listed.text)
                count += 1
            counts.append(count)

    more = {"POCKETTREND_RATE_LIMITS": "off", "POCKETTREND_ARGON2_MEMORY_KIB": "8192"}
    with served(data, **more) as product:
        threads = [threading.Thread(target=load, args=(product.url, name)) for name in "ab"]
        for thread in threads:
            thread.start()
        (old,) = read_keys(data / "keys/master.key")
        try:
            done = command(data, "rotate-keys", "--older-than-days", "0", "--master")
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert done.returncode == 0, done.stderr
        assert failures == []
        assert all(counts)
        (new,) = read_keys(data / "keys/master.key")
        assert new != old
        (kept,) = (data / "keys").glob("*.old")
        assert read_keys(kept) == (old,)
    # A process that never saw the old key opens everything.
    kept.unlink()
    verified = command(data, "verify")
    assert "differences: none" in verified.stdout, verified.stderr
