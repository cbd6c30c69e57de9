"""Tables in the words, months, marks and encodings of many languages, written at random."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest

from resolvers.statements import read_file

TABLES = 12
"""Of each language; a seed makes the same ones at every run."""


@dataclass(frozen=True)
class Language:
    """How people there write a statement."""

    encodings: str
    headers: str
    """Date, text, amount, debit, credit, flag and balance."""
    flags: str
    texts: str
    marks: tuple[str, str]
    home: str
    days: str = "%d.%m.%Y"
    months: str = ""


LANGUAGES = {
    "en": Language("utf-8-sig utf-16 cp1252", "Date|Description|Amount|Debit|Credit|Type|Balance", "DR CR", "Grocer|Café Luna|Rent", (".", ","), "GBP", "%d/%m/%Y", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
    "de": Language("utf-8 cp1252 utf-16-le", "Buchungstag|Verwendungszweck|Betrag|Soll|Haben|Soll/Haben|Saldo", "S H", "Bäckerei|Miete Müller", (",", "."), "EUR", months="Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez"),
    "fr": Language("utf-8 latin-1", "Date|Libellé|Montant|Débit|Crédit|Sens|Solde", "Débit Crédit", "Boulangerie|Loyer été", (",", "\u00a0"), "EUR", "%d/%m/%Y", "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
    "pl": Language("utf-8 cp1250", "Data operacji|Opis operacji|Kwota|Obciążenia|Uznania|Typ|Saldo", "Obciążenie Uznanie", "Piekarnia|Czynsz łódź", (",", " "), "PLN", months="sty lut mar kwi maj cze lip sie wrz paź lis gru"),
    "cs": Language("utf-8 cp1250 iso8859-2", "Datum|Popis|Částka|Výdaj|Příjem|Typ|Zůstatek", "Výdaj Příjem", "Pekařství|Nájem", (",", "\u00a0"), "CZK"),
    "ru": Language("utf-8 cp1251 koi8-r", "Дата|Описание|Сумма|Расход|Приход|Тип|Остаток", "Списание Зачисление", "Магазин продуктов|Квартира", (",", " "), "RUB"),
    "el": Language("utf-8 cp1253", "Ημερομηνία|Περιγραφή|Ποσό|Χρέωση|Πίστωση|Τύπος|Υπόλοιπο", "Χ Π", "Φούρνος της γειτονιάς|Ενοίκιο", (",", "."), "EUR"),
    "tr": Language("utf-8 cp1254", "Tarih|Açıklama|Tutar|Borç|Alacak|Tür|Bakiye", "Borç Alacak", "Fırın|Kira ödemesi", (",", "."), "TRY", months="Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara"),
    "he": Language("utf-8 cp1255", "תאריך|תיאור|סכום|חובה|זכות|סוג|יתרה", "חובה זכות", "מאפייה|שכר דירה", (".", ","), "ILS", "%d/%m/%y"),
    "ar": Language("utf-8 cp1256", "التاريخ|الوصف|المبلغ|مدين|دائن|النوع|الرصيد", "مدين دائن", "مخبز|إيجار", (".", ","), "AED", "%d/%m/%Y"),
    "lt": Language("utf-8 cp1257", "Data|Paskirtis|Suma|Debetas|Kreditas|D/K|Likutis", "D K", "Kepykla šalia|Nuoma", (",", ""), "EUR", "%Y-%m-%d"),
    "sv": Language("utf-8 latin-1", "Bokföringsdag|Beskrivning|Belopp|Uttag|Insättning|Typ|Saldo", "Uttag Insättning", "Bageri|Hyra för maj", (",", " "), "SEK", "%Y-%m-%d"),
    "ja": Language("utf-8 cp932 euc-jp", "日付|摘要|金額|出金|入金|区分|残高", "出金 入金", "パン屋|家賃の支払い", (".", ","), "JPY", "%Y年%m月%d日"),
    "zh": Language("utf-8 gb18030", "日期|摘要|金额|支出|收入|收/支|余额", "支出 收入", "面包店|房租付款", (".", ","), "CNY", "%Y/%m/%d"),
    "tw": Language("utf-8 big5", "日期|摘要|金額|支出|存入|收支|餘額", "支出 收入", "麵包店消費|房屋租金", (".", ","), "TWD", "%Y/%m/%d"),
    "ko": Language("utf-8 cp949", "거래일|적요|금액|출금|입금|구분|잔액", "출금 입금", "빵집 결제|월세 이체", (".", ","), "KRW", "%Y.%m.%d"),
    "th": Language("utf-8 cp874", "วันที่|รายการ|จำนวนเงิน|ถอน|ฝาก|ประเภท|ยอดคงเหลือ", "ถอน ฝาก", "ร้านขนมปัง|ค่าเช่าบ้าน", (".", ","), "THB", "%d/%m/%Y"),
    "in": Language("utf-8", "Txn Date|Narration|Amount (INR)|Withdrawal Amt.|Deposit Amt.|Dr / Cr|Closing Balance", "Dr Cr", "UPI-GROCER|NEFT RENT", (".", "lakh"), "INR", "%d/%m/%Y"),
    "ch": Language("utf-8 cp1252", "Datum|Buchungstext|Betrag|Belastung|Gutschrift|Typ|Saldo", "Belastung Gutschrift", "Bäckerei Zürich|Miete", (".", "'"), "CHF"),
}  # fmt: skip


def _figure(value: Decimal, language: Language) -> str:
    mark, group = language.marks
    whole, _, cents = f"{abs(value):.{0 if language.home in {'JPY', 'KRW'} else 2}f}".partition(".")
    if group == "lakh":
        head, tail = whole[:-3], whole[-3:]
        parts = [head[max(at - 2, 0) : at] for at in range(len(head), 0, -2)]
        text = ",".join([*reversed(parts), tail])
    else:
        text = f"{int(whole):,}".replace(",", group)
    return text + (mark + cents if cents else "")


def _money(rule: str, value: Decimal, language: Language, word: str) -> list[str]:
    figure, out = _figure(value, language), value < 0
    match rule:
        case "signed":
            return [("-" if out else "") + figure]
        case "trailing":
            return [figure + ("-" if out else "")]
        case "parentheses":
            return [f"({figure})" if out else figure]
        case "pair":
            return [figure, ""] if out else ["", figure]
        case "pair-signed":
            return [f"-{figure}", ""] if out else ["", figure]
    return [figure, word]


def _write(
    language: Language, chance: random.Random
) -> tuple[bytes, list[tuple[date, Decimal]], str]:
    """A table, what it says, and how it was written."""
    scale = 1 if language.home in {"JPY", "KRW"} else 100
    count = chance.randint(3, 9)
    values = [
        Decimal(chance.choice((1, -1)) * chance.randint(101, 10**7)) / scale for _ in range(count)
    ]
    values[0], values[1] = -abs(values[0]), abs(values[1])
    start = date(2024, chance.randint(1, 12), chance.randint(13, 28))
    days = sorted(start + timedelta(days=chance.randint(0, 40)) for _ in values)
    rule = chance.choice(
        ("signed", "trailing", "parentheses", "pair", "pair-signed", "flag", "flag")
    )
    delimiter, encoding = chance.choice(";\t|,"), chance.choice(language.encodings.split())
    months = language.months.split() if chance.random() < 0.5 else []
    names = language.headers.split("|")
    columns = {"flag": [names[2], names[5]], "pair": names[3:5], "pair-signed": names[3:5]}
    header = [names[0], names[1], *columns.get(rule, [names[2]])]
    balance = Decimal(1000)
    with_balance = chance.random() < 0.4
    lines = [[*header, names[6]] if with_balance else header]
    for day, value in zip(days, values, strict=True):
        balance += value
        word = language.flags.split()[value > 0]
        written = (
            f"{day:%d} {months[day.month - 1]} {day:%Y}" if months else f"{day:{language.days}}"
        )
        text = chance.choice(language.texts.split("|")) + f" {chance.randint(1, 999)}"
        row = [written, text, *_money(rule, value, language, word)]
        lines.append([*row, *_money("signed", balance, language, "")] if with_balance else row)
    if chance.random() < 0.5:
        lines[1:], days, values = lines[:0:-1], days[::-1], values[::-1]
    above = [[["Export"], []], [["Account", "12-34"], [], []], []][chance.randint(0, 2)]
    quoted = [[f'"{c}"' if delimiter in c else c for c in row] for row in [*above, *lines]]
    whole = chance.choice(("\n", "\r\n")).join(delimiter.join(row) for row in quoted)
    how = f"{encoding} {delimiter!r} {rule} {language.days} {months[:1]}\n{whole[:600]}"
    return whole.encode(encoding), list(zip(days, values, strict=True)), how


@pytest.mark.parametrize("name", LANGUAGES)
def test_what_is_written_in_a_language_is_read_without_a_mapping(name: str) -> None:
    language = LANGUAGES[name]
    chance = random.Random(f"statements in {name}")  # noqa: S311
    for _ in range(TABLES):
        data, expected, how = _write(language, chance)
        statement = read_file(data, home_currency=language.home)
        found = [(row.date, row.amount) for row in statement.rows if row.problem is None]
        assert (found, statement.questions) == (expected, ()), how
