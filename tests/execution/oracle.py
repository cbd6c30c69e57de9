"""The oracle: graphql-core, going through a document strictly in its order.

The stock executor runs what waits side by side, so that which of several failures under one null is
told depends on the clock. Serially there is one right answer, errors and their order included.
"""

from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, execute
from graphql.execution.executor import Executor
from graphql.pyutils import is_awaitable


class SerialExecutor(Executor[Any]):
    """One field after another, one item after another."""

    def execute_fields(self, *args: Any) -> Any:
        return self.execute_fields_serially(*args)

    def complete_iterable_value(
        self,
        item_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        items: Any,
        position_context: Any,
    ) -> Any:
        async def complete() -> list[Any]:
            found: list[Any] = []
            for index, item in enumerate(items):
                item_path = path.add_key(index, None)
                done = None
                try:
                    value = await item if is_awaitable(item) else item
                    done = self.complete_value(
                        item_type, field_details_list, info, item_path, value, position_context
                    )
                    if is_awaitable(done):
                        done = await done
                except Exception as error:  # noqa: BLE001 - as the executor does it
                    done = None
                    self.handle_field_error(error, item_type, field_details_list, item_path)
                found.append(done)
            return found

        return complete()


async def serially(
    schema: GraphQLSchema, document: DocumentNode, context: Any, variables: dict[str, Any]
) -> ExecutionResult:
    """The answer of the oracle."""
    result: Any = execute(
        schema,
        document,
        context_value=context,
        variable_values=variables,
        executor_class=SerialExecutor,
    )
    return await result if is_awaitable(result) else result


async def side_by_side(
    schema: GraphQLSchema, document: DocumentNode, context: Any, variables: dict[str, Any]
) -> ExecutionResult:
    """The answer of the stock executor."""
    result: Any = execute(schema, document, context_value=context, variable_values=variables)
    return await result if is_awaitable(result) else result


def told(errors: Any) -> list[tuple[Any, ...]]:
    """What an answer tells of its errors."""
    return [_told(error) for error in errors or ()]


def _told(error: GraphQLError) -> tuple[Any, ...]:
    places = tuple((one.line, one.column) for one in error.locations or ())
    return (error.message, tuple(error.path or ()), places, type(error.original_error).__name__)


def outside_nulls(data: Any, errors: Any) -> list[tuple[Any, ...]]:
    """Errors at the very place of a null, in order of their places: no clock decides on these."""
    return sorted(
        (one for one in told(errors) if _at_null(data, one[1])), key=lambda one: repr(one[1])
    )


def _at_null(data: Any, path: tuple[Any, ...]) -> bool:
    here = data
    for part in path:
        if here is None:
            return False
        here = here[part]
    return here is None
