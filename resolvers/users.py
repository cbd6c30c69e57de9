"""Users: profiles and the words, currency and time zone of a person."""

import unicodedata
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator
from sqlalchemy import Row, select, text, update

from models.base import table
from models.database import Database
from models.database import Transaction as Tx
from models.users import User, UserRow
from resolvers.access import Actor
from resolvers.errors import Invalid, Unauthenticated
from resolvers.inputs import (
    CurrencyCode,
    Input,
    Name,
    clean_text,
    matching,
    not_null,
    require_unchanged,
)
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.wire import wire

_U: Final = table(User)
DERIVED: Final = frozenset({"createdAt", "updatedAt", "emailVerified", "twoFactorEnabled"})
STORED: Final = frozenset({"id", "email"})
_MAX_EMAIL: Final = 254
SYNC_PROFILE: Final = "sync_profile"
"""The job that tells a person's groups her new name."""


def email_key(email: str) -> str:
    """The form in which two spellings of one address are equal: NFKC, case folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())


def searchable_email(email: str) -> str:
    """A key to look an address up by; what cannot be stored finds nobody."""
    cleaned = email.strip().replace("\x00", "")
    return email_key(cleaned.encode("utf-8", "ignore").decode())


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    labels = domain.split(".")
    if (
        not at
        or not local
        or len(value) > _MAX_EMAIL
        or any(char.isspace() or char in '<>",;:\\()[]' for char in value)
        or local.count("@")
        or not all(labels)
    ):
        raise ValueError("Not an e-mail address, such as ada@example.org.")
    return value


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _time_zone(value: str) -> str:
    if value not in _zones():
        raise ValueError("Not a time zone of the IANA database, such as Europe/Vienna.")
    ZoneInfo(value)
    return value


Email = Annotated[str, BeforeValidator(clean_text), AfterValidator(_email)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Locale = Annotated[
    str, matching(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}", "Not a locale, such as de-AT.")
]


class ProfileUpdate(Input):
    """What a person changes about herself: absent stays."""

    name: Name | None = None
    base_currency: CurrencyCode | None = None
    locale: Locale | None = None
    time_zone: TimeZone | None = None


COLUMNS: Final = (
    _U.c.id, _U.c.ledger_id, _U.c.email, _U.c.name, _U.c.base_currency, _U.c.locale,
    _U.c.time_zone, _U.c.email_verified_at, _U.c.two_factor_enabled_at, _U.c.version,
    _U.c.created_at, _U.c.updated_at,
)  # fmt: skip


def user_row(row: Row[Any]) -> UserRow:
    """A database row without its secrets."""
    return UserRow(
        id=row.id,
        ledger_id=row.ledger_id,
        email=row.email,
        name=row.name,
        base_currency=row.base_currency,
        locale=row.locale,
        time_zone=row.time_zone,
        email_verified=row.email_verified_at is not None,
        two_factor_enabled=row.two_factor_enabled_at is not None,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def get_user(tx: Tx, user_id: UUID) -> UserRow:
    """A person as she sees herself; raises UNAUTHENTICATED when she is gone."""
    row = await tx.first(select(*COLUMNS).where(_U.c.id == user_id))
    if row is None:
        raise Unauthenticated
    return user_row(row)


def actor_of(user: UserRow, session_id: UUID | None = None) -> Actor:
    """The person as somebody who acts."""
    return Actor(
        user_id=user.id,
        ledger_id=user.ledger_id,
        session_id=session_id,
        base_currency=user.base_currency,
        locale=user.locale,
        time_zone=user.time_zone,
    )


async def update_profile(
    write: LedgerWrite,
    data: ProfileUpdate,
    *,
    expected_version: int | None = None,
    unchanged: dict[str, Any] | None = None,
) -> UserRow:
    """Change the own profile; the address is not changed here."""
    old = await get_user(write.tx, write.actor.user_id)
    require_version(old, expected_version)
    require_unchanged(unchanged, wire(old))
    wrong = not_null(data, "name", "base_currency", "locale", "time_zone")
    if wrong:
        raise Invalid(wrong)
    new = replace(
        old,
        name=data.name or old.name,
        base_currency=data.base_currency or old.base_currency,
        locale=data.locale or old.locale,
        time_zone=data.time_zone or old.time_zone,
    )
    if new == old:
        return old
    new = replace(new, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(_U)
        .where(_U.c.id == old.id)
        .values(
            name=new.name,
            base_currency=new.base_currency,
            locale=new.locale,
            time_zone=new.time_zone,
            version=new.version,
            updated_at=new.updated_at,
        )
    )
    write.figures = True
    write.record("user", "UPDATE", old, new)
    if new.name != old.name:
        write.enqueue(SYNC_PROFILE, new.id)
    return new


async def user_by_email(database: Database, email: str) -> UUID | None:
    """Whose address it is, however it is spelled."""
    key = {"key": searchable_email(email)}
    found = await database.call(text("SELECT user_by_email(:key) AS id"), key)
    user_id: UUID | None = found[0].id
    return user_id
