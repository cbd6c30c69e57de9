"""The command line: `pockettrend serve`, its worker, and what an operator needs beside them.

Exit codes: 0 done, 1 failed, 2 refused to start (a wrong setting, a port in use).
"""

import asyncio
import gc
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import typer

from graph.http.process import Parent, StopSignals, bind
from settings import Settings, SettingsError, describe, load

if TYPE_CHECKING:
    from app import Running
    from models.embedded.parts import EmbeddedParts, Endpoints

T = TypeVar("T")

FAILED: Final = 1
REFUSED: Final = 2
_DRAIN_SECONDS: Final = 2.0
_PRODUCTION_DRAIN_SECONDS: Final = 5.0
_PIPE_WIDTH: Final = 160
_SERVING: Final = ("app", "graph.http.routes", "graph.http.server", "rest_compat.endpoint")
_STARTED: Final = monotonic()

cli = typer.Typer(
    name="pockettrend",
    help="Pocket Trend: the back end of a personal-finance tracker.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _refuse(lines: list[str], code: int = REFUSED) -> NoReturn:
    for line in lines:
        typer.echo(f"pockettrend: {line}", err=True)
    raise SystemExit(code)


def _settings() -> Settings:
    try:
        settings = load()
    except SettingsError as error:
        _refuse(error.problems)
    for warning in settings.warnings():
        typer.echo(f"pockettrend: {warning}", err=True)
    return settings


def _bind(settings: Settings) -> socket.socket:
    try:
        return bind(settings.host, settings.port)
    except OSError as error:
        _refuse(
            [
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}.",
                "Stop the other program or choose another POCKETTREND_PORT.",
            ]
        )


class _Imports(threading.Thread):
    """Imports the application while the embedded parts start: both take about a second."""

    def __init__(self, *, serving: bool) -> None:
        super().__init__(name="imports", daemon=True)
        self._serving = serving
        self.error: BaseException | None = None

    def run(self) -> None:
        """Import; the main thread raises what went wrong."""
        try:
            for name in _SERVING if self._serving else _SERVING[:1]:
                import_module(name)
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self.error = error

    def finish(self) -> None:
        """Wait for the end."""
        self.join()
        if self.error is not None:
            raise self.error


Work = Callable[["Endpoints | None", "EmbeddedParts | None"], Coroutine[Any, Any, T]]


def _with_parts(settings: Settings, work: Work[T], *, serving: bool = False) -> T:
    """Run work in an event loop, with embedded parts around it where no others are set."""
    # What the imports make lives as long as the process: looking through it again and again would
    # take a tenth of the start, and of every full collection later on.
    gc.disable()
    imports = _Imports(serving=serving)
    imports.start()
    from models.embedded import parts as embedded  # noqa: PLC0415

    parts = embedded.EmbeddedParts(settings.data) if settings.embedded_database else None
    try:
        endpoints = parts.start() if parts is not None else None
        imports.finish()
        gc.freeze()
        gc.enable()
        _start_logs(settings)
        import uvloop  # noqa: PLC0415

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work(endpoints, parts))
    except embedded.PartError as error:
        _refuse(str(error).splitlines())
    except asyncio.CancelledError:
        # The stop came before there was anything to drain.
        raise SystemExit(0) from None
    except SettingsError as error:
        _refuse(error.problems)
    except Exception as error:
        reason = _unreachable(error)
        if reason is None:
            raise
        _refuse([f"a server that is set cannot be used: {reason}"], FAILED)
    finally:
        if parts is not None:
            parts.stop()


def _unreachable(error: Exception) -> str | None:
    """What a server said that does not let us in, or None for an error of another kind."""
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    if isinstance(error, DBAPIError):
        return str(error.orig).partition("\n")[0]
    return str(error.strerror or error) if isinstance(error, OSError) else None


def _start_logs(settings: Settings) -> None:
    from graph.http.logs import configure_logs  # noqa: PLC0415

    configure_logs(level=settings.log_level, style=settings.log_format)


@cli.command()
def serve(
    *,
    follow_parent: Annotated[
        bool, typer.Option(help="Stop when the process that started this one stops (for make).")
    ] = False,
) -> None:
    """Serve both doors in the foreground until SIGTERM or SIGINT."""
    parent = Parent() if follow_parent else None
    stop = StopSignals()
    settings = _settings()
    taken = _bind(settings)

    async def work(endpoints: "Endpoints | None", parts: "EmbeddedParts | None") -> int:
        return await _serve(settings, endpoints, parts, taken, stop, parent)

    code = _with_parts(settings, work, serving=True)
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread that hangs in a library must not hold the end of a process that has closed all.
    os._exit(code)


async def _serve(
    settings: Settings,
    endpoints: "Endpoints | None",
    parts: "EmbeddedParts | None",
    taken: socket.socket,
    stop: StopSignals,
    parent: Parent | None,
) -> int:
    from app import create_app, migrate_all, start  # noqa: PLC0415
    from graph.http.server import make_server  # noqa: PLC0415

    port = int(taken.getsockname()[1])
    loop = asyncio.get_running_loop()
    starting = asyncio.current_task()
    stop.on_stop(lambda: loop.call_soon_threadsafe(starting.cancel) if starting else None)
    await migrate_all(settings, endpoints)
    running = await start(settings, endpoints, port=port)
    if settings.demo:
        await _seed(running)
    application = create_app(running.services, settings, running)
    server = make_server(
        application,
        shutdown_seconds=settings.shutdown_seconds,
        proxies=settings.trusted_proxies,
    )
    stopping = asyncio.Event()
    stop.on_stop(lambda: loop.call_soon_threadsafe(stopping.set))
    beside = [asyncio.create_task(running.metrics.watch_loop(stopping))]
    if settings.worker:
        beside.append(asyncio.create_task(running.work(stopping)))

    def unwell() -> str | None:
        if parent is not None and parent.stopped():
            stop.request()
        return parts.poll() if parts is not None else None

    def ready() -> None:
        running.metrics.is_ready(monotonic() - _STARTED)
        typer.echo(f"ready {settings.address(port)}")
        sys.stdout.flush()

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
    )
    await running.close()
    if failure is not None:
        typer.echo(f"pockettrend: {failure}", err=True)
        return FAILED
    return 0


async def _seed(running: "Running") -> None:
    """Create the demo account unless it is there, and say how to sign in."""
    from resolvers.demo import (  # noqa: PLC0415
        DEMO_EMAIL,
        DEMO_PASSWORD,
        DEMO_TIME_ZONE,
        seed_demo,
    )

    today = datetime.now(ZoneInfo(DEMO_TIME_ZONE)).date()
    await seed_demo(running.services, password=DEMO_PASSWORD, today=today)
    running.demo_password = DEMO_PASSWORD
    typer.echo(f"demo account: {DEMO_EMAIL}  password: {DEMO_PASSWORD}")
    sys.stdout.flush()


def _run_with_services(work: Callable[["Running"], Awaitable[T]]) -> T:
    """Run a command's work on migrated services; a signal ends it as it ends the server."""
    stop = StopSignals()
    settings = _settings()

    async def run(endpoints: "Endpoints | None", _parts: "EmbeddedParts | None") -> T:
        from app import migrate_all, start  # noqa: PLC0415

        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        stop.on_stop(lambda: loop.call_soon_threadsafe(task.cancel) if task else None)
        await migrate_all(settings, endpoints)
        running = await start(settings, endpoints)
        try:
            return await work(running)
        finally:
            await running.close()

    return _with_parts(settings, run)


@cli.command()
def worker() -> None:
    """Run the jobs that others leave, without serving, until SIGTERM or SIGINT."""

    async def work(running: "Running") -> None:
        stopping, task = asyncio.Event(), asyncio.current_task()
        running_worker = asyncio.create_task(running.work(stopping))
        typer.echo("worker ready")
        sys.stdout.flush()
        try:
            await asyncio.shield(running_worker)
        except asyncio.CancelledError:
            if task is not None:
                task.uncancel()
            stopping.set()
            await running_worker

    _run_with_services(work)


@cli.command()
def migrate() -> None:
    """Bring the database to the newest migration and make missing keys."""
    StopSignals()
    settings = _settings()

    async def work(endpoints: "Endpoints | None", _parts: "EmbeddedParts | None") -> bool:
        from app import migrate_all  # noqa: PLC0415

        return await migrate_all(settings, endpoints)

    ran = _with_parts(settings, work)
    typer.echo("migrated" if ran else "nothing to migrate")


@cli.command()
def seed() -> None:
    """Create the demo account with its years of data, unless it is there."""
    if _settings().production:
        _refuse(["the demo account's password is public: production does not get one."])
    _run_with_services(_seed)


@cli.command()
def settings() -> None:
    """List every setting with its type, default and meaning."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("Variable", "Type", "Default", "Meaning", title="Settings")
    table.columns[0].no_wrap = True
    for row in describe():
        # Words in brackets would be read as styles.
        table.add_row(*(text.replace("[", "\\[") for text in row))
    # In a pipe there is no width to keep to.
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)


@cli.command()
def export_schema(
    file: Annotated[Path | None, typer.Argument(help="Where to write; default: stdout.")] = None,
) -> None:
    """Write the graph's schema in the schema language."""
    from graph.schema import schema_text  # noqa: PLC0415

    text = schema_text().rstrip() + "\n"
    if file is None:
        typer.echo(text, nl=False)
    else:
        file.write_text(text)


@cli.command()
def verify() -> None:
    """Recompute balances, seals and the change chain, and say what differs."""

    async def work(running: "Running") -> int:
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import Progress  # noqa: PLC0415

        from resolvers.verify import verify_all  # noqa: PLC0415

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("verifying ledgers", total=None)
            report = await verify_all(
                running.services.database,
                running.chain_key,
                progress=lambda done, of: bar.update(task, completed=done, total=of),
            )
        for line in report.lines():
            typer.echo(line)
        return FAILED if report.differences else 0

    raise SystemExit(_run_with_services(work))


def main() -> None:
    """Entry of the console script."""
    cli()


if __name__ == "__main__":
    main()
