"""Statements in the manner of banks of the European continent, written for this test."""

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
        "dutch-flag",
        "utf-8",
        2,
        {"EUR": "87.50"},
        '"Datum","Naam / Omschrijving","Rekening","Tegenrekening","Code","Af Bij",'
        '"Bedrag (EUR)","MutatieSoort","Mededelingen"',
        '"20180501","Bakker","NL01","","BA","Af","12,50","Betaalautomaat","Pasvolgnr:001"',
        '"20180502","Werk","NL01","NL02","OV","Bij","100,00","Overschrijving","Loon"',
    ),
    _bank(
        "dutch-tab-two-balances",
        "utf-8",
        2,
        {"EUR": "-30.00"},
        "123456789\tEUR\t20180501\t100,00\t90,00\t20180501\t-10,00\tBEA Bakker Utrecht",
        "123456789\tEUR\t20180503\t90,00\t70,00\t20180503\t-20,00\tBEA Slager Utrecht",
    ),
    _bank(
        "dutch-no-header-flag-word",
        "utf-8",
        3,
        {None: "-990.00"},
        '"27-02-2018","NL01TRIO","1.000,00","Debet","Huis BV","NL02","ID","Huur"',
        '"13-02-2018","NL01TRIO","15,00","Credit","Jan","NL03","ID","Terug"',
        '"11-02-2018","NL01TRIO","5,00","Debet","Winkel","NL04","ID","Kaas"',
    ),
    _bank(
        "german-preamble",
        "cp1252",
        2,
        {"EUR": "-1178.10"},
        '"Kontonummer:";"DE01 / Girokonto";',
        "",
        '"Von:";"01.01.2020";',
        '"Bis:";"31.01.2020";',
        '"Kontostand vom 31.01.2020:";"2.000,00 EUR";',
        "",
        '"Buchungstag";"Wertstellung";"Buchungstext";"Auftraggeber / Begünstigter";'
        '"Verwendungszweck";"Kontonummer";"BLZ";"Betrag (EUR)";"Gläubiger-ID";'
        '"Mandatsreferenz";"Kundenreferenz";',
        '"10.01.2020";"10.01.2020";"Lastschrift";"Vermieter";"Miete";"DE02";"X";"-1.200,'
        '00";"";"";"";',
        '"09.01.2020";"09.01.2020";"Gutschrift";"Müller";"Für Essen";"DE03";"X";"21,90";"";"";"";',
    ),
    _bank(
        "german-pending-info",
        "cp1252",
        1,
        {"EUR": "-8.00"},
        '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";'
        '"Beguenstigter/Zahlungspflichtiger";"Kontonummer";"BIC (SWIFT-Code)";"Betrag";'
        '"Waehrung";"Info"',
        '"DE01";"03.02.20";"03.02.20";"KARTENZAHLUNG";"Bäcker";"Bäcker Süß";"DE02";"BIC";'
        '"-8,00";"EUR";"Umsatz gebucht"',
        '"DE01";"04.02.20";"04.02.20";"KARTENZAHLUNG";"Markt";"Markt AG";"DE02";"BIC";'
        '"-9,00";"EUR";"Umsatz vorgemerkt"',
    ),
    _bank(
        "swedish",
        "utf-8-sig",
        2,
        {None: "-1184.50"},
        "Datum;Transaktion;Kategori;Belopp;Saldo",
        "2020-01-02;Hyra;;-1.234,50;8.765,50",
        "2020-01-01;Swish;;50,00;10.000,00",
    ),
    _bank(
        "danish-status",
        "cp1252",
        1,
        {None: "-45.00"},
        '"Dato";"Tekst";"Beløb";"Saldo";"Status";"Afstemt"',
        '"03.01.2020";"Netto";"-45,00";"955,00";"Udført";"Nej"',
        '"05.01.2020";"Husleje";"-900,00";"";"Venter";"Nej"',
    ),
    _bank(
        "norwegian",
        "utf-8",
        2,
        {None: "400.00"},
        '"Dato";"Forklaring";"Rentedato";"Ut fra konto";"Inn på konto"',
        '"13.01.2020";"Kiwi";"13.01.2020";"100,00";""',
        '"12.01.2020";"Lønn";"12.01.2020";"";"500,00"',
    ),
    _bank(
        "finnish",
        "cp1252",
        2,
        {None: "989.90"},
        "Kirjauspäivä;Arvopäivä;Määrä EUROA;Laji;Selitys;Saaja/Maksaja;Saajan tilinumero;"
        "Viite;Viesti",
        "02.01.2020;02.01.2020;-10,10;162;PKORTTIMAKSU;KAUPPA;;ref=1;",
        "03.01.2020;03.01.2020;+1000,00;506;TILISIIRTO;TYÖ OY;;ref=2;Palkka",
    ),
    _bank(
        "polish-hash-header",
        "cp1250",
        2,
        {"PLN": "2989.50"},
        "Lista operacji;",
        "za okres:;01.01.2020;31.01.2020;",
        "",
        "#Data operacji;#Opis operacji;#Rachunek;#Kategoria;#Kwota;",
        "2020-01-03;ŻABKA ZAKUP;eKonto 1111;Żywność;-10,50 PLN;;",
        "2020-01-02;PRZELEW PRZYCHODZĄCY;eKonto 1111;Wpływy;3 000,00 PLN;;",
    ),
    _bank(
        "polish-quoted",
        "cp1250",
        2,
        {"PLN": "-70.00"},
        '"Data operacji","Data waluty","Typ transakcji","Kwota","Waluta",'
        '"Saldo po transakcji","Opis transakcji","","",""',
        '"2020-02-04","2020-02-03","Płatność kartą","-20.00","PLN","+930.00",'
        '"Tytuł: 000","Lokalizacja: Łódź","",""',
        '"2020-02-02","2020-02-02","Przelew z rachunku","-50.00","PLN","+950.00",'
        '"Rachunek: 11","","",""',
    ),
    _bank(
        "czech",
        "utf-8",
        2,
        {"CZK": "-350.00"},
        '"ID operace";"Datum";"Objem";"Měna";"Protiúčet";"Název protiúčtu";"Poznámka";'
        '"Zpráva pro příjemce"',
        '"22001";"05.01.2020";"-450,00";"CZK";"";"";"Nákup: LIDL";""',
        '"22005";"07.01.2020";"100,00";"CZK";"1";"Jan Novák";"";"Dluh"',
    ),
    _bank(
        "french-app",
        "utf-8",
        2,
        {None: "1186.06"},
        "dateOp;dateVal;label;category;categoryParent;supplierFound;amount;comment;"
        "accountNum;accountLabel;accountbalance",
        '2020-01-06;2020-01-04;"CARTE BOULANGERIE";Alimentation;Vie;boulangerie;-48,50;;'
        "001;Compte;1234.56",
        '2020-01-05;2020-01-05;"VIR SALAIRE";Salaires;Revenus;;"1 234,56";;001;Compte;1234.56',
    ),
    _bank(
        "french-debit-credit",
        "cp1252",
        2,
        {None: "-40.00"},
        "Téléchargement du 01/02/2020;",
        "",
        "Compte de dépôt n° 001;",
        "Solde au 31/01/2020 1 500,00 €",
        "",
        "Date;Libellé;Débit euros;Crédit euros;",
        '30/01/2020;"PAIEMENT PAR CARTE',
        'X1 CAFE 29/01";60,00;;',
        '28/01/2020;"VIREMENT EN VOTRE FAVEUR";;20,00;',
    ),
    _bank(
        "french-account-line",
        "cp1252",
        2,
        {None: "88.00"},
        "Compte de chèques;Compte de chèques;****1234;31/01/2020;;1 588,00",
        "30/01/2020;Paiement;CARTE;FACTURE CARTE DU 290120;-12,00",
        "14/01/2020;Virement;VIR;VIREMENT RECU;100,00",
    ),
    _bank(
        "spanish",
        "cp1252",
        2,
        {"EUR": "-23.10"},
        "FECHA OPERACIÓN;FECHA VALOR;CONCEPTO;IMPORTE EUR;SALDO",
        "03/01/2020;03/01/2020;COMPRA TARJ. MAÑANA;-33,10;966,90",
        "02/01/2020;02/01/2020;BIZUM;10,00;1.000,00",
    ),
    _bank(
        "italian-pair",
        "utf-8",
        2,
        {None: "979.50"},
        "Data contabile;Data valuta;Descrizione;Accrediti;Addebiti;Descrizione estesa",
        "15/01/2020;15/01/2020;Stipendio;1.000,00;;EMOLUMENTI",
        "16/01/2020;14/01/2020;Pagamento POS;;-20,50;BAR",
    ),
    _bank(
        "russian-statuses",
        "cp1251",
        2,
        {"RUB": "-700.00"},
        '"Дата операции";"Дата платежа";"Номер карты";"Статус";"Сумма операции";'
        '"Валюта операции";"Сумма платежа";"Валюта платежа";"Кэшбэк";"Категория";"MCC";'
        '"Описание"',
        '"31.01.2020 12:00:01";"31.01.2020";"*1";"OK";"-500,00";"RUB";"-500,00";"RUB";"";'
        '"Еда";"5411";"Пятёрочка"',
        '"30.01.2020 12:00:01";"30.01.2020";"*1";"FAILED";"-900,00";"RUB";"-900,00";'
        '"RUB";"";"Еда";"5411";"Лента"',
        '"29.01.2020 12:00:01";"29.01.2020";"*1";"OK";"-200,00";"RUB";"-200,00";"RUB";"";'
        '"Такси";"4121";"Такси"',
    ),
    _bank(
        "austrian-no-header",
        "utf-8-sig",
        2,
        {"EUR": "-1012.00"},
        '02.01.2020;"Billa dankt";02.01.2020;-12,00;EUR;02.01.2020 10:11:12:123',
        '03.01.2020;"Miete";03.01.2020;-1.000,00;EUR;03.01.2020 10:11:12:123',
    ),
    _bank(
        "swiss-two-columns-footer",
        "utf-8-sig",
        2,
        {"CHF": "4250.00"},
        "Datum von:;2020-01-01",
        "Buchungsart:;Alle",
        "Konto:;CH01",
        "Währung:;CHF",
        "",
        "Buchungsdatum;Avisierungstext;Gutschrift in CHF;Lastschrift in CHF;Valuta;Saldo in CHF",
        "31.01.2020;LOHN;5000.00;;31.01.2020;9250.00",
        "30.01.2020;MIETE;;-750.00;30.01.2020;4250.00",
        "",
        "Disclaimer:",
        "Der Dokumentinhalt wurde durch Filtereinstellungen generiert.",
    ),
    _bank(
        "portuguese-pair",
        "cp1252",
        2,
        {None: "470.50"},
        "Data mov.;Data valor;Descrição;Débito;Crédito;Saldo contabilístico",
        "03-01-2020;03-01-2020;COMPRA CAFÉ;29,50;;470,50",
        "02-01-2020;02-01-2020;TRF;;500,00;500,00",
    ),
    _bank(
        "hungarian-dots",
        "cp1250",
        2,
        {"HUF": "-5000"},
        "Könyvelés dátuma;Értéknap;Összeg;Devizanem;Közlemény",
        "2020.01.03.;2020.01.03.;-15 000;HUF;Bolt",
        "2020.01.04.;2020.01.04.;10 000;HUF;Visszatérítés",
    ),
    _bank(
        "turkish",
        "cp1254",
        2,
        {None: "-234.56"},
        "Tarih;Açıklama;Tutar;Bakiye",
        "13.01.2020;MAĞAZA ALIŞVERİŞ;-1.234,56;765,44",
        "14.01.2020;HAVALE GELEN;1.000,00;1.765,44",
    ),
    _bank(
        "nordea-dk",
        "cp1252",
        3,
        {None: "-151.95"},
        "Bogført;Tekst;Rentedato;Beløb;Saldo",
        "16-11-2012;Dankort-nota DSB Kobenhavn 15149;16-11-2012;-48,00;26550,33",
        "16-11-2012;Dankort-nota Ziggy Cafe;16-11-2012;-30,00;26598,33",
        "16-11-2012;Dankort-nota Lagkagehuset;16-11-2012;-73,95;26628,33",
    ),
    _bank(
        "ing-old",
        "utf-8",
        2,
        {None: "-36.05"},
        '20121115,From 1234567,12345,6789,BA,Af,"136,05",Betaalautomaat,"Description"',
        '20121112,"To",123,456,GT,Bij,"100,00",Internetbankieren,"Descr"',
    ),
    _bank(
        "gls",
        "cp1252",
        2,
        {"EUR": "970.20"},
        "Kontonummer;Buchungstag;Wertstellung;Auftraggeber/Empfänger;Buchungstext;VWZ1;"
        "VWZ2;Betrag;Kontostand;Währung",
        '123;22.06.2011;22.06.2011;"Laden";Lastschrift;A;B;-29,80;970,20;EUR',
        '123;21.06.2011;21.06.2011;"Firma";Gehalt;C;;1.000,00;1.000,00;EUR',
    ),
    _bank(
        "polish-capital-debit",
        "cp1250",
        2,
        {"PLN": "50.00"},
        "Data transakcji;Data księgowania;Opis;Obciążenia;Uznania;Saldo;Waluta",
        "13-01-2020;13-01-2020;Sklep;-50,00;;50,00;PLN",
        "12-01-2020;12-01-2020;Przelew;;100,00;100,00;PLN",
    ),
    _bank(
        "bnp-monthnames",
        "utf-8",
        2,
        {None: "-3.00"},
        "Date;Libellé;Montant",
        "13 févr. 2020;A;-1,00",
        "14 août 2020;B;-2,00",
    ),
    _bank(
        "swedbank",
        "cp1252",
        2,
        {"SEK": "-90.00"},
        "* Transaktioner Period 2020-01-01-2020-01-31 Skapad 2020-02-01 10:00 CET",
        "Radnummer,Clearingnummer,Kontonummer,Produkt,Valuta,Bokföringsdag,"
        "Transaktionsdag,Valutadag,Referens,Beskrivning,Belopp,Bokfört saldo",
        '1,8000,1111,"Privat","SEK",2020-01-13,2020-01-13,2020-01-13,"KAFE","KAFE",-100.00,910.00',
        '2,8000,1111,"Privat","SEK",2020-01-12,2020-01-12,2020-01-12,"Swish","Swish",10.00,1010.00',
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
