"""Regular expressions in linear time: the same answers as Python's own, and no explosion."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.rules.folding import folded
from resolvers.rules.patterns import MAX_STEPS, BadPattern, TooCostly, compile_pattern

LETTERS = "ab1 "


@st.composite
def patterns(draw: st.DrawFn, depth: int = 3) -> str:
    """Patterns that both engines understand alike; letters fold to themselves."""
    if depth == 0:
        return draw(
            st.sampled_from(
                ["a", "b", "1", ".", "[ab]", "[^a1]", "[a-b1]", r"\d", r"\w", r"\W", r"\S", "^", "$", r"\b"]
            )
        )  # fmt: skip
    kind = draw(st.sampled_from(["leaf", "all", "any", "repeat"]))
    if kind == "leaf":
        return draw(patterns(depth=0))
    inside = draw(patterns(depth=depth - 1))
    if kind == "repeat":
        return f"(?:{inside})" + draw(
            st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "+?"])
        )
    other = draw(patterns(depth=depth - 1))
    return f"{inside}{other}" if kind == "all" else f"(?:{inside}|{other})"


@given(patterns(), st.lists(st.text(LETTERS, max_size=8), min_size=1, max_size=4))
@settings(max_examples=250)
def test_it_finds_what_pythons_own_engine_finds(pattern: str, texts: list[str]) -> None:
    ours = compile_pattern(pattern)
    # $ means the end here, not a place before a last line feed; texts hold none.
    oracle = re.compile(pattern, re.ASCII)
    for text in texts:
        assert ours.search(text) is (oracle.search(text) is not None), text


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("ß", "STRASSE", True), ("straße", "Strasse 5", True), ("CAFÉ|tea", "cafe", True),
        ("[À-Ö]ra", "Éra", True), ("[A-Z]{3}", "xyz", True), (r"\S+\s\d", "Ab 7", True),
        (r"\bPay", "PayPal", True), (r"\bPal", "PayPal", False), ("Łódź", "LODZ", True),
        ("a  b", "A b", True), ("", "", True), ("^$", "", True), ("(|a)b", "b", True),
        (r"[\d.]+,\d\d", "12.50,00", True), (r"[]]", "x", None), (r"[\]]", "]", True),
        ("(a*)*b", "aaa", False), ("a{0}b", "b", True), (r"\.", "x", False), ("서울", "서울 시장", True),
    ],
)  # fmt: skip
def test_case_and_accents_do_not_matter(pattern: str, text: str, found: bool | None) -> None:
    if found is None:
        with pytest.raises(BadPattern):
            compile_pattern(pattern)
        return
    assert compile_pattern(pattern).search(folded(text)) is found


@pytest.mark.parametrize(
    "pattern",
    [
        "(", ")", "[", "[]", "a)", "*", "a**", "a{2}{3}", "(?=a)", "(?<!a)b", "(?P<n>a)", r"\1", r"\p{L}",
        "{2}", "a{3,2}", "a{999}", "(a{100}){100}", "(" * 30 + ")" * 30, "\\", "[b-a]", r"[a-\d]", "^*",
        "[ß]", "(?i)a", "a{,2}", "(a", "x]",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(BadPattern, match=r"\.$"):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a|aa)+$b", "(a|a)*b", "a*a*a*a*a*a*b", "(.*)*(.*)*x"]
)
def test_the_work_grows_with_the_text_and_not_beyond(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each character costs one step of the program's threads, of which there are a few."""
    found = compile_pattern(pattern)
    assert len(found.steps) <= MAX_STEPS
    taken = 0
    step = type(found)._step

    def counted(*arguments: object) -> object:
        nonlocal taken
        taken += 1
        return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(found), "_step", counted)
    assert not found.search("a" * 5_000)
    # The same state and letter again and again: remembered after the first time.
    assert taken <= 3


def test_a_pattern_with_too_many_ways_is_given_up() -> None:
    """Its table of steps would double with each repetition: the work ends, however many texts."""
    found = compile_pattern("(a|b)*a(a|b){20}c")
    texts = [f"{number * 2_654_435_761:b}" for number in range(10**30, 10**30 + 500)]
    with pytest.raises(TooCostly):
        [found.search(text.replace("0", "a").replace("1", "b")) for text in texts]
    words = compile_pattern(r"\b(edeka|rewe|lidl)\b.*\d{2,}$")
    for number in range(2_000):
        words.search(f"kartenzahlung rewe markt {number} sagt danke am {number % 31}")
    assert len(words._known) < 1_000
