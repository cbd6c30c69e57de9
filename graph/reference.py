"""What the reference executor is kept from: to cancel fields whose work others wait for.

graphql-core cancels the siblings of a field that fails.  Fields share what they load and the moment
that they read, so one that is cancelled takes others with it: a batch that two of them wait for is
gone for both, and a statement that is broken off ends the connection under all.  Whatever an
operation has begun is therefore waited for, as plans do it.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from graphql.execution import executor

T = TypeVar("T")


async def _gather_all(*awaitables: Awaitable[Any]) -> list[Any]:
    """Values of all, once all are over; raises what the first of them raised."""
    found = await asyncio.gather(*awaitables, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return list(found)


# The executor has no place of its own for it.
setattr(executor, "gather_with_cancel", _gather_all)  # noqa: B010 - a module's name for a type checker


async def unbroken(work: Awaitable[T]) -> T:
    """Await something; a cancellation that nobody asked for is a failure like any other."""
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("A part of the operation was cancelled by another part.") from error
