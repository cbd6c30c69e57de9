"""One operation of the product under both executors, and what must not differ."""

import json
from collections.abc import Mapping
from typing import Any

from graph.context import Context
from graph.engine import Answer, Compiled, Engine
from graph.execution.nodes import is_mutation
from tests.execution.oracle import outside_nulls

_run = Engine.run
ENGINE = Engine()
REFERENCE = Engine(reference=True)


def fresh(context: Context) -> Context:
    """A context for the same person that has read nothing."""
    return Context(context.services, context.actor_or_none, context.request_id, context.user_agent)


def shown(answer: Answer) -> str:
    """The data of an answer with the order of its keys."""
    return json.dumps(answer.data, default=str)


async def compared(
    context: Context, compiled: Compiled, variables: Mapping[str, Any], name: str | None = None
) -> Answer:
    """The answer of the plan, which the reference has to give, too."""
    found = await _run(ENGINE, fresh(context), compiled, variables, name, trusted=True)
    wanted = await _run(REFERENCE, fresh(context), compiled, variables, name, trusted=True)
    assert shown(found) == shown(wanted)
    assert _errors(found) == _errors(wanted)
    if found.refused is not None or wanted.refused is not None:
        assert repr(found.refused) == repr(wanted.refused)
    return found


def _errors(answer: Answer) -> list[tuple[Any, ...]]:
    return outside_nulls(answer.data, answer.raw_errors)


async def run_both(
    self: Engine,
    context: Context,
    compiled: Compiled,
    variables: Mapping[str, Any],
    operation_name: str | None = None,
    **options: Any,
) -> Answer:
    """Instead of ``Engine.run``: every query of a test is asked of the reference as well."""
    answer = await _run(self, context, compiled, variables, operation_name, **options)
    watched = context.services.database.watch is not None
    if answer.refused is not None or watched or self.reference:
        return answer
    operation = compiled.operation(operation_name)
    if is_mutation(operation) or self.plan(compiled, operation) is None:
        return answer
    wanted = await _run(
        REFERENCE, fresh(context), compiled, variables, operation_name, trusted=True
    )
    if (shown(answer), _errors(answer)) != (shown(wanted), _errors(wanted)):
        # Somebody may have written in between: both are asked again.
        await compared(context, compiled, variables, operation_name)
    return answer
