"""Keys of the installation: made once by the owner, opened by every process at its start."""

from dataclasses import dataclass, field
from typing import Final

from joserfc.jwk import ECKey
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.base import table, utc_now
from models.ledgers import SystemKey
from models.sealing import new_key
from models.stores.keys import KeyProvider

_KEYS: Final = table(SystemKey)
_THERE: Final = text("SELECT to_regclass('public.system_keys')")
CHAIN: Final = "chain"
TOKENS: Final = "tokens"


@dataclass(frozen=True, slots=True)
class SystemKeys:
    """The opened keys of the installation."""

    chain: bytes = field(repr=False)
    """Keys the change chain; cache, cursor and fingerprint keys derive from it."""
    tokens: tuple[ECKey, ...] = field(repr=False)
    """Signing keys, the one in use first; the other is published ahead of its turn."""


def system_context(purpose: str, key_no: int) -> bytes:
    """What a wrapped key of the installation is bound to."""
    return f"system\x00{purpose}\x00{key_no}".encode()


async def ensure_system_keys(owner: AsyncEngine, keys: KeyProvider) -> None:
    """Make what is missing; of two starters the first one's keys stay."""
    async with owner.connect() as connection, connection.begin():
        present = await connection.execute(select(_KEYS.c.purpose, _KEYS.c.key_no))
        have = {(row.purpose, row.key_no) for row in present}
        if (CHAIN, 1) not in have:
            wrapped = await keys.wrap(new_key(), system_context(CHAIN, 1))
            await _add(connection, CHAIN, 1, wrapped, None)
        for key_no in (1, 2):
            if (TOKENS, key_no) not in have:
                pair = ECKey.generate_key("P-256", auto_kid=True)
                secret = pair.as_pem(private=True)
                wrapped = await keys.wrap(secret, system_context(TOKENS, key_no))
                await _add(connection, TOKENS, key_no, wrapped, pair.kid)


async def _add(
    connection: AsyncConnection, purpose: str, key_no: int, wrapped: bytes, public: str | None
) -> None:
    await connection.execute(
        insert(_KEYS)
        .values(
            purpose=purpose, key_no=key_no, wrapped=wrapped, public=public, created_at=utc_now()
        )
        .on_conflict_do_nothing()
    )


async def has_system_keys(engine: AsyncEngine) -> bool:
    """Whether a database holds keys already, which only their master key opens."""
    async with engine.connect() as connection:
        if (await connection.execute(_THERE)).scalar_one() is None:
            return False
        return (await connection.execute(select(_KEYS.c.key_no).limit(1))).first() is not None


async def load_system_keys(engine: AsyncEngine, keys: KeyProvider) -> SystemKeys:
    """Open the installation's keys."""
    async with engine.connect() as connection:
        rows = (await connection.execute(select(_KEYS).order_by(_KEYS.c.key_no))).all()
    chain = b""
    tokens = []
    for row in rows:
        plain = await keys.unwrap(row.wrapped, system_context(row.purpose, row.key_no))
        if row.purpose == CHAIN:
            chain = plain
        elif row.purpose == TOKENS:
            tokens.append(ECKey.import_key(plain, {"kid": row.public, "use": "sig"}))
    if not chain or not tokens:
        raise RuntimeError("The installation has no keys yet: run the migrations.")
    return SystemKeys(chain, tuple(tokens))
