"""Which rows of a file are in the books already: counted, never guessed.

A row of the books can stand for one row of the file only.  So of n equal rows of a file as many
are duplicates as the books held before, and three equal coffees of one day stay three.
"""

import hmac
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, LargeBinary, String, and_, any_, literal, select

from models.database import Transaction as Tx
from models.sealing import derive
from resolvers.imports.memories import Y
from resolvers.statements.lines import Line
from resolvers.transactions.rows import T

BROUGHT_BACK: Final = "Brought back from the trash."
CODE_BACK: Final = "BROUGHT_BACK"
CODE_DELETED: Final = "DELETED_EARLIER"
DELETED_EARLIER: Final = "Deleted earlier."
SURE: Final = 100
LEFT_OUT: Final = "You left it out earlier."
CODE_LEFT_OUT: Final = "LEFT_OUT_EARLIER"
_AS_SAID: Final = "You said earlier which transaction it is."
_SAME_ID: Final = "The account has a transaction with this id already."
_SAME_ROW: Final = "The account has this row already."
_OTHER_ID: Final = "Its id belongs to another booking, so it was not used."


def _plain(text: str | None) -> str:
    if not text:
        return ""
    folded = (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()
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
    transfer_id: UUID | None
    memory: UUID | None = None
    """What was remembered of an earlier ruling, if that is why it is known."""
    left_out: bool = False
    """There is no transaction: the row was left out by hand."""

    @property
    def claim(self) -> UUID:
        """What is used up by the row that it stands for."""
        return self.memory or self.id

    @property
    def rank(self) -> int:
        """Living transactions, what a person has said, what lies in the trash."""
        return 1 if self.memory is not None else 2 if self.deleted else 0


@dataclass(slots=True)
class Claims:
    """What rows of a file have used up so far; the same for a dry run as for a real one."""

    used: set[UUID] = field(default_factory=set)
    """Transactions that rows of the file stand for, and other sides they were joined to."""
    taken: set[tuple[UUID, str]] = field(default_factory=set)
    """External ids that rows of the file have given to transactions of an account."""
    revived: set[UUID] = field(default_factory=set)
    """Other sides that came back from the trash together with a row's transaction."""

    def copy(self) -> "Claims":
        """Claims that can be thrown away."""
        return Claims(set(self.used), set(self.taken), set(self.revived))


@dataclass(slots=True)
class Books:
    """What the books hold of a batch, without what this very import has booked."""

    claims: Claims
    by_key: dict[bytes, list[Known]] = field(default_factory=dict)
    by_external: dict[tuple[UUID, str], list[Known]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a row, and the transaction it is, was or shall be."""

    decision: str
    reason: str | None
    code: str | None = None
    """The reason as a stable word."""
    score: int | None = None
    """How sure it is, 0 to 100; None where nothing was compared."""
    transaction_id: UUID | None = None
    other_id: UUID | None = None
    """The transaction in another account that it is one transfer with."""
    external_id: str | None = None
    restore: bool = False
    overruled: bool = False
    memory: UUID | None = None
    """What was remembered of an earlier ruling and decided it."""
    undo: dict[str, Any] | None = None
    left_version: int | None = None


async def load_books(
    tx: Tx,
    ledger_id: UUID,
    import_id: UUID,
    rows: Sequence[tuple[Line, UUID, bytes]],
    claims: Claims,
) -> Books:
    """Everything in the books that rows, given with account and content key, may already be.

    Living rows and those in the trash, by content key in any account (a row may have been moved)
    and by external id in the row's own account.  What this very import has booked is left out: a
    dry run has booked nothing, and no row of a file is a reason to leave another one out.
    """
    keys = list({key for _, _, key in rows})
    external = list({line.external_id for line, _, _ in rows if line.external_id is not None})
    accounts = list({account_id for _, account_id, _ in rows})
    said = T.c.content_key == any_(literal(keys, ARRAY(LargeBinary)))
    found = await _known(tx, ledger_id, import_id, said)
    if external:
        named = T.c.external_id == any_(literal(external, ARRAY(String)))
        found |= await _known(tx, ledger_id, import_id, named & T.c.account_id.in_(accounts))
    books = Books(claims)
    remembered = await _remembered(tx, ledger_id, keys)
    free = [one for one in (*found.values(), *remembered) if one.claim not in claims.used]
    for one in sorted(free, key=lambda known: (known.rank, known.claim)):
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
            T.c.deleted_at, T.c.transfer_id,
        ).where(
            T.c.ledger_id == ledger_id, condition, T.c.import_id.is_distinct_from(import_id)
        )
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
            transfer_id=row.transfer_id,
        )
        for row in rows
    }


async def _remembered(tx: Tx, ledger_id: UUID, keys: Sequence[bytes]) -> list[Known]:
    """Rows that were left out by hand, or were said to be some transaction that is still there."""
    rows = await tx.rows(
        select(
            Y.c.id,
            Y.c.kind,
            Y.c.print,
            T.c.id.label("transaction_id"),
            T.c.account_id,
            T.c.date,
            T.c.deleted_at,
        )
        .join_from(
            Y, T, and_(T.c.ledger_id == Y.c.ledger_id, T.c.id == Y.c.transaction_id), isouter=True
        )
        .where(
            Y.c.ledger_id == ledger_id,
            Y.c.kind.in_(("LEFT_OUT", "SAME")),
            Y.c.print == any_(literal(list(keys), ARRAY(LargeBinary))),
        )
    )
    return [
        Known(
            id=row.transaction_id or row.id,
            account_id=row.account_id or row.id,
            key=row.print,
            external_id=None,
            day=row.date or date.min,
            minor=0,
            deleted=row.deleted_at is not None,
            transfer_id=None,
            memory=row.id,
            left_out=row.kind == "LEFT_OUT",
        )
        for row in rows
        if row.kind == "LEFT_OUT" or row.transaction_id is not None
    ]


def decide(line: Line, account_id: UUID, key: bytes, books: Books, *, restore: bool) -> Decision:
    """The decision for one good row as far as rows of banks tell it; notes what it used up.

    The bank's id decides first, unless the transaction that has it differs in both day and
    amount: then the id is no id and is not used.  After that the content decides.  A match in
    the trash was deleted by its owner: it stays there, or comes back with ``restore``.
    """
    external, remark, code = line.external_id, line.reason, line.code
    if external is not None:
        same = books.by_external.get((account_id, external), [])
        match = _pick((known for known in same if _agrees(known, line)), books.claims)
        if match is not None:
            return _matched(match, books.claims, "SAME_ID", _SAME_ID, restore=restore)
        living = any(not known.deleted for known in same)
        if living or (account_id, external) in books.claims.taken:
            external, remark, code = None, _OTHER_ID, "ID_OF_ANOTHER"
    # Of two rows that both carry an id of the bank, different ids are different bookings.
    alike = (
        known
        for known in books.by_key.get(key, ())
        if external is None or known.external_id is None
    )
    match = _pick(alike, books.claims)
    if match is not None:
        return _matched(match, books.claims, "SAME_ROW", _SAME_ROW, restore=restore)
    if external is not None:
        books.claims.taken.add((account_id, external))
    return Decision("NEW", remark, code or "NEW", external_id=external)


def _agrees(known: Known, line: Line) -> bool:
    return known.day == line.day or known.minor == line.minor


def _pick(candidates: Iterable[Known], claims: Claims) -> Known | None:
    """The first that is free; candidates come by rank.

    No more of them are looked at than rows of this batch have used: thousands may be equal.
    """
    free = (known for known in candidates if known.claim not in claims.used)
    if not claims.revived:
        return next(free, None)
    return min(free, key=lambda known: 0 if _back(known, claims) else known.rank, default=None)


def _back(known: Known, claims: Claims) -> bool:
    return known.memory is None and not _lost(known, claims)


def _lost(known: Known, claims: Claims) -> bool:
    return known.deleted and known.id not in claims.revived


def _matched(match: Known, claims: Claims, code: str, reason: str, *, restore: bool) -> Decision:
    claims.used.add(match.claim)
    if match.left_out:
        return Decision("SKIPPED", LEFT_OUT, CODE_LEFT_OUT, SURE, memory=match.memory)
    if match.memory is not None:
        code, reason = "SAME_AS_SAID", _AS_SAID
    if not _lost(match, claims):
        return Decision("DUPLICATE", reason, code, SURE, match.id, memory=match.memory)
    if not restore:
        return Decision("SKIPPED", DELETED_EARLIER, CODE_DELETED, SURE, match.id)
    return Decision(
        "NEW", BROUGHT_BACK, CODE_BACK, SURE, match.id, other_id=match.transfer_id,
        external_id=match.external_id, restore=True,
    )  # fmt: skip
