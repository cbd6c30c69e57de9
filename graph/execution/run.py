"""A run: one execution of a plan, level by level."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from operator import call
from typing import TYPE_CHECKING, Any, Final

from graphql import GraphQLError, GraphQLObjectType, GraphQLResolveInfo
from graphql.pyutils import gather_with_cancel, is_awaitable
from graphql.type.definition import GraphQLResolveInfoHelpers

from graph.execution.columns import Shape, Waiting, awaits
from graph.execution.failures import Failure, Walk
from graph.execution.filling import fill, rows_of
from graph.execution.shapes import Many
from graph.execution.sheets import is_sheet
from graph.execution.wanted import EVERYTHING, Wanted

if TYPE_CHECKING:
    from graph.execution.operation import Field, OperationPlan, Selection

_NONE: Final[Mapping[Any, Any]] = {}


@dataclass(slots=True)
class Outcome:
    """What an execution gave."""

    data: dict[str, Any] | None
    errors: list[GraphQLError] = field(default_factory=list)


@dataclass(slots=True)
class _Block:
    """One selection over the objects that it is asked of."""

    selection: "Selection"
    sources: Any
    """A list, or a sheet."""
    rows: list[dict[str, Any]]
    """Those of the answer, to be filled; none yet where they may be made with what is in them."""


@dataclass(slots=True)
class _Wanted:
    """Keys of one column that a batch loads."""

    keys: list[Any]
    values: list[Any]
    show: Callable[[int, Any], Any] | None


def _track(_: Any) -> None:
    """Work beside an answer is its resolver's own affair."""


async def _gather(awaitables: Any) -> list[Any]:
    return await gather_with_cancel(*awaitables)


_HELPERS = GraphQLResolveInfoHelpers(gather=_gather, track=_track)


class _Info(GraphQLResolveInfo[Any]):
    """The info of a column, which knows what is looked at behind its field."""

    wanted: Wanted = EVERYTHING


class Run:
    """The state of one execution, or of one root field of a mutation."""

    def __init__(
        self, plan: "OperationPlan", context: Any, variables: Any, root_value: Any = None
    ) -> None:
        self._plan = plan
        self._context = context
        self._variables = variables
        self._root_value = root_value
        self._infos: dict[int, _Info] = {}
        self._arguments: dict[int, dict[str, Any]] = {}
        self._next: list[_Block] = []
        self._done: list[_Block] = []
        self._waiting: list[tuple[list[Any], int, Awaitable[Any]]] = []
        self._wanted: dict[Any, list[_Wanted]] = {}
        self._failed = False

    async def outcome(self, selection: "Selection") -> Outcome:
        """Execute a root selection."""
        data: dict[str, Any] = {}
        level = [_Block(selection, [self._root_value], [data])]
        while level:
            await self._level(level)
            self._done += level
            level, self._next = self._next, []
        if not self._failed:
            return Outcome(data)
        walk = Walk({id(row): one.selection for one in self._done for row in one.rows})
        found = walk.root(data)
        return Outcome(found, walk.errors)

    async def _level(self, blocks: list[_Block]) -> None:
        started = []
        for block in blocks:
            sources = block.sources
            # Plain columns of a sheet are there already: nobody is asked for them.
            ready: Mapping[Any, Any] = sources.columns if is_sheet(sources) else _NONE
            started.append(
                [
                    ready[name] if name in ready else start(self, one, sources)
                    for name, start, one in block.selection.starts
                ]
            )
        if self._waiting or self._wanted:
            await self._settle()
        for block, columns in zip(blocks, started, strict=True):
            selection = block.selection
            done: list[Any] = []
            rest = map(call, selection.completes, repeat(self), selection.fields, columns)
            while True:
                try:
                    # What came before one that waits stays, and the next round goes on behind it.
                    done.extend(rest)
                    break
                except Waiting:
                    one, values = selection.fields[len(done)], columns[len(done)]
                    await self._awaited(one.shape, values)
                    done.append(one.shape.complete(self, one, values))
            if block.rows:
                fill(block.rows, selection.keys, done)
            else:
                block.rows.extend(rows_of(selection.keys, done, len(block.sources)))

    # What calls and shapes need.

    def fail(self, error: Exception) -> Failure:
        """Note that the answer has a failure."""
        self._failed = True
        return Failure(error)

    def info(self, field: "Field") -> GraphQLResolveInfo[Any]:
        """One info for a whole column: its path names the fields on the way, without positions."""
        found = self._infos.get(id(field))
        if found is None:
            plan = self._plan
            found = self._infos[id(field)] = _Info(
                field.name,
                field.nodes,
                field.definition.type,
                field.parent,
                field.path,
                plan.schema,
                plan.fragments,
                self._root_value,
                plan.operation,
                self._variables,
                self._context,
                is_awaitable,
                None,
                _HELPERS,
            )
            found.wanted = field.wanted
        return found

    def arguments(self, field: "Field") -> dict[str, Any]:
        """Argument values of a field by their names in the schema; raises what is wrong."""
        found = self._arguments.get(id(field))
        if found is None:
            found = self._arguments[id(field)] = field.arguments(self._variables)
        return found

    def wait(self, values: list[Any], index: int, coming: Any) -> None:
        """Put what an awaitable gives into a column before the level goes on."""
        self._waiting.append((values, index, coming))

    def want(
        self,
        batch: Any,
        keys: list[Any],
        values: list[Any],
        show: Callable[..., Any] | None,
    ) -> None:
        """Put what keys load into a column before the level goes on."""
        self._wanted.setdefault(batch, []).append(_Wanted(keys, values, show))

    def enqueue(
        self,
        field: "Field",
        kind: GraphQLObjectType,
        sources: Any,
        rows: list[dict[str, Any]],
    ) -> None:
        """Have rows filled by the next level."""
        self._next.append(_Block(field.selection(kind), sources, rows))

    # Waiting.

    async def _settle(self) -> None:
        """Wait for the level's coroutines and loads, all at once."""
        waiting, self._waiting = self._waiting, []
        wanted, self._wanted = self._wanted, {}
        loads = [self._load(batch, columns) for batch, columns in wanted.items()]
        if not waiting:
            # They take turns, as they would on the one connection of an operation.
            for load in loads:
                await load
            return
        found = await self._all([*(one for _, _, one in waiting), *loads])
        for (values, index, _), value in zip(waiting, found, strict=False):
            values[index] = value

    async def _all(self, awaitables: list[Awaitable[Any]]) -> list[Any]:
        """What awaitables give; an exception stands for itself."""
        if len(awaitables) == 1:
            try:
                return [await awaitables[0]]
            except Exception as error:  # noqa: BLE001 - it is the field's
                return [error]
        found = await asyncio.gather(*awaitables, return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException) and not isinstance(one, Exception):
                raise one
        return found

    async def _load(self, batch: Any, columns: list[_Wanted]) -> None:
        """One call for all the columns of a level that load alike."""
        found: dict[Any, None] = {}
        for column in columns:
            found |= dict.fromkeys(column.keys)
        found.pop(None, None)
        keys = [key for key in found if type(key) is not Failure]
        if not keys:
            return
        try:
            loaded = await self._plan.load_many(self._context, batch, keys)
            values = dict(zip(keys, loaded, strict=True))
        except Exception as error:  # noqa: BLE001 - a load that fails fails all that asked for it
            values = dict.fromkeys(keys, error)
        for column in columns:
            self._spread(column, values)

    def _spread(self, column: _Wanted, values: dict[Any, Any]) -> None:
        if column.show is None:
            # A key of None is a null; a failure stands for itself.
            values[None] = None
            column.values[:] = map(values.get, column.keys, column.values)
            return
        for index, key in enumerate(column.keys):
            if key is None or type(key) is Failure:
                continue
            value = values[key]
            if not isinstance(value, Exception):
                try:
                    value = column.show(index, value)
                except Exception as error:  # noqa: BLE001 - a view is code of the schema
                    value = error
            column.values[index] = value

    async def _awaited(self, shape: Shape, values: list[Any]) -> None:
        """Replace what has to be awaited in a column and in the lists that it holds."""
        indices = [index for index, value in enumerate(values) if awaits(value)]
        if indices:
            found = await self._all([values[index] for index in indices])
            for index, value in zip(indices, found, strict=True):
                values[index] = value
        if isinstance(shape, Many):
            for index, value in enumerate(values):
                items = await _drained(value)
                if isinstance(items, list | tuple):
                    items = list(items)
                    await self._awaited(shape.inner, items)
                values[index] = items


async def _drained(value: Any) -> Any:
    """The items of an asynchronous iterable; anything else as it is."""
    if not hasattr(value, "__aiter__"):
        return value
    try:
        return [item async for item in value]
    except Exception as error:  # noqa: BLE001 - it is the field's
        return error
