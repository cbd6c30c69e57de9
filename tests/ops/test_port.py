"""The port of a process that stops: whoever is let in is answered, and others find it closed."""

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cli
from graph.http.headers import Draining
from graph.http.server import make_server
from settings import Settings

pytestmark = pytest.mark.case("X08")
ASKED = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Late(socket.socket):
    """A listening socket for which somebody comes at the very moment it is closed."""

    port = 0
    callers: list[socket.socket | None] = []  # noqa: RUF012

    def close(self) -> None:
        if self.fileno() != -1:
            self.callers.append(calls(self.port))
        super().close()


def calls(port: int) -> socket.socket | None:
    """A caller who has asked, or None when nobody let it in."""
    caller = socket.socket()
    caller.settimeout(0.3)
    try:
        caller.connect(("127.0.0.1", port))
    except OSError:
        caller.close()
        return None
    caller.sendall(ASKED)
    return caller


async def stop(app: Any, taken: socket.socket, last: Callable[[], bool]) -> None:
    """Serve, and stop at once."""
    stopping = asyncio.Event()
    beside: list[Any] = [asyncio.create_task(stopping.wait())]
    serving = make_server(app, shutdown_seconds=1, proxies=())
    task = asyncio.create_task(
        serving.serve_until(
            stopping, taken, beside=beside, unwell=lambda: None, ready=lambda: None,
            draining=Draining(), drain_seconds=0, early=True, last=last,
        )
    )  # fmt: skip
    await serving.listening.wait()
    stopping.set()
    await task


def heard(caller: socket.socket) -> bytes:
    with caller:
        caller.settimeout(10)
        said = b""
        while more := caller.recv(65_536):
            said += more
    return said


@pytest.mark.anyio
async def test_who_calls_while_the_port_closes_is_answered_or_not_let_in(app: Any) -> None:
    taken = Late(socket.AF_INET, socket.SOCK_STREAM)
    taken.bind(("127.0.0.1", 0))
    taken.listen(512)
    Late.port, Late.callers = taken.getsockname()[1], []
    await stop(app, taken, lambda: True)
    callers, Late.callers = Late.callers, []
    # Ours and its copy: once the port is closed to calls, and at the end of its queue.
    assert len(callers) == 2
    answers = [await asyncio.to_thread(heard, one) for one in callers if one is not None]
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", Late.port), timeout=5)


@pytest.mark.anyio
async def test_one_of_several_leaves_the_port_to_the_others(app: Any) -> None:
    taken = socket.create_server(("127.0.0.1", 0), backlog=512)
    others = taken.dup()
    port = taken.getsockname()[1]
    await stop(app, taken, lambda: False)
    caller = await asyncio.to_thread(calls, port)
    assert caller is not None
    with others, others.accept()[0], caller:
        pass


def test_who_serves_together_waits_for_those_whose_parent_was_killed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        alone = Settings(data=tmp_path, port=port, servers=1)
        with pytest.raises(SystemExit):
            cli._bind(alone)
        together = alone.model_copy(update={"servers": 2})
        leaving = threading.Timer(0.5, taken.close)
        leaving.start()
        with cli._bind(together) as bound:
            assert bound.getsockname()[1] == port
        leaving.join()
