"""A proxy between the application and one of its parts that delays, cuts, swallows and babbles."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

Fault = Literal["none", "delay", "cut", "half-open", "garbage"]


class FaultProxy:
    """Forwards bytes to a Unix socket or a port of this machine as long as no fault is on.

    ``delay`` holds every answer back, ``cut`` ends lines with the next bytes, ``half-open``
    takes everything and never answers again, ``garbage`` answers with ``noise``.
    """

    def __init__(self, target: Path | int) -> None:
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self.fault: Fault = "none"
        self.delay_seconds = 0.05
        self.noise: Callable[[bytes], bytes] = lambda _: os.urandom(64)
        """What is answered instead of the true answer."""
        self.lines = 0
        self.port = 0
        """Where it listens, if that is a port."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.lines += 1
        there: asyncio.StreamWriter | None = None
        try:
            there_reader, there = await (
                asyncio.open_connection("127.0.0.1", self._target)
                if isinstance(self._target, int)
                else asyncio.open_unix_connection(self._target)
            )
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, there))
                both.create_task(self._pump(there_reader, writer, answers=True))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            for one in filter(None, (writer, there)):
                with suppress(OSError, RuntimeError):
                    one.close()
            self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        while data := await reader.read(65_536):
            if self.fault == "cut":
                break
            if self.fault == "half-open":
                continue
            if answers and self.fault == "delay":
                await asyncio.sleep(self.delay_seconds)
            if answers and self.fault == "garbage":
                data = self.noise(data)
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError

    def cut(self) -> None:
        """End every line now."""
        for task in [*self._tasks]:
            task.cancel()

    async def close(self) -> None:
        """End every line and wait for it."""
        tasks = [*self._tasks]
        self.cut()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def fault_proxy(target: Path | int, listen: Path | None = None) -> AsyncIterator[FaultProxy]:
    """A proxy in front of a part's socket; without one to listen on, on a free port."""
    proxy = FaultProxy(target)
    if listen is None:
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
    else:
        server = await asyncio.start_unix_server(proxy._serve, listen)
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
