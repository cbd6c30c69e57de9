"""Rulings: what a person decides about rows before they are booked, against what was decided.

They are kept with the import, sealed, and followed whenever its rows are decided: in its dry run
and in its real one.  A ruling holds as long as the row says what it said when it was made, and as
long as what it names is there; else the row is decided as any other and says so.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update

from models.database import Transaction as Tx
from models.imports import ImportLineRow, ImportRunRow
from models.transactions import TransactionRow
from resolvers.imports.decide import Books, Decision
from resolvers.imports.rows import M
from resolvers.ledgers import LedgerWrite
from resolvers.statements.lines import Line

MAX_RULINGS: Final = 10_000
OVERRULED: Final = "OVERRULED"
REASONS: Final = {
    "NEW": "You said that it is new.",
    "SKIPPED": "You left it out.",
    "DUPLICATE": "You said which transaction it is.",
    "MATCHED": "You said which transaction it is.",
    "TRANSFER": "You said which transaction is its other side.",
}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person has decided about one row."""

    position: int
    decision: str
    mark: str
    """What the row said."""
    transaction_id: UUID | None = None
    was: str | None = None
    """What the importer had decided."""
    was_id: UUID | None = None
    """The transaction that it had taken for the row or for its other side."""
    remembered: bool = False
    """What it had decided was an earlier ruling's doing, which is forgotten with this one."""

    @property
    def claimed(self) -> UUID | None:
        """What no other row of the file may stand for."""
        if self.transaction_id is None and self.was in {"DUPLICATE", "SKIPPED"}:
            return self.was_id
        return self.transaction_id


def mark_of(line: Line | ImportLineRow) -> str:
    """A digest of what a row says, whatever account it goes to."""
    day = line.day.isoformat() if isinstance(line, Line) and line.day else None
    if isinstance(line, ImportLineRow):
        day = line.date
    said = (day, line.minor, line.currency or None, line.description, line.payee)
    return sha256(json.dumps(said).encode()).hexdigest()[:32]


async def load_rulings(tx: Tx, run: ImportRunRow) -> dict[int, Ruling]:
    """The rulings of an import by position."""
    (row,) = await tx.rows(
        select(M.c.rulings).where(M.c.ledger_id == run.ledger_id, M.c.id == run.id)
    )
    if row.rulings is None:
        return {}
    await tx.unlock([run.ledger_id])
    told = json.loads(tx.ring(run.ledger_id).unseal("imports.rulings", run.id, row.rulings))
    return {one["position"]: _read(one) for one in told}


def _read(told: dict[str, Any]) -> Ruling:
    ids = {name: told[name] and UUID(told[name]) for name in ("transaction_id", "was_id")}
    return Ruling(**{**told, **ids})


async def store_rulings(write: LedgerWrite, run: ImportRunRow, rulings: Sequence[Ruling]) -> None:
    """Replace the rulings of an import."""
    told = json.dumps([asdict(one) for one in rulings], default=str).encode()
    sealed = write.ring.seal("imports.rulings", run.id, told)
    await write.tx.run(
        update(M)
        .where(M.c.ledger_id == write.ledger_id, M.c.id == run.id)
        .values(rulings=sealed if rulings else None)
    )


def problem_of(
    ruling: Ruling, line: Line | ImportLineRow, account_id: UUID | None, row: TransactionRow | None
) -> str | None:
    """Why the transaction that a ruling names cannot be what it says."""
    if ruling.transaction_id is None:
        return None
    if row is None:
        return "There is no such transaction any more."
    if ruling.decision == "TRANSFER":
        if row.account_id == account_id:
            return "It is in the row's own account; the other side of a transfer is in another one."
        if row.transfer_id is not None:
            return "That transaction is part of a transfer already; unlink it first."
        if row.splits or row.refund_of is not None or row.group_transaction_id is not None:
            return "That transaction is split, refunds something or follows a group, so it is no transfer."
        return _no_sides(line, row)
    if row.account_id != account_id:
        return "That transaction is in another account than the row."
    if ruling.decision == "MATCHED" and row.amount_minor != line.minor:
        return "That transaction has another amount than the row; change it first."
    if ruling.decision == "MATCHED" and row.content_key is not None:
        return "That transaction came from a bank already; say DUPLICATE."
    return None


def _no_sides(line: Line | ImportLineRow, row: TransactionRow) -> str | None:
    minor = line.minor or 0
    if minor * row.amount_minor >= 0:
        return "Both have the same sign, but what leaves one account enters the other."
    if row.currency == line.currency and row.amount_minor != -minor:
        return "The amounts differ; in one currency both sides of a transfer are equal."
    return None


def ruled(ruling: Ruling, line: Line, account_id: UUID, books: Books) -> Decision:
    """The decision that a ruling makes; the bank's id goes along where it is free."""
    external = line.external_id
    name = (account_id, external or "")
    if external is not None and (
        name in books.claims.taken
        or any(not known.deleted for known in books.by_external.get(name, ()))
    ):
        external = None
    made = Decision(
        ruling.decision, REASONS[ruling.decision], OVERRULED, overruled=True,
        transaction_id=None if ruling.decision == "TRANSFER" else ruling.transaction_id,
        other_id=ruling.transaction_id if ruling.decision == "TRANSFER" else None,
    )  # fmt: skip
    if ruling.decision in {"SKIPPED", "DUPLICATE"} or external is None:
        return made
    books.claims.taken.add((account_id, external))
    return replace(made, external_id=external)
