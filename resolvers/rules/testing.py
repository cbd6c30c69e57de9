"""A rule tried on the transactions that are there; nothing is written.

The database knows no folded texts and no amounts, so every transaction of the wanted days and
account is looked at: its texts, and its amount where the rule asks for it.  Only those that are
shown are opened as a whole.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select

from models.database import Transaction as Tx
from models.rules import RuleRow
from models.sealing import LedgerRing
from models.transactions import TransactionRow
from resolvers.access import Actor
from resolvers.errors import FieldError, Invalid, invalid
from resolvers.paging import Order, Page, PageRequest, fetch_page
from resolvers.rules.applying import Applied, apply_rules, kinds_of
from resolvers.rules.inputs import RowsInput, RuleDraft
from resolvers.rules.matching import Compiled, Facts, compile_rules
from resolvers.rules.patterns import TooCostly
from resolvers.rules.writes import check_draft, draft_of
from resolvers.transactions.rows import T, transactions_by_id

Key = tuple[date, UUID]
ROWS_AT_ONCE: Final = 2_000
_COLUMNS: Final = (T.c.id, T.c.date, T.c.account_id, T.c.currency, T.c.description, T.c.payee)
_ORDER: Final = Order((T.c.date, T.c.id), descending=True)


@dataclass(frozen=True, slots=True)
class Match:
    """A transaction that a rule matches: as it is, and as the rule would leave it."""

    before: TransactionRow
    after: TransactionRow
    kept: dict[str, str]

    @property
    def changes(self) -> bool:
        """Whether the rule would change anything."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class TrialCounts:
    """What a trial comes to."""

    matched: int
    changed: int


@dataclass(slots=True)
class Trial:
    """A rule and the transactions that it is tried on."""

    ledger_id: UUID
    rule: Compiled
    kinds: dict[UUID, str]
    rows: RowsInput
    _counting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _counted: TrialCounts | None = None

    async def counts(self, tx: Tx) -> TrialCounts:
        """How many transactions match and would change, found out once."""
        async with self._counting:
            if self._counted is None:
                self._counted = await _count(tx, self)
            return self._counted


async def begin_trial(tx: Tx, actor: Actor, draft: RuleDraft, rows: RowsInput) -> Trial:
    """A checked trial; raises VALIDATION_ERROR with every wrong field."""
    wrong: list[FieldError] = []
    await check_draft(tx, actor.ledger_id, draft.conditions, draft.actions, wrong, idle=True)
    if wrong:
        raise Invalid([FieldError(f"rule.{one.path}", one.code, one.message) for one in wrong])
    now: Any = None
    row: RuleRow = draft_of(actor.ledger_id, draft, created_at=now, updated_at=now)
    kinds = await kinds_of(tx, actor.ledger_id, [row])
    return Trial(actor.ledger_id, compile_rules([row])[0], kinds, rows)


def wanted_rows(ledger_id: UUID, rows: RowsInput) -> list[ColumnElement[bool]]:
    """Living transactions that rules look at, of the wanted days and account."""
    found = [T.c.ledger_id == ledger_id, T.c.deleted_at.is_(None), T.c.transfer_id.is_(None)]
    if rows.from_ is not None:
        found.append(T.c.date >= rows.from_)
    if rows.to is not None:
        found.append(T.c.date <= rows.to)
    if rows.account_id is not None:
        found.append(T.c.account_id == rows.account_id)
    return found


async def _matching(
    tx: Tx, trial: Trial, after: tuple[Any, ...] | None = None
) -> AsyncIterator[list[Key]]:
    """Sort keys of matching transactions behind one, newest first, in chunks."""
    await tx.unlock([trial.ledger_id])
    ring = tx.ring(trial.ledger_id)
    weighs = trial.rule.weighs
    columns = (*_COLUMNS, T.c.amount) if weighs else _COLUMNS
    statement: Select[Any] = select(*columns).where(*wanted_rows(trial.ledger_id, trial.rows))
    while True:
        page = await fetch_page(tx, statement, _ORDER, PageRequest(ROWS_AT_ONCE, after))
        try:
            # Beside the loop, which serves others meanwhile.
            yield await asyncio.to_thread(_chosen, trial, ring, page.items)
        except TooCostly as error:
            raise invalid("rule.conditions", str(error)) from error
        if not page.has_next:
            return
        after = page.keys[-1]


def _chosen(trial: Trial, ring: LedgerRing, rows: Sequence[Row[Any]]) -> list[Key]:
    """Sort keys of the rows that the rule matches."""
    found: list[Key] = []
    for row in rows:
        minor = 0
        if trial.rule.weighs:
            minor = ring.unseal_minor("transactions.amount", row.id, row.amount)
        facts = Facts(row.account_id, minor, row.currency, row.description, row.payee)
        if trial.rule.holds(facts):
            found.append((row.date, row.id))
    return found


async def trial_page(tx: Tx, trial: Trial, request: PageRequest) -> Page[Match]:
    """Transactions that the rule matches, newest first, and what it would change."""
    if request.size == 0:
        return Page((), (), has_next=False, has_previous=False)
    keys: list[Key] = []
    async for found in _matching(tx, trial, request.after):
        keys += found
        if len(keys) > request.size:
            break
    shown = keys[: request.size]
    matches = [_match(trial, row) for row in await _opened(tx, trial, shown)]
    return Page(matches, shown, len(keys) > request.size, request.after is not None)


async def _count(tx: Tx, trial: Trial) -> TrialCounts:
    """How many transactions the rule matches, and how many of them it would change."""
    matched = changed = 0
    async for found in _matching(tx, trial):
        matched += len(found)
        rows = await _opened(tx, trial, found)
        changed += sum(_match(trial, row).changes for row in rows)
    return TrialCounts(matched, changed)


async def _opened(tx: Tx, trial: Trial, keys: Sequence[Key]) -> list[TransactionRow]:
    rows = await transactions_by_id(tx, [(trial.ledger_id, one) for _, one in keys])
    return [row for row in rows if row is not None]


def _match(trial: Trial, row: TransactionRow) -> Match:
    done: Applied = apply_rules([trial.rule], row, trial.kinds, overwrite=trial.rows.overwrite)
    return Match(row, done.row, done.kept)
