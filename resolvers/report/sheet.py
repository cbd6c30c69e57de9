"""From facts to the sheet: text ready to be printed, lengths and places in thousandths."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from babel.core import Locale

from resolvers.money import checked_sum, percent
from resolvers.report.facts import (
    BudgetFacts,
    BudgetLine,
    CategoryShare,
    Entry,
    Facts,
    Month,
    Paper,
    WorthPoint,
)
from resolvers.report.format import Words, clean
from resolvers.report.labels import labels_of

PAPERS: Final[Mapping[Paper, str]] = {"A4": "a4", "LETTER": "us-letter"}
_FULL: Final = 1_000
_MOST_CATEGORIES: Final = 14
_MOST_MARKS: Final = 7
_TICKS: Final = 5
_NAME: Final = 60
_TEXT: Final = 120
# Chinese characters are drawn in another way in each of these languages.
_FONTS: Final[Mapping[str, str]] = {
    "zh": "Noto Sans CJK SC", "ja": "Noto Sans CJK JP", "ko": "Noto Sans CJK KR",
    "zh_TW": "Noto Sans CJK TC", "zh_HK": "Noto Sans CJK HK",
}  # fmt: skip
_SCRIPTS: Final = (
    "Arabic", "Hebrew", "Devanagari", "Bengali", "Gujarati", "Gurmukhi", "Tamil", "Telugu",
    "Kannada", "Malayalam", "Oriya", "Sinhala", "Thai", "Lao", "Khmer", "Myanmar", "Georgian",
    "Armenian", "Ethiopic", "Symbols",
)  # fmt: skip


def sheet_of(facts: Facts, paper: Paper) -> dict[str, Any]:
    """Everything that the template prints, as plain JSON."""
    return _Sheet(facts, paper).whole()


class _Sheet:
    """One sheet in the making."""

    def __init__(self, facts: Facts, paper: Paper) -> None:
        self._facts = facts
        self._paper = paper
        self._words = Words.of(facts.locale)
        self._labels = labels_of(self._words.locale.language)

    def _say(self, label: str, **values: str) -> str:
        return self._labels[label].format_map(values)

    def _money(self, minor: int | None, currency: str | None = None) -> str:
        return self._words.money(minor, currency or self._facts.currency)

    def _split(self, minor: int | None, currency: str | None = None) -> dict[str, str] | None:
        return self._words.split(minor, currency or self._facts.currency)

    def whole(self) -> dict[str, Any]:
        """All parts."""
        facts, words, locale = self._facts, self._words, self._words.locale
        owner, period = clean(facts.owner, _NAME), words.span(facts.first, facts.last)
        return {
            "paper": PAPERS[self._paper],
            "lang": locale.language if len(locale.language) in {2, 3} else "en",
            "region": locale.territory if len(locale.territory or "") == 2 else None,
            "fonts": _fonts(locale),
            "labels": dict(self._labels),
            "brand": "Pocket Trend",
            "title": f"{self._labels['report']}, {period}",
            "running": f"{self._labels['report']} · {owner}",
            "footer": f"Pocket Trend · {self._say('made', day=words.long_day(facts.made))}",
            "owner": owner,
            "period": period,
            "subject": self._say("of", name=owner, currency=facts.currency),
            "made": [facts.made.year, facts.made.month, facts.made.day],
            "cards": self._cards(),
            "worth": self._worth(),
            "worth-notes": self._worth_notes(),
            **self._categories(),
            **self._months(),
            "budgets": [self._budget(one) for one in facts.budgets],
            "accounts": self._accounts(),
            "as-of": self._say("balance-on", day=words.day(facts.last)),
            "notes": self._notes(),
            "transactions": [self._entry(one) for one in facts.entries],
            "transactions-note": self._entries_note(),
        }

    def _cards(self) -> list[dict[str, Any]]:
        facts, say = self._facts, self._labels

        def card(label: str, value: str, note: str, tone: str, *, strong: bool = False) -> Any:
            told = {"label": label, "value": value, "note": note}
            return {**told, "tone": tone, "strong": strong}

        net = "good" if (facts.net or 0) > 0 else "bad" if (facts.net or 0) < 0 else "plain"
        return [
            card(say["income"], self._money(facts.income), say["transfers-note"], "plain"),
            card(
                say["expenses"],
                self._money(facts.expenses),
                self._say("count-note", count=self._words.count(facts.count)),
                "plain",
            ),
            card(say["net"], self._money(facts.net), say["net-note"], net),
            card(say["rate"], self._words.percent(facts.savings_rate), say["rate-note"], net),
            card(
                say["worth"],
                self._money(facts.worth[-1].minor if facts.worth else None),
                self._worth_note(),
                "plain",
                strong=True,
            ),
        ]

    def _worth_note(self) -> str:
        """The day of the net worth, and how it came there."""
        day, points = self._words.long_day(self._facts.last), self._facts.worth
        ends = (points[0].minor, points[-1].minor) if len(points) > 1 else (None, None)
        if ends[0] is None or ends[1] is None:
            return self._say("worth-on", day=day)
        moved = ends[1] - ends[0]
        change = ("+" if moved > 0 else "") + self._money(moved)
        start = self._words.long_day(points[0].day)
        return self._say("worth-change", day=day, change=change, start=start)

    def _worth(self) -> dict[str, Any] | None:
        """The line of net worth: places in thousandths of width and height."""
        points = self._facts.worth
        known = [point.minor for point in points if point.minor is not None]
        if len(known) < 2:
            return None
        ticks = ticks_of(min(known), max(known))
        low, high = ticks[0], ticks[-1]

        def up(minor: int) -> int:
            return (minor - low) * _FULL // (high - low)

        days = (points[-1].day - points[0].day).days or 1
        across = [(point.day - points[0].day).days * _FULL // days for point in points]
        return {
            "ticks": [
                {"at": up(one), "label": self._words.compact(one, self._facts.currency), "zero": not one}
                for one in ticks
            ],
            "base": up(min(max(0, low), high)),
            "runs": list(_runs(points, across, up)),
            "marks": self._marks(points, across),
            "alt": self._say(
                "worth-alt",
                first=self._words.long_day(points[0].day),
                last=self._words.long_day(points[-1].day),
                start=self._money(known[0]),
                end=self._money(known[-1]),
            ),
        }  # fmt: skip

    def _marks(self, points: Sequence[WorthPoint], across: Sequence[int]) -> list[dict[str, Any]]:
        """Days below the axis: at most seven, the first and the last among them."""
        days = (points[-1].day - points[0].day).days
        name = self._words.short_month if days > 120 else self._words.day_of_month
        steps = min(_MOST_MARKS, len(points)) - 1
        chosen = sorted({(len(points) - 1) * step // steps for step in range(steps + 1)})
        return [{"at": across[one], "label": name(points[one].day)} for one in chosen]

    def _worth_notes(self) -> list[str]:
        owed = self._facts.receivable
        if not owed:
            return []
        label = "receivable" if owed > 0 else "payable"
        return [self._say(label, amount=self._money(abs(owed)))]

    def _categories(self) -> dict[str, Any]:
        """The largest categories with what lies in them; the small ones together in one line."""
        shares = self._facts.categories
        places = [at for at, one in enumerate(shares) if one.level == 0]
        cut = places[_MOST_CATEGORIES] if len(places) > _MOST_CATEGORIES else len(shares)
        rest = [one for one in shares[cut:] if one.level == 0]
        most = max([one.minor or 0 for one in shares], default=0)
        rows = [self._category(one, most) for one in shares[:cut]]
        if rest:
            known = [one.minor for one in rest if one.minor is not None]
            left = checked_sum(known) if len(known) == len(rest) else None
            spent = self._facts.spent
            of_all = None if left is None or spent is None else percent(left, spent)
            name = self._say("other", count=self._words.count(len(rest)))
            rows.append(self._category(CategoryShare(name, left, of_all), most))
        total = self._split(self._facts.spent) or {"whole": "–", "part": ""}
        return {"categories": rows, "category-total": total}

    def _category(self, one: CategoryShare, most: int) -> dict[str, Any]:
        name = self._labels["uncategorised"] if one.name is None else clean(one.name, _NAME)
        return {
            "name": name,
            "level": one.level,
            "bar": _share(one.minor, most),
            "amount": self._split(one.minor),
            "percent": self._words.percent(one.percent),
        }

    def _months(self) -> dict[str, Any]:
        facts = self._facts
        whole = Month(
            facts.first, facts.income, facts.expenses, facts.net, facts.savings_rate, facts.count
        )
        months = [self._month(one, self._words.month(one.first)) for one in facts.months]
        return {"months": months, "month-total": self._month(whole, self._labels["total"])}

    def _month(self, one: Month, label: str) -> dict[str, Any]:
        return {
            "label": label,
            "income": self._split(one.income),
            "expenses": self._split(one.expenses),
            "net": self._split(one.net),
            "tone": "bad" if (one.net or 0) < 0 else "plain",
            "rate": self._words.percent(one.savings_rate),
            "count": self._words.count(one.count),
        }

    def _budget(self, one: BudgetFacts) -> dict[str, Any]:
        total, currency = one.total, one.currency
        left = total.remaining
        over = left is not None and left < 0
        return {
            "name": clean(one.name, _NAME),
            "period": self._words.span(one.first, one.last),
            "bar": _share(total.actual, total.planned or 0),
            "over": over,
            "spent": self._say(
                "spent-of",
                spent=self._money(total.actual, currency),
                planned=self._money(total.planned, currency),
                percent=self._words.percent(total.percent),
            ),
            "left": self._say(
                "over" if over else "left",
                amount=self._money(None if left is None else abs(left), currency),
            ),
            "items": [self._budget_item(item, currency) for item in one.items],
        }

    def _budget_item(self, one: BudgetLine, currency: str) -> dict[str, Any]:
        return {
            "name": clean(one.name, _NAME),
            "bar": _share(one.actual, one.planned or 0),
            "over": one.remaining is not None and one.remaining < 0,
            "actual": self._split(one.actual, currency),
            "planned": self._split(one.planned, currency),
            "remaining": self._split(one.remaining, currency),
            "percent": self._words.percent(one.percent),
        }

    def _accounts(self) -> list[dict[str, Any]]:
        return [
            {
                "name": clean(one.name, _TEXT),
                "type": self._labels[one.type],
                "balance": self._split(one.minor, one.currency),
                "tone": "bad" if one.minor < 0 else "plain",
                "currency": one.currency,
            }
            for one in self._facts.accounts
        ]

    def _notes(self) -> list[str]:
        facts = self._facts
        told = (("missing", facts.missing), ("stale", facts.stale))
        return [self._say(label, pairs=", ".join(pairs)) for label, pairs in told if pairs]

    def _entry(self, one: Entry) -> dict[str, Any]:
        return {
            "date": self._words.day(one.day),
            "text": clean(one.text, _TEXT),
            "who": clean(one.who, _TEXT) or None,
            "category": self._entry_category(one),
            "account": clean(one.account, _NAME),
            "amount": self._split(one.minor, one.currency),
            "tone": "soft" if one.transfer else "good" if one.minor > 0 else "plain",
            "currency": one.currency,
        }

    def _entry_category(self, one: Entry) -> str:
        if one.category is None and one.transfer:
            return self._labels["transfer"]
        return clean(one.category, _NAME)

    def _entries_note(self) -> str | None:
        facts, found = self._facts, []
        if facts.conditions:
            conditions = "; ".join(clean(one, _TEXT) for one in facts.conditions)
            found.append(self._say("only", conditions=conditions))
        if facts.more_entries:
            shown = len(facts.entries)
            found.append(
                self._say(
                    "newest",
                    shown=self._words.count(shown),
                    all=self._words.count(shown + facts.more_entries),
                )
            )
        return " ".join(found) or None


def _share(part: int | None, whole: int) -> int:
    """A part of a whole in thousandths; above 1000 when it is more."""
    if part is None or part <= 0:
        return 0
    return min(part * _FULL // whole, 10 * _FULL) if whole > 0 else 10 * _FULL


def _runs(
    points: Sequence[WorthPoint], across: Sequence[int], up: Any
) -> Iterator[list[list[int]]]:
    """The line in pieces: it is broken where nothing is known."""
    run: list[list[int]] = []
    for point, x in zip(points, across, strict=True):
        if point.minor is not None:
            run.append([x, up(point.minor)])
        elif run:
            yield run
            run = []
    if run:
        yield run


def ticks_of(low: int, high: int) -> list[int]:
    """Round figures of an axis that holds both ends: four to seven, evenly apart."""
    low, high = (low - 1, high + 1) if low == high else (low, high)
    # From zero where that does not flatten the line.
    low = 0 if 0 < low < high - low else low
    high = 0 if low - high < high < 0 else high
    size = max(1, (high - low) // _TICKS)
    power = 10 ** (len(str(size)) - 1)
    step = next(s for s in (power, 2 * power, 5 * power, 10 * power) if s * _TICKS >= high - low)
    first = low // step * step
    last = -(-high // step) * step
    return list(range(first, last + 1, step))


def _fonts(locale: Locale) -> list[str]:
    """Latin, Greek and Cyrillic first, then scripts by name; Chinese as the reader writes it."""
    own = _FONTS.get(f"{locale.language}_{locale.territory}") or _FONTS.get(
        locale.language, "Noto Sans CJK SC"
    )
    return ["Noto Sans", *(f"Noto Sans {script}" for script in _SCRIPTS), own, "Noto Emoji"]
