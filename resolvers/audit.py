"""The audit of signing in: entries that leave with what they tell of, and their owner's view."""

from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json, to_json
from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from models.audit import AuditEntry, AuditHead, AuditRow, details_place, entry_hash
from models.base import table, utc_now
from models.database import Transaction as Tx
from resolvers.access import Actor
from resolvers.paging import Order, Page, PageRequest, fetch_page

EVENTS: Final = {
    "SIGNED_UP": "An account was opened.",
    "SIGNED_IN": "Somebody signed in.",
    "SIGNED_OUT": "A session was ended by its owner.",
    "SESSION_REVOKED": "A session was ended from another one.",
    "SESSIONS_REVOKED": "All other sessions were ended.",
    "SESSIONS_ENDED": "An operator ended all sessions.",
    "TOKEN_REUSED": "A refresh token came a second time: its session was ended.",
    "PASSWORD_CHANGED": "The password was changed.",
    "PASSWORD_RESET": "The password was reset by mail.",
    "TWO_FACTOR_ENABLED": "Signing in asks for a one-time code from now on.",
    "TWO_FACTOR_DISABLED": "Signing in asks for no one-time code any more.",
    "RECOVERY_CODE_USED": "A recovery code stood in for a one-time code.",
    "RECOVERY_CODES_RENEWED": "New recovery codes took the place of the old ones.",
    "PERSONAL_TOKEN_CREATED": "A personal token was made.",
    "PERSONAL_TOKEN_REVOKED": "A personal token was ended.",
    "IDENTITY_LINKED": "An account at another provider may sign in.",
    "IDENTITY_UNLINKED": "An account at another provider may not sign in any more.",
    "EXPORTED": "Data was asked for as a file.",
}
"""Every kind of entry with its meaning."""
_E: Final = table(AuditEntry)
_H: Final = table(AuditHead)
_NEWEST: Final = Order((_E.c.seq,), descending=True)


async def note(
    tx: Tx, ledger_id: UUID, event: str, *, session_id: UUID | None = None, **details: Any
) -> None:
    """Add an entry to the audit of a personal ledger; it commits with what it tells of."""
    if event not in EVENTS:
        raise ValueError(f"{event} is no event of the audit")
    await tx.unlock({ledger_id})
    begin = upsert(_H).values(ledger_id=ledger_id, seq=0, hash=b"")
    await tx.run(begin.on_conflict_do_nothing(index_elements=["ledger_id"]))
    end = select(_H.c.seq, _H.c.hash).where(_H.c.ledger_id == ledger_id).with_for_update()
    head = await tx.first(end)
    if head is None:
        raise AssertionError("the head was made a moment ago")
    seq, at = head.seq + 1, utc_now()
    sealed = tx.ring(ledger_id).seal(details_place(seq), ledger_id, to_json(details))
    link = entry_hash(tx.audit_key, head.hash, ledger_id, seq, event, at, session_id, sealed)
    await tx.run(
        insert(_E).values(
            ledger_id=ledger_id, seq=seq, event=event, at=at, session_id=session_id,
            details=sealed, hash=link,
        )
    )  # fmt: skip
    await tx.run(update(_H).where(_H.c.ledger_id == ledger_id).values(seq=seq, hash=link))


async def list_audit(tx: Tx, actor: Actor, request: PageRequest) -> Page[AuditRow]:
    """A page of the own audit, newest first."""
    page = await fetch_page(
        tx, select(_E).where(_E.c.ledger_id == actor.ledger_id), _NEWEST, request
    )
    await tx.unlock({actor.ledger_id})
    ring = tx.ring(actor.ledger_id)
    rows = [
        AuditRow(
            row.ledger_id, row.seq, row.event, row.at, row.session_id,
            from_json(ring.unseal(details_place(row.seq), row.ledger_id, row.details)),
        )
        for row in page.items
    ]  # fmt: skip
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_audit(tx: Tx, actor: Actor) -> int:
    """How many entries there are."""
    counted = select(func.count()).select_from(_E).where(_E.c.ledger_id == actor.ledger_id)
    return int(await tx.scalar(counted))
