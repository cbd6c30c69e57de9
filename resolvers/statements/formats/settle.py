"""Settles a file that has been read: signs of reversals, proofs, ids, accounts; makes the rows."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from resolvers.statements.drafts import numbered, shown, skipped
from resolvers.statements.formats.entries import Draft, Entry, Part, telling
from resolvers.statements.model import Section, Statement, StatementError, StatementRow

_TOLD: Final = 5
_LEAST_SHARED: Final = 5


def settle(draft: Draft, account_number: str | None = None) -> Statement:
    """The statement of a file.

    Reversals take the direction under which the balances agree; a booking that stands in two
    parts of the file counts once; of several accounts the one that is asked for is taken, or
    the one whose number is that of the account it goes into, else all of them.  Raises
    BAD_MAPPING when the account asked for is not in the file.
    """
    mapping = draft.mapping
    for part in draft.parts:
        if mapping.currency is not None:
            part.currency = mapping.currency
        for entry in part.entries:
            entry.currency = mapping.currency or entry.currency or part.currency
            if mapping.sign_rule == "NEGATED" and entry.amount:
                entry.amount = -entry.amount
    if mapping.sign_rule == "NEGATED":
        draft.sign_rule = "NEGATED"
    for part in draft.parts:
        _turn(part, draft.warnings)
    sections = [_section(part) for part in draft.parts]
    _tell_gaps(draft, sections)
    _drop_copies(draft)
    _drop_repeats(draft)
    _settle_ids(draft)
    _take_account(draft, account_number)
    rows = [_row(entry) for part in draft.parts for entry in part.entries]
    if not rows:
        draft.warnings.append("The file holds no transactions.")
    return Statement(
        format=draft.format,
        detected=draft.detected(),
        rows=tuple(rows),
        questions=tuple(draft.questions),
        warnings=tuple(draft.warnings),
        headers=(),
        sections=tuple(sections),
    )


def _row(entry: Entry) -> StatementRow:
    if entry.problem is None and (entry.day is None or entry.amount is None):
        entry.fail("BAD_RECORD", "The record has no date or no amount.")
    return StatementRow(
        line=entry.line,
        date=entry.day,
        amount=entry.amount,
        currency=entry.currency,
        description=entry.description or entry.payee or "",
        payee=entry.payee or None,
        notes=entry.notes,
        category=entry.category,
        external_id=entry.external_id,
        balance=None,
        problem=entry.problem,
    )


def _booked(part: Part) -> list[Entry]:
    return [e for e in part.entries if e.problem is None and e.counts and e.amount is not None]


def _total(entries: Sequence[Entry]) -> Decimal:
    return sum((e.amount for e in entries if e.amount is not None), Decimal(0))


def _difference(part: Part) -> Decimal | None:
    """What the entries should make, where both balances are stated and in their currency."""
    if part.opening is None or part.closing is None:
        return None
    if any(e.currency != part.currency for e in _booked(part)):
        return None
    return part.closing - part.opening


def _turn(part: Part, warnings: list[str]) -> None:
    """Turn the reversals of a part round when only that makes its balances agree."""
    turned = [e for e in _booked(part) if e.turned]
    wanted = _difference(part)
    if not turned or wanted is None:
        return
    total, reversed_total = _total(_booked(part)), _total(turned)
    if total == wanted or total - 2 * reversed_total != wanted:
        return
    for entry in turned:
        entry.amount = -entry.amount if entry.amount else entry.amount
    warnings.append(
        f"Reversals ({len(turned)}) of the statement on line {part.line} count against their mark, "
        "as only so its balances agree."
    )


def _section(part: Part) -> Section:
    booked = _booked(part)
    total, wanted = _total(booked), _difference(part)
    return Section(
        line=part.line,
        account=part.account,
        bank=part.bank,
        currency=part.currency,
        opening=part.opening,
        closing=part.closing,
        rows=len(booked),
        total=total,
        proven=None if wanted is None else total == wanted,
    )


def _tell_gaps(draft: Draft, sections: Sequence[Section]) -> None:
    """Say where opening balance and rows do not make the closing balance."""
    off = [(s, p) for s, p in zip(sections, draft.parts, strict=True) if s.proven is False]
    for section, part in off[:_TOLD]:
        if section.opening is None or section.closing is None:
            continue
        whose = f" of {shown(section.account)}" if section.account else ""
        made = section.opening + section.total
        lost = sum(e.problem is not None and e.problem.decision == "FAILED" for e in part.entries)
        why = f" {lost} of its rows could not be read." if lost else ""
        draft.warnings.append(
            f"The balances{whose} on line {section.line} do not agree: {section.opening:f} and the "
            f"rows make {made:f}, but the file states {section.closing:f} "
            f"({section.closing - made:+f}).{why}"
        )
    if len(off) > _TOLD:
        draft.warnings.append(f"The balances of {len(off) - _TOLD} more statements do not agree.")


def _plain(account: str | None) -> str:
    return "".join(c for c in account or "" if c.isalnum()).upper()


def _drop_copies(draft: Draft) -> None:
    """Leave out a statement that the file holds twice: same account, balances and entries."""
    seen: dict[tuple[object, ...], int] = {}
    for part in draft.parts:
        if part.opening is None or part.closing is None or not part.entries:
            continue
        said = tuple((e.day, e.amount, e.description, e.payee) for e in part.entries)
        key = (_plain(part.account), part.currency, part.opening, part.closing, said)
        line = seen.setdefault(key, part.line)
        # Where nothing moved, two days may look alike.
        if line == part.line or part.opening == part.closing:
            continue
        for entry in part.entries:
            reason = f"The same statement begins on line {line} already."
            entry.problem = entry.problem or skipped("REPEATED", reason)


def _drop_repeats(draft: Draft) -> None:
    """Leave out a booking that an earlier part of the same account holds already.

    Reports of one day often begin anew with every hour.  Only an id that can name one booking
    alone decides, together with day and amount; inside one part nothing is left out.
    """
    if len(draft.parts) < 2:
        return
    seen: dict[tuple[object, ...], tuple[Part, int]] = {}
    for part in draft.parts:
        for entry in part.entries:
            if entry.problem is not None or not telling(entry.external_id):
                continue
            key = (_plain(part.account), entry.external_id, entry.day, entry.amount, entry.currency)
            first, line = seen.setdefault(key, (part, entry.line))
            if first is not part:
                reason = f"The same booking, {shown(entry.external_id or '')}, is on line {line}."
                entry.problem = skipped("REPEATED", reason)


def _settle_ids(draft: Draft) -> None:
    """Keep ids that name one booking each; a mere count of this file's rows is no id."""
    good = [(p, e) for p in draft.parts for e in p.entries if e.problem is None]
    ids = [(_plain(p.account), e.external_id) for p, e in good if e.external_id is not None]
    counts = Counter(ids)
    counted = bool(ids) and len(counts) == len(ids) and numbered([text for _, text in ids])
    for part, entry in good:
        repeats = counts[_plain(part.account), entry.external_id or ""] > 1
        if counted or repeats:
            entry.external_id = None


def _same(one: str, other: str) -> bool:
    """Whether two spellings mean one account: an IBAN ends with the number of its account."""
    short, long = sorted((one, other), key=len)
    bare = short.lstrip("0") or short
    return long == short or (len(bare) >= _LEAST_SHARED and long.endswith(bare))


def _take_account(draft: Draft, account_number: str | None) -> None:
    accounts = list(dict.fromkeys(p.account for p in draft.parts if p.account and p.entries))
    if draft.mapping.account is not None:
        wanted = _plain(draft.mapping.account)
        chosen = {a for a in accounts if wanted and _same(_plain(a), wanted)}
        if not chosen:
            named = ", ".join(shown(a) for a in accounts[:_TOLD]) or "none"
            message = f"The file has no such account; its accounts are {named}."
            raise StatementError("BAD_MAPPING", message)
    else:
        own = _plain(account_number)
        chosen = {a for a in accounts if own and _same(_plain(a), own)}
        if own and accounts and not chosen:
            draft.warnings.append(
                f"The file is of {_listed(accounts)}, which is not the number of this account."
            )
    if not chosen:
        if len({_plain(a) for a in accounts}) > 1:
            draft.warnings.append(
                f"The file holds the statements of {len(accounts)} accounts ({_listed(accounts)}); "
                "all of them were taken. Set mapping.account to take only one."
            )
        return
    for part in draft.parts:
        if part.account is None or part.account in chosen:
            continue
        for entry in part.entries:
            reason = f"The row is of another account of the file, {shown(part.account)}."
            entry.problem = skipped("OTHER_ACCOUNT", reason)


def _listed(accounts: Sequence[str]) -> str:
    named = ", ".join(shown(account) for account in accounts[:_TOLD])
    return f"{named}, …" if len(accounts) > _TOLD else named
