"""Serving: one process with everything in it, or several on one port under one that looks after them."""

import asyncio
import os
import signal
import socket
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import typer

from graph.http.fleet import Fleet, FleetFailed
from graph.http.process import Parent, StopSignals, is_last
from launch import FAILED
from part_settings import PREFIX
from settings import Settings

if TYPE_CHECKING:
    from app import Running
    from models.embedded.parts import EmbeddedParts, Endpoints

_DRAIN_SECONDS: Final = 2.0
_PRODUCTION_DRAIN_SECONDS: Final = 5.0
_STARTED: Final = monotonic()


async def serve_alone(
    settings: Settings,
    endpoints: "Endpoints | None",
    parts: "EmbeddedParts | None",
    taken: socket.socket,
    stop: StopSignals,
    parent: Parent | None,
    *,
    member: bool = False,
) -> int:
    """Serve until a stop; the exit code.  A ``member`` of a fleet finds everything prepared."""
    from app import create_app, migrate_all, start  # noqa: PLC0415
    from graph.http.server import make_server  # noqa: PLC0415

    port = int(taken.getsockname()[1])
    loop, starting = asyncio.get_running_loop(), asyncio.current_task()
    stop.on_stop(lambda: loop.call_soon_threadsafe(starting.cancel) if starting else None)
    if member:
        loop.add_reader(0, _let_go, loop, stop)
    else:
        await migrate_all(settings, endpoints)
    running = await start(settings, endpoints, port=port)
    if settings.demo:
        await seed(running, quiet=member)
    server = make_server(
        create_app(running.services, settings, running),
        shutdown_seconds=settings.shutdown_seconds,
        proxies=settings.trusted_proxies,
    )
    stopping = asyncio.Event()
    stop.on_stop(lambda: loop.call_soon_threadsafe(stopping.set))
    beside = [
        asyncio.create_task(running.metrics.watch_loop(stopping)),
        asyncio.create_task(running.follow_rates(stopping)),
    ]
    if settings.worker:
        beside.append(asyncio.create_task(running.work(stopping)))
    preparing: list[asyncio.Task[None]] = []

    def unwell() -> str | None:
        if parent is not None and parent.stopped():
            stop.request()
        return parts.poll() if parts is not None else None

    def ready() -> None:
        running.metrics.is_ready(monotonic() - _STARTED)
        typer.echo(f"ready {settings.address(port)}")
        sys.stdout.flush()
        if running.prepare is not None:
            preparing.append(loop.create_task(running.prepare()))

    failure = await server.serve_until(
        stopping,
        taken,
        beside=beside,
        unwell=unwell,
        ready=ready,
        draining=running.draining,
        # A load balancer needs the time to see that we are not ready any more.
        drain_seconds=_PRODUCTION_DRAIN_SECONDS if settings.production else _DRAIN_SECONDS,
        early=not settings.production,
        last=is_last if member else lambda: True,
    )
    for task in preparing:
        task.cancel()
    await running.close()
    if failure is not None:
        typer.echo(f"pockettrend: {failure}", err=True)
        return FAILED
    return 0


def _let_go(loop: asyncio.AbstractEventLoop, stop: StopSignals) -> None:
    """Whoever looks after this process stops all of them, or is gone."""
    if is_last():
        loop.remove_reader(0)
        stop.request()


async def serve_together(
    settings: Settings,
    endpoints: "Endpoints | None",
    parts: "EmbeddedParts | None",
    taken: socket.socket,
    stop: StopSignals,
    parent: Parent | None,
) -> int:
    """Prepare everything once, then look after the processes that serve; the exit code.

    SIGHUP replaces them one after the other.
    """
    from app import migrate_all, start  # noqa: PLC0415

    loop, starting = asyncio.get_running_loop(), asyncio.current_task()
    stop.on_stop(lambda: loop.call_soon_threadsafe(starting.cancel) if starting else None)
    await migrate_all(settings, endpoints)
    port = int(taken.getsockname()[1])
    if settings.demo:
        running = await start(settings, endpoints, port=port)
        try:
            await seed(running)
        finally:
            await running.close()
    taken.set_inheritable(True)
    figures = _figures_folder(settings)
    fleet = Fleet(
        [
            sys.executable,
            "-m",
            "cli",
            "serve",
            "--follow-parent",
            "--listen-fd",
            str(taken.fileno()),
        ],
        settings.servers,
        socket_fd=taken.fileno(),
        environment=partial(_member_environment, settings, port, figures),
    )
    failure: str | None = None
    try:
        await fleet.start()
        stopping = asyncio.Event()
        stop.on_stop(lambda: loop.call_soon_threadsafe(stopping.set))
        typer.echo(f"ready {settings.address(port)}")
        sys.stdout.flush()
        renewing: set[asyncio.Task[None]] = set()
        loop.add_signal_handler(signal.SIGHUP, lambda: _renew(fleet, renewing))

        def unwell() -> str | None:
            if parent is not None and parent.stopped():
                stop.request()
            return parts.poll() if parts is not None else None

        failure = await fleet.watch(stopping, unwell)
        for task in renewing:
            task.cancel()
    except FleetFailed as error:
        failure = str(error)
    finally:
        # Ours would keep the port open behind the last of them: whoever comes would wait in vain.
        taken.close()
        await fleet.stop()
    if failure is not None:
        typer.echo(f"pockettrend: {failure}", err=True)
        return FAILED
    return 0


def _renew(fleet: Fleet, renewing: "set[asyncio.Task[None]]") -> None:
    if not renewing:
        task = asyncio.ensure_future(fleet.renew())
        renewing.add(task)
        task.add_done_callback(renewing.discard)


def _figures_folder(settings: Settings) -> Path:
    """Where the processes keep their figures for each other; empty at the start."""
    folder = settings.data.absolute() / "metrics"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink()
    return folder


def _member_environment(
    settings: Settings, port: int, figures: Path, number: int
) -> dict[str, str]:
    return {
        f"{PREFIX}PORT": str(port),
        # Jobs are work for one of them, so that the others answer.
        f"{PREFIX}WORKER": "1" if settings.worker and number == 0 else "0",
        f"{PREFIX}PROCESSES": str(max(settings.processes, settings.servers)),
        "PROMETHEUS_MULTIPROC_DIR": str(figures),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


async def seed(running: "Running", *, quiet: bool = False) -> None:
    """Create the demo account unless it is there, and say how to sign in."""
    from resolvers.demo import (  # noqa: PLC0415
        DEMO_EMAIL,
        DEMO_PASSWORD,
        DEMO_TIME_ZONE,
        seed_demo,
    )

    running.demo_password = DEMO_PASSWORD
    if quiet:
        return
    today = datetime.now(ZoneInfo(DEMO_TIME_ZONE)).date()
    await seed_demo(running.services, password=DEMO_PASSWORD, today=today)
    typer.echo(f"demo account: {DEMO_EMAIL}  password: {DEMO_PASSWORD}")
    sys.stdout.flush()
