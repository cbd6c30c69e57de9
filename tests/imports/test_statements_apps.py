"""More statements in the manner of banks and apps, written for this test."""

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
        "bb-statement-with-c-d-suffix",
        "utf-8",
        2,
        {None: "50.00"},
        "Data;Histórico;Valor",
        "13/01/2020;Pix;100,00 C",
        "14/01/2020;Compra;50,00 D",
    ),
    _bank(
        "uk-midata",
        "cp1252",
        3,
        {None: "-75.00"},
        "Date;Type;Merchant/Description;Debit/Credit;Balance;",
        "13/01/2020;DEB;SHOP;-£50.00;+£150.00;",
        "12/01/2020;DD;GAS;-£35.00;+£200.00;",
        "11/01/2020;CR;X;+£10.00;+£235.00;",
        "Arranged overdraft limit;13/01/2020;+£500.00;;;",
    ),
    _bank(
        "hsbc-no-header",
        "utf-8",
        3,
        {None: "-4.00"},
        "13/01/2020,A SHOP,-1.00",
        "12/01/2020,B SHOP,-2.00",
        "11/01/2020,C SHOP,-1.00",
    ),
    _bank(
        "monzo-pot",
        "utf-8",
        2,
        {None: "3.00"},
        "Transaction ID,Date,Time,Type,Name,Emoji,Category,Amount,Currency,Local amount,"
        "Local currency,Notes and #tags,Address,Receipt,Description,Category split,"
        "Money Out,Money In",
        "tx_1,13/01/2020,10:00:00,Card payment,Shop,,Groceries,-2.00,,-2.00,,,,,SHOP,,-2.00,",
        "tx_2,14/01/2020,10:00:00,Faster payment,Ann,,Income,5.00,,5.00,,,,,ANN,,,5.00",
    ),
    _bank(
        "ing-de-new",
        "utf-8",
        2,
        {"EUR": "-3.00"},
        "Umsatzanzeige;Datei erstellt am: 28.12.2023 16:57",
        "",
        "IBAN;DE12",
        "Saldo;150,00;EUR",
        "",
        "Buchung;Wertstellungsdatum;Auftraggeber/Empfänger;Buchungstext;Notiz;"
        "Verwendungszweck;Saldo;Währung;Betrag;Währung",
        "13.01.2024;13.01.2024;A;Lastschrift;;x;97,00;EUR;-1,00;EUR",
        "12.01.2024;12.01.2024;B;Lastschrift;;y;98,00;EUR;-2,00;EUR",
    ),
    _bank(
        "dkb-new",
        "utf-8",
        2,
        {None: "-3.00"},
        '"Girokonto";"DE12"',
        '"Zeitraum:";"01.01.2024 - 31.01.2024"',
        '"Kontostand vom 31.01.2024:";"97,00 €"',
        '""',
        '"Buchungsdatum";"Wertstellung";"Status";"Zahlungspflichtige*r";'
        '"Zahlungsempfänger*in";"Verwendungszweck";"Umsatztyp";"IBAN";"Betrag (€)";'
        '"Gläubiger-ID";"Mandatsreferenz";"Kundenreferenz"',
        '"13.01.24";"13.01.24";"Gebucht";"Ich";"A";"x";"Ausgang";"DE";"-1,00";"";"";""',
        '"12.01.24";"12.01.24";"Gebucht";"Ich";"B";"y";"Ausgang";"DE";"-2,00";"";"";""',
    ),
    _bank(
        "comdirect",
        "cp1252",
        2,
        {"EUR": "-3.00"},
        ";",
        '"Umsätze Girokonto";"Zeitraum: 30 Tage";',
        '"Neuer Kontostand";"97,00 EUR";',
        "",
        '"Buchungstag";"Wertstellung (Valuta)";"Vorgang";"Buchungstext";"Umsatz in EUR";',
        '"13.01.2024";"13.01.2024";"Lastschrift";"Auftraggeber: A Buchungstext: x";"-1,00";',
        '"offen";"--";"Kartenverfügung";"B";"-9,00";',
        '"12.01.2024";"12.01.2024";"Lastschrift";"B y";"-2,00";',
        "",
        '"Alter Kontostand";"100,00 EUR";',
    ),
    _bank(
        "consorsbank",
        "utf-8",
        2,
        {"EUR": "-3.00"},
        "Buchung;Valuta;Sender / Empfänger;IBAN;BIC;Buchungstext;Verwendungszweck;"
        "Kategorie;Stichwörter;Umsatz geteilt;Betrag;Währung",
        "13.01.2024;13.01.2024;A;DE;B;LASTSCHRIFT;x;Essen;;;-1,00;EUR",
        "12.01.2024;12.01.2024;A;DE;B;LASTSCHRIFT;x;Essen;;;-2,00;EUR",
    ),
    _bank(
        "postbank",
        "utf-8",
        2,
        {"EUR": "-3.00"},
        "Umsätze;",
        "Konto;Filial-/Kontonummer;IBAN;Währung;",
        "Girokonto;123 456;DE12;EUR;",
        "1.1.2024 - 31.1.2024;",
        "Letzter Kontostand;;;;100,00;EUR",
        "Vorgemerkte und noch nicht gebuchte Umsätze sind nicht Bestandteil dieser Übersicht.",
        "Buchungstag;Wert;Umsatzart;Begünstigter / Auftraggeber;Verwendungszweck;"
        "IBAN / Kontonummer;BIC;Kundenreferenz;Mandatsreferenz;Gläubiger ID;"
        "Fremde Gebühren;Betrag;Abweichender Empfänger;Anzahl der Aufträge;"
        "Anzahl der Schecks;Soll;Haben;Währung",
        "13.1.2024;13.1.2024;SEPA Lastschrift;A;x;DE;;;;;;-1,00;;;;-1,00;;EUR",
        "12.1.2024;12.1.2024;SEPA Lastschrift;B;y;DE;;;;;;-2,00;;;;-2,00;;EUR",
        "Kontostand;13.1.2024;;;97,00;EUR",
    ),
    _bank(
        "deutsche-bank",
        "cp1252",
        2,
        {"EUR": "-3.00"},
        "Umsätze Girokonto (00);;;Kundennummer: 123",
        "01.01.2024 - 31.01.2024",
        "Letzter Kontostand;;;;100,00;EUR",
        "Buchungstag;Wert;Umsatzart;Verwendungszweck;Soll;Haben;Währung",
        '13.01.2024;13.01.2024;"SEPA";x;-1.003,00;;EUR',
        '14.01.2024;14.01.2024;"SEPA";y;;1.000,00;EUR',
        "Kontostand;31.01.2024;;;97,00;EUR",
    ),
    _bank(
        "knab-style-c-d",
        "utf-8",
        2,
        {"EUR": "1.00"},
        "X EXPORT;;;;",
        "Rekeningnummer;Transactiedatum;Valutacode;CreditDebet;Bedrag;",
        "NL1;13-01-2024;EUR;D;1,50;",
        "NL1;14-01-2024;EUR;C;2,5;",
    ),
    _bank(
        "asn-no-header",
        "utf-8",
        2,
        {"EUR": "-1.00"},
        "13-01-2024,NL1,NL2,j janssen,,,,EUR,1000.00,EUR,-2.00,13-01-2024,13-01-2024,"
        "8810,BEA,1,123,'x',1",
        "14-01-2024,NL1,NL2,j janssen,,,,EUR,998.00,EUR,1.00,14-01-2024,14-01-2024,8810,"
        "BEA,2,124,'y',2",
    ),
    _bank(
        "revolut-new",
        "utf-8",
        2,
        {"EUR": "-3.50"},
        "Type,Product,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balance",
        "CARD_PAYMENT,Current,2024-01-12 10:00:00,2024-01-13 10:00:00,A,-1.00,0.00,EUR,"
        "COMPLETED,99.00",
        "ATM,Current,2024-01-14 10:00:00,2024-01-14 10:00:00,Cash,-2.00,0.50,EUR,COMPLETED,96.50",
        "CARD_PAYMENT,Current,2024-01-15 10:00:00,,B,-5.00,0.00,EUR,REVERTED,",
    ),
    _bank(
        "capital-one-360",
        "utf-8",
        2,
        {None: "95.00"},
        "Account Number,Transaction Description,Transaction Date,Transaction Type,"
        "Transaction Amount,Balance",
        "1234,SHOP,01/13/24,Debit,5,95",
        "1234,PAY,01/10/24,Credit,100,100",
    ),
    _bank(
        "usaa",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date,Description,Original Description,Category,Amount,Status",
        "2024-01-13,Shop,SHOP,Food,-1.00,Posted",
        "2024-01-14,Shop,SHOP,Food,-2.00,Posted",
        "2024-01-15,Shop,SHOP,Food,-7.00,Pending",
    ),
    _bank(
        "usaa-old",
        "utf-8",
        2,
        {None: "-3.00"},
        "posted,,01/13/2024,,SHOP,Food,-1.00",
        "posted,,01/14/2024,,SHOP,Food,-2.00",
        "forecasted,,01/15/2024,,SHOP,Food,-4.00",
    ),
    _bank(
        "qapital",
        "utf-8",
        2,
        {None: "8.00"},
        "Date;Text;In;Out",
        "2024-01-13;A;10;",
        "2024-01-14;B;;2",
    ),
    _bank(
        "nz-anz",
        "utf-8",
        2,
        {None: "-3.00"},
        "Type,Details,Particulars,Code,Reference,Amount,Date,ForeignCurrencyAmount,"
        "ConversionCharge",
        "Eft-Pos,Shop,1234,,x,-1.00,13/01/2024,,",
        "Eft-Pos,Shop,1234,,x,-2.00,14/01/2024,,",
    ),
    _bank(
        "nz-kiwibank-pre",
        "utf-8",
        2,
        {None: "-3.00"},
        "Created date / time : 13 January 2024 / 10:00:00",
        "Bank 12; Branch 3456; Account 0000 (Streamline)",
        "From date 20240101",
        "To date 20240131",
        "Avail Bal : 1000.00 as of 20240131",
        "Ledger Balance : 1000.00 as of 20240131",
        "",
        "Date,Unique Id,Tran Type,Cheque Number,Payee,Memo,Amount",
        "",
        '2024/01/13,2024011301,EFTPOS,,"SHOP","x",-1.00',
        '2024/01/14,2024011401,EFTPOS,,"SHOP","x",-2.00',
    ),
    _bank(
        "sg-dbs",
        "utf-8",
        2,
        {None: "8.00"},
        "Account Details For:,Savings 123",
        "Statement as at:,20 Jan 2024",
        "Available Balance:,108.00",
        "Ledger Balance:,108.00",
        "",
        "",
        "Transaction Date,Reference,Debit Amount,Credit Amount,Transaction Ref1,"
        "Transaction Ref2,Transaction Ref3",
        "13 Jan 2024,POS,2.00, ,SHOP,A,B",
        "14 Jan 2024,INT, ,10.00,,,",
    ),
    _bank(
        "hk",
        "utf-8",
        2,
        {"HKD": "8.00"},
        "Date,Details,Debit (HKD),Credit (HKD),Balance (HKD)",
        "13Jan2024,POS,2.00,,98.00",
        "14Jan2024,INT,,10.00,108.00",
    ),
    _bank(
        "in-icici",
        "utf-8",
        2,
        {"INR": "50.00"},
        "DETAILED STATEMENT,,,,,,",
        ",Transactions List - X (INR) - 0123,,,,,",
        "S No.,Value Date,Transaction Date,Cheque Number,Transaction Remarks,"
        "Withdrawal Amount (INR ),Deposit Amount (INR ),Balance (INR )",
        "1,13/01/2024,13/01/2024,-,UPI/x,50.00,0.00,950.00",
        "2,14/01/2024,14/01/2024,-,NEFT,0.00,100.00,1050.00",
    ),
    _bank(
        "in-axis",
        "utf-8",
        2,
        {None: "50.00"},
        "Tran Date,CHQNO,PARTICULARS,DR,CR,BAL,SOL",
        "13-01-2024,-,UPI, 50.00, ,950.00,1",
        "14-01-2024,-,NEFT, ,100.00,1050.00,1",
    ),
    _bank(
        "ke-mpesa",
        "utf-8",
        2,
        {None: "-30.00"},
        "Receipt No.,Completion Time,Details,Transaction Status,Paid In,Withdrawn,Balance",
        "AAA1,2024-01-13 10:00:00,Send,Completed,,50.00,950.00",
        "AAA2,2024-01-12 10:00:00,Get,Completed,20.00,,1000.00",
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
