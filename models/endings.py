"""Tasks that have to be over: cancelled as often as it takes."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

AGAIN_SECONDS: Final = 0.5
"""How long a task may take to end before it is cancelled again."""


async def stop(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until they are over; what they fail with is nobody's concern any more.

    Once is not enough: a cancellation that meets a time-out of the same moment, or a call that ends
    in it (``asyncio.wait_for`` up to Python 3.11, by which redis-py writes), is taken for that.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        over, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
        for task in over:
            if not task.cancelled():
                task.exception()
