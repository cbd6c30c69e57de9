"""How long a reading may take, and which work does not count against it.

What is packed for a reader is kept for all who come later.  A first report over years of new rows
would otherwise fail each time at the limit of a query on a busy machine, and lose what it packed.
"""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

MOST_SECONDS: Final = 60.0
"""How much longer than its limit a reading may take for such work."""


@dataclass(slots=True)
class _Patience:
    limit: asyncio.Timeout
    left: float


_CURRENT: Final[ContextVar[_Patience | None]] = ContextVar("patience", default=None)


class patient:  # noqa: N801 - used as a statement, as contextlib's own are
    """Let work inside put off the end of a limit."""

    __slots__ = ("_limit", "_token")

    def __init__(self, limit: asyncio.Timeout) -> None:
        self._limit = limit

    def __enter__(self) -> None:
        self._token = _CURRENT.set(_Patience(self._limit, MOST_SECONDS))

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)


def give_back(seconds: float) -> None:
    """Seconds that went into what is kept for others do not count."""
    patience = _CURRENT.get()
    if patience is None or patience.limit.expired():
        return
    until = patience.limit.when()
    given = min(seconds, patience.left)
    if until is not None and given > 0:
        patience.left -= given
        patience.limit.reschedule(until + given)
