"""Finds where the table of a file begins and what its columns look like."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from resolvers.statements.amounts import looks_like_amount, looks_like_money
from resolvers.statements.currencies import reads_as_currency
from resolvers.statements.dates import looks_like_date, read_shape
from resolvers.statements.model import StatementError
from resolvers.statements.phrases import side_of, state_of
from resolvers.statements.table import Record
from resolvers.statements.words import fold, role_hits

_HEADER_WITHIN: Final = 120
_SAMPLE_ROWS: Final = 2000


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a file: what stands above the header, the header, the records below."""

    preamble: Sequence[Record]
    headers: tuple[str, ...]
    header_line: int | None
    body: list[Record]
    """Emptied as its rows are made."""
    width: int

    def name(self, column: int) -> str:
        """The header of a column, or its 1-based position such as `#3`."""
        named = self.headers[column] if column < len(self.headers) else ""
        return named if named and self.headers.count(named) == 1 else f"#{column + 1}"

    def names(self) -> tuple[str, ...]:
        """What a person can call the columns by."""
        return tuple(self.name(column) for column in range(self.width))


@dataclass(slots=True)
class Profile:
    """What the cells of one column are, counted over a sample of rows."""

    filled: int = 0
    dates: int = 0
    shapes: int = 0
    amounts: int = 0
    money: int = 0
    negative: int = 0
    codes: int = 0
    shorts: int = 0
    sides: int = 0
    states: int = 0
    letters: int = 0
    length: int = 0
    values: set[str] = field(default_factory=set)

    def share(self, count: int) -> tuple[int, int]:
        """A count as parts of what is filled, for comparing without fractions."""
        return count, self.filled

    def mostly(self, count: int, percent: int) -> bool:
        """Whether a count is at least so many percent of the filled cells."""
        return self.filled > 0 and count * 100 >= percent * self.filled

    @property
    def numeric(self) -> bool:
        """Whether at least half of the filled cells are amounts and no dates."""
        return self.mostly(self.amounts, 30) and self.amounts > self.dates


def has_date(cells: Sequence[str]) -> bool:
    """Whether any cell is a date."""
    return any(looks_like_date(cell) for cell in cells if 5 < len(cell) <= 48)


def has_amount(cells: Sequence[str]) -> bool:
    """Whether any cell is an amount."""
    return any(looks_like_amount(cell) for cell in cells if cell)


def _is_data(record: Record) -> bool:
    return has_date(record.cells) and has_amount(
        [cell for cell in record.cells if not looks_like_date(cell)]
    )


def _plain(record: Record) -> bool:
    """Whether a record could be a header: several short texts and no figures."""
    cells = [cell for cell in record.cells if cell]
    if len(cells) < 2 or any(len(cell) > 80 for cell in cells):
        return False
    return not has_date(cells) and not any(looks_like_amount(cell) for cell in cells)


def find_layout(records: Sequence[Record], header_line: int | None) -> Layout:
    """Parts the records into preamble, header and body.

    Raises `StatementError` NO_TABLE when nothing looks like a table, or BAD_MAPPING when no
    record starts on the line that was given for the header.
    """
    head = records[:2000]
    first_data = next((i for i, r in enumerate(head) if _is_data(r)), None)
    if first_data is None:
        first_data = next((i for i, r in enumerate(head) if has_date(r.cells)), None)
    if header_line is not None and header_line > 0:
        header = next((i for i, r in enumerate(records) if r.line == header_line), None)
        if header is None:
            message = f"Line {header_line} was given for the header, but no record starts there."
            raise StatementError("BAD_MAPPING", message)
    elif header_line == 0:
        header = None
    else:
        header = _find_header(records, first_data)
    if header is None and first_data is None:
        message = (
            f"No table was found in {len(records)} lines: none holds a date beside an amount, and "
            "none names columns such as Date and Amount. Check that this is the CSV export of a "
            "statement."
        )
        raise StatementError("NO_TABLE", message)
    body = list(records if header is None else records[header + 1 :])
    names = tuple(records[header].cells) if header is not None else ()
    dated = [len(r.cells) for r in body[:_SAMPLE_ROWS] if has_date(r.cells)]
    usual = Counter(dated).most_common(1)[0][0] if dated else 0
    return Layout(
        preamble=records[:header] if header is not None else (),
        headers=names,
        header_line=records[header].line if header is not None else None,
        body=[r for r in body if tuple(r.cells) != names] if names else body,
        width=len(names) or usual,
    )


def _find_header(records: Sequence[Record], first_data: int | None) -> int | None:
    """The record that names most columns; failing that, the text line right above the data."""
    best: tuple[int, int] | None = None
    widths = Counter(len(r.cells) for r in records[:500])
    usual = max(widths, key=lambda w: (widths[w] * min(w, 4), w)) if widths else 0
    for number, record in enumerate(records[:_HEADER_WITHIN]):
        if best is not None and first_data is not None and number > first_data + 20:
            break
        if not _plain(record):
            continue
        hits = role_hits(record.cells)
        if hits < 2:
            continue
        filled = sum(map(bool, record.cells))
        if filled * 2 < usual:
            continue
        fits = len(record.cells) >= usual - 1
        score = hits * 10 + (5 if fits else 0)
        if best is None or score > best[0]:
            best = (score, number)
    if best is not None:
        return best[1]
    if not first_data:
        return None
    above = records[first_data - 1]
    wide = sum(map(bool, above.cells)) >= max(2, sum(map(bool, records[first_data].cells)))
    distinct = len({fold(cell) for cell in above.cells if cell}) == sum(map(bool, above.cells))
    return first_data - 1 if _plain(above) and wide and distinct else None


def profiles(layout: Layout) -> list[Profile]:
    """What each column holds, from the rows that have a date (from all if none has)."""
    step = max(1, len(layout.body) // _SAMPLE_ROWS)
    sample = [r.cells for r in layout.body[::step]]
    dated = [cells for cells in sample if has_date(cells)]
    found = [Profile() for _ in range(layout.width)]
    for cells in dated or sample:
        for column, cell in enumerate(cells[: layout.width]):
            if cell:
                _count(found[column], cell)
    return found


def _count(profile: Profile, cell: str) -> None:
    profile.filled += 1
    profile.length += min(len(cell), 200)
    if len(profile.values) < 500:
        profile.values.add(cell[:80])
    if looks_like_date(cell):
        profile.dates += 1
        profile.shapes += 1
        return
    profile.shapes += read_shape(cell) is not None
    if looks_like_amount(cell):
        profile.amounts += 1
        profile.money += looks_like_money(cell)
        profile.negative += "-" in cell or "(" in cell or "−" in cell
    elif any(c.isalpha() for c in cell[:80]):
        profile.letters += 1
    if len(cell) <= 40:
        profile.codes += reads_as_currency(cell)
        profile.shorts += 2 <= len(cell) <= 5 and cell.isalpha()
        profile.sides += side_of(cell) is not None
        profile.states += state_of(cell) is not None
