"""All rows of a list, page after page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

from resolvers.paging import Page, PageRequest

T = TypeVar("T")
ROWS_AT_ONCE: Final = 500


async def every(fetch: Callable[[PageRequest], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """Rows of all pages of a list within one transaction; one page at a time in memory."""
    after = None
    while True:
        page = await fetch(PageRequest(ROWS_AT_ONCE, after))
        for row in page.items:
            yield row
        if not page.has_next:
            return
        after = page.keys[-1]
