"""Sliding windows: how much of a limit was used in any span of its length, exactly.

A window is sixty buckets of equal length; a bucket holds its sum and the place of each hit in it.
Whole buckets are added by their sums, and only the one that the edge runs through is looked into,
so that at most ``limit`` units pass in *any* span, and a steady caller at the limit is never
refused.  Hits that a bucket cannot place to the millisecond count as late as they can have been.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Protocol

from redis.exceptions import NoScriptError

from models.stores.redis import Cache

BUCKETS: Final = 60
_MOST_KEYS: Final = 50_000
_SWEEP_EVERY: Final = 256
_UNIT_BITS: Final = 16
_UNIT_MASK: Final = (1 << _UNIT_BITS) - 1


@dataclass(frozen=True, slots=True)
class Share:
    """What one request takes of one limit; 0 units only look."""

    key: str
    """``{tag}:rest``; all shares of one call carry the same tag, so that a cluster can serve it."""
    limit: int
    seconds: int
    units: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a limit stands after a call."""

    used: int
    wait_ms: int
    """Until the units asked for would fit; 0 when they did."""
    next_ms: int
    """Until the oldest unit comes back; 0 when none is used."""
    newest_ms: int
    """How long ago the newest unit was taken; 0 when none is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All shares were taken, or none was."""

    admitted: bool
    standings: tuple[Standing, ...]


class Windows(Protocol):
    """Counts shares."""

    async def take(self, shares: Sequence[Share]) -> Verdict:
        """Take all shares if each fits into its limit, else none."""


# KEYS: the windows.  ARGV: the time in milliseconds or "" for the server's own, then limit, span
# in milliseconds and units of each key.  A bucket is a field: its sum (4 bytes), then offset and
# units (2 bytes each) of every hit.
_SCRIPT: Final = """
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local found, admitted = {}, 1
for i, key in ipairs(KEYS) do
  local limit = tonumber(ARGV[3 * i - 1])
  local span = tonumber(ARGV[3 * i])
  local units = tonumber(ARGV[3 * i + 1])
  local bucket = span / 60
  local tick = math.ceil(bucket / 60000)
  local edge = now - span
  local first = math.floor(edge / bucket)
  local held = redis.call('HGETALL', key)
  local numbers, values = {}, {}
  for at = 1, #held, 2 do
    local number = tonumber(held[at])
    if number < first then
      redis.call('HDEL', key, held[at])
    else
      numbers[#numbers + 1] = number
      values[number] = held[at + 1]
    end
  end
  table.sort(numbers)
  local function hits(number)
    local value, at, list = values[number], 5, {}
    while at <= #value do
      local offset, amount
      offset, amount, at = struct.unpack('>HH', value, at)
      local hit = number * bucket + offset * tick + tick - 1
      if hit > edge then list[#list + 1] = {hit, amount} end
    end
    return list
  end
  local used, nearest, newest = 0, 0, 0
  for _, number in ipairs(numbers) do
    if number == first then
      for _, hit in ipairs(hits(number)) do used = used + hit[2] end
    else
      used = used + struct.unpack('>I4', values[number])
    end
  end
  local over, wait = used + units - limit, 0
  for _, number in ipairs(numbers) do
    if nearest > 0 and over <= 0 then break end
    for _, hit in ipairs(hits(number)) do
      if nearest == 0 then nearest = hit[1] + span - now end
      if over > 0 then
        over = over - hit[2]
        if over <= 0 then wait = hit[1] + span - now end
      end
    end
  end
  if used + units > limit and wait == 0 then wait = span end
  if #numbers > 0 and used > 0 then
    local list = hits(numbers[#numbers])
    if #list > 0 then newest = math.max(0, now - list[#list][1]) end
  end
  if units > 0 and wait > 0 then admitted = 0 end
  local here = math.floor(now / bucket)
  found[i] = {key, units, used, wait, nearest, newest, span, bucket, here,
    math.floor((now - here * bucket) / tick), values[here]}
end
local answer = {admitted}
for _, one in ipairs(found) do
  local key, units, used, wait, nearest, newest, span, bucket, here, offset, value = unpack(one, 1, 11)
  if admitted == 1 and units > 0 then
    local sum = 0
    if value then sum = struct.unpack('>I4', value) else value = '\\0\\0\\0\\0' end
    value = struct.pack('>I4', sum + units) .. string.sub(value, 5)
      .. struct.pack('>HH', offset, units)
    redis.call('HSET', key, string.format('%d', here), value)
    redis.call('PEXPIRE', key, math.ceil(span + bucket))
    used, newest = used + units, 0
    if nearest == 0 then nearest = span end
  end
  for _, number in ipairs({used, wait, nearest, newest}) do
    answer[#answer + 1] = math.ceil(number)
  end
end
return answer
"""


class RedisWindows:
    """Windows that all processes share, on the clock of Redis, in one call."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._script = cache.client.register_script(_SCRIPT)

    async def take(self, shares: Sequence[Share], *, now_ms: int | None = None) -> Verdict:
        """Take all shares or none; raises CacheDown.  Only tests bring a time of their own."""
        arguments: list[int | str] = ["" if now_ms is None else now_ms]
        for share in shares:
            arguments += [share.limit, share.seconds * 1_000, share.units]
        keys = [f"pt:{share.key}" for share in shares]

        async def call(_: Any) -> list[int]:
            found: list[int]
            ways = self._cache.ways
            if ways is not None:
                try:
                    found = await ways.say(
                        "EVALSHA", self._script.sha, len(keys), *keys, *arguments
                    )
                except NoScriptError:
                    # A server that has just started: the client tells it the script.
                    pass
                else:
                    return found
            found = await self._script(keys=keys, args=arguments)
            return found

        admitted, *numbers = await self._cache.call(call)
        standings = (Standing(*numbers[at : at + 4]) for at in range(0, len(numbers), 4))
        return Verdict(bool(admitted), tuple(standings))


def _milliseconds() -> int:
    """A clock that no step of the wall clock moves."""
    return int(monotonic() * 1_000)


class _Window:
    """The hits of one key in their order, and the sum of their units."""

    __slots__ = ("hits", "span", "used")

    def __init__(self, span: int) -> None:
        self.span = span
        self.hits = array("Q")
        self.used = 0

    def age(self, now: int) -> None:
        """Let go of what is over."""
        hits, edge = self.hits, now - self.span
        over = 0
        while over < len(hits) and hits[over] >> _UNIT_BITS <= edge:
            self.used -= hits[over] & _UNIT_MASK
            over += 1
        del hits[:over]

    def add(self, units: int, now: int) -> None:
        """A hit of this moment."""
        self.hits.append(now << _UNIT_BITS | units)
        self.used += units

    def give_back(self, units: int) -> None:
        """Undo the newest hit of so many units."""
        for at in range(len(self.hits) - 1, -1, -1):
            if self.hits[at] & _UNIT_MASK == units:
                del self.hits[at]
                self.used -= units
                break

    def stand(self, share: Share, now: int) -> Standing:
        """Where a limit stands before a share is taken."""
        hits = self.hits
        over, wait = self.used + share.units - share.limit, 0
        if over > 0:
            wait = self.span
            for hit in hits:
                over -= hit & _UNIT_MASK
                if over <= 0:
                    wait = (hit >> _UNIT_BITS) + self.span - now
                    break
        oldest = (hits[0] >> _UNIT_BITS) + self.span - now if hits else 0
        newest = now - (hits[-1] >> _UNIT_BITS) if hits else 0
        return Standing(self.used, wait, oldest, newest)


class LocalWindows:
    """Windows of this process alone, exact to the millisecond.

    A hit is 8 bytes (time, then units in the low 16 bits).  The keys least recently used are let
    go first, but only beyond ``_MOST_KEYS`` or once their hits are over.
    """

    def __init__(self, clock: Callable[[], int] = _milliseconds) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._taken = 0

    def __len__(self) -> int:
        """How many windows are kept."""
        return len(self._windows)

    def take(self, shares: Sequence[Share]) -> Verdict:
        """Take all shares or none."""
        now = self._clock()
        self._sweep(now)
        held = [self._live(share, now) for share in shares]
        standings = [one.stand(share, now) for one, share in zip(held, shares, strict=True)]
        admitted = not any(
            one.wait_ms and share.units for one, share in zip(standings, shares, strict=True)
        )
        if admitted:
            for at, (window, share) in enumerate(zip(held, shares, strict=True)):
                if share.units:
                    window.add(share.units, now)
                    old = standings[at]
                    left = old.next_ms or share.seconds * 1_000
                    standings[at] = Standing(old.used + share.units, 0, left, 0)
        return Verdict(admitted, tuple(standings))

    def give_back(self, shares: Sequence[Share]) -> None:
        """Undo the newest hits of shares that were refused elsewhere."""
        for share in shares:
            window = self._windows.get(share.key)
            if window is not None and share.units:
                window.give_back(share.units)

    def _live(self, share: Share, now: int) -> _Window:
        window = self._windows.pop(share.key, None) or _Window(share.seconds * 1_000)
        self._windows[share.key] = window
        window.span = share.seconds * 1_000
        window.age(now)
        return window

    def _sweep(self, now: int) -> None:
        self._taken += 1
        if self._taken % _SWEEP_EVERY and len(self._windows) <= _MOST_KEYS:
            return
        while self._windows:
            key, window = next(iter(self._windows.items()))
            hits = window.hits
            stands = hits and (hits[-1] >> _UNIT_BITS) + window.span > now
            if len(self._windows) <= _MOST_KEYS and stands:
                return
            del self._windows[key]
