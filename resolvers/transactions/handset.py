"""What a hand has set on a transaction: rules, imports and suggestions leave it as it is."""

from typing import Final

from models.transactions import LOCKABLE, TransactionRow

_NOTHING: Final = (None, (), (None, ()))


def _held(row: TransactionRow, name: str) -> object:
    """What a row has in one of the lockable fields."""
    held: dict[str, object] = {
        "CATEGORY": (row.category_id, row.splits),
        "PAYEE": row.payee,
        "TAGS": row.tags,
        "NOTES": row.notes,
    }
    return held[name]


def locked_at_birth(row: TransactionRow) -> tuple[str, ...]:
    """The fields that whoever booked a row by hand gave it; what was left open stays open."""
    return tuple(name for name in LOCKABLE if _held(row, name) not in _NOTHING)


def locked_after(old: TransactionRow, new: TransactionRow) -> tuple[str, ...]:
    """What is locked after a change by hand: every field that it changed, emptied ones too.

    A value that is only sent back changes nothing and locks nothing.
    """
    return tuple(
        name for name in LOCKABLE if name in old.locked or _held(old, name) != _held(new, name)
    )
