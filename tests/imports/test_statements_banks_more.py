"""More statements in the manner of banks and apps, each read exactly without a mapping."""

from decimal import Decimal

import pytest

from resolvers.statements import read_file

# Name, encoding, the account's currency and type, good rows, their sum, and the file.
BANKS = [
    (
        "baltic-turnovers",
        "utf-8",
        "EUR",
        "CHECKING",
        2,
        "-20.00",
        """\
"Account No","","Date","Beneficiary","Details","Amount","Currency","D/K","Record ID","Code","Reference No","Doc. No","Code in payer IS","Client code","Originator","Beneficiary party"
"LV80HABA0551000000000","10","01.01.2024","","Opening balance","100.00","EUR","K","","AS","","","","","",""
"LV80HABA0551000000000","20","03.01.2024","RIMI","PIRKUMS 1234","25.00","EUR","D","2024010300001","M","","","","","",""
"LV80HABA0551000000000","20","04.01.2024","Bob","Lunch","5.00","EUR","K","2024010400002","MV","","","","","",""
"LV80HABA0551000000000","82","31.01.2024","","Turnover","25.00","EUR","D","","K2","","","","","",""
"LV80HABA0551000000000","82","31.01.2024","","Turnover","5.00","EUR","K","","K2","","","","","",""
"LV80HABA0551000000000","86","31.01.2024","","closing balance","80.00","EUR","K","","LS","","","","","",""
""",
    ),
    (
        "us-card-two-rows",
        "utf-8",
        "USD",
        "CREDIT_CARD",
        2,
        "-24.50",
        """\
Date,Description,Card Member,Account #,Amount
01/15/2024,GROCER NYC,ADA L,-12345,74.50
01/20/2024,AUTOPAY PAYMENT - THANK YOU,ADA L,-12345,-50.00
""",
    ),
    (
        "german-card-two-rows",
        "utf-8",
        "EUR",
        "CREDIT_CARD",
        2,
        "-25.50",
        """\
Datum,Beschreibung,Karteninhaber,Konto #,Betrag
15/01/2024,REWE,ADA L,-12345,"75,50"
20/01/2024,ZAHLUNG/ÜBERWEISUNG ERHALTEN BESTEN DANK,ADA L,-12345,"-50,00"
""",
    ),
    (
        "dutch-tabs-no-header",
        "utf-8",
        "EUR",
        "CHECKING",
        2,
        "-22.50",
        """\
123456789	EUR	20240105	1000,00	967,50	20240105	-32,50	BEA, Apple Pay   ALBERT HEIJN 1234,PAS001
123456789	EUR	20240106	967,50	977,50	20240106	10,00	SEPA Overboeking IBAN: NL02 Naam: J Jansen
""",
    ),
    (
        "swiss-formulas",
        "utf-8-sig",
        "CHF",
        "CHECKING",
        2,
        "4967.50",
        """\
Datum von:;="01.01.2024"
Datum bis:;="31.01.2024"
Buchungsart:;="Alle Buchungen"
Konto:;="CH0209000000123456789"
Währung:;="CHF"

Datum;Bewegungstyp;Avisierungstext;Gutschrift in CHF;Lastschrift in CHF;Label;Kategorie
25.01.2024;Gutschrift;"GUTSCHRIFT VON FREMDBANK ACME";5000.00;;;
05.01.2024;Kauf/Dienstleistung;"KAUF MIGROS";;-32.50;;

Disclaimer:
Der Dokumentinhalt wurde durch Filtereinstellungen der Kundin bzw. des Kunden generiert.
""",
    ),
    (
        "indian-padded",
        "utf-8",
        "INR",
        "CHECKING",
        2,
        "48676.50",
        """\


  Date     ,Narration                                                                                                                ,Value Dat,Debit Amount       ,Credit Amount      ,Chq/Ref Number   ,Closing Balance
 05/01/24  ,UPI-SWIGGY-swiggy@ybl                                            ,05/01/24 ,         1323.50    ,            0.00    ,0000400512345678     ,          8676.50
 25/01/24  ,NEFT CR-ACME                                            ,25/01/24 ,            0.00    ,        50000.00    ,N025240012345         ,         58676.50
""",
    ),
    (
        "canadian-no-header",
        "utf-8",
        "CAD",
        "CHECKING",
        2,
        "1974.50",
        """\
01/25/2024,ACME PAY,,2000.00,2974.50
01/05/2024,LOBLAWS,25.50,,974.50
""",
    ),
    (
        "us-summary-above",
        "utf-8",
        "USD",
        "CHECKING",
        2,
        "1974.50",
        """\
Description,,Summary Amt.
Beginning balance as of 01/01/2024,,"1,000.00"
Total credits,,"2,000.00"
Total debits,,"-25.50"
Ending balance as of 01/31/2024,,"2,974.50"

Date,Description,Amount,Running Bal.
01/01/2024,Beginning balance as of 01/01/2024,,"1,000.00"
01/05/2024,"SAFEWAY","-25.50","974.50"
01/25/2024,"ACME PAYROLL","2,000.00","2,974.50"
""",
    ),
    (
        "us-card-credits-with-a-minus",
        "utf-8",
        "USD",
        "CREDIT_CARD",
        2,
        "24.50",
        """\
Status,Date,Description,Debit,Credit
Cleared,01/05/2024,"SAFEWAY",25.50,
Cleared,01/20/2024,"PAYMENT THANK YOU",,-50.00
""",
    ),
    (
        "us-card-categories",
        "utf-8",
        "USD",
        "CREDIT_CARD",
        2,
        "24.50",
        """\
Trans. Date,Post Date,Description,Amount,Category
01/05/2024,01/05/2024,"SAFEWAY",25.50,"Supermarkets"
01/20/2024,01/20/2024,"INTERNET PAYMENT - THANK YOU",-50.00,"Payments and Credits"
""",
    ),
    (
        "us-wallet-spaced-signs",
        "utf-8",
        "USD",
        "CHECKING",
        2,
        "15.00",
        """\
Account Statement - (@ada) ,,,,,,,,,,,,,,,,,,
Account Activity,,,,,,,,,,,,,,,,,,
,ID,Datetime,Type,Status,Note,From,To,Amount (total),Amount (tip),Amount (tax),Amount (fee),Tax Rate,Tax Exempt,Funding Source,Destination,Beginning Balance,Ending Balance,Statement Period Venmo Fees
,,,,,,,,,,,,,,,,$0.00,,
,3300000000000000001,2024-01-05T10:11:12,Payment,Complete,Lunch,Bob,Ada,+ $25.00,,0,,0,,,Venmo balance,,,
,3300000000000000002,2024-01-06T10:11:12,Payment,Complete,Taxi,Ada,Bob,- $10.00,,0,,0,,Venmo balance,,,,
,,,,,,,,,,,,,,,,,$15.00,$0.00
""",
    ),
    (
        "hungarian-no-header",
        "cp1250",
        "HUF",
        "CHECKING",
        2,
        "467450",
        """\
"HU42117730161111101800000000","T","-32550","HUF","20240105","20240105","967450","","","SPAR","Vásárlás",""
"HU42117730161111101800000000","J","500000","HUF","20240125","20240125","1467450","","ACME","Fizetés","",""
""",
    ),
    (
        "greek-sign-column",
        "utf-8",
        "EUR",
        "CHECKING",
        2,
        "1467.50",
        """\
Α/Α;Ημ/νία;Αιτιολογία;Κατάστημα;Τοκισμός από;Αρ. συναλλαγής;Ποσό;Πρόσημο ποσού
1;5/1/2024;ΑΒ ΒΑΣΙΛΟΠΟΥΛΟΣ;123;5/1/2024;111;32,50;Χ
2;25/1/2024;ΜΙΣΘΟΔΟΣΙΑ;123;25/1/2024;112;1.500,00;Π
""",
    ),
    (
        "chinese-wallet",
        "utf-8-sig",
        "CNY",
        "CHECKING",
        2,
        "-68.50",
        """\
微信支付账单明细,,,,,,,,
微信昵称：[ada],,,,,,,,
----------------------微信支付账单明细列表--------------------,,,,,,,,
交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注
2024-01-05 10:11:12,商户消费,美团,"外卖",支出,¥88.50,零钱,支付成功,"1000000001	","1	","/"
2024-01-06 10:11:12,微信红包,李四,"/",收入,¥20.00,/,已存入零钱,"1000000002	","2	","/"
""",
    ),
    (
        "belgian-preamble",
        "cp1252",
        "EUR",
        "CHECKING",
        2,
        "-22.50",
        """\
Boekingsdatum vanaf;01/01/2024
Boekingsdatum tot en met;31/01/2024
Bedrag vanaf;
Bedrag tot en met;
Laatste saldo;977,50 EUR
Datum/uur van het laatste saldo;31/01/2024 10:11:12
;
Rekening;Boekingsdatum;Rekeninguittrekselnummer;Transactienummer;Rekening tegenpartij;Naam tegenpartij bevat;Straat en nummer;Postcode en plaats;Transactie;Valutadatum;Bedrag;Devies;BIC;Landcode;Mededelingen
BE68;05/01/2024;1;1;;COLRUYT;;;BETALING;05/01/2024;-32,50;EUR;;;
BE68;06/01/2024;1;2;BE12;JAN;;;OVERSCHRIJVING;06/01/2024;10,00;EUR;;;Lunch
""",
    ),
    (
        "hebrew-cp1255",
        "cp1255",
        "ILS",
        "CHECKING",
        2,
        "1467.50",
        """\
תאריך,תיאור,אסמכתא,בחובה,בזכות,היתרה בש"ח
05/01/24,שופרסל,1234,32.50,,967.50
25/01/24,משכורת,1235,,1500.00,2467.50
""",
    ),
    (
        "korean-cp949",
        "cp949",
        "KRW",
        "CHECKING",
        2,
        "2967450",
        """\
거래일시,적요,보낸분/받는분,송금메모,출금액,입금액,잔액,거래점,구분
2024.01.05 10:11:12,체크카드,GS25,,32550,0,967450,강남,
2024.01.25 10:11:12,급여,아크메,,0,3000000,3967450,강남,
""",
    ),
    (
        "indonesian-db-cr",
        "utf-8",
        "IDR",
        "CHECKING",
        2,
        "4675500",
        """\
No. rekening : ,'1234567890
Nama : ,'ADA
Periode : ,01/01/2024 - 31/01/2024
Kode Mata Uang : ,'Rp

Tanggal Transaksi,Keterangan,Cabang,Jumlah,,Saldo
05/01/2024,INDOMARET,'0000,"324,500.00",DB,"675,500.00"
25/01/2024,GAJI,'0000,"5,000,000.00",CR,"5,675,500.00"

Saldo Awal : ,"1,000,000.00"
Mutasi Debet : ,"324,500.00",1
Mutasi Kredit : ,"5,000,000.00",1
Saldo Akhir : ,"5,675,500.00"
""",
    ),
    (
        "thai-cp874",
        "cp874",
        "THB",
        "CHECKING",
        2,
        "9675.50",
        """\
วันที่,รายการ,ถอนเงิน,ฝากเงิน,ยอดคงเหลือ
05/01/2024,7-ELEVEN,324.50,,675.50
25/01/2024,เงินเดือน,,"10,000.00","10,675.50"
""",
    ),
    (
        "german-soll-haben",
        "cp1252",
        "EUR",
        "CHECKING",
        2,
        "1467.50",
        """\
Umsätze Girokonto;;;Kundennummer: 100 1234567
01.01.2024 - 31.01.2024
Letzter Kontostand;;;;1.000,00;EUR
Vorgemerkte und noch nicht gebuchte Umsätze sind nicht Bestandteil dieser Übersicht.
Buchungstag;Wert;Umsatzart;Begünstigter / Auftraggeber;Verwendungszweck;IBAN;BIC;Kundenreferenz;Mandatsreferenz;Gläubiger ID;Fremde Gebühren;Betrag;Abweichender Empfänger;Anzahl der Aufträge;Anzahl der Schecks;Soll;Haben;Währung
05.01.2024;05.01.2024;SEPA-Lastschrift;REWE;Einkauf;DE1;B;;;;;-32,50;;;;-32,50;;EUR
25.01.2024;25.01.2024;SEPA-Überweisung;ACME;Gehalt;DE2;B;;;;;1.500,00;;;;;1.500,00;EUR
Kontostand;31.01.2024;;;2.467,50;EUR
""",
    ),
]


@pytest.mark.parametrize("bank", BANKS, ids=[bank[0] for bank in BANKS])
def test_statement_is_read_exactly_without_a_mapping(
    bank: tuple[str, str, str, str, int, str, str],
) -> None:
    _, encoding, home, kind, count, total, text = bank
    statement = read_file(text.encode(encoding), home_currency=home, account_type=kind)
    good = [row for row in statement.rows if row.problem is None]
    assert statement.questions == ()
    assert {row.currency for row in good} <= {home, None}
    assert {row.date.isoformat()[:7] for row in good if row.date} == {"2024-01"}
    found = sum((row.amount for row in good if row.amount is not None), Decimal(0))
    assert (len(good), found) == (count, Decimal(total))
    assert [row for row in statement.rows if row.problem and row.problem.decision == "FAILED"] == []
