"""The words for states, directions and balances that stand in the cells of statements."""

import re
from functools import lru_cache
from typing import Final, Literal

from resolvers.statements.words import fold, word_set

_STATES: Final[dict[str, frozenset[str]]] = {
    "PENDING": word_set(
        "pending|outstanding|processing|in progress|authorized|authorised|authorization|"
        "authorisation|scheduled|not posted|unposted|on hold|held|hold|awaiting|initiated|"
        "ausstehend|vorgemerkt|umsatz vorgemerkt|offen|in bearbeitung|schwebend|unbestatigt|"
        "noch nicht gebucht|en attente|en cours|a venir|pendiente|en proceso|pendente|"
        "in attesa|in sospeso|in corso|non contabilizzato|in behandeling|gereserveerd|"
        "oczekujaca|oczekujace|oczekuje|w realizacji|blokada|cekajici|ceka na zpracovani|"
        "blokace|nezauctovano|fuggo|fuggoben|feldolgozas alatt|vantande|reserverad|reservert|"
        "reserveret|afventer|odottaa|varaus|ootel|laukiama|rezervuota|в обработке|ожидает|"
        "ожидание|холд|εκκρεμει|beklemede|bekliyor|保留|処理中|未確定|处理中|待处理|대기|승인대기|"
        "entered|upcoming|future|forecast|forecasted|venter|reservasjon|reserveres"
    ),
    "DECLINED": word_set(
        "declined|failed|failure|rejected|reverted|cancelled|canceled|voided|void|expired|"
        "returned|error|unsuccessful|denied|abandoned|blocked|abgelehnt|fehlgeschlagen|storniert|"
        "abgebrochen|zuruckgewiesen|verfallen|refuse|refusee|echoue|annule|annulee|rejete|"
        "rechazado|rechazada|cancelado|cancelada|fallido|fallida|recusado|recusada|rifiutato|"
        "rifiutata|annullato|annullata|fallito|geweigerd|geannuleerd|mislukt|odrzucona|"
        "odrzucono|anulowana|anulowano|zamitnuto|zruseno|elutasitva|sikertelen|torolve|"
        "avvisad|nekad|avbruten|avvist|afvist|hylatty|peruttu|отклонено|отклонена|отменено|"
        "отменена|ошибка|неуспешно|απορριφθηκε|reddedildi|iptal|失敗|取消|失败|已取消|"
        "已关闭|交易关闭|실패|취소"
    ),
    "DONE": frozenset(
        [
            "completed",
            "complete",
            "posted",
            "booked",
            "settled",
            "success",
            "successful",
            "succeeded",
            "cleared",
            "reconciled",
            "uncleared",
            "processed",
            "executed",
            "done",
            "paid",
            "sent",
            "received",
            "ok",
            "final",
            "approved",
            "accepted",
            "refunded",
            "partially refunded",
            "abgeschlossen",
            "gebucht",
            "umsatz gebucht",
            "verbucht",
            "ausgefuhrt",
            "erledigt",
            "comptabilise",
            "termine",
            "effectue",
            "execute",
            "valide",
            "completado",
            "completada",
            "realizado",
            "realizada",
            "concluido",
            "concluida",
            "eseguito",
            "eseguita",
            "completato",
            "contabilizzato",
            "uitgevoerd",
            "voltooid",
            "geboekt",
            "verwerkt",
            "zrealizowana",
            "zrealizowano",
            "zaksiegowana",
            "wykonana",
            "zauctovano",
            "provedeno",
            "dokonceno",
            "teljesitett",
            "teljesult",
            "konyvelt",
            "genomford",
            "bokford",
            "bokfort",
            "bogfort",
            "suoritettu",
            "kirjattu",
            "исполнено",
            "исполнена",
            "выполнено",
            "успешно",
            "проведено",
            "ολοκληρωθηκε",
            "tamamlandi",
            "完了",
            "確定",
            "成功",
            "交易成功",
            "支付成功",
            "已完成",
            "완료",
            "성공",
        ]
    ),
}


def _folded(text: str) -> frozenset[str]:
    """Words as cells are compared: without case, accents and signs above letters."""
    return frozenset(word if word in {"+", "-"} else fold(word) for word in text.split("|"))


_DEBITS: Final = _folded(
    "d|dr|db|dbit|debit|debits|debet|debito|debe|dare|soll|s|af|out|outgoing|outflow|"
    "withdrawal|withdraw|expense|expenses|spending|spend|money out|paid out|"
    "payment out|-|minus|ausgabe|ausgang|belastung|lastschrift|uit|uitgaand|uitgave|"
    "cargo|gasto|egreso|depense|sortie|uscita|addebito|saida|despesa|wydatek|"
    "obciazenie|vydaj|odchozi|terheles|kiadas|utgift|ut|ud|meno|rashod|расход|"
    "списание|дебет|gider|borc|出金|支出|출금|지출|neg|negative|teret|χ|χρεωση|izmaksa|"
    "islaidos|חובה|משיכה|مدين|سحب|برداشت|uttag|ถอน|ถอนเงิน|rut|rut tien|ghi no|借方|借|"
    "引出|支払|지급|찾으신금액|debetas|debets|deebet|debite|isplata|breme|v breme|odliv|vydej|"
    "vydavok|odchozi platba|wyplata|obciazenia|витрата|списання|видаток|дебит|изходящ|"
    "cikis|harcama|debit card out|outbound|expenditure|money sent|withdrawals|debited|"
    "debit entry|sortie d argent|retrait|retiro|pago emitido|saque|despesas|otto|"
    "pano ulos"
)
_CREDITS: Final = _folded(
    "c|cr|crdt|credit|credits|kredit|credito|haber|avere|haben|h|bij|in|incoming|inflow|deposit|"
    "income|money in|paid in|payment in|+|plus|einnahme|eingang|gutschrift|inkomend|"
    "inkomst|abono|ingreso|recette|entree|entrata|accredito|entrada|receita|wplyw|przychod|"
    "uznanie|prijem|prichozi|jovairas|bevetel|ind|inn|tulo|prihod|приход|зачисление|кредит|"
    "доход|gelir|alacak|k|π|πιστωση|"
    "זכות|הפקדה|دائن|إيداع|واریز|insattning|ฝาก|ฝากเงิน|gui|ghi co|贷方|贷|存入|预入|預入|お預り|"
    "예금|맡기신금액|kreditas|kredits|kreedit|uplata|dobro|v dobro|priliv|prijmy|"
    "prichozi platba|wplata|uznania|надходження|зарахування|поступление|кредит|входящ|"
    "giris|inbound|money received|deposits|credited|credit entry|depot|versement|"
    "deposito|recebimento|receitas|pano"
    "|入金|収入|收入|입금|수입|pos|positive|korist|refund"
)
_BALANCE_LINE: Final = re.compile(
    r"(?:(?:opening|closing|starting|ending|beginning|previous|new|old|current|final|initial|"
    r"available|ledger|last|prior) (?:ledger |account |statement |cleared )?balance.*"
    r"|balance (?:brought|carried) (?:forward|down)|balance b f|balance c f|brought forward|"
    r"carried forward|balance (?:at|as|on|of) .*|(?:grand |sub ?)?totals?(?: .*)?|"
    r"(?:alter|neuer|letzter|anfangs|end|schluss|aktueller) ?(?:konto)?(?:saldo|kontostand)?"
    r"(?:saldo|kontostand).*|kontostand.*|(?:anfangs|end|schluss)(?:saldo|bestand).*|"
    r"saldovortrag|saldo (?:vom|am|per|zum)? ?.*|saldo|summen?|gesamt(?:summe)?|zwischensumme|"
    r"(?:ancien|nouveau) solde.*|solde(?: .*)?|report|(?:begin|eind)saldo.*|"
    r"totaal|totaux|totale|totales|razem|celkem|osszesen|итого|всего|sum(?:ma)?|yhteensa|"
    r"saldo (?:inicial|final|anterior|iniziale|finale|poczatkowe|koncowe|do dia).*|"
    r"(?:pocatecni|konecny) zustatek.*|(?:ingaende|utgaende) saldo.*|(?:nyito|zaro) ?egyenleg.*|"
    r"(?:входящий|исходящий) остаток.*|繰越|前月繰越|合計|小計|期初余额|期末余额|合计)"
)
# Labels that are never a transaction, even on a row with a date and an amount.
_SURE_BALANCE_LINE: Final = re.compile(
    r"(?:(?:opening|closing|ending|beginning|previous) (?:ledger |account |statement )?balance|"
    r"balance (?:brought|carried) (?:forward|down)|balance [bc] f|(?:brought|carried) forward|"
    r"(?:alter|neuer|letzter|anfangs|end|schluss) ?(?:konto)?(?:saldo|kontostand)|saldovortrag|"
    r"s a l d o|"
    r"(?:ancien|nouveau) solde|(?:begin|eind)saldo|saldo (?:inicial|final|anterior|iniziale|"
    r"finale|poczatkowe|koncowe|do dia)|(?:pocatecni|konecny) zustatek|"
    r"(?:ingaende|utgaende) saldo|(?:nyito|zaro) ?egyenleg|(?:входящий|исходящий) остаток|"
    r"turnover|kaive|apgrozijums|apyvarta|оборот|(?:algsaldo|loppsaldo)|"
    r"(?:sakuma|beigu) atlikums|(?:pradinis|galutinis) likutis|"
    r"前月繰越|期初余额|期末余额)(?: [\d ]+)?"
)
# Cheap to look for, and part of every sure label.
_BALANCE_STEMS: Final = (
    "balance", "forward", "saldo", "s a l d o", "kontostand", "solde", "statek", "egyenleg",
    "остаток", "繰越", "余额", "turnover", "käive", "apgroz", "apyvarta", "оборот", "likutis",
    "atlikums",
)  # fmt: skip
# What a credit card calls money coming in.
MONEY_IN: Final = re.compile(
    r"\b(?:payment (?:received|thank you)|thank you|autopay|direct debit received|refund|"
    r"cash ?back|salary|payroll|paycheck|dividend|zahlung (?:uberweisung )?erhalten|(?:vielen|besten) dank|"
    r"merci (?:de|pour) votre paiement|paiement recu|gracias por su pago|pago recibido|"
    r"bedankt voor uw betaling|betaling ontvangen|pagamento ricevuto|inbetalning|innbetaling|erstattung|"
    r"gehalt|lohn|salaire|remboursement|nomina|reembolso|stipendio|rimborso|salaris|"
    r"terugbetaling|wynagrodzenie|zwrot)\b"
)

# What is paid out by its very name, whatever the sign beside it.
MONEY_OUT: Final = re.compile(
    r"\b(?:purchase|sale|merchandise|einkauf|kartenzahlung|achat|paiement par carte|compra|"
    r"acquisto|aankoop|betaalautomaat|zakup|nakup|kop|kjop)\b"
)


@lru_cache(maxsize=4096)
def state_of(text: str) -> str | None:
    """PENDING, DECLINED or DONE when a status cell says so in any language, else None."""
    folded = fold(text)
    for state, words in _STATES.items():
        if folded in words:
            return state
    head = folded.split(" ")[0] if folded else ""
    if head in {"pending", "ausstehend", "declined", "failed", "completed", "reverted"}:
        return state_of(head)
    return None


@lru_cache(maxsize=4096)
def side_of(text: str) -> Literal["DEBIT", "CREDIT"] | None:
    """DEBIT or CREDIT when a cell is a direction flag in any language, else None."""
    text = text.strip()
    folded = text if text in {"+", "-"} else fold(text)
    if folded in _DEBITS:
        return "DEBIT"
    return "CREDIT" if folded in _CREDITS else None


_SHORT: Final = 4
_TOTALS: Final = frozenset(
    [
        "合計",
        "小計",
        "総計",
        "総合計",
        "合計金額",
        "繰越",
        "繰越残高",
        "前月繰越",
        "次月繰越",
        "差引残高",
        "合计",
        "总计",
        "小计",
        "總計",
        "余额合计",
        "합계",
        "총계",
        "소계",
        "총합계",
        "잔액합계",
        "รวม",
        "รวมทั้งสิ้น",
        "σύνολο",
        "المجموع",
        "الإجمالي",
    ]
)


def is_balance_line(text: str, *, sure: bool = False) -> bool:
    """Whether a text is wholly the label of a balance or a total.

    `sure` leaves out labels that also begin the name of a shop, such as Total.
    """
    if len(text) < _SHORT:
        # Scripts without an alphabet say it in two signs.
        return text in _TOTALS
    if text in _TOTALS:
        return True
    lower = text.lower()
    if sure:
        # Asked of each row of a file: a pattern would take three times as long.
        for stem in _BALANCE_STEMS:
            if stem in lower:
                break
        else:
            return False
    return (_SURE_BALANCE_LINE if sure else _BALANCE_LINE).fullmatch(fold(text)) is not None
