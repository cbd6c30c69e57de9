"""Structured logs: one line a request, one JSON object a line, and nothing of what people wrote.

Lines carry ids, codes, counts and times.  Bodies, query strings, amounts and addresses stay out;
so do the messages of exceptions, which like to quote the value that they could not use.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, Final
from uuid import UUID

import orjson
import structlog
from sqlalchemy.exc import DBAPIError
from starlette.types import Scope

from models import ids
from models.telemetry import Tally

Event = MutableMapping[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_FRAMES: Final = 30
_LINE_LENGTH: Final = 2_000
_NAME_LENGTH: Final = 80
_PLAIN: Final = (RuntimeError, ImportError, AttributeError, NameError, NotImplementedError)
"""Failures of the program itself: their messages name code and not data."""
PLAIN: Final = frozenset(kind.__name__ for kind in _PLAIN)
Sink = Callable[[BaseException, Mapping[str, Any]], None]
SINKS: Final[list[Sink]] = []
"""Told every error that is logged as one, with its line."""
_QUIET: Final = frozenset(
    {"/health", "/health/detailed", "/v1/health", "/v1/health/detailed", "/metrics"}
)
_log: Final = structlog.get_logger("http")


@dataclass(slots=True)
class _Written:
    """How lines are written; whoever has not configured it gets what structlog is set to."""

    level: int = 0
    as_json: bool = False


_written: Final = _Written()


class _Lines(structlog.WriteLogger):
    """Writes finished lines to stderr, under the name of a part of ours."""

    def __init__(self, *names: Any) -> None:
        super().__init__(sys.stderr)
        self.name = str(names[0]) if names else "pockettrend"


def configure_logs(*, level: str, style: str, for_good: bool = True) -> None:
    """Send our logs and those of every library to stderr in one format.

    Unless it is ``for_good``, loggers look their settings up at each line (for tests).
    """
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_time,
        _safe_exception,
        _one_line,
    ]
    _written.level = logging.getLevelNamesMapping()[level.upper()]
    _written.as_json = style == "json"
    last: Any = _as_json if style == "json" else structlog.dev.ConsoleRenderer()
    # Past the standard library, whose records take three times as long as the rest of a line.
    structlog.configure(
        processors=[*shared, last],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=for_good,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=()), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries log what they were given (statements, addresses, header lines) at lower levels.
    root.setLevel(logging.WARNING)


def _add_time(_logger: Any, _method: str, event: Event) -> Event:
    event["at"] = _now()
    return event


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _safe_exception(_logger: Any, _method: str, event: Event) -> Event:
    """Replace an exception by its types and places in the code."""
    given = event.pop("exc_info", None)
    record = event.get("_record")
    if given is None and record is not None:
        given = record.exc_info
        # The formatter would add the library's own rendering, with the message in it.
        record.exc_info = record.exc_text = None
    error = _error_of(given)
    if error is not None:
        event["exception"] = describe_error(error)
        if event.get("level") in {"error", "critical"}:
            for sink in SINKS:
                sink(error, event)
    return event


def _error_of(given: Any) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def describe_error(error: BaseException) -> list[dict[str, Any]]:
    """An exception and its causes: type, place, and a message only where it cannot quote data."""
    found: list[dict[str, Any]] = []
    one: BaseException | None = error
    while one is not None and len(found) < 5:
        about: dict[str, Any] = {"type": type(one).__qualname__}
        if isinstance(one, DBAPIError):
            about["sqlstate"] = getattr(one.orig, "sqlstate", None)
        elif isinstance(one, OSError):
            about["message"] = one.strerror
        elif type(one) in _PLAIN:
            about["message"] = str(one)
        frames = traceback.extract_tb(one.__traceback__)[-_FRAMES:]
        about["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        found.append(about)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return found


def _one_line(_logger: Any, _method: str, event: Event) -> Event:
    """The first line of the event's text: libraries put the representation of values below it."""
    text = event.get("event")
    if isinstance(text, str):
        event["event"] = text.partition("\n")[0][:_LINE_LENGTH]
    return event


def _as_json(_logger: Any, _method: str, event: Event) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def template_of(scope: Scope) -> str:
    """The route's template, such as /v1/accounts/{id}: a path itself may hold anything."""
    state = scope.get("state", {})
    named = state.get("route") if isinstance(state, dict) else None
    if isinstance(named, str):
        return named
    return getattr(scope.get("route"), "path", None) or "(unknown)"


Observe = Callable[[Scope, int, float, Tally], None]
"""Told the scope, the status, the seconds and the tally of every finished request."""


def log_request(scope: Scope, status: int, seconds: float, tally: Tally) -> None:
    """Write the line of a request that has ended."""
    if scope["path"] in _QUIET and status < 400:
        return
    state: Mapping[str, Any] = scope.get("state", {})
    level = logging.ERROR if status >= 500 else logging.INFO
    if level < _written.level:
        return
    line: dict[str, Any] = {
        "request_id": state.get("request_id"),
        "method": scope.get("method", "WEBSOCKET"),
        "route": template_of(scope),
        "status": status,
        "duration_ms": round(seconds * 1_000, 1),
        "user": _person(state.get("user_id")),
        "operation": str(state["operation"])[:_NAME_LENGTH] if "operation" in state else None,
        "codes": tally.codes or None,
        "cost": tally.cost,
        "statements": tally.statements,
        "database_ms": round(tally.seconds * 1_000, 1),
    }
    _write(line, level)


def _write(line: dict[str, Any], level: int) -> None:
    if not _written.as_json:
        _log.log(level, "request", **line)
        return
    # What the steps of every other line would make of it, in one go.
    line["event"] = "request"
    line["level"] = "error" if level == logging.ERROR else "info"
    line["logger"] = "http"
    line["at"] = _now()
    sys.stderr.write(orjson.dumps(line).decode() + "\n")


@dataclass(slots=True)
class Same:
    """What requests have in common that are answered again, after one statement."""

    method: str
    route: str
    status: int
    user_id: UUID
    operation: str
    root: str
    how: str
    """What became of the response cache."""
    cost: int | None = None


def log_same(same: Same, request_id: str, seconds: float, database_seconds: float) -> None:
    """Write the line of such a request: the same as ``log_request`` writes."""
    if _written.level > logging.INFO:
        return
    line: dict[str, Any] = {
        "request_id": request_id,
        "method": same.method,
        "route": same.route,
        "status": same.status,
        "duration_ms": round(seconds * 1_000, 1),
        "user": _person(same.user_id),
        "operation": same.operation[:_NAME_LENGTH],
        "codes": None,
        "cost": same.cost,
        "statements": 1,
        "database_ms": round(database_seconds * 1_000, 1),
    }
    _write(line, logging.INFO)


@lru_cache(maxsize=4_096)
def _person(user: Any) -> Any:
    return ids.encode("user", user) if isinstance(user, UUID) else user
