"""Statements in the manner of banks and apps elsewhere, written for this test."""

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
        "us-checking",
        "utf-8",
        3,
        {None: "1474.50"},
        "Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #",
        'DEBIT,12/28/2020,"GROCER 12/27",-20.50,DEBIT_CARD,2474.50,,',
        'CREDIT,12/15/2020,"EMPLOYER PPD",1500.00,ACH_CREDIT,2495.00,,',
        'CHECK,12/02/2020,"CHECK 104",-5.00,CHECK_PAID,995.00,104,',
    ),
    _bank(
        "us-card-two-dates",
        "utf-8",
        3,
        {None: "65.00"},
        "Transaction Date,Post Date,Description,Category,Type,Amount,Memo",
        "01/30/2020,02/01/2020,BOOKS,Shopping,Sale,-25.00,",
        "01/29/2020,01/31/2020,CAFE,Food & Drink,Sale,-10.00,",
        "01/20/2020,01/20/2020,Payment Thank You-Mobile,,Payment,100.00,",
    ),
    _bank(
        "us-debit-credit",
        "utf-8",
        3,
        {None: "75.00"},
        "Transaction Date,Posted Date,Card No.,Description,Category,Debit,Credit",
        "2020-01-10,2020-01-12,1234,SHOP,Merchandise,15.00,",
        "2020-01-09,2020-01-10,1234,CAFE,Dining,10.00,",
        "2020-01-08,2020-01-08,1234,CREDIT CARD PYMT,Payment/Credit,,100.00",
    ),
    _bank(
        "us-no-header",
        "utf-8",
        3,
        {None: "-90.25"},
        '"01/22/2020","-100.00","*","","RENT PART"',
        '"01/21/2020","20.00","*","","REFUND"',
        '"01/20/2020","-10.25","*","","LUNCH"',
    ),
    _bank(
        "us-summary-above",
        "utf-8",
        2,
        {None: "-50.00"},
        "Description,,Summary Amt.",
        'Beginning balance as of 01/01/2020,,"1,000.00"',
        'Total credits,,"50.00"',
        'Total debits,,"-100.00"',
        'Ending balance as of 01/31/2020,,"950.00"',
        "",
        "Date,Description,Amount,Running Bal.",
        '01/01/2020,Beginning balance as of 01/01/2020,,"1,000.00"',
        '01/15/2020,"PAYMENT, RENT","-100.00","900.00"',
        '01/16/2020,"CASHBACK","50.00","950.00"',
    ),
    _bank(
        "phone-bank",
        "utf-8",
        2,
        {"EUR": "90.01"},
        '"Date","Payee","Account number","Transaction type","Payment reference",'
        '"Amount (EUR)","Amount (Foreign Currency)","Type Foreign Currency",'
        '"Exchange Rate"',
        '"2020-01-02","Shop","","MasterCard Payment","","-9.99","-11.10","USD","0.9"',
        '"2020-01-03","Anna","DE01","Income","Thanks","100.0","","",""',
    ),
    _bank(
        "british-id-and-local-amount",
        "utf-8",
        2,
        {"GBP": "-15.00"},
        "id,date,amount,currency,local_amount,local_currency,category,emoji,description,"
        "address,notes",
        "tx_0001a,2020-02-01 09:12:00 +0000,-5.00,GBP,-5.80,EUR,eating_out,x,CAFE PARIS,,",
        "tx_0002b,2020-02-02 10:12:00 +0000,-10.00,GBP,-10.00,GBP,groceries,x,SHOP,,weekly",
    ),
    _bank(
        "paid-out-paid-in-currency-header",
        "utf-8",
        2,
        {"EUR": "70.00"},
        "Completed Date ; Description ; Paid Out (EUR) ; Paid In (EUR) ; Exchange Out;"
        " Exchange In; Balance (EUR); Category; Notes",
        "12 Dec 2018 ; Coffee ; 30.00 ;  ;  ;  ; 70.00 ; food ; ",
        "11 Dec 2018 ; Top up ;  ; 100.00 ;  ;  ; 100.00 ; general ; ",
    ),
    _bank(
        "transfer-service",
        "utf-8",
        2,
        {"EUR": "-51.00"},
        '"Service ID",Date,Amount,Currency,Description,"Payment Reference",'
        '"Running Balance","Exchange From","Exchange To","Exchange Rate","Payer Name",'
        '"Payee Name","Merchant","Total fees"',
        "TRANSFER-1,13-02-2020,-50.00,EUR,Sent money,,49.00,,,,,Ann,,0.00",
        "FEE-1,12-02-2020,-1.00,EUR,Charges,,99.00,,,,,,,0.00",
    ),
    _bank(
        "indian-withdrawal-deposit",
        "utf-8",
        3,
        {None: "99400.00"},
        "Date,Narration,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.,Closing Balance",
        '01/04/20,UPI-SHOP,0000012,01/04/20,500.00,,"1,00,500.00"',
        '02/04/20,SALARY,0000013,02/04/20,,"1,00,000.00","2,00,500.00"',
        '23/04/20,ATM,0000014,23/04/20,100.00,,"2,00,400.00"',
    ),
    _bank(
        "indian-tabs",
        "utf-8",
        2,
        {None: "150.00"},
        "Account Name       :\tMr A",
        "Address            :\tRoad 1",
        "Balance on 1 Apr 2020\t:\t1,000.00",
        "",
        "Txn Date\tValue Date\tDescription\tRef No./Cheque No.\t        Debit\tCredit\tBalance\t",
        "1 Apr 2020\t1 Apr 2020\tBY TRANSFER\tTRANSFER FROM 1\t \t200.00\t1,200.00\t",
        "3 Apr 2020\t3 Apr 2020\tTO SHOP\tT2\t50.00\t \t1,150.00\t",
        "",
        "**This is a computer generated statement.",
    ),
    _bank(
        "australian-no-header",
        "utf-8",
        3,
        {None: "63.00"},
        '14/02/2019,"-12.00","Cafe","+163.00"',
        '13/02/2019,"-25.00","Fuel","+175.00"',
        '12/02/2019,"+100.00","Wages","+200.00"',
    ),
    _bank(
        "australian-debit-credit",
        "utf-8",
        2,
        {None: "80.00"},
        "Bank Account,Date,Narrative,Debit Amount,Credit Amount,Balance,Categories,Serial",
        "032000123456,15/02/2019,SHOP,20.00,,180.00,OTHER,",
        "032000123456,14/02/2019,PAY,,100.00,200.00,DEP,",
    ),
    _bank(
        "brazilian-no-header",
        "utf-8",
        3,
        {None: "952.34"},
        "02/01/2020;TED RECEBIDA;1.000,00",
        "03/01/2020;RSHOP-PADARIA;-12,66",
        "15/01/2020;TAR;-35,00",
    ),
    _bank(
        "brazilian-ids",
        "utf-8",
        2,
        {None: "40.00"},
        "Data,Valor,Identificador,Descrição",
        "13/01/2020,-60.00,5e1c-aa,Compra no débito",
        "12/01/2020,100.00,5e1c-ab,Transferência recebida",
    ),
    _bank(
        "japanese-signed",
        "cp932",
        2,
        {None: "4000"},
        "取引日,入出金(円),取引後残高(円),入出金内容",
        "20200105,-1000,9000,ラクテンカード",
        "20200106,5000,14000,振込 タナカ",
    ),
    _bank(
        "japanese-pair",
        "euc_jp",
        2,
        {None: "-2500"},
        '"日付","摘要","摘要内容","支払い金額","預かり金額","差引残高"',
        '"2020/1/5","カード","ＡＴＭ","3,000","","97,000"',
        '"2020/1/6","利息","","","500","97,500"',
    ),
    _bank(
        "chinese-flag",
        "gb18030",
        2,
        {None: "88.00"},
        "微信支付账单明细,,,,",
        "昵称:[小明],,,,",
        "----------------------,,,,",
        "交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号",
        "2020-01-05 12:00:00,商户消费,面馆,牛肉面,支出,¥12.00,零钱,支付成功,1000001x",
        "2020-01-04 12:00:00,转账,小红,转账,收入,¥100.00,零钱,已存入零钱,1000002x",
    ),
    _bank(
        "paypal-like",
        "utf-8",
        3,
        {"EUR": "8.00", "USD": "-5.00"},
        '"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net",'
        '"Balance","Transaction ID"',
        '"13/01/2020","10:00:00","GMT","Shop","Payment","Completed","USD","-5.00","0.00",'
        '"-5.00","-5.00","AAA1"',
        '"13/01/2020","11:00:00","GMT","Bob","Payment","Completed","EUR","10.00","-1.00",'
        '"9.00","9.00","AAA2"',
        '"14/01/2020","11:00:00","GMT","Game","Payment","Pending","EUR","-3.00","0.00",'
        '"-3.00","9.00","AAA3"',
        '"15/01/2020","11:00:00","GMT","App","Payment","Completed","EUR","-1.00","0.00",'
        '"-1.00","8.00","AAA4"',
    ),
    _bank(
        "british-currency-header",
        "utf-8",
        2,
        {"GBP": "45.00"},
        "Date,Counter Party,Reference,Type,Amount (GBP),Balance (GBP),Spending Category,Notes",
        "03/02/2020,Cafe,CAFE,CONTACTLESS,-5.00,95.00,EATING_OUT,",
        "04/02/2020,Ann,thanks,FASTER PAYMENT,50.00,145.00,INCOME,",
    ),
    _bank(
        "british-pounds",
        "cp1252",
        2,
        {None: "987.50"},
        '"Account Name:","Current Account ****12345"',
        '"Account Balance:","£1,987.50"',
        '"Available Balance: ","£1,987.50"',
        "",
        '"Date","Transaction type","Description","Paid out","Paid in","Balance"',
        '"10 Jan 2020","Bank credit","Employer","","£1,000.00","£2,000.00"',
        '"11 Jan 2020","Visa purchase","SHOP","£12.50","","£1,987.50"',
    ),
    _bank(
        "british-memo",
        "utf-8",
        2,
        {None: "-30.00"},
        "Number,Date,Account,Amount,Subcategory,Memo",
        "     ,13/01/2020,20-00-00 12345678,-10.00,PAYMENT,SHOP            ON 12 JAN",
        "     ,10/01/2020,20-00-00 12345678,-20.00,DIRECTDEB,WATER CO",
    ),
    _bank(
        "wallet-with-preamble-balance",
        "utf-8",
        2,
        {None: "-5.00"},
        "Account Statement - (@me) ,,,,,,,",
        "Account Activity,,,,,,,",
        ",ID,Datetime,Type,Status,Note,From,To,Amount (total),Amount (tip),Amount (tax),"
        "Amount (fee),Beginning Balance,Ending Balance,Disclaimer",
        ",,,,,,,,,,,,$10.00,,",
        ",3001,2020-01-05T10:00:00,Payment,Complete,Pizza,Me,Ann,- $15.00,,0,,,,",
        ",3002,2020-01-06T10:00:00,Payment,Complete,Taxi,Bob,Me,+ $10.00,,0,,,,",
        ',,,,,,,,,,,,,$5.00,"In case of errors',
        'write to us"',
    ),
    _bank(
        "budget-app",
        "utf-8",
        2,
        {None: "20.00"},
        "Date,Payee,Memo,Outflow,Inflow",
        "01/13/20,Shop,food,10.00,",
        "01/14/20,Ann,,,30.00",
    ),
    _bank(
        "canadian-no-header-pair",
        "utf-8",
        3,
        {None: "65.00"},
        "01/15/2020,SHOP,25.00,,1065.00",
        "01/14/2020,PAY,,100.00,1090.00",
        "01/13/2020,FEE,10.00,,990.00",
    ),
    _bank(
        "suffix-sides",
        "utf-8",
        3,
        {None: "135.00"},
        "Date,Particulars,Amount,Balance",
        "15/01/2020,SHOP,60.00 DR,140.00 CR",
        "16/01/2020,PAY,200.00 CR,340.00 CR",
        "17/01/2020,FEE,5.00 DR,335.00 CR",
    ),
    _bank(
        "unquoted-comma-in-text",
        "utf-8",
        2,
        {None: "-30.00"},
        "Date,Description,Amount,Balance",
        "13/01/2020,CAFE, LONDON,-10.00,90.00",
        "14/01/2020,SHOP,-20.00,70.00",
    ),
    _bank(
        "trailing-minus",
        "utf-8",
        2,
        {None: "15.00"},
        "Booking date;Text;Amount",
        "14-01-2020;Shop;85.00-",
        "15-01-2020;Pay;100.00",
    ),
    _bank(
        "totals-below",
        "utf-8",
        2,
        {None: "90.00"},
        "Date;Description;Amount",
        "14.01.2020;Shop;-10,00",
        "15.01.2020;Pay;100,00",
        ";Total;90,00",
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
