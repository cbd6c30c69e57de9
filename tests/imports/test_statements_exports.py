"""Statements as exports of many countries write them, written for this test."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import pytest

from resolvers.statements import read_csv


@dataclass(frozen=True)
class Bank:
    """One written statement: its encoding, its good rows, their sums per currency, its text."""

    name: str
    encoding: str
    count: int
    sums: Mapping[str | None, str]
    text: str


def _bank(
    name: str, encoding: str, count: int, sums: Mapping[str | None, str], *lines: str
) -> Bank:
    return Bank(name, encoding, count, sums, "\n".join(lines) + "\n")


BANKS = [
    _bank(
        "za-fnb",
        "utf-8",
        2,
        {None: "-3.00"},
        "Account Transaction History",
        ",,,",
        "Name:, X, Y",
        "Account:, 123, [Cheque]",
        "Balance:, 100.00, 100.00",
        "",
        "Date, Amount, Balance, Description",
        "2024/01/13, -1.00, 97.00, SHOP",
        "2024/01/12, -2.00, 98.00, SHOP2",
    ),
    _bank(
        "br-itau-c-d-col",
        "utf-8",
        2,
        {None: "50.00"},
        "Data Mov.;Num_Doc;Historico;Valor;Deb_Cred",
        "20240113;1;PIX;100.00;C",
        "20240114;2;COMPRA;50.00;D",
    ),
    _bank(
        "ru-sber",
        "cp1251",
        2,
        {None: "-300.00"},
        "Дата;Описание;Расход;Приход;Остаток",
        "13.01.2024;Магазин;500,00;;500,00",
        "14.01.2024;Перевод;;200,00;700,00",
    ),
    _bank(
        "gr",
        "iso8859-7",
        2,
        {None: "-3.00"},
        "Ημερομηνία;Περιγραφή;Ποσό;Υπόλοιπο",
        "13/01/2024;ΑΓΟΡΑ;-1,00;99,00",
        "14/01/2024;ΑΓΟΡΑ 2;-2,00;97,00",
    ),
    _bank(
        "tr-ziraat",
        "utf-8",
        2,
        {"TRY": "-3.00"},
        "Tarih,Fiş No,Açıklama,İşlem Tutarı,Bakiye",
        '13.01.2024,1,A,"-1,00 TRY","99,00 TRY"',
        '14.01.2024,2,B,"-2,00 TRY","97,00 TRY"',
    ),
    _bank(
        "ro-bt",
        "utf-8",
        2,
        {None: "-100.00"},
        "Data tranzactie,Data valuta,Descriere,Referinta tranzactiei,Debit,Credit,Sold contabil",
        "2024-01-13,2024-01-13,POS,R1,-150.00,,850.00",
        "2024-01-12,2024-01-12,Incasare,R2,,50.00,1000.00",
    ),
    _bank(
        "sheet-serialized-1-0-floats",
        "utf-8",
        2,
        {None: "-3.5"},
        "date,description,amount",
        "2024-01-13 00:00:00,A,-1.0",
        "2024-01-14 00:00:00,B,-2.5",
    ),
    _bank(
        "header-after-blank-and-caps",
        "utf-8",
        2,
        {None: "-3.00"},
        "STATEMENT",
        "",
        "DATE|DESCRIPTION|AMOUNT",
        "2024-01-13|A|-1.00",
        "2024-01-14|B|-2.00",
    ),
    _bank(
        "indent-fixed-pipe",
        "utf-8",
        2,
        {None: "-3.00"},
        "| Date | Description | Amount |",
        "|------|------|------|",
        "| 2024-01-13 | A | -1.00 |",
        "| 2024-01-14 | B | -2.00 |",
    ),
    _bank(
        "amount-with-trailing-cr-only",
        "utf-8",
        3,
        {None: "-2.00"},
        "Date,Description,Amount",
        "13 Jan 2024,A,1.00",
        "14 Jan 2024,B,2.00",
        "15 Jan 2024,Refund,1.00 CR",
    ),
    _bank(
        "repeat-header",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date,Description,Amount",
        "2024-01-13,A,-1.00",
        "",
        "Date,Description,Amount",
        "2024-01-14,B,-2.00",
    ),
    _bank(
        "year-first-no-sep-and-time-col",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date,Time,Description,Amount",
        "2024-01-13,10:00,A,-1.00",
        "2024-01-14,11:30,B,-2.00",
    ),
    _bank(
        "date-time-with-dots",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date;Description;Amount",
        "13.01.2024 10.30;A;-1,00",
        "14.01.2024 11.30.10;B;-2,00",
    ),
    _bank(
        "parens-desc-amounts",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date,Description,Debit,Credit",
        "1/13/2024,A,(1.00),",
        "1/14/2024,B,(2.00),",
    ),
    _bank(
        "wells-dupe",
        "utf-8",
        2,
        {None: "-3.00"},
        '"DATE","DESCRIPTION","AMOUNT","CHECK #","STATUS"',
        '"01/13/2024","A","-1.00","","Posted"',
        '"01/14/2024","B","-2.00","","Posted"',
    ),
]


@pytest.mark.parametrize("bank", BANKS, ids=[bank.name for bank in BANKS])
def test_statement_is_read_without_mapping_and_without_question(bank: Bank) -> None:
    statement = read_csv(bank.text.encode(bank.encoding))
    sums: dict[str | None, Decimal] = defaultdict(Decimal)
    good = [row for row in statement.rows if row.problem is None]
    for row in good:
        sums[row.currency] += row.amount
    assert dict(sums) == {code: Decimal(total) for code, total in bank.sums.items()}
    assert len(good) == bank.count
    assert statement.questions == ()
    assert not [r for r in statement.rows if r.problem and r.problem.decision == "FAILED"]
