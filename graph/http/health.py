"""Whether we live and whether we are ready: for load balancers, and with its parts for operators."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from graph.http.bare import error_response, success
from graph.http.entry import AnyMethod
from graph.http.headers import EdgeRules

Check = Callable[[], Awaitable[object]]
"""Touches one part; raises when the part is not well."""

_TIMEOUT_SECONDS: Final = 2.0


class Operator:
    """Who may see the inside: everyone in the local profile, else the holder of the token."""

    def __init__(self, token: str, *, everyone: bool) -> None:
        self._token = token.encode()
        self.everyone = everyone

    def holds(self, request: Request) -> bool:
        """Whether this request comes from an operator; compared in constant time."""
        if self.everyone:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token)
        return right and bool(self._token) and scheme.lower() == "bearer"


async def check_part(check: Check) -> dict[str, Any]:
    """State and latency of one part; why it is down stays in the logs of that part."""
    started = perf_counter()
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await check()
    except Exception:  # noqa: BLE001 - whatever is wrong with a part, the part is down
        status = "down"
    else:
        status = "ok"
    return {"status": status, "latencyMs": round((perf_counter() - started) * 1_000, 1)}


def health_routes(
    parts: Mapping[str, Check],
    rules: EdgeRules,
    operator: Operator,
    *,
    optional: frozenset[str] = frozenset(),
) -> list[BaseRoute]:
    """Routes of both health answers at both doors.

    A part in ``optional`` may be down while we go on serving: the answer is then "degraded".
    """

    async def health(request: Request) -> Response:
        return success(request.url.path, {"status": "ok"}, "Alive.")

    async def detailed(request: Request) -> Response:
        found = await asyncio.gather(*(check_part(check) for check in parts.values()))
        states = dict(zip(parts, found, strict=True))
        down = {name for name, state in states.items() if state["status"] != "ok"}
        if rules.draining.on:
            status, code = "draining", 503
        elif down - optional:
            status, code = "down", 503
        else:
            status, code = ("degraded" if down else "ok"), 200
        data: dict[str, Any] = {"status": status}
        if operator.holds(request):
            data["parts"] = states
        return success(request.url.path, data, f"The service is {status}.", status=code)

    def guarded(answer: Callable[[Request], Awaitable[Response]]) -> Any:
        async def endpoint(request: Request) -> Response:
            if request.method in {"GET", "HEAD"}:
                return await answer(request)
            return error_response(
                request.url.path,
                405,
                "METHOD_NOT_ALLOWED",
                f"{request.method} is not a method of this path.",
                details={"allow": ["GET", "HEAD"]},
                headers={"Allow": "GET, HEAD"},
            )

        return endpoint

    return [
        # Every method, or another method would fall through to the REST door's own answers.
        Route(door + path, AnyMethod(guarded(answer)), name=f"{answer.__name__}{door}")
        for door in ("", "/v1")
        for path, answer in (("/health", health), ("/health/detailed", detailed))
    ]
