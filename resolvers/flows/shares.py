"""Shares as flows: of what a group spent, the own part counts, whoever laid the money out."""

from datetime import date
from typing import Final
from uuid import UUID

import numpy as np

from models.database import Transaction as Tx
from resolvers.groups.shares import own_shares
from resolvers.segments.parts import Ints, Parts, words_of

NO_BOOK: Final = UUID(int=0)
"""The book of parts that lie on no account."""
_NO_CATEGORY: Final = UUID(int=0)


async def share_parts(tx: Tx, ledger_id: UUID, first: date, last: date) -> Parts | None:
    """Own shares of expenses as money out, in one statement; None where there are none."""
    found = [one for one in await own_shares(tx, ledger_id, first, last) if one.kind == "EXPENSE"]
    if not found:
        return None
    id_hi, id_lo = words_of([one.id for one in found])
    category_hi, category_lo = words_of([one.category_id or _NO_CATEGORY for one in found])
    currencies = tuple(dict.fromkeys(one.currency for one in found))
    return Parts(
        id_hi=id_hi,
        id_lo=id_lo,
        minor=_ints([-one.owed_minor for one in found]),
        category_hi=category_hi,
        category_lo=category_lo,
        day=_ints([one.date.toordinal() for one in found]),
        flags=_ints([0] * len(found)),
        book=_ints([0] * len(found)),
        currency=_ints([currencies.index(one.currency) for one in found]),
        books=(NO_BOOK,),
        currencies=currencies,
    )


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
