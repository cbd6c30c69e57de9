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

from graph.http.folded import Together
from graph.http.headers import Dress
from graph.http.known import Ending, Known, Visit
from graph.http.logs import Same, log_same, template_of
from models.telemetry import Tally
from models.versions import Rows, VisibleVersion
from resolvers.rates import rates_version

_log: Final = structlog.get_logger("http")
_MINUTE: Final = 60
_AT_HAND: Final = frozenset({"unchanged", "near"})


class Again(Protocol):
    """Notes requests of which nothing but the time differs."""

    @property
    def slow_seconds(self) -> float:
        """Requests that take longer are noted one by one."""

    def together(self, same: Same) -> Together:
        """What is noted for each of them."""


class Ends(Protocol):
    """Ends requests, and answers those for which a look was not enough (the front)."""

    dress: Dress
    noting: Again | None

    async def repeat(self, one: "Glance") -> None:
        """Answer by a task."""

    def end(self, scope: Scope, status: int, seconds: float, tally: Tally) -> None:
        """Note the end of a request."""


@dataclass(slots=True)
class Hand:
    """The last answer of a question, with all that it hangs on beside the question's bytes."""

    image: bytes
    """Of the session."""
    minute: int
    """Days begin with a minute everywhere."""
    rates: str
    versions: Sequence[Any]
    seal: bytes
    headers: Sequence[tuple[bytes, bytes]]
    """Of the answer, without what is each request's own."""
    length: int
    """Of its body."""
    same: Same
    lines: bytes | None = None
    """The same headers as they are written."""
    together: Together | None = None
    slow_seconds: float = 0.0

    def holds(self, image: bytes | None) -> bool:
        """Whether the books are all that may have changed since."""
        return (
            self.image == image
            and self.minute == int(time()) // _MINUTE
            and self.rates == rates_version()
        )


def moment() -> tuple[int, str]:
    """The present minute and the rates of now; both are looked at before an answer is made."""
    return int(time()) // _MINUTE, rates_version()


def hand_of(
    visit: Visit,
    before: tuple[int, str],
    answer: Response,
    operation: str,
    root: str,
    cost: int | None = None,
) -> Hand | None:
    """What can be at hand the next time; None where the answer was made for this request."""
    state, known = visit.state, visit.known
    how = state.get("cached")
    if visit.image is None or known is None or how not in _AT_HAND or "stood" not in state:
        return None
    versions, seal = state["stood"]
    route = template_of({"route": known.route})
    user_id = visit.claims.user_id
    same = Same(known.method, route, answer.status_code, user_id, operation, root, how, cost)
    length = len(answer.body)
    return Hand(visit.image, *before, versions, seal, answer.raw_headers, length, same)


class Glance:
    """One request for something that was asked before."""

    __slots__ = ("_front", "ending", "known", "started", "tally", "visit")

    def __init__(self, front: Ends, known: Known, ending: Ending, visit: Visit) -> None:
        self._front = front
        self.known = known
        self.ending = ending
        self.visit = visit
        self.started = perf_counter()
        self.tally: Tally | None = None
        """What it has used so far."""

    @property
    def scope(self) -> Scope:
        """What log and figures know of it."""
        known = self.known
        return {
            "type": "http",
            "method": known.method,
            "path": known.path,
            "route": known.route,
            "state": self.visit.state,
        }

    def told(self, versions: Rows | None, seconds: float, text: str) -> None:
        """Where the books stand."""
        hand: Hand | None = self.visit.hand
        if versions is not None and hand is not None:
            if hand.versions == versions and self._answered(hand, seconds, text):
                return
            self.tally = Tally(1, seconds, seconds, text)
            self.visit.versions = [VisibleVersion._make(row) for row in versions]
        self.ending.go_on(self._front.repeat(self))

    def _answered(self, hand: Hand, seconds: float, text: str) -> bool:
        """Answer what is at hand; False where that cannot be, and nothing has been done."""
        front, known, state = self._front, self.known, self.visit.state
        try:
            body = known.asked.body(hand)
            if body is None or len(body) != hand.length or front.dress.closes:
                return False
            lines = hand.lines
            if lines is None:
                lines = hand.lines = front.dress.lines(hand.headers, known.origin)
            head = b"%bx-request-id: %b\r\n" % (lines, state["request_id"].encode())
            if not self.ending.now(hand.same.status, head, body, closes=False):
                return False
        except Exception as error:  # noqa: BLE001 - the other way has the last word on failures
            _log.error("request.glance_failed", exc_info=error)
            return False
        self._end(hand, seconds, text)
        return True

    def _end(self, hand: Hand, database_seconds: float, text: str) -> None:
        """Log and count it."""
        front, same = self._front, hand.same
        seconds = perf_counter() - self.started
        together, noting = hand.together, front.noting
        if together is None and noting is not None:
            together = hand.together = noting.together(same)
            hand.slow_seconds = noting.slow_seconds
        if together is None or seconds >= hand.slow_seconds:
            state = self.visit.state
            state["operation"], state["root"], state["cached"] = same.operation, same.root, same.how
            state["user_id"] = same.user_id
            tally = Tally(1, database_seconds, database_seconds, text, same.cost)
            front.end(self.scope, same.status, seconds, tally)
            return
        together.note(seconds)
        log_same(same, self.visit.state["request_id"], seconds, database_seconds)
