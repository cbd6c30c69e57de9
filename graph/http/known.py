"""What the bytes of a request mean, remembered: a read that is asked again is not taken apart again.

A program that looks whether something has changed sends the same bytes each time.  Their meaning
hangs on nothing else, so it is kept for a while: which operation, with which variables, whose token.
What may have changed since is asked each time: whether the session stands, what is left of the
limits, and where the books are.  Decision 0016 tells what goes in and why no answer can go astray.
"""

import asyncio
from asyncio import get_running_loop
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_bytes
from time import monotonic
from typing import Any, Final, Protocol

from starlette.responses import Response

from models.versions import Then
from resolvers.tokens import Claims

LONGEST: Final = 8_192
"""Bytes of a request that is remembered."""
_MOST: Final = 4_096
_MOST_BYTES: Final = 16 * 1024 * 1024
_SECONDS: Final = 60.0
"""How long after it was last asked."""
_OVERHEAD: Final = 3_000
"""What a meaning takes beside its texts, which are there about three times."""
_TEXTS: Final = 3
_NAME_BYTES: Final = 20


@dataclass(slots=True)
class Visit:
    """One request for something that was asked before."""

    claims: Claims
    address: str | None
    """Where it comes from."""
    state: dict[str, Any]
    """What front, log and figures know of it."""
    known: "Known | None" = None
    """What it repeats."""
    image: bytes | None = None
    """Of the session, as it is kept; None where somebody was asked."""
    hand: Any = None
    """The last answer of the question, if the books are all that may have changed since."""
    versions: Sequence[Any] | None = None
    """Where the books stand, when they have been looked at already."""


class Asked(Protocol):
    """What a read asks for: all that a door finds in the bytes, and nothing that time changes."""

    async def again(self, visit: Visit) -> Response:
        """The answer of this moment; failures are answers, too."""

    def glance(self, visit: Visit, then: Then) -> bool:
        """Look where the books stand, where that may be all there is to do; else False."""

    def body(self, hand: Any) -> bytes | None:
        """The body of the answer that is at hand; None where it is there no more."""


class Ending(Protocol):
    """Takes a complete answer."""

    def now(self, status: int, head: bytes, body: bytes, closes: bool) -> bool:
        """Write it at once; False where that cannot be."""

    def go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Have the answer made in a task."""

    async def whole(self, status: int, head: bytes, body: bytes, closes: bool) -> None:
        """Write it."""


class Repeats(Protocol):
    """Answers what was asked before (the front)."""

    def begin(self, known: "Known", ending: Ending) -> None:
        """Begin to answer once more."""


@dataclass(slots=True)
class Known:
    """A request as it was understood, without its token."""

    front: Repeats
    asked: Asked
    claims: Claims
    peer: str
    """Who connected; behind a proxy that is trusted, somebody else than it speaks for."""
    address: str | None
    request_id: str | None
    """The caller's own name for it."""
    origin: str | None
    method: str
    path: str
    route: Any
    size: int = 0
    half: bytes | None = None
    """The name of its head, where that came in a packet of its own."""
    until: float = 0.0


class Memo:
    """Meanings by a keyed hash of the bytes: the bytes, which hold a token, are not kept."""

    def __init__(
        self, *, most: int = _MOST, most_bytes: int = _MOST_BYTES, seconds: float = _SECONDS
    ) -> None:
        self._key = token_bytes(32)
        self._most = most
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._halves: dict[bytes, int] = {}
        """Heads that came apart from their bodies: of how many requests that are known."""
        self._held = 0
        self._timer: asyncio.TimerHandle | None = None
        self.hits = 0
        """How often something was asked again."""

    def __len__(self) -> int:
        """How many requests are known."""
        return len(self._known)

    @property
    def held_bytes(self) -> int:
        """About what they take."""
        return self._held

    def name(self, data: bytes) -> bytes:
        """The name of some bytes: without the key of this process nobody can guess at them."""
        return blake2b(data, key=self._key, digest_size=_NAME_BYTES).digest()

    def get(self, name: bytes, peer: str) -> Known | None:
        """What the bytes of that name mean, when they come from the same neighbour."""
        found = self._known.get(name)
        if found is None or found.peer != peer:
            return None
        now = monotonic()
        if found.until <= now:
            self._drop(name)
            return None
        found.until = now + self._seconds
        self._known.move_to_end(name)
        self.hits += 1
        return found

    def is_half(self, name: bytes) -> bool:
        """Whether bytes of that name were the head of a request whose body came apart."""
        return name in self._halves

    def put(self, name: bytes, known: Known, length: int, half: bytes | None = None) -> None:
        """Remember for a while what bytes of that length mean, and the name of their head."""
        self._drop(name)
        if half is not None:
            known.half = half
            self._halves[half] = self._halves.get(half, 0) + 1
        known.size = _TEXTS * length + _OVERHEAD
        known.until = monotonic() + self._seconds
        self._known[name] = known
        self._held += known.size
        while len(self._known) > self._most or self._held > self._most_bytes:
            self._drop(next(iter(self._known)))
        self._look_later()

    def _look_later(self) -> None:
        if self._timer is None and self._known:
            self._timer = get_running_loop().call_later(self._seconds / 4, self._fade)

    def _fade(self) -> None:
        """Let go what nobody asks for any more; whoever was asked for last comes last."""
        self._timer = None
        now = monotonic()
        while self._known:
            name, oldest = next(iter(self._known.items()))
            if oldest.until > now:
                break
            self._drop(name)
        self._look_later()

    def _drop(self, name: bytes) -> None:
        found = self._known.pop(name, None)
        if found is None:
            return
        self._held -= found.size
        if found.half is not None:
            # A head may stand before several bodies.
            left = self._halves.pop(found.half) - 1
            if left:
                self._halves[found.half] = left


@dataclass(slots=True)
class Remember:
    """Where the meaning of a request may be left: it came in one piece, and alone."""

    memo: Memo
    name: bytes
    peer: str
    length: int
    half: bytes | None = None
    """The name of the head, where that came in a packet of its own."""
