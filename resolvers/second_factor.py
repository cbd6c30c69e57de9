"""The second factor: one-time codes by time (RFC 6238), each good once, and recovery codes."""

import hmac
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final
from uuid import UUID

import pyotp
from pydantic import Field
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from models.auth import RecoveryCode, SecondFactor
from models.base import table, utc_now
from models.database import Transaction
from models.ids import new_id
from models.users import User, UserRow
from resolvers.access import Actor
from resolvers.audit import note
from resolvers.auth_inputs import Secret
from resolvers.errors import AppError, Conflict, ErrorCode, InvalidCredentials, invalid
from resolvers.inputs import Input
from resolvers.ledgers import Ledgers, LedgerWrite, Outcome
from resolvers.notifications import leave_security
from resolvers.passwords import Passwords
from resolvers.repeats import Repeat
from resolvers.users import get_user

STEP_SECONDS: Final = 30
_DRIFT: Final = 1
"""Clocks may differ by so many steps."""
CODES: Final = 10
_PARTS: Final = 6
"""Of four characters each: what is that random needs no slow hash."""
_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
_ISSUER: Final = "Pocket Trend"
_F: Final = table(SecondFactor)
_C: Final = table(RecoveryCode)
_U: Final = table(User)
_PLACE: Final = "second_factors.secret"
Code = Annotated[str, Field(min_length=1, max_length=64)]


class SetUpInput(Input):
    """The present password."""

    password: Secret


class CodeInput(Input):
    """A one-time code."""

    code: Code


class ProvedInput(Input):
    """The present password and a one-time or recovery code."""

    password: Secret
    code: Code


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What goes into the person's device, once."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


def _hash(code: str) -> bytes:
    """What is kept of a recovery code: it holds 117 random bits."""
    plain = "".join(char for char in code.lower() if char.isalnum())
    return sha256(plain.encode()).digest()


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step that a code is of, if it is of one near now."""
    plain = code.replace(" ", "")
    if len(plain) != 6 or not (plain.isascii() and plain.isdigit()):
        return None
    present = int(now.timestamp()) // STEP_SECONDS
    found = None
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    for step in range(present - _DRIFT, present + _DRIFT + 1):
        if hmac.compare_digest(totp.at(step * STEP_SECONDS), plain):
            found = step
    return found


async def prove_second_factor(
    tx: Transaction, user: UserRow, code: str | None, session_id: UUID | None = None
) -> None:
    """Use up a code of who has enabled them; nothing where they are off.

    Raises TWO_FACTOR_REQUIRED without a code, INVALID_CREDENTIALS for a wrong or used one.
    """
    row = await tx.first(select(_F).where(_F.c.ledger_id == user.ledger_id).with_for_update())
    if row is None or row.confirmed_at is None:
        return
    if not code:
        raise AppError(
            "Send a one-time code, or one of your recovery codes, as code.",
            code=ErrorCode.TWO_FACTOR_REQUIRED,
        )
    await tx.unlock({user.ledger_id})
    secret = tx.ring(user.ledger_id).unseal(_PLACE, user.id, row.secret).decode()
    step = step_of(secret, code, utc_now())
    if step is not None and step > row.last_step:
        mine = _F.c.ledger_id == user.ledger_id
        await tx.run(update(_F).where(mine).values(last_step=step))
        return
    spent = update(_C).where(
        _C.c.ledger_id == user.ledger_id, _C.c.hash == _hash(code), _C.c.used_at.is_(None)
    )
    if await tx.run(spent.values(used_at=utc_now())) != 1:
        raise InvalidCredentials("The code is not right, or was used before.")
    await leave_security(tx, "RECOVERY_CODE_USED", user.ledger_id, user.id, session_id)


class SecondFactors:
    """What a signed-in person does about her second factor."""

    def __init__(self, ledgers: Ledgers, passwords: Passwords) -> None:
        self._ledgers = ledgers
        self._database = ledgers.database
        self._passwords = passwords

    async def set_up(
        self, actor: Actor, data: SetUpInput, repeat: Repeat | None = None
    ) -> Outcome[Enrolment]:
        """A fresh secret that counts once a code of it was sent; raises CONFLICT where one does."""
        user = await self._proved(actor, data.password)
        secret = pyotp.random_base32(32)
        now = utc_now()

        uri = pyotp.TOTP(secret, interval=STEP_SECONDS).provisioning_uri(
            name=user.email, issuer_name=_ISSUER
        )

        async def work(tx: Transaction) -> Enrolment:
            await tx.unlock({actor.ledger_id})
            sealed = tx.ring(actor.ledger_id).seal(_PLACE, user.id, secret.encode())
            fresh = {"secret": sealed, "last_step": 0, "created_at": now}
            added = upsert(_F).values(ledger_id=actor.ledger_id, user_id=user.id, **fresh)
            kept = added.on_conflict_do_update(
                index_elements=["ledger_id"], set_=fresh, where=_F.c.confirmed_at.is_(None)
            )
            if await tx.run(kept) != 1:
                raise Conflict("A second factor is on already; disable it first.")
            return Enrolment(secret, uri)

        return await self._ledgers.once(actor, work, repeat=repeat, answer=Enrolment)

    async def enable(
        self, actor: Actor, data: CodeInput, repeat: Repeat | None = None
    ) -> Outcome[tuple[UserRow, list[str]]]:
        """Turn it on with a first code; the recovery codes are told this once.

        Raises VALIDATION_ERROR for a wrong code, CONFLICT where nothing waits for one.
        """

        async def work(write: LedgerWrite) -> tuple[UserRow, list[str]]:
            mine = _F.c.ledger_id == actor.ledger_id
            row = await write.tx.first(select(_F).where(mine).with_for_update())
            if row is None or row.confirmed_at is not None:
                raise Conflict("Set a second factor up first, or disable the one that is on.")
            secret = write.ring.unseal(_PLACE, actor.user_id, row.secret).decode()
            step = step_of(secret, data.code, write.now)
            if step is None:
                raise invalid("code", "Not a code of the new secret, or its time is over.", "WRONG")
            confirmed = {"confirmed_at": write.now, "last_step": step}
            await write.tx.run(update(_F).where(mine).values(**confirmed))
            user = await _marked(write, enabled=True)
            return user, await _fresh_codes(write.tx, actor.ledger_id)

        answer = tuple[UserRow, list[str]]
        return await self._ledgers.write(actor, work, repeat=repeat, answer=answer)

    async def disable(
        self, actor: Actor, data: ProvedInput, repeat: Repeat | None = None
    ) -> Outcome[UserRow]:
        """Turn it off; raises VALIDATION_ERROR for a wrong password or code."""
        await self._proved(actor, data.password)

        async def work(write: LedgerWrite) -> UserRow:
            await _code_right(write.tx, actor, data.code)
            await write.tx.run(delete(_F).where(_F.c.ledger_id == actor.ledger_id))
            await write.tx.run(delete(_C).where(_C.c.ledger_id == actor.ledger_id))
            return await _marked(write, enabled=False)

        return await self._ledgers.write(actor, work, repeat=repeat, answer=UserRow)

    async def renew_codes(
        self, actor: Actor, data: ProvedInput, repeat: Repeat | None = None
    ) -> Outcome[list[str]]:
        """New recovery codes; the old ones are void.  Raises VALIDATION_ERROR as ``disable``."""
        await self._proved(actor, data.password)

        async def work(tx: Transaction) -> list[str]:
            await _code_right(tx, actor, data.code)
            here = actor.session_id
            await note(tx, actor.ledger_id, "RECOVERY_CODES_RENEWED", session_id=here)
            return await _fresh_codes(tx, actor.ledger_id)

        return await self._ledgers.once(actor, work, repeat=repeat, answer=list[str])

    async def _proved(self, actor: Actor, password: str) -> UserRow:
        async with self._database.read(actor.user_id) as tx:
            user = await get_user(tx, actor.user_id)
            held = await tx.scalar(select(_U.c.password_hash).where(_U.c.id == user.id))
        if not await self._passwords.verify(held, password):
            raise invalid("password", "Not the present password.", "WRONG")
        return user


async def _code_right(tx: Transaction, actor: Actor, code: str) -> None:
    """A code of a second factor that is on; wrong fields instead of a sign-in's refusal."""
    user = await get_user(tx, actor.user_id)
    if not user.two_factor_enabled:
        raise Conflict("No second factor is on.")
    try:
        await prove_second_factor(tx, user, code, actor.session_id)
    except InvalidCredentials as error:
        raise invalid("code", error.message, "WRONG") from error


async def _marked(write: LedgerWrite, *, enabled: bool) -> UserRow:
    """The profile says so from now on, in the feed too."""
    old = await get_user(write.tx, write.actor.user_id)
    new = replace(old, two_factor_enabled=enabled, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(_U)
        .where(_U.c.id == old.id)
        .values(
            two_factor_enabled_at=write.now if enabled else None,
            version=new.version,
            updated_at=write.now,
        )
    )
    write.record("user", "UPDATE", old, new)
    event = "TWO_FACTOR_ENABLED" if enabled else "TWO_FACTOR_DISABLED"
    session_id = write.actor.session_id
    await leave_security(write.tx, event, old.ledger_id, old.id, session_id)
    return new


async def _fresh_codes(tx: Transaction, ledger_id: UUID) -> list[str]:
    codes = [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(_PARTS))
        for _ in range(CODES)
    ]
    await tx.run(delete(_C).where(_C.c.ledger_id == ledger_id))
    rows = [{"ledger_id": ledger_id, "id": new_id(), "hash": _hash(code)} for code in codes]
    await tx.run(insert(_C), rows)
    return codes
