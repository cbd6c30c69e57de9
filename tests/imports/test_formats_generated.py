"""Statements made up, written in a format the way some bank would, and read back to the cent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.statements import Statement, StatementError, read_file


@dataclass(frozen=True)
class Made:
    """A booking that was made up."""

    day: date
    amount: Decimal
    payee: str
    text: str


@dataclass(frozen=True)
class Style:
    """How a bank writes: choices that no format settles."""

    mark: str
    codec: str
    ends: str
    closed: bool
    order: str
    spare: int


WORDS = st.text("abcxyzäöüßéñçøABC0123456789&'-", min_size=1, max_size=12)
TEXTS = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)
BOOKINGS = st.builds(
    Made,
    day=st.dates(date(2001, 1, 1), date(2060, 12, 31)),
    amount=st.integers(-(10**11), 10**11).filter(bool).map(lambda n: Decimal(n).scaleb(-2)),
    payee=TEXTS,
    text=TEXTS,
)
STYLES = st.builds(
    Style,
    mark=st.sampled_from(".,"),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    ends=st.sampled_from(["\n", "\r\n"]),
    closed=st.booleans(),
    order=st.sampled_from(["DMY", "MDY", "YMD"]),
    spare=st.integers(0, 999),
)
OPENING = Decimal("1000.00")


def figures(amount: Decimal, mark: str) -> str:
    return f"{amount:.2f}".replace(".", mark)


def as_ofx(rows: list[Made], style: Style) -> str:
    lines = ["OFXHEADER:100", "CHARSET:1252", "", "<OFX><STMTRS><CURDEF>EUR", "<BANKTRANLIST>"]
    for number, row in enumerate(rows, 1):
        fields = {
            "TRNTYPE": "OTHER",
            "DTPOSTED": f"{row.day:%Y%m%d}" + ["", "120000", "235959.999[-8:PST]"][number % 3],
            "TRNAMT": figures(row.amount, style.mark),
            "FITID": f"ID{style.spare:04d}{number:06d}",
            "NAME": escape(row.payee, quote=False),
            "MEMO": row.text if number % 2 else escape(row.text),
        }
        lines.append("<STMTTRN>")
        for name, value in fields.items():
            lines.append(f"<{name}>{value}" + (f"</{name}>" if style.closed else ""))
        lines += ["</STMTTRN>"] if style.closed or number % 2 else []
    return style.ends.join([*lines, "</BANKTRANLIST></STMTRS></OFX>", ""])


def as_qif(rows: list[Made], style: Style) -> str:
    shapes = {"DMY": "{d:%d}.{d:%m}.{d:%y}", "MDY": "{d:%m}/{d:%d}'{d:%y}", "YMD": "{d:%Y-%m-%d}"}
    lines = ["!Type:Bank"]
    for row in rows:
        day = shapes[style.order].format(d=row.day)
        amount = figures(row.amount, style.mark)
        lines += [f"D{day}", f"T{amount}", f"P{row.payee}", f"M{row.text}", "^"]
    return style.ends.join([*lines, ""])


def as_mt940(rows: list[Made], style: Style) -> str:
    lines = [":20:X", ":25:10020030/1234567", ":28C:1", f":60F:C010101EUR{figures(OPENING, ',')}"]
    for number, row in enumerate(rows):
        out = row.amount < 0
        mark = ("D" if out else "C") if number % 3 else ("RC" if out else "RD")
        booked = f"{row.day:%m%d}" if style.closed else ""
        valued = row.day + timedelta(days=style.spare % 20 if style.closed else 0)
        money = figures(abs(row.amount), ",")
        lines.append(f":61:{valued:%y%m%d}{booked}{mark}R{money}NMSCNONREF//B{number:012d}")
        whole = f":86:166?00Kind?20SVWZ+{row.text[:22]}"
        pieces = [row.text[n : n + 27] for n in range(22, len(row.text), 27)]
        whole += "".join(f"?2{n}{piece}" for n, piece in enumerate(pieces, 1))
        name = row.payee
        whole += f"?32{name[:27]}" + (f"?33{name[27:]}" if name[27:] else "")
        lines += [whole[n : n + 65] for n in range(0, len(whole), 65)]
    closing = OPENING + sum(row.amount for row in rows)
    side = "D" if closing < 0 else "C"
    return style.ends.join([*lines, f":62F:{side}010101EUR{figures(abs(closing), ',')}", "-", ""])


def as_camt(rows: list[Made], style: Style) -> str:
    def bal(code: str, amount: Decimal) -> str:
        side = "DBIT" if amount < 0 else "CRDT"
        return (
            f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{abs(amount)}"
            f"</Amt><CdtDbtInd>{side}</CdtDbtInd></Bal>"
        )

    closing = OPENING + sum(row.amount for row in rows)
    lines = [
        f"<?xml version='1.0' encoding='{style.codec.removesuffix('-sig')}'?>",
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.02'><BkToCstmrStmt><Stmt>",
        "<Acct><Id><IBAN>DE89</IBAN></Id></Acct>" + bal("OPBD", OPENING) + bal("CLBD", closing),
    ]
    for number, row in enumerate(rows):
        role = "Cdtr" if row.amount < 0 else "Dbtr"
        zone = ["", "Z", "+02:00"][number % 3]
        party = f"<{role}><Nm>{escape(row.payee)}</Nm></{role}>"
        lines.append(
            f"<Ntry><Amt Ccy='EUR'>{abs(row.amount)}</Amt><CdtDbtInd>"
            f"{'DBIT' if row.amount < 0 else 'CRDT'}</CdtDbtInd><Sts>BOOK</Sts>"
            f"<BookgDt><Dt>{row.day}{zone}</Dt></BookgDt><NtryDtls><TxDtls><RltdPties>{party}"
            f"</RltdPties><RmtInf><Ustrd>{escape(row.text)}</Ustrd></RmtInf></TxDtls></NtryDtls>"
            "</Ntry>"
        )
    text = style.ends.join([*lines, "</Stmt></BkToCstmrStmt></Document>"])
    if style.closed:
        return text
    named = text.replace("<", "<n:").replace("<n:/", "</n:").replace("<n:?", "<?")
    return named.replace("xmlns=", "xmlns:n=")


def as_litas(rows: list[Made], style: Style) -> str:
    head = ["000", "20240101", "", "BIC", *[""] * 12, "LT12", "EUR"]
    lines = ["\t".join(head), f"020\tLikutisPR\t20240101\t\t{int(OPENING * 100)}"]
    for number, row in enumerate(rows):
        cents = int(abs(row.amount) * 100)
        side = "D" if row.amount < 0 else "C"
        lines.append(
            "\t".join(
                ["010", "1", f"{row.day:%Y%m%d}", "", str(cents), str(cents), side, "", "", "",
                 f"L{number:010d}", "", "", row.text, "", "", "", row.payee]
            )
        )  # fmt: skip
    closing = OPENING + sum(row.amount for row in rows)
    lines.append(f"020\tLikutisPB\t20240101\t\t{int(closing * 100)}")
    return style.ends.join([*lines, "999\t1", ""])


WRITERS: dict[str, Callable[[list[Made], Style], str]] = {
    "OFX": as_ofx, "QIF": as_qif, "MT940": as_mt940, "CAMT.053": as_camt, "LITAS-ESIS": as_litas,
}  # fmt: skip


def encoded(format_: str, text: str, style: Style) -> bytes:
    # LITAS is cp1257 by its rules, which lacks some of these letters.
    codec = "utf-8" if format_ == "LITAS-ESIS" and style.codec == "cp1252" else style.codec
    return text.encode(codec)


def told(statement: Statement) -> list[tuple[date | None, Decimal | None, str | None, str]]:
    assert [row.problem for row in statement.rows if row.problem] == []
    return [(row.date, row.amount, row.payee, row.description) for row in statement.rows]


@pytest.mark.parametrize("format_", WRITERS)
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(BOOKINGS, min_size=1, max_size=12), style=STYLES)
def test_what_was_written_is_read(format_: str, rows: list[Made], style: Style) -> None:
    if format_ == "QIF":
        # One day after the twelfth settles the order, as in nearly every real file.
        # So do some words the encoding: two letters alone could be of any alphabet.
        words = "Bäckerei Müller", "Überweisung für Größe und Straße"
        rows = [*rows, Made(date(2024, 1, 31), Decimal("-0.01"), *words)]
    if format_ == "MT940":
        # A booking date has no year of its own, and a year has two figures.
        rows = [row for row in rows if row.day < date(2060, 1, 1)] or rows[:1]
    text = WRITERS[format_](rows, style)
    statement = read_file(encoded(format_, text, style), home_currency="EUR")
    assert statement.format == format_
    assert told(statement) == [(r.day, r.amount, r.payee, r.text) for r in rows]
    assert statement.questions == ()
    if format_ not in {"OFX", "QIF"}:
        assert [section.proven for section in statement.sections] == [True]
        assert statement.warnings == ()


@pytest.mark.parametrize("format_", WRITERS)
@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(BOOKINGS, min_size=2, max_size=6),
    style=STYLES,
    cut=st.integers(0, 2**16),
    damage=st.binary(max_size=12),
)
def test_a_damaged_file_ends_in_rows_or_in_words(
    format_: str, rows: list[Made], style: Style, cut: int, damage: bytes
) -> None:
    data = encoded(format_, WRITERS[format_](rows, style), style)
    place = cut % len(data)
    try:
        rows_read = read_file(data[:place] + damage + data[place + len(damage) :]).rows
    except StatementError:
        return
    for row in rows_read:
        assert row.problem is not None or (row.date is not None and row.amount is not None)
