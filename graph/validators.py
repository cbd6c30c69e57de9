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


class Validator:
    """The validator of one question of one person, sealed anew when what it hangs on has changed."""

    __slots__ = ("_basis", "_build", "_operation", "_seal", "_variables")

    def __init__(self, build: str, operation: str, variables: Mapping[str, Any]) -> None:
        self._build, self._operation, self._variables = build, operation, variables
        self._basis: Any = None
        self._seal = b""

    def of(self, actor: Actor, versions: Sequence[VisibleVersion]) -> bytes:
        """The seal of this moment."""
        basis = (
            actor.user_id,
            actor.scopes,
            actor.base_currency,
            actor.locale,
            actor.time_zone,
            actor.today,
            rates_version(),
            versions,
        )
        if basis != self._basis:
            given = (self._build, actor, self._operation, self._variables, versions)
            self._seal, self._basis = validator(*given), basis
        return self._seal


def _told(value: Any) -> Any:
    """What JSON has no word for, with its kind: 1.0 as a number is not "1.0"."""
    return [type(value).__name__, str(value)]
