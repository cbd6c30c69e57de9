"""What a hand has set on a transaction: rules, imports and suggestions leave it as it is."""

from models.transactions import LOCKABLE, TransactionRow


def _held(row: TransactionRow, name: str) -> object:
    """What a row has in one of the lockable fields."""
    if name == "CATEGORY":
        return row.category_id, row.splits
    return {"PAYEE": row.payee, "TAGS": row.tags, "NOTES": row.notes}[name]


def locked_at_birth(
    *, category: object, splits: object, payee: object, tags: object, notes: object
) -> tuple[str, ...]:
    """The fields that whoever books a row by hand gives it; what is left open stays open."""
    given = (category is not None or splits, payee is not None, tags, notes is not None)
    return tuple(name for name, there in zip(LOCKABLE, given, strict=True) if there)


def locked_after(old: TransactionRow, new: TransactionRow) -> tuple[str, ...]:
    """What is locked after a change by hand: every field that it changed, emptied ones too.

    A value that is only sent back changes nothing and locks nothing.
    """
    return tuple(
        name for name in LOCKABLE if name in old.locked or _held(old, name) != _held(new, name)
    )
