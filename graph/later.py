"""Work of the start that can wait until the server is ready: single requests need it, not all."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog

_PAUSE_SECONDS: Final = 0.005
_log: Final = structlog.get_logger("start")


class Later(deque[Callable[[], object]]):
    """What a first request would have to wait for, if nobody did it before."""

    async def run(self) -> None:
        """Do it a little at a time, so that requests come first.

        What fails is told, and left to the first request that needs it; the rest is done.
        """
        while self:
            work = self.popleft()
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the others
                _log.error("start.later_failed", what=_named(work), exc_info=error)
            await asyncio.sleep(_PAUSE_SECONDS)


def _named(work: Any) -> str:
    """What a piece is about: the thing that it gets ready."""
    about = work.args[0] if isinstance(work, partial) else getattr(work, "__self__", work)
    return str(getattr(about, "name", None) or getattr(about, "__name__", type(about).__name__))
