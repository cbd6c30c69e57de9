"""The audit of a person: every entry recomputed from the one before it, up to where it ends."""

import hmac
from typing import Final

from sqlalchemy import select

from models.audit import AuditEntry, AuditHead, details_place, entry_hash
from models.auth import SecondFactor
from models.base import table
from models.sealing import derive
from resolvers.verify.finder import Finder, pages
from resolvers.verify.report import Kind

_E: Final = table(AuditEntry)
_H: Final = table(AuditHead)
_F: Final = table(SecondFactor)


async def check_audit(finder: Finder) -> None:
    """Name the entry that was altered, and tell of those that are missing; open the secrets."""
    key = derive(finder.chain_key, "audit")
    ledger, last, before, told = finder.ledger_id, 0, b"", False
    async for page in pages(finder.tx, select(_E).where(_E.c.ledger_id == ledger), (_E.c.seq,)):
        for row in page:
            link = entry_hash(
                key, before, ledger, row.seq, row.event, row.at, row.session_id,
                row.details,
            )  # fmt: skip
            if not told and row.seq != last + 1:
                told = _differs(finder, f"Entry {row.seq} does not follow entry {last}.")
            elif not told and not hmac.compare_digest(link, row.hash):
                told = _differs(finder, f"Entry {row.seq} or the one before it was altered.")
            finder.opened(details_place(row.seq), "audit", ledger, row.details)
            last, before = row.seq, row.hash
    head = await finder.tx.first(select(_H.c.seq, _H.c.hash).where(_H.c.ledger_id == ledger))
    ends = (0, b"") if head is None else (head.seq, head.hash)
    if not told and ends != (last, before):
        _differs(finder, f"The audit ends with entry {last}, but {ends[0]} were written.")
    secret = select(_F.c.user_id, _F.c.secret).where(_F.c.ledger_id == ledger)
    for row in await finder.tx.rows(secret):
        finder.opened("second_factors.secret", "second factor", row.user_id, row.secret)


def _differs(finder: Finder, message: str) -> bool:
    finder.differs(Kind.AUDIT, "audit", finder.ledger_id, message)
    return True
