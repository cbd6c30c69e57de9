"""A query of the graph as its bytes word it: kept answers, limits, execution; once or again."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import orjson
from graphql import OperationDefinitionNode
from starlette.requests import Request
from starlette.responses import Response

from graph.budget import Cost
from graph.context import Context, Services
from graph.engine import Compiled, Engine, first_failure
from graph.errors import masked
from graph.http.answers import answer_body, failure, refused, written
from graph.http.entry import actor_of_visit, asks_anew
from graph.http.glance import Hand, hand_of, moment
from graph.http.known import Visit
from graph.http.limits import Gate
from graph.limits import calls_of
from graph.validators import Validator
from models.telemetry import note_cost
from models.versions import Then, VisibleVersion
from resolvers.access import Actor
from resolvers.errors import AppError
from resolvers.limits import units_of


class Query:
    """One query with its variables and its price; it may be answered more than once.

    It keeps the text of its document and not what was made of it: that is the engine's to let go.
    """

    __slots__ = (
        "_anew", "_calls", "_cost", "_engine", "_hand", "_kind", "_name", "_operation", "_root", "_services",
        "_text", "_units", "_user_agent", "_validator", "_variables",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        engine: Engine,
        request: Request,
        text: str,
        name: str | None,
        variables: Mapping[str, Any],
        cost: Cost,
        kind: str,
    ) -> None:
        self._services = services
        self._engine = engine
        self._text = text
        self._name = name
        self._variables = variables
        self._cost = cost
        self._kind = kind
        self._anew = asks_anew(request)
        self._user_agent = request.headers.get("user-agent")
        compiled = engine.compile(text)
        self._root = root_of(compiled.operation(name))
        self._operation = f"{compiled.digest}.{name or ''}"
        self._validator = Validator(services.build, self._operation, variables)
        self._calls = calls_of(compiled, compiled.operation(name), variables)
        self._units = units_of(self._calls, cost.requested)
        self._hand: Hand | None = None
        """What it hangs on that the last answer is good still."""

    async def again(self, visit: Visit) -> Response:
        """The answer for somebody who asks the same once more."""
        gate = Gate(self._services.limits, visit.address, visit.state)
        try:
            before = moment()
            actor = await actor_of_visit(self._services, visit)
            gate.enter(actor)
            answer = await self.answer(actor, gate, visit.state, visit.versions)
        except AppError as error:
            return failure(await gate.failed(error), self._kind)
        except Exception as error:  # noqa: BLE001 - the last line: masked and logged
            return failure(masked(error, visit.state["request_id"]), self._kind)
        named, cost = self._name or self._root, self._cost.requested
        self._hand = hand_of(visit, before, answer, named, self._root, cost)
        return answer

    def glance(self, visit: Visit, then: Then) -> bool:
        """Look where the books stand, where that may be all there is to do; else False."""
        services, hand = self._services, self._hand
        if hand is None or services.limits.on:
            return False
        if not hand.holds(services.auth.image_at_once(visit.claims)):
            return False
        visit.hand = hand
        return services.database.versions.ask(visit.claims.user_id, then)

    def body(self, hand: Hand) -> bytes | None:
        """The body of the answer that is at hand; None where it is there no more."""
        return self._services.answers.near(hand.seal)

    async def answer(
        self,
        actor: Actor | None,
        gate: Gate,
        state: dict[str, Any],
        versions: Sequence[VisibleVersion] | None = None,
    ) -> Response:
        """The answer for whoever has entered; raises what refuses it.

        ``versions`` are where the books stood when they were looked at for this request.
        """
        compiled, services = self._engine.compile(self._text), self._services
        state["root"], state["operation"] = self._root, self._name or self._root
        note_cost(self._cost.requested)
        await gate.take(self._calls, self._units)
        seal = None
        if actor is not None and not self._anew:
            seal = await self._seal(actor, compiled, state, versions)
        if actor is not None and seal is not None:
            kept, state["cached"] = services.answers.near(seal), "near"
            if kept is None:
                kept = await services.answers.shared(actor.user_id, seal, self._operation)
                state["cached"] = "miss" if kept is None else "shared"
            if kept is not None:
                return written(kept, 200, self._kind)
        # What opens a session's cookie is a mutation: a query gets none.
        context = Context(
            services=services,
            actor_or_none=actor,
            request_id=state["request_id"],
            user_agent=self._user_agent,
        )
        started = perf_counter()
        answer = await self._engine.run(
            context, compiled, self._variables, self._name, cost=self._cost
        )
        failed = first_failure(answer)
        if failed is not None:
            await gate.failed(failed)
        if answer.refused is not None:
            refuse = failure if answer.refused.status >= 500 else refused
            return refuse(answer.refused, self._kind)
        body = orjson.dumps(answer_body(answer))
        if actor is not None and seal is not None and not answer.errors:
            seconds = perf_counter() - started
            services.answers.put(actor.user_id, seal, self._operation, body, seconds)
        return written(body, 200, self._kind)

    async def _seal(
        self,
        actor: Actor,
        compiled: Compiled,
        state: dict[str, Any],
        versions: Sequence[VisibleVersion] | None,
    ) -> bytes | None:
        """The name under which the answer is kept; None where it is not."""
        if not self._engine.keeps(compiled, compiled.operation(self._name)):
            return None
        if versions is None:
            versions = await self._services.database.visible_versions(actor.user_id)
        try:
            seal = self._validator.of(actor, versions)
        except TypeError:
            # Numbers and characters that JSON cannot tell; the executor says what is wrong.
            return None
        state["stood"] = (versions, seal)
        return seal


def root_of(operation: OperationDefinitionNode) -> str:
    """Name of the first root field: bounded by the schema, so safe as a label."""
    first = operation.selection_set.selections[0]
    name = getattr(first, "name", None)
    return str(name.value) if name is not None else "anonymous"
