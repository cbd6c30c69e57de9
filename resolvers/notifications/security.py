"""Events of signing in that their owner is told of, by a job that leaves with what caused it."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select

from models.auth import Session
from models.base import table, utc_now
from models.database import Transaction as Tx
from models.ids import new_id
from models.jobs import Job
from resolvers.audit import EVENTS, note

SECURITY_JOBS: Final = {
    "security_sign_in": "SIGN_IN",
    "security_changed": "PASSWORD_CHANGED",
    "security_reset": "PASSWORD_RESET",
    "security_reused": "TOKEN_REUSED",
    "security_revoked": "SESSIONS_REVOKED",
    "security_factor_on": "TWO_FACTOR_ENABLED",
    "security_factor_off": "TWO_FACTOR_DISABLED",
    "security_recovery": "RECOVERY_CODE_USED",
    "security_token": "PERSONAL_TOKEN_CREATED",
    "security_identity": "IDENTITY_LINKED",
}
"""Kind of job -> event."""
_KINDS: Final = {event: kind for kind, event in SECURITY_JOBS.items()}
_JOBS: Final = table(Job)
_S: Final = table(Session)


def agent_name(user_agent: str | None) -> str | None:
    """What is kept of a client's name for itself."""
    return (user_agent or "")[:300] or None


async def leave_security(
    tx: Tx, event: str, ledger_id: UUID, user_id: UUID, session_id: UUID | None, **details: Any
) -> None:
    """Have the person told, once what happens in this transaction is committed; note it."""
    if event in EVENTS:
        await note(tx, ledger_id, event, session_id=session_id, **details)
    now = utc_now()
    await tx.run(
        insert(_JOBS).values(
            id=new_id(),
            kind=_KINDS[event],
            ledger_id=ledger_id,
            actor_id=user_id,
            subject_id=session_id or user_id,
            run_at=now,
            created_at=now,
        )
    )


async def leave_sign_in(
    tx: Tx, ledger_id: UUID, user_id: UUID, session_id: UUID, agent: str | None
) -> None:
    """Have the person told of a sign-in by a client whose name none of her sessions ever had."""
    mine = (_S.c.ledger_id == ledger_id, _S.c.user_id == user_id)
    names = await tx.rows(select(_S.c.user_agent).where(*mine).distinct())
    if names and agent not in {row.user_agent for row in names}:
        await leave_security(tx, "SIGN_IN", ledger_id, user_id, session_id)
