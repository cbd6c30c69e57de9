"""Which rows of a file are in the books already: counted, never guessed.

A row of the books can stand for one row of the file only.  So of n equal rows of a file as many
are duplicates as the books held before, and three equal coffees of one day stay three.
"""

import hmac
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, LargeBinary, String, any_, literal, select

from models.database import Transaction as Tx
from models.sealing import derive
from resolvers.imports.prepare import Line
from resolvers.transactions.rows import T

BROUGHT_BACK: Final = "Brought back from the trash."
DELETED_EARLIER: Final = "Deleted earlier."
_SAME_ID: Final = "The account has a transaction with this id already."
_SAME_ROW: Final = "The account has this row already."
_OTHER_ID: Final = "Its id belongs to another booking, so it was not used."


def _plain(text: str | None) -> str:
    folded = unicodedata.normalize("NFKC", text or "").casefold()
    return " ".join(folded.split())


def ledger_secret(secret: bytes, ledger_id: UUID) -> bytes:
    """The key of a ledger's content keys; it outlives the ledger's data keys."""
    return derive(secret, "import content", context=ledger_id.bytes)


def content_key(key: bytes, account_id: UUID, line: Line) -> bytes:
    """Keyed hash (HMAC-SHA-256) of what a row says: account, day, money and words.

    The bank's own id is left out on purpose: one export of a statement has ids and the next has
    none, and both say the same.  Where ids are known on both sides, they decide first.
    """
    day = "" if line.day is None else line.day.isoformat()
    said = (day, str(line.minor), line.currency, _plain(line.description), _plain(line.payee))
    return hmac.digest(key, account_id.bytes + "\x1f".join(said).encode(), sha256)


@dataclass(frozen=True, slots=True)
class Known:
    """A row of the books that a row of the file may already be."""

    id: UUID
    account_id: UUID
    key: bytes | None
    external_id: str | None
    day: date
    minor: int
    deleted: bool
    own: bool
    """Booked by this very import: never a reason to leave another of its rows out."""


@dataclass(slots=True)
class Books:
    """What the books hold of a batch, and which of it already stands for a row of the file."""

    used: set[UUID]
    by_key: dict[bytes, list[Known]] = field(default_factory=dict)
    by_external: dict[tuple[UUID, str], list[Known]] = field(default_factory=dict)
    taken: set[tuple[UUID, str]] = field(default_factory=set)
    """External ids that rows of this batch were given."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a row, and the transaction it is, was or shall be."""

    decision: str
    reason: str | None
    transaction_id: UUID | None = None
    external_id: str | None = None
    restore: bool = False


async def load_books(
    tx: Tx,
    ledger_id: UUID,
    import_id: UUID,
    rows: Sequence[tuple[Line, UUID, bytes]],
    used: set[UUID],
) -> Books:
    """Everything in the books that rows, given with account and content key, may already be.

    Living rows and those in the trash, by content key in any account (a row may have been moved)
    and by external id in the row's own account.
    """
    keys = list({key for _, _, key in rows})
    external = list({line.external_id for line, _, _ in rows if line.external_id is not None})
    accounts = list({account_id for _, account_id, _ in rows})
    said = T.c.content_key == any_(literal(keys, ARRAY(LargeBinary)))
    found = await _known(tx, ledger_id, import_id, said)
    if external:
        named = T.c.external_id == any_(literal(external, ARRAY(String)))
        found |= await _known(tx, ledger_id, import_id, named & T.c.account_id.in_(accounts))
    books = Books(used)
    for one in sorted(found.values(), key=lambda known: known.id):
        if one.key is not None:
            books.by_key.setdefault(one.key, []).append(one)
        if one.external_id is not None:
            books.by_external.setdefault((one.account_id, one.external_id), []).append(one)
    return books


async def _known(
    tx: Tx, ledger_id: UUID, import_id: UUID, condition: ColumnElement[bool]
) -> dict[UUID, Known]:
    ring = tx.ring(ledger_id)
    rows = await tx.rows(
        select(
            T.c.id, T.c.account_id, T.c.content_key, T.c.external_id, T.c.date, T.c.amount,
            T.c.deleted_at, T.c.import_id,
        ).where(T.c.ledger_id == ledger_id, condition)
    )  # fmt: skip
    return {
        row.id: Known(
            id=row.id,
            account_id=row.account_id,
            key=row.content_key,
            external_id=row.external_id,
            day=row.date,
            minor=ring.unseal_minor("transactions.amount", row.id, row.amount),
            deleted=row.deleted_at is not None,
            own=row.import_id == import_id,
        )
        for row in rows
    }


def decide(line: Line, account_id: UUID, key: bytes, books: Books, *, restore: bool) -> Decision:
    """The decision for one good row; notes in ``books`` what it used up.

    The bank's id decides first, unless the transaction that has it differs in both day and
    amount: then the id is no id and is not used.  After that the content decides.  A match in
    the trash was deleted by its owner: it stays there, or comes back with ``restore``.
    """
    external, remark = line.external_id, line.reason
    if external is not None:
        same = books.by_external.get((account_id, external), [])
        match = _pick([known for known in same if _agrees(known, line)], books)
        if match is not None:
            return _matched(match, books, _SAME_ID, restore=restore)
        living = any(not known.deleted for known in same)
        if living or (account_id, external) in books.taken:
            external, remark = None, _OTHER_ID
    candidates = books.by_key.get(key, [])
    if external is not None:
        # Of two rows that both carry an id of the bank, different ids are different bookings.
        candidates = [known for known in candidates if known.external_id is None]
    match = _pick(candidates, books)
    if match is not None:
        return _matched(match, books, _SAME_ROW, restore=restore)
    if external is not None:
        books.taken.add((account_id, external))
    return Decision("NEW", remark, external_id=external)


def _agrees(known: Known, line: Line) -> bool:
    return known.day == line.day or known.minor == line.minor


def _pick(candidates: Sequence[Known], books: Books) -> Known | None:
    """The first that is free, living ones before those in the trash."""
    free = [known for known in candidates if not known.own and known.id not in books.used]
    return min(free, key=lambda known: (known.deleted, known.id), default=None)


def _matched(match: Known, books: Books, reason: str, *, restore: bool) -> Decision:
    books.used.add(match.id)
    if not match.deleted:
        return Decision("DUPLICATE", reason, match.id)
    if restore:
        return Decision("NEW", BROUGHT_BACK, match.id, restore=True)
    return Decision("SKIPPED", DELETED_EARLIER, match.id)
