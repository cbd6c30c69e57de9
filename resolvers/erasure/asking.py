"""Asking for the end: who it is, whether nothing is owed, and the shredding of the keys.

One transaction makes everything of a person unreadable and her address free; what is left are rows
and files that nobody can open, which a job removes.
"""

import json
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from models.auth import MailedToken, Session
from models.base import metadata, table, utc_now
from models.database import LOCK_TIMEOUT, Transaction, sqlstate
from models.erasures import ErasureRow
from models.ids import new_id
from models.jobs import Job
from models.ledgers import Ledger, LedgerKey, Membership
from models.sealing import derive, open_bytes, seal_bytes
from models.stores.sessions import SessionCache
from models.users import User, UserRow
from resolvers.access import Actor
from resolvers.auth_inputs import Secret
from resolvers.erasure.leaving import hindrances, leave_groups
from resolvers.erasure.receipt import Receipt, receipt_of
from resolvers.errors import Conflict, Unauthenticated, invalid
from resolvers.exports.sections import TABLES
from resolvers.inputs import Input
from resolvers.ledgers import Ledgers
from resolvers.passwords import Passwords
from resolvers.tokens import AccessTokens
from resolvers.users import email_key, get_user

ERASE_PERSON: Final = "erase_person"
_U: Final = table(User)
_S: Final = table(Session)
_M: Final = table(MailedToken)
_K: Final = table(LedgerKey)
_L: Final = table(Ledger)
_J: Final = table(Job)
_B: Final = table(Membership)
_FORGET: Final = text(
    "SELECT forget_person(CAST(:erasure AS uuid), CAST(:at AS timestamptz), "
    "CAST(:keys AS integer[]), CAST(:counts AS jsonb), CAST(:address AS bytea))"
)


class DeleteUser(Input):
    """What proves that somebody means it."""

    password: Secret
    confirm: Secret


class Erasures:
    """Lets people leave for good."""

    def __init__(
        self,
        ledgers: Ledgers,
        passwords: Passwords,
        tokens: AccessTokens,
        sessions: SessionCache,
        secret: bytes,
    ) -> None:
        self.database = ledgers.database
        self._ledgers = ledgers
        self._passwords = passwords
        self._tokens = tokens
        self._sessions = sessions
        self._secret = derive(secret, "addresses of erased people")

    async def delete_user(self, actor: Actor, data: DeleteUser) -> Receipt:
        """Shred the keys of a person's ledger, end her sessions and forget who she is.

        Raises VALIDATION_ERROR for a wrong password or another address in ``confirm``, CONFLICT
        while she owes or is owed in a group or is the last owner of one (``details.groups``).
        """
        async with self.database.read(actor.user_id) as tx:
            user = await get_user(tx, actor.user_id)
            held = await tx.scalar(select(_U.c.password_hash).where(_U.c.id == user.id))
        if email_key(data.confirm.strip()) != email_key(user.email):
            raise invalid("confirm", "Repeat the address that signs in.")
        if not await self._passwords.verify(held, data.password):
            raise invalid("password", "Not the present password.", "WRONG")

        await self._require_free(actor)
        await leave_groups(self._ledgers, actor)

        async def work(tx: Transaction) -> tuple[ErasureRow, list[UUID]]:
            return await self._forget(tx, actor, user, held)

        try:
            row, ended = await self.database.change(actor.user_id, work)
        except DBAPIError as error:
            if sqlstate(error) == LOCK_TIMEOUT:
                message = "Another write is still running; repeat the request."
                raise Conflict(message, retry_after_seconds=1) from error
            raise
        self.database.rings.drop(actor.ledger_id)
        await self._sessions.deny(ended)
        await self._ledgers.broker.wake_workers()
        return self.receipt(row)

    def receipt(self, row: ErasureRow) -> Receipt:
        """The signed statement about an erasure as it stands."""
        return receipt_of(self._tokens, row, utc_now())

    def address_of(self, row: ErasureRow) -> str | None:
        """Where the receipt still has to be mailed to."""
        if row.address is None:
            return None
        return open_bytes(self._secret, row.address, row.id.bytes).decode()

    async def _forget(
        self, tx: Transaction, actor: Actor, user: UserRow, held: str
    ) -> tuple[ErasureRow, list[UUID]]:
        """The transaction: behind the ledger's lock no write is under way."""
        mine = actor.ledger_id
        locked = await tx.first(select(_L.c.id).where(_L.c.id == mine).with_for_update())
        present = await tx.scalar(select(_U.c.password_hash).where(_U.c.id == user.id))
        if locked is None or present is None:
            raise Unauthenticated
        if present != held:
            raise Conflict("The password was changed a moment ago.")
        groups = select(_B.c.ledger_id).where(_B.c.user_id == user.id, _B.c.ledger_id != mine)
        if await tx.first(groups) is not None:
            raise Conflict("You entered a group a moment ago; repeat the request.")
        counts = await _counts(tx, mine)
        gone = delete(_K).where(_K.c.ledger_id == mine).returning(_K.c.key_no)
        keys = sorted(found.key_no for found in await tx.rows(gone))
        over = delete(_S).where(_S.c.ledger_id == mine).returning(_S.c.id)
        ended = [found.id for found in await tx.rows(over)]
        await tx.run(delete(_M).where(_M.c.ledger_id == mine))
        waiting = (_J.c.ledger_id == mine, _J.c.state == "WAITING")
        await tx.run(delete(_J).where(*waiting))
        now, erasure_id = utc_now(), new_id()
        address = seal_bytes(self._secret, user.email.encode(), erasure_id.bytes)
        row = ErasureRow(erasure_id, user.id, mine, now, None, keys, counts, address)
        values = {"erasure": erasure_id, "at": now, "keys": keys, "counts": json.dumps(counts)}
        await tx.run(_FORGET, {**values, "address": address})
        await tx.run(
            insert(_J).values(
                id=new_id(),
                kind=ERASE_PERSON,
                ledger_id=mine,
                actor_id=user.id,
                subject_id=erasure_id,
                run_at=now,
                created_at=now,
            )
        )
        return row, ended

    async def _require_free(self, actor: Actor) -> None:
        async with self.database.read(actor.user_id) as tx:
            found = await hindrances(tx, actor)
        if found:
            raise Conflict(
                "Settle up with your groups first, and leave none of them without an owner.",
                details={"groups": found},
            )


async def _counts(tx: Transaction, ledger_id: UUID) -> dict[str, int]:
    """How many rows of each table are the person's, in one statement."""
    tables = [metadata.tables[name] for name in TABLES if "ledger_id" in metadata.tables[name].c]
    columns = [
        select(func.count()).select_from(one).where(one.c.ledger_id == ledger_id)
        .scalar_subquery().label(one.name)
        for one in tables if one.name != "users"
    ]  # fmt: skip
    found = (await tx.rows(select(*columns)))[0]
    return {_camel(name): count for name, count in found._asdict().items()}


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)
