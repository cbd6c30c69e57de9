"""The log of slow operations: what took long, and how the database went about the longest part.

The plan is the general one, made without any value (``EXPLAIN (GENERIC_PLAN)``, PostgreSQL 16), so
that nothing of a person is in it.
"""

import asyncio
import json
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import Scope

from graph.http.logs import template_of
from models.telemetry import Tally

_PLAN_EVERY_SECONDS: Final = 10.0
_FORGET_SECONDS: Final = 3_600.0
_REMEMBERED: Final = 200
_TEXT_LENGTH: Final = 2_000
_DEPTH: Final = 12
_SHOWN: Final = {
    "Node Type": "node",
    "Relation Name": "table",
    "Index Name": "index",
    "Plan Rows": "rows",
    "Total Cost": "cost",
}
_EXPLAIN: Final = """DO $pt_plan$ DECLARE told text; BEGIN
EXECUTE $pt_text$EXPLAIN (GENERIC_PLAN, FORMAT JSON) {text}$pt_text$ INTO told;
PERFORM set_config('app.plan', told, true); END $pt_plan$"""
_log: Final = structlog.get_logger("slow")


class SlowLog:
    """Writes a line for every operation that takes longer than a threshold."""

    def __init__(self, engine: AsyncEngine, *, threshold_seconds: float) -> None:
        self._engine = engine
        self._threshold = threshold_seconds
        self._planned: dict[str, float] = {}
        self._next_plan = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def threshold(self) -> float:
        """From how many seconds on an operation is slow."""
        return self._threshold

    def finished(self, scope: Scope, status: int, seconds: float, tally: Tally) -> None:
        """An operation ended; what streams has no end that says anything."""
        state: Mapping[str, Any] = scope.get("state", {})
        if seconds < self._threshold or scope["type"] != "http" or state.get("streams"):
            return
        _log.warning(
            "operation.slow",
            request_id=state.get("request_id"),
            route=template_of(scope),
            operation=state.get("root"),
            status=status,
            duration_ms=round(seconds * 1_000, 1),
            cost=tally.cost,
            statements=tally.statements,
            database_ms=round(tally.seconds * 1_000, 1),
            slowest_ms=round(tally.slowest * 1_000, 1),
            statement=tally.slowest_text[:_TEXT_LENGTH] or None,
        )
        if self._wants(tally.slowest_text):
            task = asyncio.create_task(self._plan(tally.slowest_text))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _wants(self, text: str) -> bool:
        """One plan in a while, and one of each statement in an hour."""
        now = monotonic()
        if not text.lstrip().upper().startswith(("SELECT", "WITH")) or "$pt_" in text:
            return False
        if (
            now < self._next_plan
            or now - self._planned.get(text, -_FORGET_SECONDS) < _FORGET_SECONDS
        ):
            return False
        if len(self._planned) >= _REMEMBERED:
            self._planned.clear()
        self._next_plan = now + _PLAN_EVERY_SECONDS
        self._planned[text] = now
        return True

    async def _plan(self, text: str) -> None:
        try:
            async with self._engine.connect() as connection, connection.begin():
                await connection.exec_driver_sql("SET LOCAL statement_timeout = '2s'")
                await connection.exec_driver_sql(_EXPLAIN.format(text=text))
                told = await connection.exec_driver_sql("SELECT current_setting('app.plan', true)")
                found = told.scalar()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("operation.no_plan", error=type(error).__name__)
            return
        if found:
            plan = json.loads(found)[0]["Plan"]
            _log.warning("operation.plan", statement=text[:_TEXT_LENGTH], plan=_shortened(plan))

    async def close(self) -> None:
        """Let plans under way end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _shortened(node: Mapping[str, Any], depth: int = _DEPTH) -> dict[str, Any]:
    """A plan with what matters of each step; conditions quote nothing but our own statements."""
    found: dict[str, Any] = {short: node[name] for name, short in _SHOWN.items() if name in node}
    if depth and node.get("Plans"):
        found["steps"] = [_shortened(one, depth - 1) for one in node["Plans"]]
    return found
