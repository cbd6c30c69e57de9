"""Where ledgers stand as a write begins, and who may write them, read under their lock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, exists, select, text

from models.base import among_named, table
from models.budgets import Budget
from models.database import Transaction
from models.jobs import Job
from models.ledgers import Ledger, Membership
from models.statements import Prepared

_LEDGERS: Final = table(Ledger)
_MEMBERSHIPS: Final = table(Membership)
_JOBS: Final = table(Job)
_PLANS: Final = table(Budget)
_TAKE_PEN: Final = text("SELECT take_pen(:ledger)")
_LOCK: Final = Prepared(
    select(_LEDGERS.c.id, _LEDGERS.c.version, _LEDGERS.c.head_hash)
    .where(among_named(_LEDGERS.c.id, "ledgers"))
    .order_by(_LEDGERS.c.id)
    .with_for_update()
)
_ROLES: Final = Prepared(
    select(_MEMBERSHIPS.c.ledger_id, _MEMBERSHIPS.c.role).where(
        among_named(_MEMBERSHIPS.c.ledger_id, "ledgers"),
        _MEMBERSHIPS.c.user_id == bindparam("actor"),
    )
)
# Money that moves is looked at by a job where there are budgets, and one waiting job is enough: it
# reads all that was written until it holds the ledger's lock.
PLANNED: Final = exists().where(_PLANS.c.ledger_id == _LEDGERS.c.id)
UNHEARD: Final = and_(
    PLANNED,
    ~exists().where(
        _JOBS.c.subject_id == _LEDGERS.c.id,
        _JOBS.c.kind == "notice_budgets",
        _JOBS.c.state == "WAITING",
    ),
)
_STATES: Final = (
    select(
        _LEDGERS.c.id,
        _LEDGERS.c.version,
        _LEDGERS.c.head_hash,
        _MEMBERSHIPS.c.role,
        UNHEARD.label("unheard"),
        PLANNED.label("planned"),
    )
    .join_from(_LEDGERS, _MEMBERSHIPS, _MEMBERSHIPS.c.ledger_id == _LEDGERS.c.id)
    .where(among_named(_LEDGERS.c.id, "ledgers"), _MEMBERSHIPS.c.user_id == bindparam("actor"))
)
_WIDTH: Final = len(_STATES.selected_columns)
More = Callable[[Select[Any]], Select[Any]]
"""Adds columns and outer joins: a ledger has at least one row, whatever it finds."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a write is known to look at, read in the statement that reads where its ledger stands."""

    more: More
    """A function of a module: what it makes is prepared once."""
    values: Mapping[str, Any]


@cache
def _reading(*more: More) -> Prepared:
    statement: Select[Any] = _STATES
    for one in more:
        statement = one(statement)
    return Prepared(statement)


@dataclass(frozen=True, slots=True)
class State:
    """A ledger as somebody who is in it finds it."""

    role: str
    version: int | None
    """None where it could not be locked for writing."""
    head: bytes = b""
    """Where the chain of its feed ends."""
    unheard: bool | None = None
    """Whether moved money leaves a job; None where that was not read."""
    planned: bool = False
    """Whether there are budgets at all, where that was read."""
    ahead: tuple[Sequence[tuple[Any, ...]], ...] = ()
    """For each of what was read ahead, its columns in the rows that were found."""


async def states(
    tx: Transaction,
    user_id: UUID,
    ledgers: Sequence[UUID],
    *,
    locked: bool = False,
    own_affair: bool = False,
    ahead: Sequence[Ahead] = (),
) -> dict[UUID, State]:
    """Ledgers and roles behind their lock, which a transaction may have begun with.

    With the lock, and of one ledger, more can be read in the same statement.
    """
    if not locked:
        return await _locked_states(tx, user_id, ledgers, own_affair=own_affair)
    values = {"ledgers": list(ledgers), "actor": user_id}
    for one in ahead:
        values |= one.values
    found = await tx.rows(_reading(*(one.more for one in ahead)), values)
    return {
        row.id: State(
            row.role, row.version, row.head_hash, row.unheard, row.planned, _cut(found, ahead)
        )
        for row in found
    }


def _cut(rows: Sequence[Any], ahead: Sequence[Ahead]) -> tuple[Sequence[tuple[Any, ...]], ...]:
    """Rows without the columns of states, in parts."""
    parts, at = [], _WIDTH
    for one in ahead:
        end = at + _added(one.more)
        parts.append([row[at:end] for row in rows])
        at = end
    return tuple(parts)


@cache
def _added(more: More) -> int:
    return len(more(_STATES).selected_columns) - _WIDTH


async def _locked_states(
    tx: Transaction, user_id: UUID, ledgers: Sequence[UUID], *, own_affair: bool
) -> dict[UUID, State]:
    """Lock the ledgers, then read the roles: whoever was removed meanwhile commits nothing."""
    if own_affair:
        for one in ledgers:
            await tx.run(_TAKE_PEN, {"ledger": one})
    locked = await tx.rows(_LOCK, {"ledgers": list(ledgers)})
    # A statement of its own: the one that waits for a lock still sees the time before it.
    roles = await tx.rows(_ROLES, {"ledgers": list(ledgers), "actor": user_id})
    held = {row.id: row for row in locked}
    return {
        row.ledger_id: State(row.role, held[row.ledger_id].version, held[row.ledger_id].head_hash)
        if row.ledger_id in held
        else State(row.role, None)
        for row in roles
    }
