"""What a person has said about rows of banks, remembered for every file that says the same.

A pair taken apart is never offered again; a row left out stays out; a row that was said to be some
transaction is it again.  Remembered are keyed hashes of contents, so that it outlives the import,
its revert and its transactions.
"""

import hmac
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import delete, insert, select

from models.base import among, table
from models.database import Transaction as Tx
from models.ids import new_id
from models.imports import ImportMemory
from resolvers.ledgers import LedgerWrite

Y: Final = table(ImportMemory)


def pair_prints(secret: bytes, key: bytes, other_id: UUID, other_key: bytes | None) -> list[bytes]:
    """Keyed hashes of what a row says beside a transaction: by its id and by its content.

    By content too, since a transaction that is imported anew has another id.
    """
    prints = [hmac.digest(secret, b"pair" + key + other_id.bytes, sha256)]
    if other_key is not None:
        prints.append(hmac.digest(secret, b"pair" + b"".join(sorted((key, other_key))), sha256))
    return prints


async def pairs_apart(tx: Tx, ledger_id: UUID) -> frozenset[bytes]:
    """Pairs that were taken apart."""
    rows = await tx.rows(select(Y.c.print).where(Y.c.ledger_id == ledger_id, Y.c.kind == "APART"))
    return frozenset(row.print for row in rows)


async def remember(write: LedgerWrite, said: Iterable[tuple[str, bytes, UUID | None]]) -> None:
    """Keep what was said: kind, print and transaction."""
    cells = [
        {
            "ledger_id": write.ledger_id,
            "id": new_id(),
            "kind": kind,
            "print": one,
            "transaction_id": transaction_id,
            "created_at": write.now,
        }
        for kind, one, transaction_id in said
    ]
    if cells:
        await write.tx.run(insert(Y), cells)


async def forget_pairs(write: LedgerWrite, prints: Sequence[bytes]) -> None:
    """Pairs that belong together after all."""
    if prints:
        await write.tx.run(
            delete(Y).where(
                Y.c.ledger_id == write.ledger_id, Y.c.kind == "APART", among(Y.c.print, prints)
            )
        )


async def forget_rows(write: LedgerWrite, keys: Sequence[bytes]) -> None:
    """Forget, once for each key, that a row was left out or was some transaction."""
    for key in keys:
        oldest = (
            select(Y.c.id)
            .where(Y.c.ledger_id == write.ledger_id, Y.c.kind != "APART", Y.c.print == key)
            .order_by(Y.c.id)
            .limit(1)
            .scalar_subquery()
        )
        await write.tx.run(delete(Y).where(Y.c.ledger_id == write.ledger_id, Y.c.id == oldest))
