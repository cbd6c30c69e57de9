"""Reconciled rows are locked: what a statement has agreed to is not changed by the way.

Locked are the figures of the account: amount, date, account and the row itself.  Words, tags,
category, parts and links stay free.  A status that is set back to POSTED or PENDING is the key.
"""

from collections.abc import Iterable
from typing import Final

from models.transactions import TransactionRow
from resolvers.errors import Conflict, ErrorCode, FieldError, Invalid
from resolvers.wire import reference

RECONCILED: Final = "RECONCILED"
_UNLOCK: Final = "set its status to POSTED first"
_LOCKED: Final = (("accountId", "account_id"), ("date", "date"), ("amount", "amount_minor"))


def require_unlocked(old: TransactionRow, new: TransactionRow, *, side: bool = False) -> None:
    """Raise READ_ONLY for figures that change on a row that is and stays reconciled.

    ``side``: the row is the other side of the transfer that is edited.
    """
    if not old.status == new.status == RECONCILED:
        return
    whose = "The other side of this transfer" if side else "This transaction"
    wrong = [
        FieldError(path, "READ_ONLY", f"{whose} is reconciled; {_UNLOCK}.")
        for path, name in _LOCKED
        if getattr(old, name) != getattr(new, name)
    ]
    if wrong:
        raise Invalid(wrong, code=ErrorCode.READ_ONLY)


def require_deletable(rows: Iterable[TransactionRow]) -> None:
    """Raise CONFLICT when one of the rows that would go to the trash together is reconciled."""
    for row in rows:
        if row.status == RECONCILED:
            raise Conflict(
                f"The transaction is reconciled; {_UNLOCK}.",
                details={"reconciled": reference("txn", row.id)},
            )
