"""What a verification found: differences named by row, never by amount."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from models import ids

_PREFIXES: Final = {
    "account": "acct",
    "budget": "bdgt",
    "budgetItem": "item",
    "category": "cat",
    "group": "grp",
    "group_transaction": "gtxn",
    "import": "imp",
    "rate": "rate",
    "rule": "rule",
    "invitation": "inv",
    "member": "user",
    "share": "gtxn",
    "template": "tmpl",
    "transaction": "txn",
    "upload": "file",
    "user": "user",
}


class Kind(StrEnum):
    """What is wrong with a row."""

    KEYS = "KEYS"
    """The ledger's data keys are gone or do not open."""
    SEAL = "SEAL"
    """A sealed cell does not open: altered, or moved from another place."""
    TOTAL = "TOTAL"
    """A kept sum, of an account or of a group, is not the sum of its transactions."""
    SPLIT = "SPLIT"
    """Parts and parent do not agree."""
    SEGMENT = "SEGMENT"
    """Packed amounts are not those of the transactions, or are missing."""
    LEARNED = "LEARNED"
    """What was learned of past choices is not what they are."""
    MEMBER = "MEMBER"
    """Who belongs to a group is not whom it shows."""
    LEG = "LEG"
    """A transaction does not move what the share of a group transaction says."""
    TRANSFER = "TRANSFER"
    """Two sides of a transfer do not agree."""
    CHAIN = "CHAIN"
    """A change was altered, moved or removed."""
    AUDIT = "AUDIT"
    """An entry of the audit was altered, moved or removed."""
    HEAD = "HEAD"
    """The chain does not end where the ledger says."""
    ROW = "ROW"
    """A stored row is not what the feed says, is unknown to it, or is missing."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be."""

    ledger_id: UUID
    kind: Kind
    entity: str
    entity_id: UUID
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what differs."""

    ledgers: int = 0
    transactions: int = 0
    changes: int = 0
    differences: tuple[Difference, ...] = ()

    def lines(self) -> list[str]:
        """The report for a person: one line a difference, then the counts."""
        told = [f"{one.kind} in ledger {one.ledger_id}: {one.message}" for one in self.differences]
        told.append(
            f"ledgers: {self.ledgers}, transactions: {self.transactions}, "
            f"changes: {self.changes}, differences: {len(self.differences) or 'none'}"
        )
        return told


def named(entity: str, entity_id: UUID) -> str:
    """An object as its owner knows it: with its id on the wire, where it has one."""
    prefix = _PREFIXES.get(entity)
    return ids.encode(prefix, entity_id) if prefix else f"{entity} {entity_id}"
