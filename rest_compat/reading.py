"""Reads: a 304 or a cached answer after one small query, else what the operation gives."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from graph.changes import ChangeCursors
from graph.context import Context
from graph.errors import masked
from graph.http.downloads import Download
from graph.http.entry import actor_of_visit, asks_anew
from graph.http.glance import Hand, hand_of, moment
from graph.http.known import Visit
from graph.http.limits import Gate
from graph.http.plain import Plain
from graph.limits import calls_of
from resolvers.access import Actor
from resolvers.errors import AppError
from resolvers.limits import units_of
from rest_compat.door import NO_VERSION, Rest, entity_tag, unchanged, validated, weak
from rest_compat.envelope import body_of, failure, success_of
from rest_compat.routes import Endpoint
from rest_compat.shaping import data_of, raise_failure

if TYPE_CHECKING:
    from models.versions import Then, VisibleVersion

_UNCHANGED: Final = 304


class Read:
    """A GET as its bytes word it; it may be answered more than once."""

    __slots__ = (
        "_anew", "_calls", "_cursor", "_hand", "_keeps", "_known", "_match", "_rest", "_row",
        "_same", "_units", "_user_agent", "_validator", "_variables",
    )  # fmt: skip

    def __init__(
        self, rest: Rest, row: Endpoint, request: Request, variables: Mapping[str, Any]
    ) -> None:
        self._rest = rest
        self._row = row
        self._variables = variables
        self._match = request.headers.get("if-none-match")
        self._anew = asks_anew(request)
        self._user_agent = request.headers.get("user-agent")
        self._validator = rest.question(row.operation, variables)
        self._keeps = not self._anew and rest.keeps(row)
        operation = rest.operations[row.operation]
        self._calls = calls_of(operation.compiled, operation.node, variables)
        self._units = units_of(self._calls)
        self._hand: Hand | None = None
        """What it hangs on that the last answer is good still."""
        self._known: tuple[bytes, str | None] | None = None
        """The last seal, and whether the caller's copy is of it."""
        self._same: tuple[str, str, Plain] | None = None
        """The last answer that nothing has changed, with the tag and the cursor in it."""
        self._cursor: tuple[Any, str] | None = None
        """The last change cursor, and the versions that it stands for."""

    async def again(self, visit: Visit) -> Response:
        """The answer for somebody who asks the same once more."""
        state = visit.state
        gate = Gate(self._rest.services.limits, visit.address, state)
        try:
            before = moment()
            actor = await actor_of_visit(self._rest.services, visit)
            gate.enter(actor)
            state["operation"] = state["root"] = self._row.operation
            answer = await self.answer(actor, gate, state, visit.versions)
        except AppError as error:
            return failure(await gate.failed(error))
        except Exception as error:  # noqa: BLE001 - the last line: masked and logged
            return failure(masked(error, state["request_id"]))
        named = self._row.operation
        self._hand = hand_of(visit, before, answer, named, named)
        return answer

    def glance(self, visit: Visit, then: "Then") -> bool:
        """Look where the books stand, where that may be all there is to do; else False."""
        services, hand = self._rest.services, self._hand
        if hand is None or services.limits.on:
            return False
        if not hand.holds(services.auth.image_at_once(visit.claims)):
            return False
        visit.hand = hand
        return services.database.versions.ask(visit.claims.user_id, then)

    def body(self, hand: Hand) -> bytes | None:
        """The body of the answer that is at hand; None where it is there no more."""
        if hand.same.status == _UNCHANGED:
            return b""
        kept = self._rest.services.answers.near(hand.seal)
        return None if kept is None else body_of(kept.partition(b"\n")[2], self._row.message)

    async def answer(
        self,
        actor: Actor | None,
        gate: Gate,
        state: dict[str, Any],
        versions: "Sequence[VisibleVersion] | None" = None,
    ) -> Response:
        """The answer for whoever has entered; raises what refuses it.

        ``versions`` are where the books stood when they were looked at for this request.
        """
        rest, row = self._rest, self._row
        await gate.take(self._calls, self._units)
        headers: dict[str, str] = {}
        seal = None
        if actor is not None:
            # Read before the answer: what happens in between is in the answer and comes once more.
            if versions is None:
                versions = await rest.versions(actor)
            headers["Change-Cursor"] = self._present(actor, versions)
            if not row.expires:
                seal = self._validator.of(actor, versions)
                state["stood"] = (versions, seal)
        if seal is None or actor is None:
            return await self._made(actor, state, headers, None)
        same = self._unchanged(seal)
        if same is not None:
            state["cached"] = "unchanged"
            return self._standing(same, headers)
        kept = None
        if self._keeps:
            kept = rest.services.answers.near(seal)
            state["cached"] = "miss" if kept is None else "near"
            if kept is None:
                kept = await rest.services.answers.shared(actor.user_id, seal, row.operation)
                state["cached"] = "miss" if kept is None else "shared"
        if kept is None:
            return await self._made(actor, state, headers, seal)
        version, _, data = kept.partition(b"\n")
        headers |= validated(row, entity_tag(seal, version.decode()))
        return success_of(data, message=row.message, headers=headers)

    def _present(self, actor: Actor, versions: Any) -> str:
        """The change cursor of somebody who knows everything up to some versions."""
        if self._cursor is None or self._cursor[0] != versions:
            cursors = ChangeCursors(self._rest.services.cursor_key, actor)
            self._cursor = (versions, cursors.present(versions))
        return self._cursor[1]

    def _unchanged(self, seal: bytes) -> str | None:
        """The caller's tag, if it is that of the present answer."""
        if self._match is None:
            return None
        if self._known is None or self._known[0] != seal:
            self._known = (seal, unchanged(self._match, seal))
        return self._known[1]

    def _standing(self, tag: str, headers: dict[str, str]) -> Plain:
        """That the caller's copy is good still: the same words until something changes."""
        cursor = headers["Change-Cursor"]
        known = self._same
        if known is None or known[:2] != (tag, cursor):
            told = validated(self._row, weak(self._row) + tag) | headers
            known = self._same = (tag, cursor, Plain(b"", 304, told))
        return known[2]

    async def _made(
        self,
        actor: Actor | None,
        state: Mapping[str, Any],
        headers: dict[str, str],
        seal: bytes | None,
    ) -> Response:
        """An answer that is made for this request."""
        rest, row = self._rest, self._row
        operation = rest.operations[row.operation]
        context = Context(
            services=rest.services,
            actor_or_none=actor,
            request_id=state["request_id"],
            user_agent=self._user_agent,
        )
        started = perf_counter()
        answer = await rest.engine.run(
            context, operation.compiled, self._variables, operation.name, trusted=True
        )
        raise_failure(answer)
        if row.write is not None and actor is not None and context.asked is not None:
            # The operation has checked what is asked for; the file takes the place of its answer.
            opened = await rest.services.exports.open(actor, context.asked)
            told = weak(row) + entity_tag(seal or b"", NO_VERSION)
            return Download(opened, headers=validated(row, told) | headers)
        data = data_of(operation, answer.data or {})
        version = data.get("version") if isinstance(data, dict) else None
        told = NO_VERSION if version is None else str(version)
        if seal is not None:
            headers |= validated(row, entity_tag(seal, told))
        elif row.secret:
            headers["Cache-Control"] = "no-store"
        packed = orjson.dumps(data)
        if seal is not None and actor is not None and state.get("cached") == "miss":
            seconds = perf_counter() - started
            kept = b"%b\n%b" % (told.encode(), packed)
            rest.services.answers.put(actor.user_id, seal, row.operation, kept, seconds)
        return success_of(packed, message=row.message, status=row.status, headers=headers)
