"""Drafts: writes that read nothing, collected here and sent as one statement with their lock."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Row, text

from models.spread import in_json
from models.statements import Prepared
from models.transacting import Params, Transaction

if TYPE_CHECKING:
    from models.database import Database

_NAMES: Final = (
    "who", "wanted", "stood", "ended", "patience", "made", "counted", "head", "totals", "booked",
    "marks", "told", "keys", "over", "tasks",
)  # fmt: skip
WRITE_AT: Final = Prepared(text(f"SELECT write_at({', '.join(f':{name}' for name in _NAMES)})"))
_NEEDED: Final = frozenset({"ledgers", "totals", "transactions", "marks", "changes"})
_KNOWN: Final = _NEEDED | {"idempotency_keys", "forgotten", "jobs"}


class Unready(Exception):
    """Something has to be read, or said that a draft has no word for: write as usual."""


class Drafting(Transaction):
    """What a write leaves, without a connection; whatever has to be read is not ready."""

    def __init__(self, database: "Database") -> None:
        super().__init__(database)
        self._left: dict[str, list[Mapping[str, Any]]] = {}

    async def rows(self, *_: Any) -> Sequence[Row[Any]]:
        """Nothing can be read."""
        raise Unready

    async def first(self, *_: Any) -> Row[Any] | None:
        """Nothing can be read."""
        raise Unready

    async def scalar(self, *_: Any) -> Any:
        """Nothing can be read."""
        raise Unready

    async def run(self, *_: Any) -> int:
        """Nothing runs before the end."""
        raise Unready

    async def later(self, statement: Prepared, params: Params = None) -> None:
        """Keep what a statement says, by the name of its part."""
        part = statement.part
        if part not in _KNOWN:
            raise Unready
        rows = [params] if type(params) is dict else params
        if rows is None or (type(rows) is not list and isinstance(rows, Mapping)):
            raise Unready
        if part not in self._left:
            self._left[part] = list(rows)
        elif part in {"ledgers", "totals", "marks", "forgotten"}:
            # Said once: another one would be about rows that the first one touches.
            raise Unready
        else:
            self._left[part] += rows

    def values(
        self, user_id: UUID, stood: int, ended: bytes, was: Mapping[UUID, bytes]
    ) -> dict[str, Any]:
        """What the one statement takes; ``was`` are the sealed totals that it has to find."""
        left = self._left
        if not left.keys() >= _NEEDED:
            raise Unready
        (moved,), (totals,), (marks,) = left["ledgers"], left["totals"], left["marks"]
        keys, forgotten = left.get("idempotency_keys"), left.get("forgotten")
        return {
            "who": user_id,
            "wanted": moved["ledger"],
            "stood": stood,
            "ended": ended,
            "made": moved["made"],
            "counted": moved["counted"],
            "head": moved["last"],
            "totals": _text(
                [
                    {"id": one, "was": was[one], "sealed": sealed}
                    for one, sealed in zip(totals["which"], totals["sealed"], strict=True)
                ]
            ),
            "booked": _text(left["transactions"]),
            "marks": _text(
                [
                    {"book": book, "month": month, "currency": currency}
                    for book, month, currency in zip(
                        marks["books"], marks["months"], marks["currencies"], strict=True
                    )
                ]
            ),
            "told": _text(left["changes"]),
            "keys": _text(keys) if keys else None,
            "over": forgotten[0]["over"] if forgotten else None,
            "tasks": _text(left["jobs"]) if "jobs" in left else None,
        }


def _text(rows: Any) -> str:
    return orjson.dumps(rows, default=in_json).decode()
