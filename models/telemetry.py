"""What a request costs behind the doors: a tally that follows it, and those who listen to statements.

Nothing here holds a value: statements are counted by their text, whose values are placeholders.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Engine

Listener = Callable[[str, float], None]
"""Told the text and the seconds of every statement."""
_STARTED: Final = "telemetry_started"


@dataclass(slots=True)
class Tally:
    """What one request has used so far."""

    statements: int = 0
    seconds: float = 0.0
    """Spent on statements."""
    slowest: float = 0.0
    slowest_text: str = ""
    cost: int | None = None
    """Of its GraphQL operation, in points."""
    codes: list[str] = field(default_factory=list)
    """Of the failures that it told."""


_CURRENT: Final[ContextVar[Tally | None]] = ContextVar("tally", default=None)
LISTENERS: Final[list[Listener]] = []
COUNTERS: Final[list[Callable[[str, int], None]]] = []
"""Told how often something happened that is worth counting."""


def begin(tally: Tally | None = None) -> Tally:
    """Begin the tally of a request, or go on with one; tasks that it starts add to it."""
    tally = Tally() if tally is None else tally
    _CURRENT.set(tally)
    return tally


def note_statement(text: str, seconds: float) -> None:
    """A statement came back."""
    tally = _CURRENT.get()
    if tally is not None:
        tally.statements += 1
        tally.seconds += seconds
        if seconds > tally.slowest:
            tally.slowest, tally.slowest_text = seconds, text
    note_listeners(text, seconds)


def note_listeners(text: str, seconds: float) -> None:
    """The same for a statement of several requests, each of which notes it itself."""
    for listener in LISTENERS:
        listener(text, seconds)


def note_count(name: str, number: int) -> None:
    """Something happened so often."""
    for counter in COUNTERS if number else ():
        counter(name, number)


def note_code(code: str) -> None:
    """A failure was told to the caller; each code counts once for a request."""
    tally = _CURRENT.get()
    if tally is not None and code not in tally.codes:
        tally.codes.append(code)


def note_cost(points: int) -> None:
    """What the operation costs."""
    tally = _CURRENT.get()
    if tally is not None:
        tally.cost = points


def watch(engine: Engine) -> None:
    """Have the statements of an engine noted."""
    event.listen(engine, "before_cursor_execute", _before)
    event.listen(engine, "after_cursor_execute", _after)


def _before(
    connection: Any, _cursor: Any, _text: str, _values: Any, _context: Any, _m: Any
) -> None:
    connection.info[_STARTED] = monotonic()


def _after(connection: Any, _cursor: Any, text: str, _values: Any, _context: Any, _m: Any) -> None:
    note_statement(text, monotonic() - connection.info.pop(_STARTED, monotonic()))
