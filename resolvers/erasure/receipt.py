"""The receipt of an erasure: a signed statement of what was deleted, with nothing personal in it.

It is a JWT (RFC 7519) signed like access tokens, so that anybody can check it against the published
keys; its type says that it opens nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from models import ids
from models.erasures import ErasureRow
from resolvers.tokens import AccessTokens
from resolvers.wire import instant

RECEIPT_TYPE: Final = "deletion-receipt+jwt"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is told about an erasure."""

    id: UUID
    shredded_at: datetime
    erased_at: datetime | None
    keys_shredded: list[int]
    deleted: dict[str, Any]
    statement: str
    """The same, signed."""


def receipt_of(tokens: AccessTokens, row: ErasureRow, now: datetime) -> Receipt:
    """The receipt as of now: with ``erasedAt`` once the last row and file is gone."""
    claims = {
        "jti": str(row.id),
        "sub": ids.encode("user", row.user_id),
        "shreddedAt": instant(row.shredded_at),
        "erasedAt": instant(row.erased_at),
        "keysShredded": list(row.key_numbers),
        "deleted": dict(row.counts),
    }
    return Receipt(
        id=row.id,
        shredded_at=row.shredded_at,
        erased_at=row.erased_at,
        keys_shredded=list(row.key_numbers),
        deleted=dict(row.counts),
        statement=tokens.statement(claims, RECEIPT_TYPE, now),
    )
