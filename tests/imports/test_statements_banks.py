"""Statements in the manner of many banks, each written for this test, read without a mapping."""

from collections import defaultdict
from decimal import Decimal

import pytest

from resolvers.statements import Statement, read_csv

# Name, encoding, good rows, sum per currency, text.
BANKS: list[tuple[str, str, int, dict[str | None, str], str]] = [
    (
        "dutch-flag",
        "utf-8",
        2,
        {"EUR": "87.50"},
        '"Datum","Naam / Omschrijving","Rekening","Tegenrekening","Code","Af Bij","Bedrag (EUR)",'
        '"MutatieSoort","Mededelingen"\n'
        '"20180501","Bakker","NL01","","BA","Af","12,50","Betaalautomaat","Pasvolgnr:001"\n'
        '"20180502","Werk","NL01","NL02","OV","Bij","100,00","Overschrijving","Loon"\n',
    ),
    (
        "dutch-tab-two-balances",
        "utf-8",
        2,
        {"EUR": "-30.00"},
        "123456789\tEUR\t20180501\t100,00\t90,00\t20180501\t-10,00\tBEA Bakker Utrecht\n"
        "123456789\tEUR\t20180503\t90,00\t70,00\t20180503\t-20,00\tBEA Slager Utrecht\n",
    ),
    (
        "dutch-no-header-flag-word",
        "utf-8",
        3,
        {None: "-990.00"},
        '"27-02-2018","NL01TRIO","1.000,00","Debet","Huis BV","NL02","ID","Huur"\n'
        '"13-02-2018","NL01TRIO","15,00","Credit","Jan","NL03","ID","Terug"\n'
        '"11-02-2018","NL01TRIO","5,00","Debet","Winkel","NL04","ID","Kaas"\n',
    ),
    (
        "us-checking",
        "utf-8",
        3,
        {None: "1474.50"},
        "Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #\n"
        'DEBIT,12/28/2020,"GROCER 12/27",-20.50,DEBIT_CARD,2474.50,,\n'
        'CREDIT,12/15/2020,"EMPLOYER PPD",1500.00,ACH_CREDIT,2495.00,,\n'
        'CHECK,12/02/2020,"CHECK 104",-5.00,CHECK_PAID,995.00,104,\n',
    ),
    (
        "us-card-two-dates",
        "utf-8",
        3,
        {None: "65.00"},
        "Transaction Date,Post Date,Description,Category,Type,Amount,Memo\n"
        "01/30/2020,02/01/2020,BOOKS,Shopping,Sale,-25.00,\n"
        "01/29/2020,01/31/2020,CAFE,Food & Drink,Sale,-10.00,\n"
        "01/20/2020,01/20/2020,Payment Thank You-Mobile,,Payment,100.00,\n",
    ),
    (
        "us-debit-credit",
        "utf-8",
        3,
        {None: "75.00"},
        "Transaction Date,Posted Date,Card No.,Description,Category,Debit,Credit\n"
        "2020-01-10,2020-01-12,1234,SHOP,Merchandise,15.00,\n"
        "2020-01-09,2020-01-10,1234,CAFE,Dining,10.00,\n"
        "2020-01-08,2020-01-08,1234,CREDIT CARD PYMT,Payment/Credit,,100.00\n",
    ),
    (
        "us-no-header",
        "utf-8",
        3,
        {None: "-90.25"},
        '"01/22/2020","-100.00","*","","RENT PART"\n'
        '"01/21/2020","20.00","*","","REFUND"\n'
        '"01/20/2020","-10.25","*","","LUNCH"\n',
    ),
    (
        "us-summary-above",
        "utf-8",
        2,
        {None: "-50.00"},
        "Description,,Summary Amt.\n"
        'Beginning balance as of 01/01/2020,,"1,000.00"\n'
        'Total credits,,"50.00"\nTotal debits,,"-100.00"\n'
        'Ending balance as of 01/31/2020,,"950.00"\n\n'
        "Date,Description,Amount,Running Bal.\n"
        '01/01/2020,Beginning balance as of 01/01/2020,,"1,000.00"\n'
        '01/15/2020,"PAYMENT, RENT","-100.00","900.00"\n'
        '01/16/2020,"CASHBACK","50.00","950.00"\n',
    ),
    (
        "phone-bank",
        "utf-8",
        2,
        {"EUR": "90.01"},
        '"Date","Payee","Account number","Transaction type","Payment reference","Amount (EUR)",'
        '"Amount (Foreign Currency)","Type Foreign Currency","Exchange Rate"\n'
        '"2020-01-02","Shop","","MasterCard Payment","","-9.99","-11.10","USD","0.9"\n'
        '"2020-01-03","Anna","DE01","Income","Thanks","100.0","","",""\n',
    ),
    (
        "german-preamble",
        "cp1252",
        2,
        {"EUR": "-1178.10"},
        '"Kontonummer:";"DE01 / Girokonto";\n\n"Von:";"01.01.2020";\n"Bis:";"31.01.2020";\n'
        '"Kontostand vom 31.01.2020:";"2.000,00 EUR";\n\n'
        '"Buchungstag";"Wertstellung";"Buchungstext";"Auftraggeber / Begünstigter";'
        '"Verwendungszweck";"Kontonummer";"BLZ";"Betrag (EUR)";"Gläubiger-ID";'
        '"Mandatsreferenz";"Kundenreferenz";\n'
        '"10.01.2020";"10.01.2020";"Lastschrift";"Vermieter";"Miete";"DE02";"X";"-1.200,00";"";"";"";\n'
        '"09.01.2020";"09.01.2020";"Gutschrift";"Müller";"Für Essen";"DE03";"X";"21,90";"";"";"";\n',
    ),
    (
        "german-pending-info",
        "cp1252",
        1,
        {"EUR": "-8.00"},
        '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";'
        '"Beguenstigter/Zahlungspflichtiger";"Kontonummer";"BIC (SWIFT-Code)";"Betrag";"Waehrung";"Info"\n'
        '"DE01";"03.02.20";"03.02.20";"KARTENZAHLUNG";"Bäcker";"Bäcker Süß";"DE02";"BIC";"-8,00";"EUR";"Umsatz gebucht"\n'
        '"DE01";"04.02.20";"04.02.20";"KARTENZAHLUNG";"Markt";"Markt AG";"DE02";"BIC";"-9,00";"EUR";"Umsatz vorgemerkt"\n',
    ),
    (
        "british-id-and-local-amount",
        "utf-8",
        2,
        {"GBP": "-15.00"},
        "id,date,amount,currency,local_amount,local_currency,category,emoji,description,address,notes\n"
        "tx_0001a,2020-02-01 09:12:00 +0000,-5.00,GBP,-5.80,EUR,eating_out,x,CAFE PARIS,,\n"
        "tx_0002b,2020-02-02 10:12:00 +0000,-10.00,GBP,-10.00,GBP,groceries,x,SHOP,,weekly\n",
    ),
    (
        "paid-out-paid-in-currency-header",
        "utf-8",
        2,
        {"EUR": "70.00"},
        "Completed Date ; Description ; Paid Out (EUR) ; Paid In (EUR) ; Exchange Out; Exchange In;"
        " Balance (EUR); Category; Notes\n"
        "12 Dec 2018 ; Coffee ; 30.00 ;  ;  ;  ; 70.00 ; food ; \n"
        "11 Dec 2018 ; Top up ;  ; 100.00 ;  ;  ; 100.00 ; general ; \n",
    ),
    (
        "transfer-service",
        "utf-8",
        2,
        {"EUR": "-51.00"},
        '"Service ID",Date,Amount,Currency,Description,"Payment Reference","Running Balance",'
        '"Exchange From","Exchange To","Exchange Rate","Payer Name","Payee Name","Merchant","Total fees"\n'
        "TRANSFER-1,13-02-2020,-50.00,EUR,Sent money,,49.00,,,,,Ann,,0.00\n"
        "FEE-1,12-02-2020,-1.00,EUR,Charges,,99.00,,,,,,,0.00\n",
    ),
    (
        "indian-withdrawal-deposit",
        "utf-8",
        3,
        {None: "99400.00"},
        "Date,Narration,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.,Closing Balance\n"
        '01/04/20,UPI-SHOP,0000012,01/04/20,500.00,,"1,00,500.00"\n'
        '02/04/20,SALARY,0000013,02/04/20,,"1,00,000.00","2,00,500.00"\n'
        '23/04/20,ATM,0000014,23/04/20,100.00,,"2,00,400.00"\n',
    ),
    (
        "indian-tabs",
        "utf-8",
        2,
        {None: "150.00"},
        "Account Name       :\tMr A\nAddress            :\tRoad 1\nBalance on 1 Apr 2020\t:\t1,000.00\n\n"
        "Txn Date\tValue Date\tDescription\tRef No./Cheque No.\t        Debit\tCredit\tBalance\t\n"
        "1 Apr 2020\t1 Apr 2020\tBY TRANSFER\tTRANSFER FROM 1\t \t200.00\t1,200.00\t\n"
        "3 Apr 2020\t3 Apr 2020\tTO SHOP\tT2\t50.00\t \t1,150.00\t\n\n"
        "**This is a computer generated statement.\n",
    ),
    (
        "australian-no-header",
        "utf-8",
        3,
        {None: "63.00"},
        '14/02/2019,"-12.00","Cafe","+163.00"\n13/02/2019,"-25.00","Fuel","+175.00"\n'
        '12/02/2019,"+100.00","Wages","+200.00"\n',
    ),
    (
        "australian-debit-credit",
        "utf-8",
        2,
        {None: "80.00"},
        "Bank Account,Date,Narrative,Debit Amount,Credit Amount,Balance,Categories,Serial\n"
        "032000123456,15/02/2019,SHOP,20.00,,180.00,OTHER,\n"
        "032000123456,14/02/2019,PAY,,100.00,200.00,DEP,\n",
    ),
    (
        "swedish",
        "utf-8-sig",
        2,
        {None: "-1184.50"},
        "Datum;Transaktion;Kategori;Belopp;Saldo\n"
        "2020-01-02;Hyra;;-1.234,50;8.765,50\n2020-01-01;Swish;;50,00;10.000,00\n",
    ),
    (
        "danish-status",
        "cp1252",
        1,
        {None: "-45.00"},
        '"Dato";"Tekst";"Beløb";"Saldo";"Status";"Afstemt"\n'
        '"03.01.2020";"Netto";"-45,00";"955,00";"Udført";"Nej"\n'
        '"05.01.2020";"Husleje";"-900,00";"";"Venter";"Nej"\n',
    ),
    (
        "norwegian",
        "utf-8",
        2,
        {None: "400.00"},
        '"Dato";"Forklaring";"Rentedato";"Ut fra konto";"Inn på konto"\n'
        '"13.01.2020";"Kiwi";"13.01.2020";"100,00";""\n'
        '"12.01.2020";"Lønn";"12.01.2020";"";"500,00"\n',
    ),
    (
        "finnish",
        "cp1252",
        2,
        {None: "989.90"},
        "Kirjauspäivä;Arvopäivä;Määrä EUROA;Laji;Selitys;Saaja/Maksaja;Saajan tilinumero;Viite;Viesti\n"
        "02.01.2020;02.01.2020;-10,10;162;PKORTTIMAKSU;KAUPPA;;ref=1;\n"
        "03.01.2020;03.01.2020;+1000,00;506;TILISIIRTO;TYÖ OY;;ref=2;Palkka\n",
    ),
    (
        "polish-hash-header",
        "cp1250",
        2,
        {"PLN": "2989.50"},
        "Lista operacji;\nza okres:;01.01.2020;31.01.2020;\n\n"
        "#Data operacji;#Opis operacji;#Rachunek;#Kategoria;#Kwota;\n"
        "2020-01-03;ŻABKA ZAKUP;eKonto 1111;Żywność;-10,50 PLN;;\n"
        "2020-01-02;PRZELEW PRZYCHODZĄCY;eKonto 1111;Wpływy;3 000,00 PLN;;\n",
    ),
    (
        "polish-quoted",
        "cp1250",
        2,
        {"PLN": "-70.00"},
        '"Data operacji","Data waluty","Typ transakcji","Kwota","Waluta","Saldo po transakcji","Opis transakcji","","",""\n'
        '"2020-02-04","2020-02-03","Płatność kartą","-20.00","PLN","+930.00","Tytuł: 000","Lokalizacja: Łódź","",""\n'
        '"2020-02-02","2020-02-02","Przelew z rachunku","-50.00","PLN","+950.00","Rachunek: 11","","",""\n',
    ),
    (
        "czech",
        "utf-8",
        2,
        {"CZK": "-350.00"},
        '"ID operace";"Datum";"Objem";"Měna";"Protiúčet";"Název protiúčtu";"Poznámka";"Zpráva pro příjemce"\n'
        '"22001";"05.01.2020";"-450,00";"CZK";"";"";"Nákup: LIDL";""\n'
        '"22005";"07.01.2020";"100,00";"CZK";"1";"Jan Novák";"";"Dluh"\n',
    ),
    (
        "french-app",
        "utf-8",
        2,
        {None: "1186.06"},
        "dateOp;dateVal;label;category;categoryParent;supplierFound;amount;comment;accountNum;accountLabel;accountbalance\n"
        '2020-01-06;2020-01-04;"CARTE BOULANGERIE";Alimentation;Vie;boulangerie;-48,50;;001;Compte;1234.56\n'
        '2020-01-05;2020-01-05;"VIR SALAIRE";Salaires;Revenus;;"1 234,56";;001;Compte;1234.56\n',
    ),
    (
        "french-debit-credit",
        "cp1252",
        2,
        {None: "-40.00"},
        "Téléchargement du 01/02/2020;\n\nCompte de dépôt n° 001;\nSolde au 31/01/2020 1 500,00 €\n\n"
        "Date;Libellé;Débit euros;Crédit euros;\n"
        '30/01/2020;"PAIEMENT PAR CARTE\nX1 CAFE 29/01";60,00;;\n'
        '28/01/2020;"VIREMENT EN VOTRE FAVEUR";;20,00;\n',
    ),
    (
        "french-account-line",
        "cp1252",
        2,
        {None: "88.00"},
        "Compte de chèques;Compte de chèques;****1234;31/01/2020;;1 588,00\n"
        "30/01/2020;Paiement;CARTE;FACTURE CARTE DU 290120;-12,00\n"
        "14/01/2020;Virement;VIR;VIREMENT RECU;100,00\n",
    ),
    (
        "brazilian-no-header",
        "utf-8",
        3,
        {None: "952.34"},
        "02/01/2020;TED RECEBIDA;1.000,00\n03/01/2020;RSHOP-PADARIA;-12,66\n15/01/2020;TAR;-35,00\n",
    ),
    (
        "brazilian-ids",
        "utf-8",
        2,
        {None: "40.00"},
        "Data,Valor,Identificador,Descrição\n"
        "13/01/2020,-60.00,5e1c-aa,Compra no débito\n12/01/2020,100.00,5e1c-ab,Transferência recebida\n",
    ),
    (
        "spanish",
        "cp1252",
        2,
        {"EUR": "-23.10"},
        "FECHA OPERACIÓN;FECHA VALOR;CONCEPTO;IMPORTE EUR;SALDO\n"
        "03/01/2020;03/01/2020;COMPRA TARJ. MAÑANA;-33,10;966,90\n"
        "02/01/2020;02/01/2020;BIZUM;10,00;1.000,00\n",
    ),
    (
        "italian-pair",
        "utf-8",
        2,
        {None: "979.50"},
        "Data contabile;Data valuta;Descrizione;Accrediti;Addebiti;Descrizione estesa\n"
        "15/01/2020;15/01/2020;Stipendio;1.000,00;;EMOLUMENTI\n"
        "16/01/2020;14/01/2020;Pagamento POS;;-20,50;BAR\n",
    ),
    (
        "russian-statuses",
        "cp1251",
        2,
        {"RUB": "-700.00"},
        '"Дата операции";"Дата платежа";"Номер карты";"Статус";"Сумма операции";"Валюта операции";'
        '"Сумма платежа";"Валюта платежа";"Кэшбэк";"Категория";"MCC";"Описание"\n'
        '"31.01.2020 12:00:01";"31.01.2020";"*1";"OK";"-500,00";"RUB";"-500,00";"RUB";"";"Еда";"5411";"Пятёрочка"\n'
        '"30.01.2020 12:00:01";"30.01.2020";"*1";"FAILED";"-900,00";"RUB";"-900,00";"RUB";"";"Еда";"5411";"Лента"\n'
        '"29.01.2020 12:00:01";"29.01.2020";"*1";"OK";"-200,00";"RUB";"-200,00";"RUB";"";"Такси";"4121";"Такси"\n',
    ),
    (
        "japanese-signed",
        "cp932",
        2,
        {None: "4000"},
        "取引日,入出金(円),取引後残高(円),入出金内容\n"
        "20200105,-1000,9000,ラクテンカード\n20200106,5000,14000,振込 タナカ\n",
    ),
    (
        "japanese-pair",
        "euc_jp",
        2,
        {None: "-2500"},
        '"日付","摘要","摘要内容","支払い金額","預かり金額","差引残高"\n'
        '"2020/1/5","カード","ＡＴＭ","3,000","","97,000"\n'
        '"2020/1/6","利息","","","500","97,500"\n',
    ),
    (
        "chinese-flag",
        "gb18030",
        2,
        {None: "88.00"},
        "微信支付账单明细,,,,\n昵称:[小明],,,,\n----------------------,,,,\n"
        "交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号\n"
        "2020-01-05 12:00:00,商户消费,面馆,牛肉面,支出,¥12.00,零钱,支付成功,1000001x\n"
        "2020-01-04 12:00:00,转账,小红,转账,收入,¥100.00,零钱,已存入零钱,1000002x\n",
    ),
    (
        "paypal-like",
        "utf-8",
        3,
        {"EUR": "8.00", "USD": "-5.00"},
        '"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net","Balance","Transaction ID"\n'
        '"13/01/2020","10:00:00","GMT","Shop","Payment","Completed","USD","-5.00","0.00","-5.00","-5.00","AAA1"\n'
        '"13/01/2020","11:00:00","GMT","Bob","Payment","Completed","EUR","10.00","-1.00","9.00","9.00","AAA2"\n'
        '"14/01/2020","11:00:00","GMT","Game","Payment","Pending","EUR","-3.00","0.00","-3.00","9.00","AAA3"\n'
        '"15/01/2020","11:00:00","GMT","App","Payment","Completed","EUR","-1.00","0.00","-1.00","8.00","AAA4"\n',
    ),
    (
        "british-currency-header",
        "utf-8",
        2,
        {"GBP": "45.00"},
        "Date,Counter Party,Reference,Type,Amount (GBP),Balance (GBP),Spending Category,Notes\n"
        "03/02/2020,Cafe,CAFE,CONTACTLESS,-5.00,95.00,EATING_OUT,\n"
        "04/02/2020,Ann,thanks,FASTER PAYMENT,50.00,145.00,INCOME,\n",
    ),
    (
        "british-pounds",
        "cp1252",
        2,
        {None: "987.50"},
        '"Account Name:","Current Account ****12345"\n"Account Balance:","£1,987.50"\n'
        '"Available Balance: ","£1,987.50"\n\n'
        '"Date","Transaction type","Description","Paid out","Paid in","Balance"\n'
        '"10 Jan 2020","Bank credit","Employer","","£1,000.00","£2,000.00"\n'
        '"11 Jan 2020","Visa purchase","SHOP","£12.50","","£1,987.50"\n',
    ),
    (
        "british-memo",
        "utf-8",
        2,
        {None: "-30.00"},
        "Number,Date,Account,Amount,Subcategory,Memo\n"
        "     ,13/01/2020,20-00-00 12345678,-10.00,PAYMENT,SHOP            ON 12 JAN\n"
        "     ,10/01/2020,20-00-00 12345678,-20.00,DIRECTDEB,WATER CO\n",
    ),
    (
        "austrian-no-header",
        "utf-8-sig",
        2,
        {"EUR": "-1012.00"},
        '02.01.2020;"Billa dankt";02.01.2020;-12,00;EUR;02.01.2020 10:11:12:123\n'
        '03.01.2020;"Miete";03.01.2020;-1.000,00;EUR;03.01.2020 10:11:12:123\n',
    ),
    (
        "swiss-two-columns-footer",
        "utf-8-sig",
        2,
        {"CHF": "4250.00"},
        "Datum von:;2020-01-01\nBuchungsart:;Alle\nKonto:;CH01\nWährung:;CHF\n\n"
        "Buchungsdatum;Avisierungstext;Gutschrift in CHF;Lastschrift in CHF;Valuta;Saldo in CHF\n"
        "31.01.2020;LOHN;5000.00;;31.01.2020;9250.00\n30.01.2020;MIETE;;-750.00;30.01.2020;4250.00\n\n"
        "Disclaimer:\nDer Dokumentinhalt wurde durch Filtereinstellungen generiert.\n",
    ),
    (
        "wallet-with-preamble-balance",
        "utf-8",
        2,
        {None: "-5.00"},
        "Account Statement - (@me) ,,,,,,,\nAccount Activity,,,,,,,\n"
        ",ID,Datetime,Type,Status,Note,From,To,Amount (total),Amount (tip),Amount (tax),Amount (fee),"
        "Beginning Balance,Ending Balance,Disclaimer\n"
        ",,,,,,,,,,,,$10.00,,\n"
        ",3001,2020-01-05T10:00:00,Payment,Complete,Pizza,Me,Ann,- $15.00,,0,,,,\n"
        ",3002,2020-01-06T10:00:00,Payment,Complete,Taxi,Bob,Me,+ $10.00,,0,,,,\n"
        ',,,,,,,,,,,,,$5.00,"In case of errors\nwrite to us"\n',
    ),
    (
        "budget-app",
        "utf-8",
        2,
        {None: "20.00"},
        "Date,Payee,Memo,Outflow,Inflow\n01/13/20,Shop,food,10.00,\n01/14/20,Ann,,,30.00\n",
    ),
    (
        "canadian-no-header-pair",
        "utf-8",
        3,
        {None: "65.00"},
        "01/15/2020,SHOP,25.00,,1065.00\n01/14/2020,PAY,,100.00,1090.00\n01/13/2020,FEE,10.00,,990.00\n",
    ),
    (
        "portuguese-pair",
        "cp1252",
        2,
        {None: "470.50"},
        "Data mov.;Data valor;Descrição;Débito;Crédito;Saldo contabilístico\n"
        "03-01-2020;03-01-2020;COMPRA CAFÉ;29,50;;470,50\n02-01-2020;02-01-2020;TRF;;500,00;500,00\n",
    ),
    (
        "hungarian-dots",
        "cp1250",
        2,
        {"HUF": "-5000"},
        "Könyvelés dátuma;Értéknap;Összeg;Devizanem;Közlemény\n"
        "2020.01.03.;2020.01.03.;-15 000;HUF;Bolt\n2020.01.04.;2020.01.04.;10 000;HUF;Visszatérítés\n",
    ),
    (
        "turkish",
        "cp1254",
        2,
        {None: "-234.56"},
        "Tarih;Açıklama;Tutar;Bakiye\n13.01.2020;MAĞAZA ALIŞVERİŞ;-1.234,56;765,44\n"
        "14.01.2020;HAVALE GELEN;1.000,00;1.765,44\n",
    ),
    (
        "suffix-sides",
        "utf-8",
        3,
        {None: "135.00"},
        "Date,Particulars,Amount,Balance\n15/01/2020,SHOP,60.00 DR,140.00 CR\n"
        "16/01/2020,PAY,200.00 CR,340.00 CR\n17/01/2020,FEE,5.00 DR,335.00 CR\n",
    ),
    (
        "unquoted-comma-in-text",
        "utf-8",
        2,
        {None: "-30.00"},
        "Date,Description,Amount,Balance\n13/01/2020,CAFE, LONDON,-10.00,90.00\n"
        "14/01/2020,SHOP,-20.00,70.00\n",
    ),
    (
        "trailing-minus",
        "utf-8",
        2,
        {None: "15.00"},
        "Booking date;Text;Amount\n14-01-2020;Shop;85.00-\n15-01-2020;Pay;100.00\n",
    ),
    (
        "totals-below",
        "utf-8",
        2,
        {None: "90.00"},
        "Date;Description;Amount\n14.01.2020;Shop;-10,00\n15.01.2020;Pay;100,00\n;Total;90,00\n",
    ),
]


def _sums(statement: Statement) -> dict[str | None, Decimal]:
    sums: dict[str | None, Decimal] = defaultdict(Decimal)
    for row in statement.rows:
        if row.problem is None:
            assert row.amount is not None
            assert row.date is not None
            sums[row.currency] += row.amount
    return dict(sums)


@pytest.mark.parametrize(
    ("encoding", "count", "sums", "text"),
    [bank[1:] for bank in BANKS],
    ids=[bank[0] for bank in BANKS],
)
def test_bank_is_read_without_mapping_and_without_question(encoding, count, sums, text) -> None:
    statement = read_csv(text.encode(encoding))
    good = [row for row in statement.rows if row.problem is None]
    assert _sums(statement) == {code: Decimal(total) for code, total in sums.items()}
    assert len(good) == count
    assert statement.questions == ()
    assert not [r for r in statement.rows if r.problem and r.problem.decision == "FAILED"]
