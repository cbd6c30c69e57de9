"""The model test for as long as one likes, with faults on: ``python -m tests.model.soak --minutes 30``.

Random commands go through both doors to a product behind a proxy for each of its parts.  Between
them lines are cut, hang, slow down or babble, and the server ends connections; whoever asked repeats
the request under its key, as a client does.  After every step the books must be the model's.  Each
round has a seed that is printed and plays it again: ``--seed N``.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import event

import assembly
from app import create_app, migrate_all, start
from graph.handlers import job_handlers
from graph.http.logs import configure_logs
from models.database import connect
from models.embedded.parts import Endpoints, temporary_parts
from resolvers.jobs import Worker
from resolvers.limits import Limits
from resolvers.verify import verify_all
from settings import Settings
from tests.doors import Door, Refused, operations
from tests.model.machine import Books
from tests.security.faults import FaultProxy, fault_proxy

FAULTS: Final = ("cut", "half-open", "garbage", "words", "delay", "kill")
PARTS: Final = ("database", "cache")
STEPS: Final = 40
EXAMPLES: Final = 4
_PATIENCE_SECONDS: Final = 60.0
_HARMED: Final = "harmed"
_SHARE: Final = 0.06
"""How many commands meet a fault."""
_WITHIN: Final = (0.0, 0.003, 0.01, 0.03)
_LASTS: Final = (0.02, 0.1, 0.4)
_PASSING: Final = ("first request with this key", "were in the way", "is busy")


class Lines:
    """The lines to the parts, and what was done to them."""

    def __init__(self, database: FaultProxy, cache: FaultProxy, parts: Endpoints) -> None:
        self.proxies = {"database": database, "cache": cache}
        self._parts = parts
        self.done: Counter[str] = Counter()

    async def harm(self, part: str, fault: str, seconds: float) -> None:
        """Put a fault on a line for a moment."""
        self.done[f"{part} {fault}"] += 1
        proxy = self.proxies[part]
        if fault == "kill" and part == "database":
            await self._end_connections()
        elif fault in {"kill", "cut"}:
            proxy.cut()
        if fault != "kill":
            proxy.noise = _misshapen if fault == "words" else _noise
            proxy.fault = "garbage" if fault == "words" else fault  # type: ignore[assignment]
            asyncio.get_running_loop().call_later(seconds, self._mend, proxy)

    def _mend(self, proxy: FaultProxy) -> None:
        proxy.fault = "none"
        # What hangs or was garbled is of no use any more.
        proxy.cut()

    async def _end_connections(self) -> None:
        """As an operator or a crash of the server's processes does."""
        root = await asyncpg.connect(
            host=self._parts.database_host, port=self._parts.database_port,
            database=self._parts.database_name, user="postgres",
            password=self._parts.superuser_password,
        )  # fmt: skip
        try:
            await root.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
                _HARMED,
            )
        finally:
            await root.close()


def _noise(_: bytes) -> bytes:
    return os.urandom(64)


def _misshapen(data: bytes) -> bytes:
    """A true answer with the head of a message behind it whose length cannot be."""
    length = random.choice((-1, 0, 1, 2, 3, 2**31 - 1))  # noqa: S311 - no secret
    return data + random.choice((b"D", b"Z", b"T", b"C")) + length.to_bytes(4, "big", signed=True)  # noqa: S311


class Soaked(Books):
    """The books under faults."""

    thorough = True

    def __init__(
        self, loop: Any, client: Any, drain: Any, lines: Lines, told: Counter[str], dice: int
    ) -> None:
        super().__init__(loop, client, drain)
        self.lines, self.told = lines, told
        self._dice = random.Random(dice)  # noqa: S311 - played again by its seed
        self._sent = 0
        told["worlds"] += 1
        for proxy in lines.proxies.values():
            proxy.fault = "none"

    def _maybe_harm(self) -> None:
        """One command in some meets a fault, at once or in its middle."""
        if self._dice.random() >= _SHARE or len(self.signed) < 3:
            return
        part, fault = self._dice.choice(PARTS), self._dice.choice(FAULTS)
        within, seconds = self._dice.choice(_WITHIN), self._dice.choice(_LASTS)

        async def later() -> None:
            asyncio.get_running_loop().call_later(within, self._start, part, fault, seconds)

        self.run(later())

    def _start(self, part: str, fault: str, seconds: float) -> None:
        task = asyncio.ensure_future(self.lines.harm(part, fault, seconds))
        _TASKS.add(task)
        task.add_done_callback(_TASKS.discard)

    def call(
        self, door: type[Door], who: int, operation: str, body: Any = None, **more: Any
    ) -> Any:
        """One operation, repeated under its key until the parts are well again."""
        stored = operations()[operation]
        if stored.writes and "idempotencyKey" in stored.variables and not more.get("key"):
            self._sent += 1
            more["key"] = f"soak-{self._sent}"
        until = time.monotonic() + _PATIENCE_SECONDS
        self.told["commands"] += 1
        self._maybe_harm()
        while True:
            try:
                return super().call(door, who, operation, body, **more)
            except Refused as no:
                self._wait(no, until)

    def sign_up(self, name: str) -> Any:
        """Somebody new, under another address where the first request had no answer."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return super().sign_up(name)
            except AssertionError as error:
                if "UNAVAILABLE" not in str(error) or time.monotonic() > until:
                    raise
                self.told["repeated after UNAVAILABLE"] += 1

    def learn_categories(self, who: int) -> None:
        """The starter set, asked for until it is told."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return super().learn_categories(who)
            except Refused as no:
                self._wait(no, until)

    def _wait(self, no: Refused, until: float) -> None:
        """Wait for what passes by itself; anything else, and what does not pass, is a failure."""
        passes = no.code == "UNAVAILABLE" or any(words in no.message for words in _PASSING)
        if not passes or time.monotonic() > until:
            raise no
        self.told[f"repeated after {no.code}"] += 1
        time.sleep(0.05)


_TASKS: set["asyncio.Task[None]"] = set()


def _impatient(**address: Any) -> Any:
    more = {"pool_size": 4, "command_seconds": 3, "connect_seconds": 3}
    engine = connect(**{**address, **more})
    event.listen(engine.sync_engine, "connect", _named)
    return engine


def _named(connection: Any, _record: Any) -> None:
    """Name a connection as one that may be ended; those of the worker go on."""
    cursor = connection.cursor()
    cursor.execute(f"SET SESSION application_name = '{_HARMED}'")
    cursor.close()
    connection.commit()


async def soak(parts: Endpoints, data: Path, minutes: float, seeds: list[int]) -> int:
    """Rounds until the time is over; the exit code."""
    settings = Settings(
        data=data, argon2_memory_kib=8_192, argon2_passes=1, public_url="http://testserver"
    )
    await migrate_all(settings, parts)
    until, told, failed = time.monotonic() + minutes * 60, Counter[str](), list[int]()
    async with AsyncExitStack() as stack:
        well = await start(settings, parts)
        stack.push_async_callback(well.close)
        drain = Worker(well.services.database, well.broker, job_handlers(well.services)).run_due
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pt-s")))
        real = Path(parts.database_host) / f".s.PGSQL.{parts.database_port}"
        database = await stack.enter_async_context(fault_proxy(real, folder / real.name))
        cache = await stack.enter_async_context(
            fault_proxy(Path(parts.redis_socket), folder / "redis.sock")
        )
        ends = replace(parts, database_host=str(folder), redis_socket=str(folder / "redis.sock"))
        assembly.connect = _impatient
        mine = await start(settings, ends)
        assembly.connect = connect
        stack.push_async_callback(mine.close)
        off = Limits(None, b"", mine.services.auth.family_of, on=False)  # type: ignore[arg-type]
        app = create_app(replace(mine.services, limits=off), settings)
        client = await stack.enter_async_context(
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app), base_url="http://testserver"
            )
        )
        lines = Lines(database, cache, parts)
        loop = asyncio.get_running_loop()
        chosen = hypothesis_settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None,
            phases=[Phase.generate],
        )  # fmt: skip
        while seeds or (time.monotonic() < until and not failed):
            seed = seeds.pop(0) if seeds else random.SystemRandom().randrange(2**32)

            first = told["worlds"]

            def machine(seed: int = seed, first: int = first) -> Soaked:
                return Soaked(loop, client, drain, lines, told, seed + told["worlds"] - first)

            machine._hypothesis_internal_use_seed = seed  # type: ignore[attr-defined]
            started = time.monotonic()
            try:
                await asyncio.to_thread(run_state_machine_as_test, machine, settings=chosen)
                word = "ok"
            except Exception as error:  # noqa: BLE001 - whatever it is, its seed is told
                failed.append(seed)
                word = f"FAILED\n{''.join(traceback.format_exception(error))[-12_000:]}"
            told["rounds"] += 1
            for proxy in lines.proxies.values():
                proxy.fault = "none"
            _say(f"seed {seed}: {time.monotonic() - started:.0f} s, {word}")
        report = await verify_all(well.services.database, well.chain_key)
    _say(f"rounds: {told.pop('rounds', 0):,}; commands: {told.pop('commands', 0):,}")
    _say(f"faults injected: {lines.done.total():,} {dict(sorted(lines.done.items()))}")
    _say(f"repeats and books: {dict(sorted(told.items()))}")
    _say(f"differences to the model: {len(failed)} {failed or ''}")
    for line in report.lines():
        _say(f"verify: {line}")
    return 1 if failed or report.differences else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Read what is asked for, and soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, action="append", default=[], help="Play a round again.")
    asked = parser.parse_args()
    configure_logs(level="critical", style="json", for_good=False)
    minutes = 0 if asked.seed else asked.minutes
    with temporary_parts() as parts, tempfile.TemporaryDirectory(prefix="pt-soak-") as data:
        sys.exit(asyncio.run(soak(parts, Path(data), minutes, asked.seed)))


if __name__ == "__main__":
    main()
