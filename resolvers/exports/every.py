"""All rows of a list, page after page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar

from resolvers.paging import Page, PageRequest

T = TypeVar("T")
Pages = AsyncIterator[list[dict[str, Any]]]
ROWS_AT_ONCE: Final = 500


async def pages(fetch: Callable[[PageRequest], Awaitable[Page[T]]]) -> AsyncIterator[list[T]]:
    """All pages of a list within one transaction, one at a time in memory."""
    after = None
    while True:
        page = await fetch(PageRequest(ROWS_AT_ONCE, after))
        yield list(page.items)
        if not page.has_next:
            return
        after = page.keys[-1]


async def every(fetch: Callable[[PageRequest], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """Rows of all pages of a list."""
    async for page in pages(fetch):
        for row in page:
            yield row
