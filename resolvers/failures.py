"""Failures to sign in, counted by address whether anybody has it or not; a hundred in a row end it.

NIST SP 800-63B asks for a bound on consecutive failures.  After it not even the right password
signs in, until a new one is set by mail; nobody who does not own the mailbox learns of it.
"""

import hmac
from datetime import timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.auth import SignInFailure
from models.base import table, utc_now
from models.database import Database, Transaction
from resolvers.users import searchable_email

MOST: Final = 100
_KEPT: Final = timedelta(days=90)
_F: Final = table(SignInFailure)


class Failures:
    """Counts failures in a row; keys are keyed hashes of addresses."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = key

    def _name(self, email: str) -> bytes:
        return hmac.digest(self._key, searchable_email(email).encode(), sha256)

    async def count(self, email: str) -> int:
        """How often in a row it failed."""
        counted = select(_F.c.failures).where(_F.c.address == self._name(email))
        async with self._database.read(None) as tx:
            return int(await tx.scalar(counted) or 0)

    async def note(self, email: str) -> None:
        """Count one more; what is older than three months is forgotten."""
        name, now = self._name(email), utc_now()
        added = upsert(_F).values(address=name, failures=1, last_at=now)
        more = {"failures": _F.c.failures + 1, "last_at": now}

        async def work(tx: Transaction) -> None:
            await tx.run(delete(_F).where(_F.c.last_at < now - _KEPT))
            await tx.run(added.on_conflict_do_update(index_elements=["address"], set_=more))

        await self._database.change(None, work)

    async def clear(self, tx: Transaction, email: str) -> None:
        """Begin anew: somebody has proved to be who she says."""
        await tx.run(delete(_F).where(_F.c.address == self._name(email)))
