"""The gate that every operation of either door passes once, and the headers that tell of it.

Headers as in draft-ietf-httpapi-ratelimit-headers-10: ``RateLimit-Policy: "user";q=1000;w=3600``
and ``RateLimit: "user";r=999;t=3600``, where ``t`` is the time until the next unit comes back.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection

from graph.engine import Compiled
from graph.limits import calls_of
from resolvers.access import Actor
from resolvers.errors import AppError, RateLimited
from resolvers.limits import Allowance, Call, Caller, Limits, units_of

_log: Final = structlog.get_logger("http")


class Gate:
    """One request at its limits.

    A request counts once, whatever becomes of it: either by its operation, or as one unit when it
    failed before there was one.
    """

    def __init__(self, limits: Limits, address: str | None, state: dict[str, Any]) -> None:
        """``state`` is the request's: its answer finds there what to tell of the limits."""
        self._limits = limits
        self._address = address
        self._state = state
        self._caller: Caller | None = None
        self._calls: Sequence[Call] = ()
        self._counted = False

    def enter(self, actor: Actor | None) -> None:
        """Note who asks."""
        self._caller = Caller(actor, self._address)

    async def admit(
        self,
        compiled: Compiled,
        name: str | None,
        variables: Mapping[str, Any],
        cost: int = 0,
    ) -> None:
        """Count an operation that is about to run; raises RATE_LIMITED or ADDRESS_BLOCKED."""
        calls = calls_of(compiled, compiled.operation(name), variables)
        await self.take(calls, units_of(calls, cost))

    async def take(self, calls: Sequence[Call], units: int) -> None:
        """The same for calls that are known already."""
        self._calls = calls
        await self._count(calls, units)

    async def connect(self) -> None:
        """Count somebody who stays, as one unit; raises RATE_LIMITED."""
        await self._count((), 1)

    async def failed(self, error: AppError) -> AppError:
        """Count what failed before it was admitted; the failure to tell.

        A failed sign-in is noted against the address it came from.
        """
        if self._caller is None:
            return error
        if not self._counted:
            try:
                await self._count((), 1)
            except RateLimited as refused:
                return refused
        elif self._calls:
            try:
                await self._limits.failed(self._caller, self._calls, error)
            except (SQLAlchemyError, OSError) as lost:
                # The failure itself is what the caller has to hear.
                _log.warning("limits.not_noted", exc_info=lost)
        return error

    async def _count(self, calls: Sequence[Call], units: int) -> None:
        if self._caller is None:
            raise AssertionError("a request enters before it is counted")
        self._counted = True
        if not self._limits.on:
            return
        try:
            allowances = await self._limits.admit(self._caller, calls, units)
        except RateLimited as refused:
            self._tell(refused.allowances)
            raise
        self._tell(allowances)

    def _tell(self, allowances: Sequence[Allowance]) -> None:
        if allowances:
            self._state["limit_headers"] = limit_headers(allowances)


def gate_of(limits: Limits, connection: HTTPConnection) -> Gate:
    """The gate of a request that has just come."""
    state: dict[str, Any] = connection.scope.setdefault("state", {})
    return Gate(limits, client_address(connection), state)


def limit_headers(allowances: Iterable[Allowance]) -> list[tuple[bytes, bytes]]:
    """The two fields, ready for an answer."""
    left, policies = [], []
    for one in allowances:
        policy = one.policy
        policies.append(f'"{policy.name}";q={policy.limit};w={policy.seconds}')
        left.append(f'"{policy.name}";r={one.remaining};t={one.reset_seconds}')
    return [
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(left).encode()),
    ]


def client_address(connection: HTTPConnection) -> str | None:
    """Where a request comes from.

    The server has replaced it by what X-Forwarded-For says, if a trusted proxy sent the request.
    """
    return connection.client.host if connection.client is not None else None
