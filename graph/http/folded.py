"""Figures of requests, gathered in plain numbers and handed to the metrics library from time to time.

An observation of the library takes a lock, checks and walks for each of its parts; a request makes
half a dozen.  Here it is one addition; a scrape, or each second of a process that shares its port,
hands over what has come together.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter, Histogram


class Folded:
    """One member of a histogram's family, and the counter beside it that counts the same."""

    __slots__ = ("_bounds", "_buckets", "_child", "_counter", "_total")

    def __init__(self, child: Histogram, counter: Counter | None = None) -> None:
        self._child: Any = child
        self._counter = counter
        self._bounds: list[float] = self._child._upper_bounds  # noqa: SLF001 - they have no public name
        self._buckets = [0] * len(self._bounds)
        self._total = 0.0

    def observe(self, amount: float) -> None:
        """Note one."""
        self._buckets[bisect_left(self._bounds, amount)] += 1
        self._total += amount

    def flush(self) -> None:
        """Hand over what has come together."""
        count = sum(self._buckets)
        if not count:
            return
        for index, number in enumerate(self._buckets):
            if number:
                self._child._buckets[index].inc(number)  # noqa: SLF001 - many at once
        self._child._sum.inc(self._total)  # noqa: SLF001
        if self._counter is not None:
            self._counter.inc(count)
        self._buckets = [0] * len(self._bounds)
        self._total = 0.0


class Counted:
    """One member of a counter's family."""

    __slots__ = ("_child", "_count")

    def __init__(self, child: Counter) -> None:
        self._child = child
        self._count = 0.0

    def inc(self, amount: float = 1) -> None:
        """Count."""
        self._count += amount

    def flush(self) -> None:
        """Hand over what has come together."""
        count, self._count = self._count, 0.0
        if count:
            self._child.inc(count)


class Family:
    """The members of a family by their labels, each made when it is asked for first."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self._members: dict[Any, Any] = {}

    def get(self, *labels: str) -> Any:
        """The member of some labels."""
        found = self._members.get(labels)
        if found is None:
            found = self._members[labels] = self._make(*labels)
        return found

    def flush(self) -> None:
        """Hand over what has come together."""
        for one in self._members.values():
            one.flush()
