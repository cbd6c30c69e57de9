"""Takes apart the free text of MT940's field :86:, which every country fills by rules of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from resolvers.statements.drafts import clean
from resolvers.statements.formats.entries import id_of

# A code of the bank, then a sign of its choice before each number of a subfield: `166?00…?20…`.
_NUMBERED: Final = re.compile(r"\s*([0-9]{3})?\s*([^\w\s/:,.+\-'()])[0-9]{2}")
_FULL_SUBFIELD: Final = 27
_FULL_LINE: Final = 65
_PURPOSE: Final = frozenset({*range(20, 30), *range(60, 64)})
_SEPA: Final = re.compile(
    r"(?:^|(?<=\s))(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC|PURP|SQTP|RREF)\+"
)
_SEPA_START: Final = re.compile(
    r"(?:EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC|PURP|SQTP|RREF)\+"
)
# The Dutch way: `/TRTP/SEPA OVERBOEKING/IBAN/NL…/NAME/…/REMI/…/EREF/…`.
_STROKES: Final = re.compile(
    r"/(TRTP|IBAN|BIC|NAME|REMI|EREF|CSID|MARF|ORDP|BENM|CNTP|PREF|PURP|RTRN|ADDR|SVCL|ULTD|ULTC"
    r"|ULTB|OCMT|CHGS|EXCH|MREF|INID|ISDT|NRTX|ACCW|SUST|ID)/"
)


@dataclass(frozen=True, slots=True)
class Details:
    """What :86: tells: who, what for, which kind of booking, and labelled references."""

    payee: str | None
    purpose: str
    kind: str | None
    references: tuple[tuple[str, str | None], ...] = ()


def read_details(lines: Sequence[str]) -> Details:
    """The parts of a field given as its lines; text that follows no rule is the purpose."""
    whole = "".join(lines)
    numbered = _NUMBERED.match(whole)
    if numbered is not None and (numbered[1] or whole.count(numbered[2]) > 1):
        return _numbered(whole, numbered[2])
    text = _flowing(lines)
    if text.startswith("/") and _STROKES.match(text):
        return _strokes(text)
    named = _sepa(text)
    if len(named) > 1:
        return _with_sepa(named, None, None, None, None)
    return Details(None, clean(text), None)


def _flowing(lines: Sequence[str]) -> str:
    """Lines in one: a line that fills its width goes on in the next without a blank."""
    text = ""
    for line in lines:
        text += line if len(line) >= _FULL_LINE else f"{line} "
    return text.strip()


def _numbered(whole: str, sign: str) -> Details:
    pieces = re.split(re.escape(sign) + r"([0-9]{2})", whole)
    fields: dict[int, str] = {}
    purpose: list[str] = []
    for number, text in zip(map(int, pieces[1::2]), pieces[2::2], strict=True):
        if number in _PURPOSE:
            purpose.append(text)
        else:
            fields[number] = fields.get(number, "") + text
    name = fields.get(32, "")
    more = fields.get(33, "")
    payee = clean(name + more if len(name) >= _FULL_SUBFIELD else f"{name} {more}") or None
    account = (fields.get(38) or fields.get(31, "")).replace(" ", "")
    kind = clean(fields.get(0, "")) or None
    return _with_sepa(_sepa(_flowed(purpose)), payee, kind, account, fields.get(30))


def _flowed(subfields: Sequence[str]) -> str:
    """Subfields in one: a full one goes on in the next, in the middle of a word.

    After one that is not full a reference is over, and words without a keyword are the purpose.
    """
    whole, keyword, full = "", "", False
    for text in subfields:
        begins = _SEPA_START.match(text)
        glue = "" if full else " "
        if begins is not None:
            glue, keyword = " ", begins[0]
        elif not full and keyword not in {"", "SVWZ+"}:
            glue, keyword = " SVWZ+", "SVWZ+"
        whole += glue + text
        full = len(text) >= _FULL_SUBFIELD
    return whole.strip()


def _sepa(text: str) -> dict[str, str]:
    """The values of a purpose by SEPA keyword; what stands before the first is under nothing."""
    pieces = _SEPA.split(text)
    found = {"": pieces[0].strip()}
    for key, value in zip(pieces[1::2], pieces[2::2], strict=True):
        found[key] = f"{found[key]} {value.strip()}" if key in found else value.strip()
    return found


def _with_sepa(
    named: dict[str, str],
    payee: str | None,
    kind: str | None,
    account: str | None,
    bank: str | None,
) -> Details:
    other = clean(named.get("ABWA") or named.get("ABWE") or "")
    purpose = clean(" ".join(filter(None, (named[""], named.get("SVWZ", "")))))
    return Details(
        payee=payee or other or None,
        purpose=purpose or clean(id_of(named.get("EREF")) or ""),
        kind=kind,
        references=(
            ("Account", account or named.get("IBAN")),
            ("Bank", bank or named.get("BIC")),
            ("End-to-end", id_of(named.get("EREF"))),
            ("Customer", id_of(named.get("KREF"))),
            ("Mandate", named.get("MREF")),
            ("Creditor", named.get("CRED")),
            ("Original amount", named.get("OAMT")),
            ("On behalf of", other if payee else None),
        ),
    )


def _strokes(text: str) -> Details:
    pieces = _STROKES.split(text)
    named: dict[str, str] = {}
    for key, value in zip(pieces[1::2], pieces[2::2], strict=True):
        named.setdefault(key, value.strip().strip("/"))
    account, bank, name = named.get("IBAN", ""), named.get("BIC", ""), named.get("NAME", "")
    if "CNTP" in named:
        # Account, bank, name and place in one.
        parts = [*named["CNTP"].split("/"), "", "", ""]
        account, bank, name = parts[0] or account, parts[1] or bank, parts[2] or name
    purpose = re.sub(r"^(?:USTD|STRD)//?", "", named.get("REMI", "")).strip("/")
    kind = clean(named.get("TRTP", "")) or None
    return Details(
        payee=clean(name) or None,
        purpose=clean(purpose) or clean(pieces[0]) or clean(id_of(named.get("EREF")) or ""),
        kind=kind,
        references=(
            ("Account", account),
            ("Bank", bank),
            ("End-to-end", id_of(named.get("EREF"))),
            ("Mandate", named.get("MARF")),
            ("Creditor", named.get("CSID")),
            ("Original amount", named.get("OCMT")),
        ),
    )
