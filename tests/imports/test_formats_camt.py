"""CAMT.052, 053 and 054: versions, batches, reversals, pages, and XML that is none."""

from datetime import date
from decimal import Decimal

import pytest

from resolvers.statements import CsvMapping, Statement, StatementError, read_file

URN = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def balance(code: str, amount: str, side: str = "CRDT") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{amount}</Amt>"
        f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>2024-01-31</Dt></Dt></Bal>\n"
    )


def entry(amount: str = "5.00", side: str = "DBIT", more: str = "", **given: str) -> str:
    """One entry; keywords replace what it usually has, `more` is put behind it."""
    day = given.get("day", "<BookgDt><Dt>2024-01-31</Dt></BookgDt>")
    status = given.get("status", "<Sts><Cd>BOOK</Cd></Sts>")
    currency = given.get("currency", "EUR")
    return (
        f"<Ntry><Amt Ccy='{currency}'>{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>"
        f"{status}{day}{more}</Ntry>\n"
    )


def details(*inner: str) -> str:
    return "<NtryDtls>" + "".join(f"<TxDtls>{one}</TxDtls>\n" for one in inner) + "</NtryDtls>"


def camt(*inner: str, element: str = "Stmt", account: str = "DE89370400440532013000") -> str:
    body = "".join(inner)
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<Document xmlns='{URN}'><BkToCstmrStmt>\n"
        f"<{element}><Id>1</Id><Acct><Id><IBAN>{account}</IBAN></Id><Ownr><Nm>Ada</Nm></Ownr>"
        f"<Svcr><FinInstnId><BICFI>COBADEFF</BICFI></FinInstnId></Svcr></Acct>\n"
        f"{body}</{element}></BkToCstmrStmt></Document>"
    )


def read(text: str | bytes, **given) -> Statement:
    data = text.encode() if isinstance(text, str) else text
    return read_file(data, CsvMapping.model_validate(given))


def amounts(statement: Statement) -> list[str]:
    return [str(one.amount) for one in statement.rows if one.problem is None]


def problems(statement: Statement) -> list[tuple[int, str]]:
    return [(one.line, one.problem.code) for one in statement.rows if one.problem]


def test_a_whole_statement_proves_its_balances() -> None:
    more = "<AcctSvcrRef>2024013100017</AcctSvcrRef>" + details(
        "<Refs><EndToEndId>E-1</EndToEndId><MndtId>M-1</MndtId></Refs><AmtDtls><InstdAmt>"
        "<Amt Ccy='USD'>5.40</Amt><CcyXchg><XchgRate>1.08</XchgRate></CcyXchg></InstdAmt>"
        "<TxAmt><Amt Ccy='EUR'>5.00</Amt></TxAmt></AmtDtls>"
        "<RltdPties><Dbtr><Pty><Nm>Ada</Nm></Pty></Dbtr><Cdtr><Pty><Nm>Café &amp; Co</Nm></Pty>"
        "</Cdtr><CdtrAcct><Id><IBAN>NL26VAYB8060476890</IBAN></Id></CdtrAcct></RltdPties>"
        "<RmtInf><Ustrd>two</Ustrd><Ustrd>coffees</Ustrd></RmtInf>"
    )
    statement = read(camt(balance("OPBD", "100"), balance("CLBD", "95.00"), entry(more=more)))
    assert (statement.format, statement.warnings) == ("CAMT.053", ())
    (one,) = statement.rows
    assert (one.line, one.date, one.amount) == (6, date(2024, 1, 31), Decimal("-5.00"))
    assert (one.payee, one.description) == ("Café & Co", "two coffees")
    assert (one.currency, one.external_id) == ("EUR", "2024013100017")
    assert one.notes == (
        "Account: NL26VAYB8060476890; End-to-end: E-1; Mandate: M-1; Original amount: 5.40 USD; "
        "Rate: 1.08"
    )
    (section,) = statement.sections
    assert (section.account, section.bank) == ("DE89370400440532013000", "COBADEFF")
    assert (section.opening, section.closing, section.proven) == (
        Decimal(100),
        Decimal("95.00"),
        True,
    )


def test_balances_that_do_not_agree_are_told_with_what_failed() -> None:
    text = camt(balance("PRCD", "9", "DBIT"), balance("CLBD", "1"), entry("x"), entry("3", "CRDT"))
    statement = read(text)
    assert problems(statement) == [(6, "BAD_AMOUNT")]
    (warning,) = statement.warnings
    assert warning == (
        "The balances of DE89370400440532013000 on line 3 do not agree: -9 and the rows make -6, "
        "but the file states 1 (+7). 1 of its rows could not be read."
    )


@pytest.mark.parametrize(
    ("element", "format_"), [("Stmt", "CAMT.053"), ("Rpt", "CAMT.052"), ("Ntfctn", "CAMT.054")]
)
def test_kinds_of_messages(element: str, format_: str) -> None:
    statement = read(camt(entry("1.00", "CRDT"), element=element))
    assert (statement.format, amounts(statement)) == (format_, ["1.00"])


def test_prefixes_and_any_order_of_elements() -> None:
    text = camt(entry("2.5", "CRDT"), balance("CLBD", "3.5"), balance("OPBD", "1"))
    named = text.replace("<", "<n:").replace("<n:/", "</n:").replace("<n:?", "<?")
    statement = read(named.replace("xmlns=", "xmlns:n="))
    assert (amounts(statement), statement.sections[0].proven) == (["2.5"], True)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("<BookgDt><Dt>2024-01-31+02:00</Dt></BookgDt>", date(2024, 1, 31)),
        ("<BookgDt><Dt>2024-01-31Z</Dt></BookgDt>", date(2024, 1, 31)),
        ("<BookgDt><DtTm>2024-01-31T23:59:59.999-08:00</DtTm></BookgDt>", date(2024, 1, 31)),
        ("<ValDt><Dt>2024-02-01</Dt></ValDt>", date(2024, 2, 1)),
        ("<BookgDt><Dt>2024-01-31</Dt></BookgDt><ValDt><Dt>2024-02-02</Dt></ValDt>", date(2024, 1, 31)),
        ("<BookgDt><Dt>2024-02-30</Dt></BookgDt>", None),
        ("", None),
    ],
)  # fmt: skip
def test_dates(written: str, day: date | None) -> None:
    statement = read(camt(entry(day=written)))
    assert statement.rows[0].date == day
    assert problems(statement) == ([] if day else [(4, "BAD_DATE")])


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("<Sts>BOOK</Sts>", None),
        ("<Sts><Cd>BOOK</Cd></Sts>", None),
        ("", None),
        ("<Sts>PDNG</Sts>", "PENDING"),
        ("<Sts><Cd>PDNG</Cd></Sts>", "PENDING"),
        ("<Sts>FUTR</Sts>", "PENDING"),
        ("<Sts>INFO</Sts>", "NOTICE"),
    ],
)
def test_what_is_not_booked_is_left_out(status: str, code: str | None) -> None:
    text = camt(balance("OPBD", "9"), balance("CLBD", "9"), entry(status=status))
    statement = read(text)
    assert [one.problem.code if one.problem else None for one in statement.rows] == [code]
    assert statement.sections[0].proven is (code is not None)
    if code == "PENDING":
        booked = read(text, includePending=True)
        assert (amounts(booked), booked.sections[0].proven) == (["-5.00"], True)


def test_a_batch_becomes_its_details_where_they_make_the_whole() -> None:
    def detail(amount: str, name: str, side: str = "") -> str:
        return (
            f"<Amt Ccy='EUR'>{amount}</Amt>{side}"
            f"<RltdPties><Cdtr><Nm>{name}</Nm></Cdtr></RltdPties>"
            f"<Refs><AcctSvcrRef>REF000{amount.replace('.', '')}</AcctSvcrRef></Refs>"
        )

    back = "<CdtDbtInd>CRDT</CdtDbtInd>"
    whole = details(detail("20.00", "A"), detail("15.00", "B"), detail("5.00", "C", back))
    statement = read(camt(entry("30.00", more=whole)))
    assert [(r.line, str(r.amount), r.payee, r.external_id) for r in statement.rows] == [
        (4, "-20.00", "A", "REF0002000"),
        (5, "-15.00", "B", "REF0001500"),
        (6, "5.00", "C", "REF000500"),
    ]
    off = read(camt(entry("31.00", more=whole)))
    assert amounts(off) == ["-31.00"]
    assert off.rows[0].notes == "Details: 3; Parties: A, B, C"


def test_a_batch_whose_details_have_no_amounts_stays_one() -> None:
    same = "<RltdPties><Cdtr><Nm>A</Nm></Cdtr></RltdPties><RmtInf><Ustrd>pay</Ustrd></RmtInf>"
    statement = read(camt(entry("30.00", more=details(same, same, same))))
    assert amounts(statement) == ["-30.00"]
    assert (statement.rows[0].payee, statement.rows[0].description) == ("A", "pay")
    foreign = "<AmtDtls><TxAmt><Amt Ccy='USD'>15.00</Amt></TxAmt></AmtDtls>"
    assert amounts(read(camt(entry("30.00", more=details(foreign, foreign))))) == ["-30.00"]


def test_reversals_go_as_they_are_marked_unless_the_balances_say_otherwise() -> None:
    turned = entry("5.00", "CRDT", more="<RvslInd>true</RvslInd>")
    marked = read(camt(balance("OPBD", "10"), balance("CLBD", "15"), turned))
    assert (amounts(marked), marked.warnings) == (["5.00"], ())
    meant = read(camt(balance("OPBD", "10"), balance("CLBD", "5"), turned))
    assert (amounts(meant), meant.sections[0].proven) == (["-5.00"], True)
    assert meant.warnings[0].startswith("Reversals (1) of the statement")


@pytest.mark.parametrize(
    ("parties", "side", "payee"),
    [
        ("<Dbtr><Nm>Ada</Nm></Dbtr><Cdtr><Nm>Shop</Nm></Cdtr>", "DBIT", "Shop"),
        ("<Dbtr><Nm>Boss</Nm></Dbtr><Cdtr><Nm>Ada</Nm></Cdtr>", "CRDT", "Boss"),
        ("<Dbtr><Nm>Shop</Nm></Dbtr><Cdtr><Nm>ADA</Nm></Cdtr>", "DBIT", "Shop"),
        ("<Cdtr><Nm>Shop</Nm></Cdtr>", "CRDT", "Shop"),
        ("<UltmtCdtr><Nm>Seller</Nm></UltmtCdtr>", "DBIT", "Seller"),
        ("<Dbtr><Nm>Ada</Nm></Dbtr><Cdtr><Nm>Ada</Nm></Cdtr>", "DBIT", "Ada"),
        ("", "DBIT", None),
    ],
)
def test_the_other_party_is_the_payee(parties: str, side: str, payee: str | None) -> None:
    more = details(f"<RltdPties>{parties}</RltdPties>")
    assert read(camt(entry("1", side, more=more))).rows[0].payee == payee


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("<AddtlNtryInf>Card payment</AddtlNtryInf>", "Card payment"),
        (details("<RmtInf><Strd><CdtrRefInf><Ref>RF18</Ref></CdtrRefInf></Strd></RmtInf>"), "RF18"),
        (details("<AddtlTxInf>Interest</AddtlTxInf>"), "Interest"),
        ("<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd></Fmly></Domn></BkTxCd>", "PMNT RCDT"),
        ("", ""),
    ],
)
def test_texts_come_from_wherever_there_are_some(more: str, text: str) -> None:
    assert read(camt(entry(more=more))).rows[0].description == text


def test_pages_of_one_statement_carry_interim_balances() -> None:
    pages = camt(balance("OPBD", "1"), balance("ITBD", "2"), entry("1", "CRDT"))
    last = camt(balance("ITBD", "2"), balance("CLBD", "4"), entry("2", "CRDT"))
    middle = camt(balance("ITBD", "1"), balance("ITBD", "3"), entry("2", "CRDT"))
    for text in (pages, last, middle):
        assert read(text).sections[0].proven is True


def test_reports_of_a_day_that_begin_anew_count_a_booking_once() -> None:
    one = entry(more="<AcctSvcrRef>2024013100017</AcctSvcrRef>")
    two = entry("7", more="<AcctSvcrRef>2024013100018</AcctSvcrRef>")
    text = camt(one, element="Rpt")
    body = text.partition("<Rpt>")[2].partition("</Rpt>")[0]
    both = text.replace("</Rpt>", f"</Rpt><Rpt>{body}{two}</Rpt>")
    statement = read(both)
    assert amounts(statement) == ["-5.00", "-7"]
    assert [one.problem.code for one in statement.rows if one.problem] == ["REPEATED"]


def test_a_statement_that_is_there_twice_counts_once() -> None:
    text = camt(balance("OPBD", "9"), balance("CLBD", "4"), entry())
    part = text.partition("<Stmt>")[2].partition("</Stmt>")[0]
    statement = read(text.replace("</Stmt>", f"</Stmt><Stmt>{part}</Stmt>"))
    assert amounts(statement) == ["-5.00"]
    assert [one.problem.code for one in statement.rows if one.problem] == ["REPEATED"]
    assert ([s.proven for s in statement.sections], statement.warnings) == ([True, True], ())


def test_the_first_version_with_details_of_its_own() -> None:
    inner = "<TxDtls><RmtInf><Ustrd>Rent</Ustrd></RmtInf></TxDtls>"
    text = camt(entry("1", more=inner)).replace(URN, "urn:swift:xsd:$camt.053.001.01")
    (one,) = read(text.replace("BkToCstmrStmt", "BkToCstmrStmtV01")).rows
    assert (str(one.amount), one.description) == ("-1", "Rent")


def test_the_account_asked_for_or_the_one_whose_number_it_is() -> None:
    first = camt(entry("1"))
    second = camt(entry("2", currency="CHF"), account="CH9300762011623852957")
    part = second.partition("<Stmt>")[2].partition("</Stmt>")[0]
    text = first.replace("</Stmt>", f"</Stmt><Stmt>{part}</Stmt>")
    everything = read(text)
    assert [(str(r.amount), r.currency) for r in everything.rows] == [("-1", "EUR"), ("-2", "CHF")]
    assert len(everything.warnings) == 1
    assert amounts(read(text, account="CH93 0076 2011 6238 5295 7")) == ["-2"]
    numbered = read_file(text.encode(), account_number="0532013000")
    assert (amounts(numbered), numbered.warnings) == (["-1"], ())
    other = read_file(camt(entry()).encode(), account_number="DE00 1111")
    assert other.warnings == (
        "The file is of DE89370400440532013000, which is not the number of this account.",
    )
    assert amounts(other) == ["-5.00"]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("declared", ["UTF-8", "utf-16", "iso-8859-1", "none"])
def test_encodings_whatever_is_declared(codec: str, declared: str) -> None:
    text = camt(entry(more="<AddtlNtryInf>Gebühr für März</AddtlNtryInf>"))
    text = text.replace("encoding='UTF-8'", f"encoding='{declared}'")
    assert read(text.encode(codec)).rows[0].description == "Gebühr für März"


def test_all_on_one_line_longer_than_what_is_looked_at_first() -> None:
    text = camt(*(entry(str(n), "CRDT") for n in range(1, 2001))).replace("\n", "")
    assert len(text) > 200_000
    assert sum(map(Decimal, amounts(read(text)))) == Decimal(2000 * 2001 // 2)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Fish & Chips", "Fish & Chips"), ("A &nbsp; B", "A B"), ("1 < 2", "1 < 2"),
     ("x\x00\x1fy", "x y"), ("&copy; me", "© me"), ("&unknown; me", "&unknown; me")],
)  # fmt: skip
def test_signs_that_should_have_been_escaped(written: str, meant: str) -> None:
    statement = read(camt(entry(more=f"<AddtlNtryInf>{written}</AddtlNtryInf>")))
    assert statement.rows[0].description == meant
    assert (
        "not well-formed on line 4" in statement.warnings[0] or "undefined" in statement.warnings[0]
    )


def test_one_broken_entry_fails_alone() -> None:
    text = camt(
        balance("OPBD", "1"), balance("CLBD", "4"), entry("1", "CRDT"),
        "<Ntry><Amt Ccy='EUR'>9.00</Amt\n<CdtDbtInd>DBIT</CdtDbtInd></Ntry>\n",
        "<Ntry><Amt Ccy='EUR'>8.00</Amt>\n", entry("2", "CRDT"),
    )  # fmt: skip
    statement = read(text)
    assert amounts(statement) == ["1", "2"]
    assert problems(statement) == [(7, "BAD_RECORD"), (9, "BAD_RECORD")]
    assert statement.sections[0].account == "DE89370400440532013000"
    assert statement.sections[0].proven is True


def test_a_file_that_breaks_off_keeps_what_it_has() -> None:
    text = camt(entry("1"), entry("2"), entry("3"))
    statement = read(text[: text.rindex("<Sts>")])
    assert amounts(statement) == ["-1", "-2"]
    assert problems(statement) == [(6, "BAD_RECORD")]


def test_a_broken_head_does_not_cost_the_entries() -> None:
    text = camt(entry("1"), entry("2")).replace("<Id>1</Id>", "<Id>1</Ix>")
    assert amounts(read(text)) == ["-1", "-2"]


def test_what_holds_nothing_readable_is_damaged() -> None:
    with pytest.raises(StatementError) as refused:
        read(camt()[:-40])
    assert refused.value.code == "DAMAGED_FILE"
    assert "line" in refused.value.message
    assert read(camt()).warnings == ("The file holds no transactions.",)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (entry(side="OUT"), "BAD_FLAG"),
        (entry(side=""), "BAD_FLAG"),
        (entry("1e5"), "BAD_AMOUNT"),
        (entry("NaN"), "BAD_AMOUNT"),
        (entry("9" * 40), "BAD_AMOUNT"),
    ],
)
def test_entries_that_cannot_be_booked(text: str, code: str) -> None:
    statement = read(camt(text, entry("1", "CRDT")))
    assert problems(statement) == [(4, code)]
    assert amounts(statement) == ["1"]
