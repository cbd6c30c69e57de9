"""What a decided row does to the books, and the notes from which it can be taken back.

A matched transaction keeps what a person wrote: only what was empty is filled from the file, and a
pending one is posted.  A row of its own leaves a print of what it said, so that a later look tells
whether anybody has changed it since.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from json import dumps
from json.encoder import encode_basestring_ascii as escaped
from typing import Any, Final
from uuid import UUID

from models.transactions import TransactionRow
from resolvers.ledgers import LedgerWrite
from resolvers.statements.lines import Line

FILLED: Final = (
    "payee", "notes", "category_id", "external_id", "content_key", "status", "category_kind",
)  # fmt: skip
"""What a match may change."""
Category = tuple[UUID, str] | None


def print_of(row: TransactionRow) -> str:
    """A digest of everything about a transaction that a person edits; links are none of it."""
    if not (row.tags or row.splits):
        return _plain_print(row)
    said = [
        str(row.account_id), str(row.category_id), row.date.isoformat(), row.amount_minor,
        row.description, row.payee, row.notes, list(row.tags), row.status, str(row.refund_of),
        [[str(part.category_id), part.amount_minor, part.notes] for part in row.splits],
    ]  # fmt: skip
    return sha256(dumps(said).encode()).hexdigest()[:32]


def _plain_print(row: TransactionRow) -> str:
    """The same digest of a row without tags and parts, as most rows of a file are."""
    words = ", ".join(
        "null" if one is None else escaped(one) for one in (row.description, row.payee, row.notes)
    )
    said = (
        f'["{row.account_id}", "{row.category_id}", "{row.date.isoformat()}", {row.amount_minor}, '
        f'{words}, [], "{row.status}", "{row.refund_of}", []]'
    )
    return sha256(said.encode()).hexdigest()[:32]


def merged(
    write: LedgerWrite,
    old: TransactionRow,
    line: Line,
    external_id: str | None,
    key: bytes,
    category: Category,
) -> TransactionRow:
    """A transaction that was entered, with what the bank's row adds to it."""
    plain = (
        old.category_id is None
        and "CATEGORY" not in old.locked
        and not old.splits
        and old.transfer_id is None
        and old.refund_of is None
        and old.group_transaction_id is None
    )
    return replace(
        old,
        # What a hand has emptied stays empty.
        payee=old.payee if "PAYEE" in old.locked else old.payee or line.payee,
        notes=old.notes if "NOTES" in old.locked else old.notes or line.notes,
        category_id=category[0] if plain and category else old.category_id,
        category_kind=category[1] if plain and category else old.category_kind,
        external_id=old.external_id or external_id,
        content_key=key,
        status="POSTED" if old.status == "PENDING" else old.status,
        version=old.version + 1,
        updated_at=write.now,
    )


def match_notes(old: TransactionRow, new: TransactionRow) -> dict[str, Any]:
    """Before and after of every field that a match has changed."""
    changed = [name for name in FILLED if getattr(old, name) != getattr(new, name)]
    return {
        "before": {name: _told(getattr(old, name)) for name in changed},
        "after": {name: _told(getattr(new, name)) for name in changed},
    }


def unmerged(row: TransactionRow, notes: Mapping[str, Any]) -> tuple[TransactionRow, bool]:
    """A matched transaction without what the match added, and whether all of it could go.

    What somebody has changed since stays as it is.
    """
    back: dict[str, Any] = {}
    whole = True
    for name, after in notes["after"].items():
        if _told(getattr(row, name)) == after:
            back[name] = _read(name, notes["before"][name])
        elif name != "category_kind":
            whole = False
    if "category_id" not in back:
        back.pop("category_kind", None)
    return replace(row, **back), whole


def _told(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, UUID) else value


def _read(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "content_key":
        return bytes.fromhex(value)
    return UUID(value) if name == "category_id" else value
