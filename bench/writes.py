"""Writes: single creates of ours and PostGraphile's, batches, and a bank file end to end."""

import threading
import time
from itertools import count
from typing import Any, Final, Self

from bench.client import BadAnswer, Client, checked
from bench.measure import Contestant, ratio
from bench.pages import ROUNDS, posted
from bench.seed import BATCH, Person, batch, open_books, row, upload
from bench.server import Server
from bench.stage import ROWS, Goal, Results, Stage, named
from models import ids

_POLL_SECONDS: Final = 0.25
_IMPORT_SECONDS: Final = 900
_BATCHES: Final = 5
_WARM_IMPORT: Final = 5_000
_IMPORT: Final = 20_000
_FULL_IMPORT: Final = 100_000
CREATE: Final = """mutation ($body: CreateTransactionInput!) {
  createTransaction(input: $body) { transaction { id version } }
}"""
_POSTGRAPHILE_CREATE: Final = """mutation ($body: TransactionInput!) {
  createTransaction(input: {transaction: $body}) { transaction { rowId status } }
}"""


def _plain_row(person: Person, number: int) -> dict[str, Any]:
    """The same row for a table that wants its currency told."""
    body = row(person, number)
    body["accountId"] = str(ids.decode("acct", body["accountId"]))
    body["categoryId"] = str(ids.decode("cat", body["categoryId"]))
    return {**body, "currency": "EUR"}


def requests(stage: Stage) -> list[Contestant]:
    """Single creates, each another row."""
    person, product, peer = stage.person, stage.product, stage.postgraphile
    numbers = count(ROWS)
    found = [
        Contestant(
            "create",
            "graphql",
            product,
            lambda: person.query(CREATE, body=row(person, next(numbers))),
        ),
        Contestant(
            "create",
            "rest",
            product,
            lambda: person.post("/transactions", row(person, next(numbers))),
            201,
        ),
    ]
    if peer is not None:
        found.append(
            Contestant(
                "create",
                "postgraphile",
                peer,
                lambda: posted(_POSTGRAPHILE_CREATE, body=_plain_row(person, next(numbers))),
            )
        )
    return found


def measure(stage: Stage) -> Results:
    """Rounds of creates, then rows in company."""
    creating = requests(stage)
    stage.meter.warm(creating)
    for _ in range(ROUNDS):
        stage.meter.turn(creating)
    bulk = Contestant("create_in_bulk", "rest", stage.product, bytes)
    with Client(stage.product.port) as client:
        for run in range(_BATCHES):
            request = batch(stage.person, ROWS + 100_000 + run * BATCH)
            with stage.meter.slice(stage.product, bulk.slices.append) as counted:
                checked(client.send(request))
                counted.count = BATCH
    imports, peaks = _imports(stage)
    by = named(creating)
    create = by["create", "graphql"]
    goals = [
        Goal(
            "create transaction / PostGraphile's insert",
            ratio(create, by.get(("create", "postgraphile"))),
            1.0,
        ),
        Goal(
            "imported rows per CPU second / single creates (at least)",
            # One long stretch of rows beside the median of many short ones.
            round(create.measurement()["cpu_ms"] / imports.measurement()["cpu_ms"], 3),
            20.0,
            at_least=True,
        ),
        Goal(
            "memory at the peak of the large import / of a small one before it",
            round(peaks[1] / peaks[0], 3) if peaks[0] else None,
            1.2,
        ),
    ]
    return Results([*creating, bulk, imports], goals)


def _imports(stage: Stage) -> tuple[Contestant, list[float]]:
    """A small file, then a large one, through upload, job and worker in a ledger of their own."""
    found = Contestant("import_csv", "rest", stage.product, bytes)
    large = _FULL_IMPORT if stage.full else _IMPORT
    peaks = []
    with Client(stage.product.port) as client:
        person = open_books(client, name="importer", rows=0)
        warm: list[Any] = []
        for run, rows in enumerate((_WARM_IMPORT, large)):
            request = upload(person, run, rows)
            keep = found.slices.append if rows == large else warm.append
            with (
                Watched(stage.product) as memory,
                stage.meter.slice(stage.product, keep) as counted,
            ):
                answer = checked(client.send(request), 202)
                _finished(client, person, answer.json()["data"]["id"], rows)
                counted.count = rows
            peaks.append(memory.peak)
    return found, peaks


def _finished(client: Client, person: Person, import_id: str, rows: int) -> None:
    until = time.monotonic() + _IMPORT_SECONDS
    while time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
        found = checked(client.send(person.get(f"/imports/{import_id}?limit=1"))).json()["data"]
        if found["status"] != "PROCESSING":
            if found["counts"]["new"] != rows:
                raise BadAnswer(f"the import did not book every row: {found}")
            return
    raise BadAnswer("an import did not end in time")


class Watched(threading.Thread):
    """The largest resident memory of a server while a block runs (KiB)."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._done = threading.Event()
        self.peak = 0.0

    def run(self) -> None:
        """Look ten times a second."""
        while not self._done.wait(0.1):
            self.peak = max(self.peak, self._server.resident_kib())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
