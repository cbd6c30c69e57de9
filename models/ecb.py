"""The European Central Bank's reference rates, read exactly from the file that the wheel carries.

One zip of one CSV: a day a line, newest first, euro-based, ``N/A`` where nothing was published and
an empty column at the end.  Unpacking takes some twenty milliseconds and two megabytes; the lines
of single days are taken apart when they are asked for, so nothing is stored and nothing converted
that nobody needs.
"""

import zipfile
from bisect import bisect_right
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_PACKAGE: Final = "currency_converter"
_FILE: Final = "eurofxref-hist.zip"
_MAX_BYTES: Final = 20_000_000
_NONE: Final = frozenset({"", "N/A"})


class Published:
    """All published rates: units of a currency that one euro buys, by day."""

    def __init__(self, text: str) -> None:
        """Raises ValueError for anything but the bank's table."""
        head, *lines = text.splitlines()
        names = head.split(",")
        if names[0] != "Date" or len(lines) == 0:
            raise ValueError("This is not the table of reference rates.")
        self._column = {name.strip(): at for at, name in enumerate(names) if at and name.strip()}
        self._lines = {line[:10]: line for line in lines if line}
        # ISO dates sort as text, and most days are never made into dates.
        self._days = sorted(self._lines)
        self._last = {"EUR": self._days[-1]}
        self.version = sha256(text.encode()).hexdigest()[:16]

    @cached_property
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

    def _cell(self, currency: str, day: str) -> Decimal | None:
        text = self._lines[day].split(",")[self._column[currency]].strip()
        return None if text in _NONE else Decimal(text)


def read_zip(path: Path) -> Published:
    """A zip as the bank publishes it; raises ValueError for any other."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) != 1 or members[0].file_size > _MAX_BYTES:
            raise ValueError("The archive has to hold one table of at most 20 MB.")
        return Published(archive.read(members[0]).decode("ascii"))


@cache
def published() -> Published:
    """The rates of the installed wheel; the package itself is never imported."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ValueError(f"The package {_PACKAGE} is not installed.")
    return read_zip(Path(found.origin).with_name(_FILE))
