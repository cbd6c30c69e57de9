"""Naive Bayes over a person's own choices: counted, taken out again, and sure before it speaks."""

import csv
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import NAMESPACE_DNS, UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.suggestions.learning import Learned, Told

FOOD, RENT, FUN = (UUID(int=one) for one in (1, 2, 3))


def told(text: str, minor: int = -500) -> Told:
    return Told(None, text, minor, "EUR")


TOLD = st.builds(
    Told,
    st.one_of(st.none(), st.sampled_from(["Édeka", "Rent GmbH"])),
    st.sampled_from(["card", "edeka 12", "rent july", "kino", "", "a b cd"]),
    st.integers(-5_000, 5_000),
    st.sampled_from(["EUR", "JPY"]),
)
CHOICES = st.lists(st.tuples(TOLD, st.sampled_from([FOOD, RENT, FUN])), max_size=12)


@given(CHOICES, CHOICES)
@settings(max_examples=60)
def test_what_is_taken_out_leaves_no_trace(
    stays: list[tuple[Told, UUID]], goes: list[tuple[Told, UUID]]
) -> None:
    learned = Learned.of([*goes, *stays])
    for one in goes:
        learned.unlearn(*one)
    assert learned == Learned.of(stays)
    assert learned.packed() == Learned.of(reversed(stays)).packed()
    assert Learned.unpacked(learned.packed()) == learned


def test_nothing_is_guessed_from_nothing() -> None:
    learned = Learned()
    assert learned.guess(told("edeka")) is None
    learned.unlearn(told("edeka"), FOOD)
    learned.learn(told("edeka"), FOOD)
    # The same amount is no word.
    assert learned.guess(told("kino")) is None
    assert learned.guess(told("17 4711")) is None


def test_words_decide_and_the_clearest_is_named() -> None:
    learned = Learned()
    for _ in range(5):
        learned.learn(told("EDEKA Karte"), FOOD)
        learned.learn(told("Miete Karte"), RENT)
    guess = learned.guess(told("edéka karte 12"))
    assert guess is not None
    assert (guess.category_id, guess.word, guess.with_word, guess.of_word) == (FOOD, "edeka", 5, 5)
    assert 0.9 <= guess.score <= 1
    # Said of both alike: not sure enough.
    assert learned.guess(told("karte")) is None


def test_it_is_right_where_it_speaks(shared_folder: Path) -> None:
    """806 real rows of 22 categories, each guessed from those before it."""
    path = shared_folder / "bank-data/Predictive-Spending-Tracker/personal_transactions.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    rows.sort(key=lambda row: datetime.strptime(row["Date"].replace("/", "-"), "%m-%d-%Y"))  # noqa: DTZ007
    learned, shown, right = Learned(), 0, 0
    for row in rows:
        sign = -1 if row["Transaction Type"] == "debit" else 1
        one = Told(None, row["Description"], sign * int(Decimal(row["Amount"]) * 100), "USD")
        category = uuid5(NAMESPACE_DNS, row["Category"])
        guess = learned.guess(one)
        if guess is not None:
            shown += 1
            right += guess.category_id == category
        learned.learn(one, category)
    assert (len(rows), len(learned.chosen)) == (806, 22)
    assert (shown, right) == (694, 686)
