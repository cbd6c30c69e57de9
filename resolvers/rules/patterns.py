r"""Regular expressions that take linear time whatever they are and whatever they are given.

A pattern is compiled into a small program and run on all its threads at once (Thompson, "Regular
Expression Search Algorithm", 1968): each character of a text is looked at once, by at most as many
threads as the program has steps.  There is no backtracking, so there is no input on which a
pattern explodes.  Steps that were taken before are remembered, so that most characters cost one
look into a table; a pattern that would outgrow the table is given up (``TooCostly``), which bounds
its work over any number of texts.

Understood are letters, ``.``, ``[a-z]``, ``[^0-9]``, ``\d \w \s`` and their opposites, ``\b``,
``\B``, ``^``, ``$``, groups, ``|``, ``* + ?`` and ``{2,5}``.  What needs backtracking is refused:
references back and looks around.
"""

from dataclasses import dataclass, field
from typing import Final

from resolvers.rules.pattern_parts import (
    AllOf,
    AnyOf,
    BadPattern,
    Chars,
    Node,
    Place,
    Repeat,
    is_word,
    read_pattern,
)

MAX_STEPS: Final = 256
"""Of a compiled program: what one character of a text may cost at most."""
MAX_REMEMBERED: Final = 10_000
"""Different steps of a pattern over all texts that it is asked of.  Patterns of words take some
hundreds, whatever the number of texts; one that needs more is made to be costly."""
_NOTHING, _WORD, _OTHER = 0, 1, 2
_FOUND: Final = -1


_Step = tuple[str, object, int, int]
"""Kind, its set or place, and where to go on (two ways for a fork)."""


class _Writer:
    """Writes a pattern's parts as a program, from its end to its beginning."""

    def __init__(self) -> None:
        self.steps: list[_Step] = [("found", None, 0, 0)]

    def _add(self, kind: str, what: object, one: int, other: int = 0) -> int:
        if len(self.steps) >= MAX_STEPS:
            raise BadPattern(f"The pattern is too large: more than {MAX_STEPS} steps.")
        self.steps.append((kind, what, one, other))
        return len(self.steps) - 1

    def write(self, node: Node, then: int) -> int:
        """The step at which a part begins that goes on at another."""
        if isinstance(node, Chars):
            return self._add("char", node, then)
        if isinstance(node, Place):
            return self._add("place", node.kind, then)
        if isinstance(node, AllOf):
            for part in reversed(node.parts):
                then = self.write(part, then)
            return then
        if isinstance(node, AnyOf):
            starts = [self.write(one, then) for one in node.choices]
            begin = starts.pop()
            while starts:
                begin = self._add("fork", None, starts.pop(), begin)
            return begin
        return self._repeat(node, then)

    def _repeat(self, node: Repeat, then: int) -> int:
        begin = then
        if node.most is None:
            begin = self._add("fork", None, 0, then)
            inside = self.write(node.what, begin)
            self.steps[begin] = ("fork", None, inside, then)
        else:
            for _ in range(node.most - node.least):
                begin = self._add("fork", None, self.write(node.what, begin), then)
        for _ in range(node.least):
            begin = self.write(node.what, begin)
        return begin


class TooCostly(BadPattern):
    """A pattern that takes more different steps over some texts than any pattern of words."""


@dataclass(slots=True)
class Pattern:
    """A compiled pattern; it is looked for in folded texts (``folded``)."""

    steps: list[_Step]
    begin: int
    _numbers: dict[frozenset[int], int] = field(default_factory=lambda: {frozenset(): 0})
    _sets: list[frozenset[int]] = field(default_factory=lambda: [frozenset()])
    _known: dict[tuple[int, int, str], int] = field(default_factory=dict)

    def search(self, text: str) -> bool:
        """Whether the pattern is found anywhere in a text; raises TooCostly, see MAX_REMEMBERED."""
        state, before = 0, _NOTHING
        for char in text:
            key = (state, before, char)
            reached = self._known.get(key)
            if reached is None:
                if len(self._known) >= MAX_REMEMBERED:
                    raise TooCostly("This pattern has too many ways to go; write it simpler.")
                threads = self._step(self._sets[state], before, char)
                reached = self._known[key] = self._number(threads)
            if reached == _FOUND:
                return True
            state = reached
            before = _WORD if is_word(char) else _OTHER
        return self._open(self._sets[state], before, _NOTHING) is None

    def _number(self, threads: frozenset[int] | None) -> int:
        if threads is None:
            return _FOUND
        number = self._numbers.get(threads)
        if number is None:
            number = self._numbers[threads] = len(self._sets)
            self._sets.append(threads)
        return number

    def _step(self, threads: frozenset[int], before: int, char: str) -> frozenset[int] | None:
        """Where all threads are behind one more character; None once one has found it all."""
        opened = self._open(threads, before, _WORD if is_word(char) else _OTHER)
        if opened is None:
            return None
        return frozenset(after for what, after in opened if what.holds(char))

    def _open(
        self, threads: frozenset[int], before: int, behind: int
    ) -> list[tuple[Chars, int]] | None:
        """Sets that the threads wait for, a fresh one included; None if one has found it all."""
        waiting: list[tuple[Chars, int]] = []
        todo, seen = [self.begin, *threads], set[int]()
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            kind, what, one, other = self.steps[at]
            if kind == "found":
                return None
            if isinstance(what, Chars):
                waiting.append((what, one))
            elif kind == "fork":
                todo += (one, other)
            elif _stands(str(what), before, behind):
                todo.append(one)
        return waiting


def _stands(place: str, before: int, behind: int) -> bool:
    if place == "^":
        return before == _NOTHING
    if place == "$":
        return behind == _NOTHING
    border = (before == _WORD) is not (behind == _WORD)
    return border is (place == "b")


def compile_pattern(text: str) -> Pattern:
    """A pattern ready to search; raises BadPattern with a sentence that says what is wrong."""
    writer = _Writer()
    begin = writer.write(read_pattern(text), 0)
    return Pattern(writer.steps, begin)


__all__ = ["MAX_STEPS", "BadPattern", "Pattern", "TooCostly", "compile_pattern"]
