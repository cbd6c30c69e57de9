"""Reads XML as a stream of small trees: bounded, without document types or entities."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from xml.parsers import expat

from resolvers.statements.model import StatementError

_MAX_DEPTH: Final = 64
_MAX_TEXT: Final = 1_000_000
_MAX_ELEMENTS: Final = 2_000_000
_DECLARATION: Final = re.compile(r"\s*<\?xml\b[^>]{0,400}\?>", re.IGNORECASE)
_GIANT_TAG: Final = re.compile(r"<[^<>]{1000000}")


class Node:
    """One element: its local name, the line it begins on, its text and its children."""

    __slots__ = ("attributes", "children", "line", "name", "text")

    def __init__(self, name: str, line: int, attributes: Mapping[str, str]) -> None:
        self.name = name
        self.line = line
        self.attributes = attributes
        self.text = ""
        self.children: list[Node] = []

    def all(self, path: str) -> Iterator["Node"]:
        """Every element under a path of local names such as `NtryDtls/TxDtls`."""
        name, _, rest = path.partition("/")
        for child in self.children:
            if child.name == name:
                if rest:
                    yield from child.all(rest)
                else:
                    yield child

    def find(self, *paths: str) -> "Node | None":
        """The first element under the first path that leads to one."""
        return next((node for path in paths for node in self.all(path)), None)

    def get(self, *paths: str) -> str | None:
        """The text under the first path that leads to some."""
        return next((node.text for path in paths for node in self.all(path) if node.text), None)


class Broken(Exception):
    """The text is no well-formed XML from `line` on; `reason` is the parser's word."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def unsafe(found: str) -> StatementError:
    """The error for what no statement needs and attacks are made of."""
    return StatementError("UNSAFE_FILE", f"The file holds {found}, which a statement never does.")


class _Trees:
    """Builds trees of the kept elements; everything else only opens and closes."""

    def __init__(
        self,
        keep: frozenset[str],
        opened: Callable[[str, int], None],
        done: Callable[[Node], None],
    ) -> None:
        self._keep = keep
        self._opened = opened
        self._done = done
        self._depth = 0
        self._elements = 0
        self._stack: list[Node] = []
        self._pieces: list[str] = []
        self._size = 0
        # The text is ours by now, whatever encoding the file declares.
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.ordered_attributes = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _doctype(self, *_: object) -> None:
        raise unsafe("a document type")

    def _start(self, name: str, attributes: list[str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _MAX_DEPTH:
            raise unsafe(f"elements nested deeper than {_MAX_DEPTH}")
        if self._elements > _MAX_ELEMENTS:
            message = f"The file has more than {_MAX_ELEMENTS} elements; split it."
            raise StatementError("TOO_LARGE", message)
        local = name.rpartition(":")[2]
        line = self.parser.CurrentLineNumber
        if self._stack or local in self._keep:
            names = [key.rpartition(":")[2] for key in attributes[:20:2]]
            node = Node(local, line, dict(zip(names, attributes[1:20:2], strict=False)))
            if self._stack:
                self._stack[-1].children.append(node)
            self._stack.append(node)
            self._pieces, self._size = [], 0
        else:
            self._opened(local, line)

    def _text(self, data: str) -> None:
        if not self._stack:
            return
        self._size += len(data)
        if self._size > _MAX_TEXT:
            raise unsafe("a text of more than a million signs")
        self._pieces.append(data)

    def _end(self, _: str) -> None:
        self._depth -= 1
        if not self._stack:
            return
        node = self._stack.pop()
        if not node.children:
            node.text = "".join(self._pieces).strip()
        self._pieces, self._size = [], 0
        if not self._stack:
            self._done(node)


def read_trees(
    text: str,
    keep: frozenset[str],
    opened: Callable[[str, int], None],
    done: Callable[[Node], None],
) -> None:
    """Tell `done` of every kept element that ends, and `opened` of every other that begins.

    Raises `StatementError` UNSAFE_FILE or TOO_LARGE, and `Broken` where the XML ends to be XML;
    what was told before stands.
    """
    if _GIANT_TAG.search(text):
        raise unsafe("a tag of more than a million signs")
    trees = _Trees(keep, opened, done)
    # The declaration would only contradict the encoding; its lines stay, for the numbers.
    prolog = _DECLARATION.match(text)
    body = text if prolog is None else "\n" * prolog[0].count("\n") + text[prolog.end() :]
    try:
        # In one piece: a parser that is fed bit by bit begins a long token anew with every bit.
        trees.parser.Parse(body.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise Broken(error.lineno, expat.errors.messages[error.code]) from error
