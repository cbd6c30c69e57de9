"""The words that bank files use for columns, states, directions and balances, as data."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from resolvers.statements.currencies import CODES

_LETTERS: Final = str.maketrans({"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae"})
_PADDED: Final = re.compile(r"[^\w#]+|_+")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BRACKETS: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


def word_set(text: str, between: str = "|") -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split(between))


# Role -> phrases, best first. A phrase stands for itself and for headers that contain it.
HEADER_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "date": _phrases(
        "booking date|posting date|posted date|post date|date posted|date booked|completed date|"
        "completed on|date completed|settlement date|settled date|buchungsdatum|buchungstag|"
        "buchung|boekdatum|boekingsdatum|date de comptabilisation|date comptable|"
        "date operation|date d operation|date de l operation|fecha de operacion|fecha operacion|"
        "fecha contable|data contabile|data operazione|data lancamento|data do lancamento|"
        "data mov|data movimento|data ksiegowania|data operacji|data zaksiegowania|"
        "konyveles datuma|konyvelesi datum|bokforingsdag|bokforingsdatum|bokforingsdato|"
        "bogfort|bogforingsdato|bokfort|kirjauspaiva|datum zauctovani|datum provedeni|"
        "datum zuctovania|kandekuupaev|datum knjizenja|data inregistrarii|дата проводки|"
        "дата операции|transaction date|trans date|tran date|txn date|date transaction|"
        "transactiedatum|transaktionsdatum|transaktionsdato|date de transaction|"
        "data transakcji|data transazione|data da transacao|datum transakce|"
        "tapahtumapaiva|datum pohybu|posted|processed date|process date|"
        "date|datum|dato|fecha|data|pvm|paiva|paivays|kuupaev|datums|dtposted|dia|giorno|jour|"
        "tag|dag|дата|ημερομηνια|tarih|islem tarihi|日付|取引日|お取引日|年月日|日期|交易日期|"
        "交易时间|날짜|거래일자|거래일시|التاريخ|תאריך|วันที่|ngay|tanggal|"
        "timestamp|time|date time|datetime|created|created on|created at|started date|"
        "date created|initiated|purchase date|umsatztag|belegdatum|kaufdatum|"
        "value date|valuta|valutadatum|valutierung|wertstellung|wertstellungsdatum|rentedatum|"
        "date valeur|date de valeur|fecha valor|data valuta|data valor|data waluty|ertektermin|"
        "ertek datum|valuuttapaiva|arvopaiva|rentedato|valor|effective date"
    ),
    "amount": _phrases(
        "net amount|netto|net|amount|transaction amount|amt|betrag|umsatz|montant|montant net|"
        "bedrag|transactiebedrag|importe|importo|valor|cantidad|monto|kwota|kwota operacji|"
        "kwota transakcji|castka|objem|suma|sum|summa|belopp|belob|belop|maara|osszeg|iznos|"
        "сумма|сума|ποσο|tutar|islem tutari|金額|取引金額|金额|交易金额|금액|거래금액|"
        "المبلغ|סכום|จำนวนเงิน|so tien|jumlah|nominal|trnamt|value|total|billing amount|"
        "billed amount|gross|brutto|gross amount|amount paid|quantia|znesek|vrednost|upphaed|"
        "debit credit|money in out|credit debit|summe|movimento|umsatzbetrag|net value"
    ),
    "debit": _phrases(
        "debit|debit amount|debits|withdrawal|withdrawals|withdrawal amount|withdrawal amt|"
        "withdrawal dr|withdrawn|debited|money sent|paid out|money out|outflow|out|payments|amount debited|debit value|"
        "spent|spending|expense|expenses|belastung|lastschrift|soll|ausgabe|ausgaben|ausgang|"
        "abgang|debet|af|uitgaven|uitgaand|sortie|sorties|depense|depenses|retrait|retraits|"
        "cargo|cargos|debe|retiro|retiros|adeudo|gasto|gastos|egreso|egresos|uscite|uscita|"
        "addebiti|addebito|dare|debito|debitos|saida|saidas|obciazenia|obciazenie|wydatki|"
        "wyplywy|vydaj|vydaje|odchozi|terheles|kiadas|ut|uttag|utgift|utgifter|ud af konto|"
        "haevet|ut av konto|ut fra konto|panot ulos|otto|rashod|isplata|teret|isplate|"
        "расход|списание|дебет|χρεωση|borc|cikan|出金|出金額|支出|お引出し|お支払金額|支払い金額|支払金額|引出|"
        "お支払い金額|출금|출금액|찾으신금액|rut|ghi no|debet rp|מדין|חובה|مدين|سحب|debetas|debets|deebet|ถอน|ถอนเงิน|借方"
    ),
    "credit": _phrases(
        "credit|credit amount|credits|deposit|deposits|deposit amount|deposit amt|deposit cr|deposited|credited|money received|"
        "paid in|money in|inflow|in|receipts|amount credited|credit value|received|income|"
        "gutschrift|haben|einnahme|einnahmen|eingang|zugang|bij|inkomsten|inkomend|entree|"
        "entrees|recette|recettes|depot|depots|versement|abono|abonos|haber|deposito|depositos|"
        "ingreso|ingresos|entrate|entrata|accrediti|accredito|avere|credito|creditos|entrada|"
        "entradas|uznania|uznanie|wplywy|przychody|prijem|prijmy|prichozi|jovairas|bevetel|"
        "insattning|insattningar|inkomst|inkomster|ind pa konto|indsat|inn pa konto|"
        "inn til konto|inn|panot|pano|prihod|uplata|uplate|korist|приход|зачисление|кредит|"
        "поступление|πιστωση|alacak|giren|入金|入金額|収入|お預入れ|お預り金額|預かり金額|預り金額|お預かり金額|お預け入れ額|预入|"
        "存入|收入|입금|입금액|맡기신금액|gui|ghi co|kredit|kredit rp|זכות|دائن|إيداع|kreditas|kredits|kreedit|ฝาก|ฝากเงิน|贷方"
    ),
    "flag": _phrases(
        "debit credit indicator|d k|k d|debit credit|debit or credit|credit debit|dr cr|cr dr|d c|c d|"
        "db cr|credit debit indicator|drcr|crdr|transaction type|dc|af bij|bij af|creditdebet|"
        "debet credit|debetcredit|soll haben|soll haben kennzeichen|s h|h s|sign|amount sign|"
        "billing amount sign|auswirkung auf guthaben|balance impact|direction|richtung|sens|"
        "sentido|type|art|typ|tipo|indicator|plus minus|tegn|natureza|richting|"
        "obciazenia uznania|вид операции|收支|收 支|거래구분"
    ),
    "currency": _phrases(
        "currency|currency code|ccy|curr|wahrung|waehrung|devise|monnaie|monn|valuta|valutacode|"
        "munt|muntsoort|moneda|divisa|moeda|waluta|mena|devizanem|penznem|valuut|valiuta|vauta|"
        "valuutta|para birimi|валюта|νομισμα|通貨|币种|통화|transaction currency|"
        "account currency|billing currency|iso currency|currency symbol|currency name|cur|"
        "curr code|ccy code|code devise|kontowahrung|wahrungscode|wahrungskurzel|munteenheid|"
        "valutakod|valutakode|kod waluty|mena uctu|valiutos kodas|valuta kod|valutni kod|deviza|"
        "devize|doviz|doviz cinsi|валута|валюта счета|валюта операции|валюта рахунку|货币|貨幣|"
        "幣別|通貨コード|통화코드|العملة|מטבע|สกุลเงิน|mata uang|loai tien|tien te|moneta|tipo de moneda|"
        "codigo de moneda|codice divisa|valuta conto"
    ),
    "description": _phrases(
        "description|transaction description|desc|details|transaction details|label|narrative|"
        "narration|particulars|transaction remarks|remarks|activity|memo|text|buchungstext|"
        "umsatztext|verwendungszweck|vorgang|beschreibung|booking text|omschrijving|mededelingen|"
        "naam omschrijving|libelle|remarque|intitule|nature de l operation|detail|concepto|"
        "descripcion|descrizione|causale|operazione|descricao|historico|descritivo|opis|"
        "opis operacji|tytul|tytulem|tytul operacji|popis|poznamka|zprava pro prijemce|"
        "kozlemeny|konyvelesi informaciok|megnevezes|leiras|beskrivning|tekst|"
        "beskrivelse|forklaring|selitys|viesti|selgitus|paskirtis|mokejimo paskirtis|"
        "описание|назначение|назначение платежа|περιγραφη|aciklama|摘要|お取引内容|取引内容|"
        "内容|利用店名|利用先|店名|加盟店名|交易摘要|商品|적요|내용|거래내용|תיאור|البيان|noi dung|keterangan|uraian|"
        "reference text|payment details|subject|betreff|product name|item|spesifikasjon|"
        "transaction|motivo|detalii|svrha|svrha placanja|raksta"
    ),
    "payee": _phrases(
        "payee|name|payee name|merchant|merchant name|counterparty|counterparty name|"
        "counter party|partner name|partner|beneficiary|beneficiary name|recipient|vendor|"
        "payer|other party|auftraggeber empfanger|auftraggeber|empfanger|zahlungsempfanger|"
        "begunstigter zahlungspflichtiger|beguenstigter zahlungspflichtiger|zahlungspflichtiger|"
        "zahlungsbeteiligter|name zahlungsbeteiligter|handler|partnername|tegenpartij|"
        "naam tegenpartij|tegenrekeninghouder|naam|beneficiaire|tiers|nom|commercant|"
        "beneficiario|comercio|ordenante|esercente|controparte|nombre|odbiorca|nadawca|"
        "kontrahent|nazwa kontrahenta|protistrana|nazev protiuctu|partner nev|partner neve|"
        "mottagare|mottaker|modtager|saaja|saaja maksaja|vastapool|saaja nimi|gavejas|"
        "контрагент|получатель|δικαιουχος|取引先|相手先|交易对方|거래처|받는분|to account|"
        "merchant description|store|company|opposing name|name of counterparty"
    ),
    "notes": _phrases(
        "notes|note|comment|comments|memo|hinweis|notiz|bemerkung|kommentar|notiser|opmerking|"
        "opmerkingen|commentaire|notas|nota|observaciones|megjegyzes|uwagi|poznamky|メモ|备注|"
        "메모|message|additional info|additional information|extra details"
    ),
    "category": _phrases(
        "category|categories|kategorie|categorie|categoria|kategoria|kategori|kategoriya|"
        "category name|sub category|spending category|категория|カテゴリ|分类|카테고리|luokka|"
        "rubriek|catégorie|category group category"
    ),
    "externalId": _phrases(
        "transaction id|transactionid|transaction identifier|txn id|id|unique id|uuid|fitid|"
        "transaction number|transaction reference|transaction ref|reference number|ref no|"
        "reference no|operation number|bank reference|transaktions id|transaktionscode|"
        "transaktionsnummer|transactiereferentie|volgnr|volgnummer|referentie|referenz|"
        "referenznummer|n de transaction|no de transaction|numero de transaction|reference|ref|"
        "numero de operacion|referencia|riferimento|numer transakcji|identyfikator|"
        "id operace|id pohybu|cislo transakce|tranzakcioazonosito|arkistointitunnus|"
        "arhiveerimistunnus|номер операции|取引番号|交易号|交易单号|거래번호|order id|"
        "transfer id|payment id|wallet txn id|confirmation number|trace number|"
        "archiveringsnummer|entry reference|chq ref no|id transazione"
    ),
    "status": _phrases(
        "status|state|transaction status|payment status|zustand|statut|etat|estado|stato|stan|"
        "stav|allapot|info|tila|статус|状態|交易状态|当前状态|상태|cleared|pending|durum"
    ),
    "balance": _phrases(
        "balance|running balance|available balance|account balance|closing balance|"
        "ledger balance|balance after|saldo|solde|kontostand|guthaben|saldo na trn|"
        "saldo na mutatie|resulting balance|saldo nach buchung|saldo contable|saldo disponible|"
        "saldo po operacji|saldo po|zustatek|zostatok|egyenleg|szamlaegyenleg|stanje|"
        "balans|jaak|likutis|atlikums|остаток|баланс|υπολοιπο|bakiye|残高|差引残高|余额|잔액|"
        "거래후잔액|יתרה|الرصيد|so du|utgaende saldo|kontosaldo|beholdning|kumulativni"
    ),
    "fee": _phrases(
        "fee|fees|total fees|fee amount|charges|commission|gebuhr|gebuhren|frais|kosten|"
        "comision|commissione|commissioni|comissao|taxa|oplata|prowizja|poplatek|dij|avgift|"
        "gebyr|kulu|комиссия|手数料|手续费|수수료"
    ),
}
# Amounts, dates, currencies and names of another thing than the booking.
OTHER_THINGS: Final = word_set(
    "original orig originalbetrag oorspr oorspronkelijk foreign intl international fx instructed "
    "exchange exchanged rate kurs koers cours taux tipo tasso tax vat mwst steuer umsatzsteuer "
    "cashback reward rewards points discount shipping versand insurance tip hold limit local "
    "ursprung ursprungliche ursprungsbetrag fremdwahrung fremdwaehrung mandate mandat available "
    "origine quelle source target iban bban bic card karte cheque check account konto "
    "compte cuenta conto rekening minimum due birth opening statement bonus unit price "
    "quantity interest oryginalna originale auslandseinsatzentgelt versandkosten",
    " ",
)


_MONEY_WORDS: Final = frozenset({"euro", "euros", "euroa", "rs", "kr", "円", "元", "원"})


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """A text for comparing: lower case, no accents, words parted by single spaces."""
    text = _CAMEL.sub(" ", text[:300])
    bare = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    bare = "".join(c for c in bare if not unicodedata.combining(c))
    # Composed again, as Japanese and Korean letters fall apart too.
    return _PADDED.sub(" ", unicodedata.normalize("NFC", bare)).strip()


_FOLDED: Final[dict[str, dict[str, int]]] = {
    role: {fold(phrase): rank for rank, phrase in reversed(list(enumerate(phrases)))}
    for role, phrases in HEADER_WORDS.items()
}


@lru_cache(maxsize=4096)
def header_scores(header: str) -> dict[str, int]:
    """How well a header names each role: 1000 for the very word, less when it is one of many.

    Among the words of a role the better one scores higher, by at most 300.
    """
    scores: dict[str, int] = {}
    full = fold(header)
    bare = fold(_BRACKETS.sub(" ", header)) or full
    if not bare or len(bare) > 60:
        return scores
    # `Débit euros` and `Gutschrift in CHF` are the bare words.
    words = _without_currency(bare.split())
    bare = " ".join(words)
    other = any(word in OTHER_THINGS for word in words)
    for role, phrases in _FOLDED.items():
        best = 0
        for variant in {bare, full, re.sub(r" ?\d+$", "", bare), bare.replace(" ", "")}:
            if variant in phrases:
                best = max(best, 1000 - min(300, 2 * phrases[variant]))
        if not best:
            best = _contained(words, bare, phrases)
            # `Original amount` is an amount, though not the one that was booked.
            best = best // 2 if other and role != "externalId" else best
        if best:
            scores[role] = best
    return scores


def _without_currency(words: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for word in words:
        if word in _MONEY_WORDS or word.upper() in CODES:
            if kept and kept[-1] in {"in", "en"}:
                kept.pop()
        else:
            kept.append(word)
    return kept or list(words)


def _contained(words: Sequence[str], bare: str, phrases: dict[str, int]) -> int:
    best = 0
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + 4) + 1):
            phrase = " ".join(words[start:end])
            if phrase in phrases and len(phrase) > 2:
                share = 400 * len(phrase) // len(bare)
                best = max(best, 250 + share - min(150, phrases[phrase]))
    if not best and not bare.isascii():
        # Scripts without spaces: the longest word that is part of the header tells most.
        known = [p for p in phrases if not p.isascii() and len(p) > 1 and p in bare]
        best = max((400 + 60 * min(8, len(p)) - min(50, phrases[p]) for p in known), default=0)
    return best


def role_hits(cells: Sequence[str]) -> int:
    """How many different roles the cells of one record name, if it were the header."""
    roles: set[str] = set()
    for cell in cells[:64]:
        if 0 < len(cell) <= 60 and not cell[0].isdigit():
            scores = header_scores(cell)
            if scores:
                roles.add(max(scores, key=lambda role: scores[role]))
    return len(roles)
