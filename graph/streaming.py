"""Subscriptions under the reference executor: their source, then the answer of each event."""

from collections.abc import AsyncGenerator, Hashable
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLSchema,
    create_source_event_stream,
    execute_subscription_event,
)

from graph.context import Context
from graph.reference import unbroken
from resolvers.access import Actor


@dataclass(frozen=True, slots=True)
class Asked:
    """A subscription as it was asked for.

    An executor is made for each event that is told, and none is kept for who waits.
    """

    schema: GraphQLSchema
    document: DocumentNode
    values: dict[str, Any]
    name: str | None
    suggests: bool

    async def source(self, context: Context) -> AsyncGenerator[Any, None] | ExecutionResult:
        """Its events, or what is wrong with it; raises what its resolver raises."""
        executor = self._executor(context, None)
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        opened: Any = create_source_event_stream(executor)
        found: AsyncGenerator[Any, None] | ExecutionResult
        found = await opened if isawaitable(opened) else opened
        if isinstance(found, ExecutionResult) and found.errors and found.errors[0].original_error:
            raise found.errors[0]
        return found

    async def answer(self, context: Context, event: Any) -> ExecutionResult:
        """What is told of an event."""
        executor = self._executor(context, event)
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        result: Any = execute_subscription_event(executor)
        answer: ExecutionResult = await unbroken(result) if isawaitable(result) else result
        return answer

    def by(self, actor: Actor | None) -> Hashable:
        """All that an answer depends on, besides the event and the moment."""
        who = None
        if actor is not None:
            known = replace(actor, session_id=None)
            who = (known, known.today)
        return self.document, self.name, repr(self.values), who

    def _executor(self, context: Context, event: Any) -> Executor[Any] | list[GraphQLError]:
        return Executor.build(
            self.schema,
            self.document,
            root_value=event,
            context_value=context,
            raw_variable_values=self.values,
            operation_name=self.name or None,
            hide_suggestions=not self.suggests,
        )
