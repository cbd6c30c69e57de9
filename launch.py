"""Running a command: settings, embedded parts where no others are set, an event loop, an end.

Exit codes: 0 done, 1 failed, 2 refused to start (a wrong setting, a port in use).
"""

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Coroutine
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import typer

from graph.http.process import StopSignals
from settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from app import Running
    from models.embedded.parts import EmbeddedParts, Endpoints

T = TypeVar("T")

FAILED: Final = 1
REFUSED: Final = 2
_YOUNG: Final = 20_000
_YOUNG_TIMES: Final = 20
_OLD_TIMES: Final = 50
_SERVING: Final = ("app", "graph.http.routes", "graph.http.server", "rest_compat.endpoint")


def refuse(lines: list[str], code: int = REFUSED) -> NoReturn:
    """End the process with lines that say why."""
    for line in lines:
        typer.echo(f"pockettrend: {line}", err=True)
    raise SystemExit(code)


def read_settings() -> Settings:
    """The checked settings; wrong ones end the process."""
    try:
        settings = load()
    except SettingsError as error:
        refuse(error.problems)
    for warning in settings.warnings():
        typer.echo(f"pockettrend: {warning}", err=True)
    return settings


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


def keep_from_collections() -> None:
    """Begin to collect cycles, seldom, and never among what is there by now.

    By default Python looks after every 700 objects, many times for an event that goes to a thousand
    followers, and each time through what is kept for those: nobody gets an answer meanwhile.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, _YOUNG_TIMES, _OLD_TIMES)
    gc.enable()


Work = Callable[["Endpoints | None", "EmbeddedParts | None"], Coroutine[Any, Any, T]]


def with_parts(
    settings: Settings, work: Work[T], *, serving: bool = False, beside: bool = False
) -> T:
    """Run work in an event loop, with embedded parts around it where no others are set.

    ``beside`` uses the parts of a server that runs on the same folder; the work is then told of no
    parts of its own.
    """
    # What the imports make lives as long as the process: looking through it again and again would
    # take a tenth of the start, and of every full collection later on.
    gc.disable()
    imports = _Imports(serving=serving)
    imports.start()
    from models.embedded import parts as embedded  # noqa: PLC0415

    parts = embedded.EmbeddedParts(settings.data) if settings.embedded_database else None
    try:
        endpoints = parts.reach() if parts is not None and beside else None
        own = parts if endpoints is None else None
        endpoints = own.start() if own is not None else endpoints
        imports.finish()
        keep_from_collections()
        start_logs(settings)
        import uvloop  # noqa: PLC0415

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work(endpoints, own))
    except embedded.PartError as error:
        refuse(str(error).splitlines())
    except asyncio.CancelledError:
        # The stop came before there was anything to drain.
        raise SystemExit(0) from None
    except SettingsError as error:
        refuse(error.problems)
    except Exception as error:
        reason = _unreachable(error)
        if reason is None:
            raise
        refuse([f"a server that is set cannot be used: {reason}"], FAILED)
    finally:
        if parts is not None:
            parts.stop()


def _unreachable(error: Exception) -> str | None:
    """What a server said that does not let us in, or None for an error of another kind."""
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    if isinstance(error, DBAPIError):
        return str(error.orig).partition("\n")[0]
    return str(error.strerror or error) if isinstance(error, OSError) else None


def start_logs(settings: Settings) -> None:
    """Begin to log as the settings say."""
    from graph.http.logs import configure_logs  # noqa: PLC0415

    configure_logs(level=settings.log_level, style=settings.log_format)


def run_with_services(work: Callable[["Running"], Awaitable[T]], *, beside: bool = False) -> T:
    """Run a command's work on migrated services; a signal ends it as it ends the server.

    What runs ``beside`` a server is about books that are there: without any it is refused.
    """
    stop = StopSignals()
    settings = read_settings()
    if beside and settings.embedded_database and not (settings.data / "postgres").exists():
        refuse([f"There are no books in {settings.data}; POCKETTREND_DATA names their folder."])

    async def run(endpoints: "Endpoints | None", parts: "EmbeddedParts | None") -> T:
        from app import start  # noqa: PLC0415
        from assembly import engine_of, migrate_all, require_newest  # noqa: PLC0415

        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        stop.on_stop(lambda: loop.call_soon_threadsafe(task.cancel) if task else None)
        if endpoints is not None and parts is None:
            # The server that owns the parts has migrated; another build must not do it under it.
            await require_newest(engine_of(settings, endpoints, owner=False))
        else:
            await migrate_all(settings, endpoints)
        running = await start(settings, endpoints)
        try:
            return await work(running)
        finally:
            await running.close()

    return with_parts(settings, run, beside=beside)
