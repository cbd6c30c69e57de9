"""Runs and their changes read from the database and sealed into it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update

from models.base import among, table
from models.database import Transaction as Tx
from models.rules import Labels, RuleChange, RuleChangeRow, RuleRow, RuleRun, RuleRunRow
from resolvers.access import Actor
from resolvers.errors import NotFound
from resolvers.ledgers import LedgerWrite
from resolvers.paging import Order, Page, PageRequest, fetch_page
from resolvers.rules.rows import condition_json, condition_of

N: Final = table(RuleRun)
C: Final = table(RuleChange)
Key = tuple[UUID, UUID]
_PLAIN: Final = tuple(f.name for f in fields(RuleRunRow))
_COLUMNS: Final = tuple(N.c[name] for name in _PLAIN)
_CHANGE_COLUMNS: Final = (
    C.c.ledger_id, C.c.id, C.c.run_id, C.c.transaction_id, C.c.content, C.c.outcome, C.c.kept,
)  # fmt: skip
_DECIDING: Final = ("id", "stop", "match", "category_id", "payee", "tags", "notes")


def run_of(row: Row[Any]) -> RuleRunRow:
    """A run out of its columns."""
    plain = {name: getattr(row, name) for name in _PLAIN}
    return RuleRunRow(**{**plain, "rule_ids": tuple(row.rule_ids)})


def _cells(row: RuleRunRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _PLAIN} | {"rule_ids": list(row.rule_ids)}


async def insert_run(write: LedgerWrite, row: RuleRunRow, rules: Sequence[RuleRow]) -> None:
    """Store a new run with its rules as they are now."""
    kept = [
        {name: getattr(rule, name) for name in _DECIDING}
        | {"conditions": [condition_json(one) for one in rule.conditions]}
        for rule in rules
    ]
    sealed = write.ring.seal("rule_runs.rules", row.id, json.dumps(kept, default=str).encode())
    await write.tx.run(insert(N).values(**_cells(row), rules=sealed))
    write.record("rule_run", "CREATE", None, row)


async def rules_of_run(tx: Tx, run: RuleRunRow) -> list[RuleRow]:
    """The rules of a run as they were when it was asked for."""
    where = (N.c.ledger_id == run.ledger_id, N.c.id == run.id)
    sealed = await tx.scalar(select(N.c.rules).where(*where))
    await tx.unlock([run.ledger_id])
    kept = json.loads(tx.ring(run.ledger_id).unseal("rule_runs.rules", run.id, sealed))
    return [_rule(run, place, one) for place, one in enumerate(kept, 1)]


def _rule(run: RuleRunRow, place: int, kept: dict[str, Any]) -> RuleRow:
    category = kept["category_id"]
    told = {
        **kept,
        "id": UUID(kept["id"]),
        "category_id": None if category is None else UUID(category),
        "tags": tuple(kept["tags"]),
        "conditions": tuple(condition_of(one) for one in kept["conditions"]),
    }
    return RuleRow(
        ledger_id=run.ledger_id, name="", position=place, active=True, version=1,
        created_at=run.created_at, updated_at=run.created_at, **told,
    )  # fmt: skip


async def update_run(write: LedgerWrite, old: RuleRunRow, **changes: Any) -> RuleRunRow:
    """Store a changed run; every step is a version and an entry in the feed."""
    new = replace(old, **changes, version=old.version + 1, updated_at=write.now)
    where = (N.c.ledger_id == write.ledger_id, N.c.id == old.id)
    await write.tx.run(update(N).where(*where).values(**_cells(new)))
    write.record("rule_run", "UPDATE", old, new)
    return new


async def list_runs(tx: Tx, actor: Actor, request: PageRequest) -> Page[RuleRunRow]:
    """A page of the person's runs, newest first."""
    statement = select(*_COLUMNS).where(N.c.ledger_id == actor.ledger_id)
    page = await fetch_page(tx, statement, Order((N.c.id,), descending=True), request)
    return page.map(lambda rows: [run_of(row) for row in rows])


async def count_runs(tx: Tx, actor: Actor) -> int:
    """How many runs the person has made."""
    mine = N.c.ledger_id == actor.ledger_id
    return int(await tx.scalar(select(func.count()).select_from(N).where(mine)))


async def runs_by_id(tx: Tx, keys: Sequence[Key]) -> list[RuleRunRow | None]:
    """Runs in the order of their keys (ledger, id); None for what is not there."""
    found: dict[Key, RuleRunRow] = {}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        rows = await tx.rows(
            select(*_COLUMNS).where(N.c.ledger_id == ledger_id, among(N.c.id, wanted))
        )
        found.update({(ledger_id, row.id): run_of(row) for row in rows})
    return [found.get(key) for key in keys]


async def get_run(tx: Tx, actor: Actor, run_id: UUID | None) -> RuleRunRow:
    """One run of the person; raises NOT_FOUND."""
    if run_id is not None:
        row = (await runs_by_id(tx, [(actor.ledger_id, run_id)]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such run.")


def _labels_json(labels: Labels) -> dict[str, Any]:
    return {name: value for name, value in asdict(labels).items() if name != "ledger_id"}


def _labels(ledger_id: UUID, kept: dict[str, Any]) -> Labels:
    category = kept["category_id"]
    return Labels(
        ledger_id=ledger_id,
        category_id=None if category is None else UUID(category),
        payee=kept["payee"],
        tags=tuple(kept["tags"]),
        notes=kept["notes"],
    )


async def insert_changes(write: LedgerWrite, rows: Sequence[RuleChangeRow]) -> None:
    """Store what a batch of a run changed, sealed."""
    if not rows:
        return
    cells = []
    for row in rows:
        told = {
            "before": _labels_json(row.before),
            "after": _labels_json(row.after),
            "rules": row.rule_ids,
        }
        content = json.dumps(told, default=str).encode()
        cells.append(
            {
                "ledger_id": row.ledger_id,
                "id": row.id,
                "run_id": row.run_id,
                "transaction_id": row.transaction_id,
                "content": write.ring.seal("rule_changes.content", row.id, content),
            }
        )
    await write.tx.run(insert(C), cells)


async def _open(tx: Tx, rows: Iterable[Row[Any]]) -> list[RuleChangeRow]:
    found = list(rows)
    await tx.unlock(row.ledger_id for row in found)
    opened = []
    for row in found:
        sealed = tx.ring(row.ledger_id).unseal("rule_changes.content", row.id, row.content)
        told = json.loads(sealed)
        opened.append(
            RuleChangeRow(
                ledger_id=row.ledger_id,
                id=row.id,
                run_id=row.run_id,
                transaction_id=row.transaction_id,
                before=_labels(row.ledger_id, told["before"]),
                after=_labels(row.ledger_id, told["after"]),
                rule_ids=tuple(UUID(one) for one in told["rules"]),
                outcome=row.outcome,
                kept=tuple(row.kept),
            )
        )
    return opened


async def list_changes(
    tx: Tx, ledger_id: UUID, run_id: UUID, request: PageRequest, *, outcome: str | None = None
) -> Page[RuleChangeRow]:
    """A page of what a run changed, in the order of its going."""
    statement = select(*_CHANGE_COLUMNS).where(C.c.ledger_id == ledger_id, C.c.run_id == run_id)
    if outcome is not None:
        statement = statement.where(C.c.outcome == outcome)
    page = await fetch_page(tx, statement, Order((C.c.id,)), request)
    rows = await _open(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_changes(
    tx: Tx, ledger_id: UUID, run_id: UUID, *, outcome: str | None = None
) -> int:
    """How many transactions a run changed."""
    where = [C.c.ledger_id == ledger_id, C.c.run_id == run_id]
    if outcome is not None:
        where.append(C.c.outcome == outcome)
    return int(await tx.scalar(select(func.count()).select_from(C).where(*where)))


async def changes_of(
    tx: Tx, ledger_id: UUID, transaction_ids: Sequence[UUID]
) -> dict[UUID, list[RuleChangeRow]]:
    """What runs have changed on transactions, the newest change of each first."""
    if not transaction_ids:
        return {}
    runs = await tx.rows(select(N.c.id).where(N.c.ledger_id == ledger_id))
    # By run and transaction, as the index goes.
    rows = await tx.rows(
        select(*_CHANGE_COLUMNS)
        .where(
            C.c.ledger_id == ledger_id,
            among(C.c.run_id, [run.id for run in runs]),
            among(C.c.transaction_id, transaction_ids),
        )
        .order_by(C.c.id.desc())
    )
    found: dict[UUID, list[RuleChangeRow]] = {}
    for one in await _open(tx, rows):
        found.setdefault(one.transaction_id, []).append(one)
    return found


async def open_changes(tx: Tx, run: RuleRunRow, most: int) -> list[RuleChangeRow]:
    """The oldest changes of a run of which nothing has become yet."""
    rows = await tx.rows(
        select(*_CHANGE_COLUMNS)
        .where(C.c.ledger_id == run.ledger_id, C.c.run_id == run.id, C.c.outcome.is_(None))
        .order_by(C.c.id)
        .limit(most)
    )
    return await _open(tx, rows)
