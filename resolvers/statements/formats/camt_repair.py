"""Mends CAMT that is not well-formed, so that one broken entry costs no other."""

import html
import re
from typing import Final
from xml.parsers import expat

_BARE: Final = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)(\w{1,31};)?"
)
_MAX_ESCAPES: Final = 1_000_000
_LESS: Final = re.compile(r"<(?![A-Za-z_/!?])")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_TOKEN: Final = re.compile(
    r"<(/?)(?:[\w-]{1,20}:)?(Stmt|Rpt|Ntfctn|Acct|Bal|Ntry)(?:\s[^<>]{0,1000})?(/?)>"
)
_WHOLE: Final = frozenset({"Stmt", "Rpt", "Ntfctn"})


def mended(text: str, broken: str) -> str:
    """A document of what is well-formed in a text: its statements, accounts, balances, entries.

    Signs that only stand for themselves when escaped are escaped first.  An entry that still is
    no XML becomes an empty element named ``broken``; line ends stay where they were.
    """
    text = _CONTROLS.sub(" ", text)
    if "<![CDATA[" not in text and text.count("&") <= _MAX_ESCAPES:
        text = _LESS.sub("&lt;", _BARE.sub(_escaped, text))
    return "".join(["<Document>", *_fragments(text, broken), "</Document>"])


def _fragments(text: str, broken: str) -> list[str]:
    pieces: list[str] = []
    told = 0
    start: re.Match[str] | None = None

    def skip(position: int) -> None:
        nonlocal told
        pieces.append("\n" * text.count("\n", told, position))
        told = position

    def give_up(opening: re.Match[str]) -> None:
        if opening[2] == "Ntry":
            skip(opening.start())
            pieces.append(f"<{broken}/>")

    for token in _TOKEN.finditer(text):
        closes, name = bool(token[1]), token[2]
        if start is not None and closes and name == start[2]:
            fragment = text[start.start() : token.end()]
            if _is_xml(fragment):
                skip(start.start())
                pieces.append(fragment)
                told = token.end()
            else:
                give_up(start)
            start = None
        elif start is not None and (name in _WHOLE or name in {"Ntry", start[2]}):
            # What was open never ended.
            give_up(start)
            start = None
        if closes or token[3]:
            continue
        if name in _WHOLE:
            skip(token.start())
            pieces.append(f"<{name}/>")
        elif start is None:
            start = token
    if start is not None:
        give_up(start)
    return pieces


def _escaped(found: re.Match[str]) -> str:
    named = html.unescape(found[0])
    return html.escape(named) if named != found[0] else f"&amp;{found[1] or ''}"


def _is_xml(fragment: str) -> bool:
    parser = expat.ParserCreate("utf-8")
    try:
        parser.Parse(fragment.encode("utf-8", "replace"), True)
    except expat.ExpatError:
        return False
    return True
