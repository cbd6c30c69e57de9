"""Statements with one oddity each, written for this test: notations, footers, flags."""

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
        "chase-ofxdate",
        "utf-8",
        3,
        {None: "1423.52"},
        'DEBIT,20091224120000[0:GMT],"HOST MO 12/22",-85.00',
        'CHECK,20091224120000[0:GMT],"CHECK 2656",-50.00',
        'CREDIT,20091220120000[0:GMT],"Some Company",1558.52',
    ),
    _bank(
        "two-money-cols",
        "utf-8",
        4,
        {None: "-637.06"},
        '4/1/2008,Check - 0000000122,122,-$76.00,"","$1,750.06"',
        '3/28/2008,BLARG R SH 456930,"","",$327.49,"$1,826.06"',
        '3/27/2008,Check - 0000000112,112,-$800.00,"","$1,498.57"',
        '3/26/2008,Check - 0000000251,251,-$88.55,"","$1,298.57"',
    ),
    _bank(
        "extrato",
        "cp1252",
        3,
        {None: "-150.00"},
        '"Data","Dependencia Origem","Histórico","Data do Balancete",'
        '"Número do documento","Valor",',
        '"10/31/2012","","Saldo Anterior","","0","100.00",',
        '"11/01/2012","0000-9","Transferência on line","11/01/2012","224885000256620","100.00",',
        '"11/01/2012","","Depósito","11/01/2012","1250000","-50.00",',
        '"11/16/2012","","TED","11/16/2012","1250001","-200.00",',
        '"11/30/2012","","S A L D O","","0","-50.00",',
    ),
    _bank(
        "yyyymmdd",
        "utf-8",
        3,
        {None: "3428.00"},
        'DEBIT,20111224,"HOST MO 12/22SLICEHOST",($85.00)',
        'CHECK,20101224,"CHECK 2656",($7.00)',
        'CREDIT,20081224,"Some Company",$3520.00',
    ),
    _bank(
        "mint-std",
        "utf-8",
        3,
        {None: "889.00"},
        '"Date","Description","Original Description","Amount","Transaction Type",'
        '"Category","Account Name","Labels","Notes"',
        '"12/10/2014","Dn Ing","[DN]ING","1000.00","credit","Transfer","Chequing","",""',
        '"12/09/2014","Shop","SHOP","100.00","debit","Shop","Chequing","",""',
        '"12/08/2014","Cafe","CAFE","11.00","debit","Shop","Chequing","",""',
    ),
    _bank(
        "schwab",
        "utf-8",
        2,
        {None: "-90.00"},
        '"Transactions  for Checking account XXXXXX-123456 as of 09/24/2016 04:21:56 PM ET"',
        '"Date","Type","Check #","Description","Withdrawal (-)","Deposit (+)","RunningBalance"',
        '"Pending Transactions","","","","","",""',
        '"Total Pending Check and other Credit(s)","","","","","$0.00",""',
        '"Posted Transactions","","","","","",""',
        '"09/15/2016","ATM","","WITHDRAW","$100.00","","$910.00"',
        '"09/14/2016","INTADJUST","","Interest Paid","","$10.00","$1,010.00"',
    ),
    _bank(
        "ing-es",
        "utf-8",
        2,
        {None: "-19.50"},
        "F. VALOR;CATEGORÍA;SUBCATEGORÍA;DESCRIPCIÓN;COMENTARIO;IMAGEN;IMPORTE (€);SALDO (€)",
        "13/01/2020;Compras;Otros;Pago en TIENDA;;No;-20,00;80,00",
        "12/01/2020;Ingresos;Otros;Abono;;No;0,50;100,00",
    ),
    _bank(
        "payoneer",
        "utf-8",
        2,
        {"USD": "470.00"},
        '"Transaction Date","Transaction Time","Time Zone","Transaction ID",'
        '"Description","Credit Amount","Debit Amount","Currency","Status"',
        '"13-02-2020","11:00","UTC","111222","Pay","500.00","","USD","Completed"',
        '"14-02-2020","11:00","UTC","111223","Card","","30.00","USD","Completed"',
    ),
    _bank(
        "decimal-comma-unquoted",
        "utf-8",
        2,
        {None: "-30.75"},
        "Datum,Text,Betrag,Währung",
        "13.02.2020,Laden,-12,50,",
        "14.02.2020,Markt,-18,25,",
    ),
    _bank(
        "whole-line-quoted",
        "utf-8",
        2,
        {None: "5.00"},
        '"Date,""Description"",Amount"',
        '"2020-01-20,""Shop, x"",-5.00"',
        '"2020-01-21,Pay,10.00"',
    ),
    _bank(
        "rbc",
        "utf-8",
        2,
        {None: "90.00"},
        '"Account Type","Account Number","Transaction Date","Cheque Number",'
        '"Description 1","Description 2","CAD$","USD$"',
        'Chequing,01-1,1/13/2020,,"SHOP","",-10.00,,',
        'Chequing,01-1,1/15/2020,,"PAY","",100.00,,',
    ),
    _bank(
        "empty-rev",
        "utf-8",
        3,
        {None: "-3.00"},
        "Date;Payee;Amount",
        "2020-01-01;A;-1,00 €",
        "2020-01-02;B;-1,00 €",
        "2020-01-03;C;-1,00 €",
    ),
    _bank(
        "no-decimals-eu-thousands",
        "utf-8",
        3,
        {None: "-14500"},
        "Dátum;Leírás;Összeg",
        "2020.01.01;A;-1.500",
        "2020.01.02;B;-12.500",
        "2020.01.03;C;-500",
    ),
    _bank(
        "ddmmyyyy-compact",
        "utf-8",
        2,
        {None: "-3.00"},
        "Datum;Text;Betrag",
        "13012020;A;-1,00",
        "25012020;B;-2,00",
    ),
    _bank(
        "yymmdd",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date;Text;Amount",
        "200113;A;-1,00",
        "200125;B;-2,00",
    ),
    _bank(
        "flag-letters-s-h",
        "utf-8",
        2,
        {"EUR": "-1.00"},
        "Buchungstag;Valuta;Umsatz;S/H;Währung;Verwendungszweck",
        "13.01.2020;13.01.2020;3,00;S;EUR;A",
        "14.01.2020;14.01.2020;2,00;H;EUR;B",
    ),
    _bank(
        "flag-empty-header-s-h",
        "utf-8",
        2,
        {"EUR": "-1.00"},
        "Buchungstag;Valuta;Empfänger/Zahlungspflichtiger;Verwendungszweck;Währung;Umsatz; ",
        "13.01.2020;13.01.2020;X;A;EUR;3,00;S",
        "14.01.2020;14.01.2020;Y;B;EUR;2,00;H",
        ";;;;;;",
        "13.01.2020;;;Anfangssaldo;EUR;100,00;H",
        "14.01.2020;;;Endsaldo;EUR;99,00;H",
    ),
    _bank(
        "date-with-weekday-and-pm",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date,Description,Amount",
        '"Mon, 13 Jan 2020 10:00 PM",A,-1.00',
        '"Tue, 14 Jan 2020 9:00 AM",B,-2.00',
    ),
    _bank(
        "euro-prefix-minus",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date,Description,Amount",
        "13/01/2020,A,-€1.00",
        "14/01/2020,B,€-2.00",
    ),
    _bank(
        "two-accounts-balance",
        "utf-8",
        4,
        {None: "6.00"},
        "Account,Date,Description,Amount,Balance",
        "A,2020-01-13,x,-1.00,9.00",
        "B,2020-01-13,y,5.00,105.00",
        "A,2020-01-14,z,-1.00,8.00",
        "B,2020-01-14,w,3.00,108.00",
    ),
    _bank(
        "only-outflow",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date,Payee,Outflow",
        "2020-01-13,A,1.00",
        "2020-01-14,B,2.00",
    ),
    _bank(
        "expense-tracker",
        "utf-8",
        3,
        {None: "7.00"},
        "Date,Type,Category,Amount,Note",
        "2020-01-13,Expense,Food,1.00,a",
        "2020-01-14,Expense,Food,2.00,b",
        "2020-01-15,Income,Pay,10.00,c",
    ),
    _bank(
        "wise-like-fee",
        "utf-8",
        3,
        {"EUR": "83.00"},
        "Date,Amount,Fee,Currency,Description,Balance",
        "2020-01-13,100.00,0.00,EUR,in,100.00",
        "2020-01-14,-10.00,1.00,EUR,x,89.00",
        "2020-01-15,-5.00,1.00,EUR,y,83.00",
    ),
    _bank(
        "footer-text",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date,Description,Amount",
        "2020-01-13,A,-1.00",
        "2020-01-14,B,-2.00",
        "",
        "Generated on 2020-02-01",
        "This is no invoice, it is a statement.",
    ),
    _bank(
        "amount-currency-together",
        "utf-8",
        2,
        {"EUR": "-1.00", "USD": "-2.00"},
        "Date,Description,Amount",
        "2020-01-13,A,-1.00 EUR",
        "2020-01-14,B,USD -2.00",
    ),
    _bank(
        "sek-no-header",
        "cp1252",
        2,
        {None: "-1100.00"},
        "2020-01-13\tHyra\t-1 200,00\t8 800,00",
        "2020-01-12\tLön\t100,00\t10 000,00",
    ),
    _bank(
        "arabic-header",
        "utf-8",
        2,
        {None: "-1.00"},
        "التاريخ,البيان,المبلغ",
        "13/01/2020,a,-2.00",
        "14/01/2020,b,1.00",
    ),
    _bank(
        "korean",
        "cp949",
        2,
        {None: "-2000"},
        "거래일자,적요,출금액,입금액,잔액",
        '2020.01.13,카드,"3,000",0,"7,000"',
        '2020.01.14,이자,0,"1,000","8,000"',
    ),
    _bank(
        "alipay-neutral",
        "gb18030",
        2,
        {None: "88.00"},
        "交易时间,交易分类,交易对方,商品说明,收/支,金额,交易状态",
        "2020-01-05 12:00:00,餐饮,面馆,面,支出,12.00,交易成功",
        "2020-01-04 12:00:00,转账,红,转,收入,100.00,交易成功",
        "2020-01-03 12:00:00,餐饮,店,退,支出,9.00,交易关闭",
    ),
    _bank(
        "iso-tz",
        "utf-8",
        2,
        {None: "-3.00"},
        "CreatedAt,Details,Amount",
        "2020-01-13T10:00:00.123456+02:00,A,-1.00",
        "2020-01-14T10:00:00Z,B,-2.00",
    ),
    _bank(
        "status-in-col-blank-amount-pending",
        "utf-8",
        1,
        {None: "-1.00"},
        "Date,Description,Status,Amount",
        "2020-01-13,A,posted,-1.00",
        "Pending,B,pending,-2.00",
    ),
    _bank(
        "us-date-pending-blank-posted",
        "utf-8",
        2,
        {None: "-3.00"},
        "Transaction Date,Posted Date,Description,Amount",
        "01/13/2020,01/14/2020,A,-1.00",
        "01/15/2020,,B,-4.00",
        "01/12/2020,01/13/2020,C,-2.00",
    ),
    _bank(
        "credit-first-positive-pairs",
        "utf-8",
        2,
        {None: "9.00"},
        "Date,Details,Money In,Money Out,Balance",
        "13 Jan 20,Pay,10.00,,10.00",
        "14 Jan 20,Shop,,1.00,9.00",
    ),
    _bank(
        "swiss-quote-amts",
        "utf-8",
        2,
        {"CHF": "-1233.45"},
        "Datum;Buchungstext;Betrag CHF;Saldo CHF",
        "13.01.2020;A;-1'234.50;98'765.50",
        "14.01.2020;B;1.05;98'766.55",
    ),
    _bank(
        "swiss-typographic",
        "utf-8",
        2,
        {"CHF": "-1233.45"},
        "Datum;Buchungstext;Belastung CHF;Gutschrift CHF;Saldo CHF",
        "13.01.2020;A;1’234.50;;98’765.50",
        "14.01.2020;B;;1.05;98’766.55",
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
