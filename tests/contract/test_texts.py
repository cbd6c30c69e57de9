"""Texts of inputs: what is forbidden in them is found wherever it stands."""

import unicodedata

import pytest

from resolvers.inputs import clean_text


def test_what_is_printable_holds_nothing_that_is_forbidden() -> None:
    # Printable texts are not looked at character by character.
    forbidden = [
        chr(one) for one in range(0x110000) if unicodedata.category(chr(one)) in {"Cc", "Cs"}
    ]
    assert len(forbidden) == 65 + 2_048
    assert not any(one.isprintable() for one in forbidden)


@pytest.mark.parametrize("char", ["\x00", "\x7f", "\x85", "\ud800", "\n", "\t"], ids=ascii)
@pytest.mark.parametrize("multiline", [False, True], ids=["line", "lines"])
def test_a_control_character_is_refused_but_breaks_in_notes(char: str, *, multiline: bool) -> None:
    text = f"ein Stück \u200b{char}🙂"
    if multiline and char in "\n\t":
        assert clean_text(text, multiline=True) == text
        return
    with pytest.raises(ValueError, match="Control characters"):
        clean_text(text, multiline=multiline)
