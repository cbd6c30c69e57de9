"""Several processes that serve one port: started together, replaced when they die, stopped together.

Each is a program of its own that inherits the listening socket.  None is forked from a running one:
a copy would share the state of its random numbers.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Final

import structlog

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 22.0
_WATCH_SECONDS: Final = 1.0
_YOUNG_SECONDS: Final = 10.0
_MOST_YOUNG_DEATHS: Final = 5
_READY: Final = b"ready "
_log: Final = structlog.get_logger("fleet")


class FleetFailed(Exception):
    """The processes cannot be kept running; says why."""


class _Member:
    """One process and what became of it."""

    def __init__(self, number: int, process: asyncio.subprocess.Process) -> None:
        self.number = number
        self.process = process
        self.began = monotonic()
        self.ready = asyncio.Event()
        self.listening = asyncio.create_task(self._listen())
        self.over = asyncio.create_task(process.wait())

    async def _listen(self) -> None:
        """Wait for the word, and read on so that nobody waits for room in the pipe."""
        while self.process.stdout is not None and (line := await self.process.stdout.readline()):
            if line.startswith(_READY):
                self.ready.set()

    def tell(self, number: signal.Signals) -> None:
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    def let_go(self) -> None:
        """Let it know that nobody serves after it."""
        if self.process.stdin is not None:
            self.process.stdin.close()


class Fleet:
    """So many processes of one command."""

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        *,
        socket_fd: int,
        environment: Callable[[int], Mapping[str, str]],
    ) -> None:
        """``environment`` gives each process its own by its number, from 0."""
        self._command = list(command)
        self._count = count
        self._fd = socket_fd
        self._environment = environment
        self._members: dict[int, _Member] = {}
        self._young_deaths = 0

    @property
    def pids(self) -> list[int]:
        """Ids of the processes, in their order."""
        return [self._members[number].process.pid for number in sorted(self._members)]

    async def start(self) -> None:
        """Start all of them and wait until each is ready; raises FleetFailed."""
        members = [await self._spawn(number) for number in range(self._count)]
        await asyncio.gather(*(self._until_ready(one) for one in members))

    async def _spawn(self, number: int) -> _Member:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdout=asyncio.subprocess.PIPE,
            # Its end tells that all of them stop.
            stdin=asyncio.subprocess.PIPE,
            pass_fds=(self._fd,),
            env={**os.environ, **self._environment(number)},
        )
        member = self._members[number] = _Member(number, process)
        return member

    async def _until_ready(self, member: _Member) -> None:
        ready = asyncio.create_task(member.ready.wait())
        try:
            await asyncio.wait(
                [ready, member.over], timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not member.ready.is_set():
                raise FleetFailed(f"process {member.number} did not become ready")
        finally:
            ready.cancel()

    async def watch(self, stopping: asyncio.Event, unwell: Callable[[], str | None]) -> str | None:
        """Keep them running until ``stopping`` is set; why it cannot go on, else None."""
        asked = asyncio.create_task(stopping.wait())
        try:
            while True:
                over = [member.over for member in self._members.values()]
                await asyncio.wait(
                    [asked, *over], timeout=_WATCH_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if asked.done():
                    return None
                failure = unwell() or await self._replace_dead()
                if failure is not None:
                    return failure
        finally:
            asked.cancel()

    async def _replace_dead(self) -> str | None:
        for member in list(self._members.values()):
            if not member.over.done():
                continue
            code = member.process.returncode
            _log.error("process.died", number=member.number, code=code)
            young = monotonic() - member.began < _YOUNG_SECONDS
            self._young_deaths = self._young_deaths + 1 if young else 0
            if self._young_deaths >= _MOST_YOUNG_DEATHS:
                return f"its processes die as soon as they start (the last one with {code})"
            await self._spawn(member.number)
        return None

    async def renew(self) -> None:
        """Replace one after the other by fresh ones, so that somebody always serves."""
        for number in range(self._count):
            old = self._members[number]
            fresh = await self._spawn(number)
            try:
                await self._until_ready(fresh)
            except FleetFailed:
                # The old one knows how to serve: it stays.
                fresh.tell(signal.SIGKILL)
                self._members[number] = old
                raise
            old.tell(signal.SIGTERM)
            await old.over
            _log.info("process.renewed", number=number)

    async def stop(self) -> None:
        """Let each finish what it does; whoever takes too long is ended."""
        for member in self._members.values():
            member.let_go()
            member.tell(signal.SIGTERM)
        over = [member.over for member in self._members.values()]
        if over:
            await asyncio.wait(over, timeout=STOP_SECONDS)
        for member in self._members.values():
            member.tell(signal.SIGKILL)
            member.listening.cancel()
        await asyncio.gather(*over, return_exceptions=True)
