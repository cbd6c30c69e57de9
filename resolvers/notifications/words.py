"""The words of notifications: English sentences, with money and dates as the reader's locale writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency

from resolvers.money import format_minor

_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Words:
    """A line, and what to say below it."""

    title: str
    body: str


@lru_cache(maxsize=256)
def _locale(name: str) -> Locale:
    """The nearest locale that is known: de-AT, then de, then English."""
    wanted = name.replace("-", "_")
    while wanted:
        try:
            return Locale.parse(wanted)
        except (UnknownLocaleError, ValueError):
            wanted = wanted.rpartition("_")[0]
    return Locale("en")


def money(minor: int, currency: str, locale: str) -> str:
    """An amount with its currency; never fewer digits than it has."""
    amount = Decimal(format_minor(minor, currency))
    shown: str = format_currency(
        amount, currency, locale=_locale(locale), decimal_quantization=False
    )
    return shown


def day(value: date, locale: str) -> str:
    """A date in words."""
    shown: str = format_date(value, format="medium", locale=_locale(locale))
    return shown


def short(text: str) -> str:
    """Somebody's text, cut where it would drown the sentence around it."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def invitation(inviter: str, group: str, role: str) -> Words:
    """Somebody is asked into a group."""
    return Words(
        f"{short(inviter)} invites you to {short(group)}",
        f"You would be {'an owner' if role == 'OWNER' else f'a {role.lower()}'} of the group.",
    )


def group_expense(what: str, group: str, amount: str, *, paid_only: bool) -> Words:
    """Somebody recorded an expense in which the reader has a share, or that she paid for others."""
    said = f"{amount} were recorded as paid by you." if paid_only else f"Your share is {amount}."
    return Words(f"{short(what)} in {short(group)}", said)


def settlement(group: str, amount: str, *, received: bool) -> Words:
    """Somebody recorded a payment from or to the reader."""
    if received:
        return Words(f"You were paid {amount}", f"It settles debts in {short(group)}.")
    return Words(f"Your payment of {amount} was recorded", f"It settles debts in {short(group)}.")


def budget_passed(name: str, budget: str, percent: int, used: str, plan: str, span: str) -> Words:
    """A budget, or an item of one, is past a threshold."""
    where = short(name) if name == budget else f"{short(name)} in {short(budget)}"
    body = f"{used} of {plan} are spent, {span}."
    if percent >= 100:
        return Words(f"{where} is used up", body)
    return Words(f"{where} is past {percent} %", body)


def template_posted(name: str, amount: str, days: list[str]) -> Words:
    """The scheduler has booked a template."""
    if len(days) == 1:
        return Words(f"{short(name)} was booked", f"{amount} on {days[0]}.")
    return Words(
        f"{short(name)} was booked {len(days)} times", f"{amount} each, {days[0]} to {days[-1]}."
    )


def template_due(name: str, amount: str, on: str) -> Words:
    """A template that does not post by itself has reached a date."""
    return Words(f"{short(name)} is due", f"{amount} on {on}. It is booked when you say so.")


def import_finished(
    filename: str, status: str, counts: Mapping[str, int], why: str | None
) -> Words:
    """An import has ended, or waits for a person."""
    name = short(filename)
    if status == "COMPLETED":
        rest = counts.get("duplicate", 0) + counts.get("skipped", 0)
        body = f"{counts.get('new', 0)} new, {counts.get('matched', 0)} matched, {rest} left out"
        failed = counts.get("failed", 0)
        return Words(f"{name} is imported", f"{body}, {failed} failed." if failed else f"{body}.")
    if status == "PENDING":
        return Words(f"{name} has a question", "Nothing is booked until you have looked at it.")
    return Words(f"{name} could not be imported", why or "The file could not be read.")


SECURITY: Final[Mapping[str, Words]] = {
    "SIGN_IN": Words(
        "Somebody signed in on a new device",
        "If it was not you, change your password and end that session.",
    ),
    "PASSWORD_CHANGED": Words(
        "Your password was changed", "All other sessions have ended. If it was not you, reset it."
    ),
    "PASSWORD_RESET": Words(
        "Your password was reset by mail",
        "All sessions have ended. If it was not you, look after your mailbox and reset it again.",
    ),
    "TOKEN_REUSED": Words(
        "A session was ended for your safety",
        "One of its tokens was used twice, so somebody may have copied it. Sign in again.",
    ),
    "SESSIONS_REVOKED": Words(
        "Other sessions were ended", "If it was not you, change your password."
    ),
    "TWO_FACTOR_ENABLED": Words(
        "Signing in asks for a code now", "Keep your recovery codes where you find them."
    ),
    "TWO_FACTOR_DISABLED": Words(
        "Signing in asks for no code any more",
        "If it was not you, change your password and turn it on again.",
    ),
    "RECOVERY_CODE_USED": Words(
        "A recovery code was used", "If it was not you, change your password and renew the codes."
    ),
    "PERSONAL_TOKEN_CREATED": Words(
        "A personal token was made", "If it was not you, end it and change your password."
    ),
    "IDENTITY_LINKED": Words(
        "An account elsewhere may sign in now",
        "If it was not you, unlink it and change your password.",
    ),
}
