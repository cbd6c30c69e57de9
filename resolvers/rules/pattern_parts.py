"""Patterns read into their parts: which characters, in which order, how often, and where."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from resolvers.rules.folding import bare

MAX_DEPTH: Final = 20
MAX_REPEAT: Final = 100
_MAX_RANGE: Final = 4_096
_CLASSES: Final = frozenset("dDwWsS")
_CLASSES_ESCAPED: Final = frozenset("\\" + name for name in _CLASSES)


class BadPattern(ValueError):
    """A pattern that is none of ours; its text says what is wrong and where."""


def is_word(char: str) -> bool:
    """Whether words are made of it."""
    return char.isalnum() or char == "_"


_MEMBER: Final[dict[str, Callable[[str], bool]]] = {
    "d": str.isdecimal,
    "D": lambda char: not char.isdecimal(),
    "w": is_word,
    "W": lambda char: not is_word(char),
    "s": str.isspace,
    "S": lambda char: not char.isspace(),
}


@dataclass(frozen=True, slots=True)
class Chars:
    """A set of characters, by names, ranges and classes."""

    singles: frozenset[str] = frozenset()
    ranges: tuple[tuple[str, str], ...] = ()
    classes: frozenset[str] = frozenset()
    negated: bool = False

    def holds(self, char: str) -> bool:
        """Whether a character of a folded text is in the set."""
        inside = (
            char in self.singles
            or any(low <= char <= high for low, high in self.ranges)
            or any(_MEMBER[name](char) for name in self.classes)
        )
        return inside is not self.negated


@dataclass(frozen=True, slots=True)
class AllOf:
    """Parts one after the other."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of some parts."""

    choices: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part again and again."""

    what: "Node"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """``^``, ``$``, ``b`` or ``B``: true between two characters."""

    kind: str


Node = Chars | AllOf | AnyOf | Repeat | Place


class _Reader:
    """Reads a pattern into its parts; letters are folded on the way, classes keep their case."""

    def __init__(self, text: str) -> None:
        self.text = unicodedata.normalize("NFC", text)
        self.at = 0

    def whole(self) -> Node:
        """The pattern."""
        found = self._choices(0)
        if self.at < len(self.text):
            raise self._wrong("has no bracket that opens it")
        return found

    def _wrong(self, words: str) -> BadPattern:
        shown = self.text[self.at : self.at + 1] or "The end"
        return BadPattern(f"{shown} at place {self.at + 1} {words}.")

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self, wanted: str) -> bool:
        if self.text.startswith(wanted, self.at):
            self.at += len(wanted)
            return True
        return False

    def _choices(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._wrong("is nested too deep")
        choices = [self._sequence(depth)]
        while self._take("|"):
            choices.append(self._sequence(depth))
        return choices[0] if len(choices) == 1 else AnyOf(tuple(choices))

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._repeated(self._one(depth)))
        return AllOf(tuple(parts))

    def _one(self, depth: int) -> Node:
        char = self._peek()
        if self._take("("):
            return self._group(depth)
        if self._take("["):
            return self._set()
        if self._take("."):
            return Chars(negated=True)
        if char in {"^", "$"}:
            self.at += 1
            return Place(char)
        if char in {"*", "+", "?"}:
            raise self._wrong("repeats nothing")
        if char in {"]", "{", "}"}:
            raise self._wrong(f"is written \\{char} where it means itself")
        if char == "\\":
            return self._escaped()
        self.at += 1
        if char.isspace():
            # Texts are compared with single spaces.
            while self._peek().isspace():
                self.at += 1
            char = " "
        return _letters(char)

    def _group(self, depth: int) -> Node:
        if self._peek() == "?" and not self._take("?:"):
            raise self._wrong("begins a group of a kind that is not understood; (?:…) is")
        inside = self._choices(depth + 1)
        if not self._take(")"):
            raise self._wrong("should close a group")
        return inside

    def _escaped(self) -> Node:
        name = self._escape()
        if name in _CLASSES:
            return Chars(classes=frozenset(name))
        if name in {"b", "B"}:
            return Place(name)
        return _letters(name)

    def _escape(self) -> str:
        self.at += 1
        name = self._peek()
        if name == "t":
            name = " "
        known = name in _CLASSES or name in {"b", "B", " "}
        if not name or (name.isalnum() and not known):
            self.at -= 1
            raise self._wrong(f"with {name or 'nothing'} behind it is not understood")
        self.at += 1
        return name

    def _set(self) -> Node:
        negated = self._take("^")
        singles: set[str] = set()
        ranges: list[tuple[str, str]] = []
        classes: set[str] = set()
        first = True
        while first or self._peek() != "]":
            low = self._member(first=first)
            first = False
            if low in _CLASSES_ESCAPED:
                classes.add(low[1])
                continue
            if self._peek() == "-" and self.text[self.at + 1 : self.at + 2] not in {"", "]"}:
                self.at += 1
                high = self._member(first=False)
                if high in _CLASSES_ESCAPED or high < low:
                    raise self._wrong("ends a range that does not begin before it")
                self._span(low, high, singles, ranges)
            else:
                singles.add(self._single(low))
        self.at += 1
        return Chars(frozenset(singles), tuple(ranges), frozenset(classes), negated)

    def _member(self, *, first: bool) -> str:
        """One character of a set, or a class with its backslash."""
        char = self._peek()
        if not char or (char == "]" and first):
            raise self._wrong("leaves a set of characters empty or open")
        if char == "\\":
            name = self._escape()
            if name in {"b", "B"}:
                raise self._wrong("follows a place, which is no character")
            return "\\" + name if name in _CLASSES else name
        self.at += 1
        return char

    def _single(self, char: str) -> str:
        plain = bare(char)
        if len(plain) != 1:
            raise self._wrong(f"follows {char}, which is not one letter when compared")
        return plain

    def _span(self, low: str, high: str, singles: set[str], ranges: list[tuple[str, str]]) -> None:
        if ord(high) - ord(low) > _MAX_RANGE:
            ranges.append((low, high))
            return
        for number in range(ord(low), ord(high) + 1):
            plain = bare(chr(number))
            if len(plain) == 1:
                singles.add(plain)

    def _repeated(self, what: Node) -> Node:
        char = self._peek()
        if char not in {"*", "+", "?", "{"}:
            return what
        if isinstance(what, Place):
            raise self._wrong("repeats a place")
        if char == "{":
            least, most = self._counts()
        else:
            self.at += 1
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        # Greedy or not, what is found is found.
        self._take("?")
        if self._peek() in {"*", "+", "?", "{"}:
            raise self._wrong("repeats a repetition; use a group")
        return Repeat(what, least, most)

    def _counts(self) -> tuple[int, int | None]:
        inside, closed, _ = self.text[self.at + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        numbers = [low, *([high] if high else [])]
        if not closed or not all(n.isascii() and n.isdigit() and len(n) <= 3 for n in numbers):
            raise self._wrong("wants {2}, {2,} or {2,5}; a bracket itself is written \\{")
        least = int(low)
        most = int(high) if high else (None if comma else least)
        if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
            raise self._wrong(f"counts up to {MAX_REPEAT}, and upwards")
        self.at += len(inside) + 2
        return least, most


def _letters(char: str) -> Node:
    """A letter of the pattern as it stands in folded texts, where it may be several or none."""
    parts = tuple(Chars(frozenset(one)) for one in bare(char))
    return parts[0] if len(parts) == 1 else AllOf(parts)


def read_pattern(text: str) -> Node:
    """The parts of a pattern; raises BadPattern."""
    return _Reader(text).whole()
