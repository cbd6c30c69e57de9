"""Steady load by people who remember what they were told: nothing acknowledged may be missing."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from tests.doors import PASSWORD
from tests.drill.fleet import Balancer

PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
_PATIENCE: Final = 120.0
_PAUSE: Final = 0.25
_WAIT: Final = 10.0


@dataclass
class Record:
    """What happened to requests, by the moment."""

    asked: list[float] = field(default_factory=list)
    """When each request began."""
    failed: list[tuple[float, float, str]] = field(default_factory=list)
    """When a failed one began and ended, and how it failed."""
    limited: int = 0
    jobs: list[tuple[float, float]] = field(default_factory=list)
    """When an import was asked for and how long it took."""
    stale: int = 0
    """Reads that lacked what their reader had just written."""


class Caller(threading.Thread):
    """A person at her own pace, behind a balancer that asks another where one refuses."""

    def __init__(self, balancer: Balancer, record: Record, number: int, pause: float) -> None:
        super().__init__(name=f"caller-{number}")
        self._balancer, self._record, self._pause = balancer, record, pause
        self._turn = number
        self._client = httpx2.Client(
            timeout=_WAIT, limits=httpx2.Limits(max_keepalive_connections=0)
        )
        self.over = threading.Event()
        self.headers: dict[str, str] = {}
        self.written: set[str] = set()
        """Descriptions of rows that were acknowledged."""
        self.accounts: list[str] = []
        self.error: BaseException | None = None

    def once(self, method: str, path: str, **what: Any) -> httpx2.Response | None:
        """One request to whichever server lets us in; None when it failed."""
        began = time.monotonic()
        self._record.asked.append(began)
        headers = {**self.headers, **what.pop("headers", {})}
        for _ in range(2):
            self._turn += 1
            ready = self._balancer.ready
            server = ready[self._turn % len(ready)]
            try:
                answer = self._client.request(method, server.url + path, headers=headers, **what)
            except httpx2.ConnectError:
                continue
            except httpx2.HTTPError as error:
                return self._fail(began, type(error).__name__)
            if answer.status_code == 429:
                self._record.limited += 1
            if answer.status_code >= 500 or answer.status_code == 401:
                return self._fail(began, f"{answer.status_code} {method} {path.partition('?')[0]}")
            return answer
        return self._fail(began, "nobody let us in")

    def _fail(self, began: float, how: str) -> None:
        self._record.failed.append((began, time.monotonic(), how))

    def insist(self, method: str, path: str, **what: Any) -> Any:
        """Ask until it is answered, under one idempotency key; the answer's data."""
        key = {"Idempotency-Key": secrets.token_hex(12)}
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            answer = self.once(method, path, headers=key, **what)
            if answer is not None:
                assert answer.is_success, (method, path, answer.text)
                return answer.json()["data"]
            time.sleep(_PAUSE)
        raise AssertionError(f"{method} {path} was never answered")

    def sign_up(self) -> None:
        """A new person with two accounts."""
        until = time.monotonic() + _PATIENCE
        answer = None
        while answer is None:
            assert time.monotonic() < until, "nobody could sign up"
            # Nobody may repeat a registration, so a lost answer costs an address.
            email = f"{secrets.token_hex(8)}@example.org"
            body = {"email": email, "password": PASSWORD, "name": "Ada"}
            answer = self.once("POST", "/v1/auth/register", json=body)
            if answer is None:
                time.sleep(_PAUSE)
        assert answer.is_success, answer.text
        signed = answer.json()["data"]
        self.headers = {"Authorization": f"Bearer {signed['accessToken']}"}
        for name in ("Giro", "Imported"):
            cash = {"name": name, "type": "CASH", "currency": "EUR"}
            self.accounts.append(self.insist("POST", "/v1/accounts", json=cash)["id"])

    def run(self) -> None:
        """Live on until it is over."""
        try:
            step = self._turn
            while not self.over.wait(self._pause):
                step += 1
                self.live(step)
        except BaseException as error:  # noqa: BLE001 - told by the drill
            self.error = error

    def live(self, step: int) -> None:
        """One row, looked at; now and then a report, a receipt, an import."""
        word = secrets.token_hex(8)
        row = {
            "accountId": self.accounts[0],
            "date": "2026-06-07",
            "amount": "-1.25",
            "description": word,
        }
        self.insist("POST", "/v1/transactions", json=row)
        self.written.add(word)
        seen = self.once("GET", f"/v1/transactions?limit=5&search={word}")
        if seen is not None and len(seen.json()["data"]["items"]) != 1:
            self._record.stale += 1
        if step % 3 == 0:
            self.once("GET", "/v1/analytics/monthly-summary?from=2026-01-01&to=2026-06-30")
        if step % 10 == 4:
            self.receipt()
        if step % 20 == 9:
            self.statement()

    def receipt(self) -> None:
        """A file that goes to S3 and comes back."""
        files = {"file": ("tea.png", PNG + secrets.token_bytes(8), "image/png")}
        kept = self.insist("POST", "/v1/uploads", files=files, data={"purpose": "RECEIPT"})
        path = kept["downloadUrl"].removeprefix("http://drill.example.org")
        back = self.once("GET", path)
        if back is not None:
            assert back.content == files["file"][1], "a file came back otherwise"

    def statement(self) -> None:
        """Rows that a worker reads out of a file."""
        words = [secrets.token_hex(8) for _ in range(5)]
        rows = [
            f"2026-05-{at + 1:02d},{word},-{at + 2}.{secrets.randbelow(90) + 10}"
            for at, word in enumerate(words)
        ]
        content = "\n".join(["Date,Description,Amount", *rows]) + "\n"
        began = time.monotonic()
        files = {"file": ("may.csv", content.encode(), "text/csv")}
        made = self.insist(
            "POST", "/v1/imports/csv", files=files, data={"accountId": self.accounts[1]}
        )
        until = began + _PATIENCE
        while time.monotonic() < until:
            found = self.once("GET", f"/v1/imports/{made['id']}")
            status = None if found is None else found.json()["data"]["status"]
            if status == "COMPLETED":
                self._record.jobs.append((began, time.monotonic() - began))
                self.written |= set(words)
                return
            assert status in {None, "PENDING", "PROCESSING"}, found and found.text
            time.sleep(_PAUSE)
        raise AssertionError("an import never ended")

    def kept(self) -> list[str]:
        """Descriptions of all rows that are there now."""
        found: list[str] = []
        cursor = ""
        while True:
            page = self.insist("GET", f"/v1/transactions?limit=100{cursor}")
            found += [row["description"] for row in page["items"]]
            if not page["hasMore"]:
                return found
            cursor = f"&cursor={page['nextCursor']}"


class Newcomers(threading.Thread):
    """Somebody new every few seconds: passwords, new data keys, the master key."""

    def __init__(self, make: Callable[[], Caller], pause: float) -> None:
        super().__init__(name="newcomers")
        self._make, self._pause = make, pause
        self.over = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Sign up until it is over."""
        try:
            while not self.over.wait(self._pause):
                self._make().sign_up()
        except BaseException as error:  # noqa: BLE001 - told by the drill
            self.error = error
