"""Decides which column plays which role, by its header, by its cells and by the mapping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from resolvers.statements.currencies import code_in_header
from resolvers.statements.layout import Layout, Profile
from resolvers.statements.model import Role, StatementError
from resolvers.statements.money_columns import MoneyColumns, find_money
from resolvers.statements.words import fold, header_scores

_NAMED: Final = 500
_EXACT: Final = 700
# The first words for a date are those for its booking.
_BOOKED: Final = 885
NO_COLUMN: Final = frozenset({"", 0, "#0", "none"})
_LISTED: Final = 300
_LONGEST_NAME: Final = 60
_TEXT_ROLES: Final = ("description", "payee", "notes", "category")


@dataclass(slots=True)
class Roles:
    """The 0-based column of each role; a role without a column is None or empty."""

    date: int
    other_dates: tuple[int, ...]
    money: MoneyColumns
    currency: int | None = None
    status: int | None = None
    category: int | None = None
    payee: int | None = None
    notes: int | None = None
    description: tuple[int, ...] = ()
    fallback: tuple[int, ...] = ()
    ids: tuple[int, ...] = ()
    given: frozenset[str] = field(default_factory=frozenset)
    # Whether the header says that the date is the one of booking, so that none means not yet.
    booked: bool = False


class Assigner:
    """Hands columns out role by role; a column that is taken is not handed out again."""

    def __init__(self, layout: Layout, profiles: Sequence[Profile]) -> None:
        self.layout = layout
        self.profiles = profiles
        self.scores = [
            header_scores(layout.headers[c]) if c < len(layout.headers) else {}
            for c in range(layout.width)
        ]
        self.taken: set[int] = set()

    def score(self, column: int, role: str) -> int:
        """How well the header names a role, 0 when it names another one better."""
        scores = self.scores[column]
        return scores.get(role, 0)

    def free(self) -> list[int]:
        """The columns that have no role yet, in file order."""
        return [c for c in range(self.layout.width) if c not in self.taken]

    def take(self, column: int | None) -> int | None:
        """Marks a column as taken and returns it."""
        if column is not None:
            self.taken.add(column)
        return column


def resolve(layout: Layout, columns: Mapping[Role, str | int]) -> dict[str, int | None]:
    """The 0-based columns that a mapping names; None where it says that there is none.

    Raises `StatementError` BAD_MAPPING when a name or a position is not in the file.
    """
    found: dict[str, int | None] = {}
    for role, given in columns.items():
        if given in NO_COLUMN:
            found[role] = None
            continue
        column = position(given, layout.headers, layout.width)
        if column is None:
            message = (
                f"The mapping puts {role} into the column {str(given)[:60]!r}, which the file does "
                f"not have; its columns are {listed(layout.names())}."
            )
            raise StatementError("BAD_MAPPING", message, layout.names())
        found[role] = column
    return found


def listed(names: Sequence[str]) -> str:
    """Names for a sentence; those that make it too long are only counted."""
    told: list[str] = []
    for name in names:
        short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        if told and len(", ".join((*told, short))) > _LISTED:
            return f"{', '.join(told)} and {len(names) - len(told)} more"
        told.append(short)
    return ", ".join(told)


def position(given: str | int, headers: Sequence[str], width: int) -> int | None:
    """The 0-based column that a mapping means by a header, `#3` or 3; None if there is none."""
    if isinstance(given, str) and given in headers:
        return headers.index(given)
    if isinstance(given, str):
        folded = [fold(h) for h in headers]
        if fold(given) and fold(given) in folded:
            return folded.index(fold(given))
    figures = str(given).removeprefix("#")
    if figures.isascii() and figures.isdigit() and len(figures) < 4:
        number = int(figures)
        return number - 1 if 0 < number <= width else None
    return None


def assign(layout: Layout, profiles: Sequence[Profile], given: Mapping[str, int | None]) -> Roles:
    """The roles of all columns. Raises `StatementError` NO_DATE_COLUMN or NO_AMOUNT_COLUMN."""
    assigner = Assigner(layout, profiles)
    assigner.taken.update(c for c in given.values() if c is not None)
    date, others = _dates(assigner, given)
    assigner.taken.update((date, *others))
    money = find_money(assigner, given)
    assigner.taken.update(money.columns())
    roles = Roles(date, others, money, given=frozenset(given))
    roles.currency = assigner.take(_currency(assigner, money, given))
    roles.status = assigner.take(_status(assigner, given))
    roles.ids = _ids(assigner, given)
    _texts(assigner, roles, given)
    roles.booked = bool(others) and assigner.score(date, "date") >= _BOOKED
    return roles


def _dates(assigner: Assigner, given: Mapping[str, int | None]) -> tuple[int, tuple[int, ...]]:
    """The booking date and the other date columns, best first."""
    ranked: list[tuple[int, int]] = []
    rows = max((p.filled for p in assigner.profiles), default=0)
    for column in assigner.free():
        profile = assigner.profiles[column]
        score = assigner.score(column, "date")
        figures = profile.shapes if score >= _NAMED else profile.dates
        if not profile.mostly(figures, 30) or figures * 5 < rows:
            continue
        if not score and assigner.scores[column] and not profile.mostly(figures, 80):
            continue
        full = figures * 2 >= rows
        ranked.append((score + 50 + (400 if full else 0), column))
    ranked.sort(key=lambda item: (-item[0], item[1]))
    chosen = given.get("date")
    if chosen is not None:
        return chosen, tuple(c for _, c in ranked)
    if not ranked:
        named = [c for c in assigner.free() if assigner.score(c, "date") >= 700]
        if named and not any(p.filled for p in assigner.profiles):
            return named[0], ()
        if named and assigner.profiles[named[0]].filled:
            return named[0], ()
        raise StatementError(
            "NO_DATE_COLUMN",
            "No column of dates was found; name it in the mapping as columns.date.",
            assigner.layout.names(),
        )
    return ranked[0][1], tuple(c for _, c in ranked[1:])


def _currency(
    assigner: Assigner, money: MoneyColumns, given: Mapping[str, int | None]
) -> int | None:
    """The column of codes; of several, the one named best, then the one beside the amount."""
    if "currency" in given:
        return given["currency"]
    near = next((c for c in (money.amount, money.credit, money.debit) if c is not None), 0)
    rows = max((p.filled for p in assigner.profiles), default=0)
    headers = assigner.layout.headers
    told = near < len(headers) and code_in_header(headers[near]) is not None
    best: tuple[bool, int, int, int] | None = None
    for column in assigner.free():
        score = assigner.score(column, "currency")
        if not _holds_currencies(assigner, column, rows):
            continue
        if told and score < _EXACT:
            # The amount's own header names the currency; this is the one of another thing.
            continue
        distance = abs(column - near) * 2 - (1 if column > near else 0)
        ranked = (assigner.profiles[column].filled > 0, score // 100, -distance, column)
        best = ranked if best is None or ranked > best else best
    return best[3] if best else None


def _holds_currencies(assigner: Assigner, column: int, rows: int) -> bool:
    """Whether a column is one of currencies: its header says so, or its cells.

    What a header calls a currency is one even where its cells are no codes: such rows fail then,
    as taking them for the account's money would book wrong amounts without a word.
    """
    profile, score = assigner.profiles[column], assigner.score(column, "currency")
    other = max((v for r, v in assigner.scores[column].items() if r != "currency"), default=0)
    figures = profile.mostly(profile.amounts, 50) or profile.mostly(profile.shapes, 50)
    if figures:
        return False
    sparse = profile.filled * 2 < rows
    if score >= _EXACT and score >= other:
        # A column that is filled for foreign money only still says what that money is, even if
        # none of the rows that were looked at fills it.
        return not (sparse and _beside_other_money(assigner, column, rows))
    if sparse or not profile.filled:
        return False
    if score >= _NAMED:
        return profile.mostly(profile.codes + profile.shorts, 50)
    silent = not assigner.scores[column]
    mixed = profile.mostly(profile.codes, 60) and profile.mostly(profile.shorts, 95)
    return profile.mostly(profile.codes, 95) or (silent and mixed)


def _beside_other_money(assigner: Assigner, column: int, rows: int) -> bool:
    """Whether a free column of few amounts is next to a column, which then is about those."""
    for other in (column - 1, column + 1):
        if 0 <= other < len(assigner.profiles) and other not in assigner.taken:
            profile = assigner.profiles[other]
            if profile.numeric and profile.filled * 2 < rows:
                return True
    return False


def _status(assigner: Assigner, given: Mapping[str, int | None]) -> int | None:
    if "status" in given:
        return given["status"]
    ranked: list[tuple[int, int]] = []
    for column in assigner.free():
        profile = assigner.profiles[column]
        score = assigner.score(column, "status")
        least = 30 if score >= _NAMED else 90
        if profile.mostly(profile.states, least) and len(profile.values) <= 12:
            ranked.append((-score, column))
    return min(ranked)[1] if ranked else None


def _ids(assigner: Assigner, given: Mapping[str, int | None]) -> tuple[int, ...]:
    """The columns that may hold a transaction's own id, best first."""
    if "externalId" in given:
        column = given["externalId"]
        return () if column is None else (column,)
    named = [(assigner.score(c, "externalId"), c) for c in assigner.free()]
    return tuple(c for score, c in sorted(named, key=lambda n: (-n[0], n[1])) if score >= 600)


def _texts(assigner: Assigner, roles: Roles, given: Mapping[str, int | None]) -> None:
    """Gives out description, payee, notes and category."""
    described = given.get("description")
    single: dict[str, int | None] = {r: given[r] for r in _TEXT_ROLES[1:] if r in given}
    for role in ("category", "payee"):
        if role not in single:
            single[role] = assigner.take(_best_text(assigner, role))
    if "description" in given:
        roles.description = () if described is None else (described,)
    else:
        roles.description = _descriptions(assigner)
        assigner.taken.update(roles.description)
    if "notes" not in single:
        single["notes"] = assigner.take(_best_text(assigner, "notes"))
    roles.category, roles.payee, roles.notes = (
        single["category"],
        single["payee"],
        single["notes"],
    )
    left = [c for c in assigner.free() if assigner.profiles[c].letters and c not in roles.ids]
    left.sort(key=lambda c: (-_weight(assigner.profiles[c]), c))
    if not roles.description and roles.payee is None and "description" not in given:
        roles.description = tuple(left[:1])
        left = left[1:]
    kinds = [c for c in range(assigner.layout.width) if assigner.score(c, "flag") >= _NAMED]
    roles.fallback = tuple(c for c in (*left, *kinds) if c not in roles.description)[:4]


def _weight(profile: Profile) -> int:
    """How much a column says: long and varied texts before short and constant ones."""
    varied = len(profile.values) * 100 // max(1, min(profile.filled, 500))
    return (profile.length // max(1, profile.filled)) * (10 + varied)


def _best_text(assigner: Assigner, role: str) -> int | None:
    ranked = [
        (assigner.score(c, role), -c)
        for c in assigner.free()
        if assigner.score(c, role) >= _NAMED
        and assigner.profiles[c].letters
        and assigner.score(c, role) >= max(assigner.scores[c].values()) - 100
    ]
    return -max(ranked)[1] if ranked else None


def _descriptions(assigner: Assigner) -> tuple[int, ...]:
    """All columns whose header is a word for the text of a booking, in file order."""
    named = []
    for column in assigner.free():
        score = assigner.score(column, "description")
        profile = assigner.profiles[column]
        if score < 700 or score < max(assigner.scores[column].values()) - 150:
            continue
        if profile.filled and not profile.mostly(profile.amounts, 95):
            named.append(column)
    return tuple(named[:6])
