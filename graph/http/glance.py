"""A read that is asked again and has not changed, answered where the database's answer arrives.

Nothing of it needs a task: her session is kept, the answer is at hand, and only where the books stand
has to be asked.  As soon as anything is otherwise, the request goes the way of all others, and takes
along what was found out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, time
from typing import Any, Final, Protocol

import structlog
from starlette.responses import Response
from starlette.types import Scope

from graph.http.headers import Dress
from graph.http.known import Ending, Known, Visit
from models.telemetry import Tally
from models.versions import Rows, VisibleVersion
from resolvers.rates import rates_version

_log: Final = structlog.get_logger("http")
_MINUTE: Final = 60


class Ends(Protocol):
    """Ends requests, and answers those for which a look was not enough (the front)."""

    dress: Dress

    async def repeat(self, one: "Glance") -> None:
        """Answer by a task."""

    def end(self, scope: Scope, status: int, seconds: float, tally: Tally) -> None:
        """Note the end of a request."""


@dataclass(slots=True)
class Hand:
    """The last answer of a question, with all that it hangs on beside the question's bytes."""

    image: bytes
    minute: int
    """Days begin with a minute everywhere."""
    rates: str
    versions: Sequence[Any]
    seal: bytes
    cursor: str = ""
    """Of changes, where it is told."""
    response: Response | None = None
    """The whole answer, where nothing of it is dear to keep."""

    def holds(self, visit: Visit) -> bool:
        """Whether the books are all that may have changed since."""
        return (
            visit.image is not None
            and self.image == visit.image
            and self.minute == minute_now()
            and self.rates == rates_version()
        )


def minute_now() -> int:
    """The present minute since the epoch."""
    return int(time()) // _MINUTE


class Glance:
    """One request for something that was asked before."""

    __slots__ = ("_front", "ending", "known", "scope", "started", "tally", "visit")

    def __init__(
        self, front: Ends, known: Known, ending: Ending, visit: Visit, scope: Scope, started: float
    ) -> None:
        self._front = front
        self.known = known
        self.ending = ending
        self.visit = visit
        self.scope = scope
        self.started = started
        self.tally: Tally | None = None
        """What it has used so far."""

    def told(self, versions: Rows | None, seconds: float, text: str) -> None:
        """Where the books stand."""
        if versions is not None:
            asked = self.known.asked
            self.tally = Tally(1, seconds, seconds, text, asked.points)
            if self._answered(versions, self.tally):
                return
            self.visit.versions = [VisibleVersion._make(row) for row in versions]
        self.ending.go_on(self._front.repeat(self))

    def _answered(self, versions: Rows, tally: Tally) -> bool:
        visit, known, front = self.visit, self.known, self._front
        try:
            response = known.asked.at_hand(visit, versions)
            if response is None:
                return False
            head = front.dress.again(response.raw_headers, visit.state, known.origin)
            status, body = response.status_code, bytes(response.body)
            if not self.ending.now(status, head, body, front.dress.closes):
                return False
        except Exception as error:  # noqa: BLE001 - the other way has the last word on failures
            _log.error("request.glance_failed", exc_info=error)
            return False
        front.end(self.scope, status, perf_counter() - self.started, tally)
        return True
