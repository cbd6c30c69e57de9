"""Figures of requests, gathered in plain numbers and handed to the metrics library from time to time.

An observation of the library takes a lock, checks and walks for each of its parts; a request makes
half a dozen.  Here it is one addition; a scrape, or each second of a process that shares its port,
hands over what has come together.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import Counter, Histogram


class Folded:
    """One member of a histogram's family, and the counter beside it that counts the same."""

    __slots__ = ("_child", "_counter", "bounds", "buckets", "total")

    def __init__(self, child: Histogram, counter: Counter | None = None) -> None:
        self._child: Any = child
        self._counter = counter
        self.bounds: list[float] = self._child._upper_bounds  # noqa: SLF001 - they have no public name
        self.buckets = [0] * len(self.bounds)
        self.total = 0.0

    def observe(self, amount: float) -> None:
        """Note one."""
        self.buckets[bisect_left(self.bounds, amount)] += 1
        self.total += amount

    def flush(self) -> None:
        """Hand over what has come together."""
        count = sum(self.buckets)
        if not count:
            return
        for index, number in enumerate(self.buckets):
            if number:
                self._child._buckets[index].inc(number)  # noqa: SLF001 - many at once
        self._child._sum.inc(self.total)  # noqa: SLF001
        if self._counter is not None:
            self._counter.inc(count)
        self.buckets = [0] * len(self.bounds)
        self.total = 0.0


class Counted:
    """One member of a counter's family."""

    __slots__ = ("_child", "count")

    def __init__(self, child: Counter) -> None:
        self._child = child
        self.count = 0.0

    def inc(self, amount: float = 1) -> None:
        """Count."""
        self.count += amount

    def flush(self) -> None:
        """Hand over what has come together."""
        count, self.count = self.count, 0.0
        if count:
            self._child.inc(count)


class Together:
    """Members that are noted together, for what happens again and again alike."""

    __slots__ = ("_bounds", "_counted", "_fixed", "_then", "_timed")

    def __init__(
        self,
        timed: Sequence[Folded],
        fixed: Sequence[tuple[Folded, float]],
        counted: Sequence[tuple[Counted, float]],
        then: Callable[[], None],
    ) -> None:
        """``timed`` share their buckets; ``fixed`` and ``counted`` note the same each time.

        ``then`` is done each time as well.
        """
        self._bounds = timed[0].bounds
        if any(one.bounds != self._bounds for one in timed):
            raise ValueError("histograms that are noted together have the same buckets")
        self._timed = timed
        self._fixed = [(one, bisect_left(one.bounds, amount), amount) for one, amount in fixed]
        self._counted = counted
        self._then = then

    def note(self, amount: float) -> None:
        """Once more, with an observation of this amount."""
        at = bisect_left(self._bounds, amount)
        for one in self._timed:
            one.buckets[at] += 1
            one.total += amount
        for one, place, same in self._fixed:
            one.buckets[place] += 1
            one.total += same
        for counter, number in self._counted:
            counter.count += number
        self._then()


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
