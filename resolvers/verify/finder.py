"""The collector of one ledger's differences; it opens sealed cells and notes what stays shut."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, literal, tuple_

from models.database import Transaction as Tx
from models.sealing import KeyMissing, LedgerRing, SealBroken
from resolvers.verify.report import Difference, Kind, named

PAGE_ROWS: Final = 500


@dataclass(slots=True)
class Finder:
    """What is checked of one ledger, in one snapshot, and what was found so far."""

    tx: Tx
    ledger_id: UUID
    chain_key: bytes = field(repr=False)
    ring: LedgerRing | None = None
    """None when the keys are out of reach: then only the links of the chain can be checked."""
    found: list[Difference] = field(default_factory=list)

    def differs(self, kind: Kind, entity: str, entity_id: UUID, message: str) -> None:
        """Note a difference; the message holds no amount."""
        self.found.append(Difference(self.ledger_id, kind, entity, entity_id, message))

    def opened(
        self, place: str, entity: str, row_id: UUID, sealed: bytes | None, *, tell: bool = True
    ) -> bytes | None:
        """The contents of a cell (``place`` is ``table.column``).

        One that stays shut is None, and noted unless ``tell`` is off: it is noted elsewhere.
        """
        if sealed is None or self.ring is None:
            return None
        try:
            return self.ring.unseal(place, row_id, sealed)
        except (SealBroken, KeyMissing) as error:
            if tell:
                self._shut(place, entity, row_id, error)
            return None

    def minor(
        self, place: str, entity: str, row_id: UUID, sealed: bytes, *, tell: bool = True
    ) -> int | None:
        """An amount, as ``opened`` gives contents."""
        if self.ring is None:
            return None
        try:
            return self.ring.unseal_minor(place, row_id, sealed)
        except (SealBroken, KeyMissing) as error:
            if tell:
                self._shut(place, entity, row_id, error)
            return None

    def _shut(self, place: str, entity: str, row_id: UUID, error: Exception) -> None:
        self.differs(Kind.SEAL, entity, row_id, f"{place} of {named(entity, row_id)}: {error}")


async def pages(
    tx: Tx, statement: Select[Any], keys: Sequence[ColumnElement[Any]], *, rows: int = PAGE_ROWS
) -> AsyncIterator[Sequence[Row[Any]]]:
    """The rows of a statement page by page in the order of unique columns that it selects."""
    names = [key.key for key in keys if key.key is not None]
    after: tuple[Any, ...] | None = None
    while True:
        page = statement
        if after is not None:
            # Bound with the column's own type: a tampered number may be beyond int4.
            bound = [literal(value, key.type) for key, value in zip(keys, after, strict=True)]
            page = statement.where(tuple_(*keys) > tuple_(*bound))
        found = await tx.rows(page.order_by(*keys).limit(rows))
        if found:
            yield found
        if len(found) < rows:
            return
        after = tuple(getattr(found[-1], name) for name in names)
