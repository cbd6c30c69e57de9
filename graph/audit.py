"""The audit in the graph: what happened to the own sign-in, newest first."""

from enum import Enum
from typing import Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.context import Info
from graph.edges import plain
from graph.paging import Connection, connection
from graph.scalars import Instant, JSONObject, id_text
from models.audit import AuditRow
from resolvers.audit import EVENTS, count_audit, list_audit

_VALUES: Any = {n: strawberry.enum_value(n, description=said) for n, said in EVENTS.items()}
_EVENT: Any = Enum("AuditEvent", _VALUES)  # type: ignore[misc]
AuditEvent: Any = strawberry.enum(_EVENT, description="What an audit entry tells of.")


@strawberry.type(description="Something that happened to your sign-in. It can never be changed.")
class AuditEntry:
    """A view over AuditRow."""

    event: AuditEvent = plain("What it was.")
    at: Instant = plain("When.")

    @strawberry.field(description="Its place in the audit, from 1 on without a gap.")
    def number(row: Parent[AuditRow]) -> int:
        """The sequence number."""
        return row.seq

    @strawberry.field(description="The session in which it happened.")
    def session_id(row: Parent[AuditRow]) -> ID | None:
        """Wire id."""
        return id_text("ses", row.session_id)

    @strawberry.field(description="For programs: what else is known of it.")
    def details(row: Parent[AuditRow]) -> JSONObject:
        """Opened details."""
        return JSONObject(row.details)


AuditConnection = Connection[AuditEntry]


async def audit_connection(
    info: Info, first: int | None, after: str | None, last: int | None, before: str | None
) -> Any:
    """A page of the own audit."""
    actor = info.context.actor
    return await connection(
        info,
        "audit",
        lambda tx, request: list_audit(tx, actor, request),
        lambda tx: count_audit(tx, actor),
        first=first,
        after=after,
        last=last,
        before=before,
    )
