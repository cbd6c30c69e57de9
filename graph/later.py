"""Work of the start that can wait until the server is ready: single requests need it, not all."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

_PAUSE_SECONDS: Final = 0.005


class Later(deque[Callable[[], object]]):
    """What a first request would have to wait for, if nobody did it before."""

    async def run(self) -> None:
        """Do it a little at a time, so that requests come first."""
        while self:
            self.popleft()()
            await asyncio.sleep(_PAUSE_SECONDS)
