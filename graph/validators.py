"""Validators: one hash of all that an answer depends on, for 304, for entity tags and as cache key."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import orjson

from models.database import VisibleVersion
from resolvers.access import Actor
from resolvers.rates import rates_version

_SIZE: Final = 20


def validator(
    build: str,
    actor: Actor,
    operation: str,
    variables: Mapping[str, Any],
    versions: Sequence[VisibleVersion],
) -> bytes:
    """Seal of operation, variables, build, person, scopes, language, day, rates and versions."""
    parts = (
        operation,
        variables,
        build,
        actor.user_id.hex,
        sorted(actor.scopes),
        actor.base_currency,
        actor.locale,
        actor.time_zone,
        actor.today.isoformat(),
        rates_version(),
        [(one.ledger_id.hex, one.version, one.inbox) for one in versions],
    )
    packed = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=_told)
    return blake2b(packed, digest_size=_SIZE).digest()


def _told(value: Any) -> Any:
    """What JSON has no word for, with its kind: 1.0 as a number is not "1.0"."""
    return [type(value).__name__, str(value)]
