"""Shapes: how the column of a field's values becomes a column of the answer.

A column holds one value for each parent. Completing it turns leaf values into what is written,
and every object into an empty row that the next level fills. What fails leaves a ``Failure``.
"""

from itertools import accumulate, chain
from types import NoneType
from typing import Any, Final

from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    default_type_resolver,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.pyutils import inspect, is_iterable

from graph.execution.batched import reads_of
from graph.execution.columns import Rows, Shape, Waiting, kinds_of, tidy
from graph.execution.failures import Failure
from graph.execution.leaves import Leaf
from graph.execution.sheets import Linked, Sheet, is_linked, is_sheet

_LISTS: Final = frozenset({list, tuple})


class Many(Shape):
    """A list."""

    __slots__ = ("inner",)
    is_list = True

    def __init__(self, inner: Shape, *, required: bool) -> None:
        super().__init__(required=required)
        self.inner = inner

    def complete(self, run: Rows, field: Any, values: list[Any]) -> list[Any]:
        """Complete the items of all lists as one column."""
        if len(values) == 1 and is_sheet(values[0]):
            sheet, inner = values[0], self.inner
            rows = None
            if isinstance(inner, One) and not field.shared:
                rows = inner.of_sheet(run, field, sheet, made=False)
            return [inner.complete(run, field, sheet) if rows is None else rows]
        kinds, plain = kinds_of(values)
        if not plain:
            tidy(run, values)
        if not kinds <= _LISTS:
            values = [self._opened(run, field, values, index) for index in range(len(values))]
        elif plain:
            return self._of_lists(run, field, values)
        if len(values) == 1 and type(values[0]) in _LISTS:
            return [self.inner.complete(run, field, list(values[0]))]
        items = [item for value in values if type(value) in _LISTS for item in value]
        done = self.inner.complete(run, field, items)
        found: list[Any] = []
        start = 0
        for value in values:
            if type(value) in _LISTS:
                found.append(done[start : start + len(value)])
                start += len(value)
            else:
                found.append(value)
        return found

    def _of_lists(self, run: Rows, field: Any, values: list[Any]) -> list[Any]:
        """Complete lists alone."""
        items = list(chain.from_iterable(values))
        if not items:
            return [[] for _ in values]
        done = self.inner.complete(run, field, items)
        if len(values) == 1:
            return [done]
        ends = list(accumulate(map(len, values)))
        return [done[start:end] for start, end in zip(chain((0,), ends), ends, strict=False)]

    def _opened(self, run: Rows, field: Any, values: list[Any], index: int) -> Any:
        """A value as a list; what can be read only once is put back as it was read."""
        value = values[index]
        if type(value) in _LISTS or type(value) is Failure:
            return value
        if value is None:
            return self.absent(run, field)
        if hasattr(value, "__aiter__"):
            raise Waiting
        if not is_iterable(value):
            return run.fail(
                GraphQLError(
                    "Expected Iterable, but did not find one for field"
                    f" '{field.parent}.{field.name}'."
                )
            )
        try:
            values[index] = list(value)
        except Exception as error:  # noqa: BLE001 - an iterator runs code of a resolver
            return run.fail(error)
        return values[index]


class One(Shape):
    """An object of a known type."""

    __slots__ = ("_asks", "_right", "_type")
    links = True

    def __init__(self, kind: GraphQLObjectType, *, required: bool) -> None:
        super().__init__(required=required)
        self._type = kind
        self._asks = kind.is_type_of is not None
        self._right: set[type] | None = None
        """Classes that were told to be right, where a predicate says that it looks at no more."""
        told = reads_of(kind.is_type_of)
        if told is not None and not told.attributes:
            self._right = set()

    def complete(self, run: Rows, field: Any, values: Any) -> list[Any]:
        """An empty row for each object."""
        rows: list[dict[str, Any]] | None
        sheet = is_sheet(values)
        if not sheet:
            if is_linked(values):
                return self._linked(run, field, values)
            if len(values) == 1 and is_sheet(values[0]) and len(values[0]) == 1:
                values, sheet = values[0], True
        if sheet and not field.shared:
            rows = self.of_sheet(run, field, values)
            if rows is not None:
                return rows
        kinds, plain = kinds_of(values)
        if not plain:
            tidy(run, values)
        if plain and (not self._asks or self._are_right(run, field, kinds, values)):
            if field.shared:
                return self._shared(run, field, kinds, values)
            if NoneType not in kinds:
                rows = [{} for _ in values]
                if rows:
                    run.enqueue(field, self._type, values, rows)
                return rows
        return self._one_by_one(run, field, values)

    def _one_by_one(self, run: Rows, field: Any, values: Any) -> list[Any]:
        found: list[Any] = []
        batch = _Distinct(shared=field.shared)
        known = batch.seen.get
        for value in values:
            row = known(id(value))
            if row is not None:
                found.append(row)
            elif value is None:
                found.append(self.absent(run, field))
            elif type(value) is Failure:
                found.append(value)
            else:
                found.append(_row_of(run, field, self._type, value, batch))
        if batch.sources:
            run.enqueue(field, self._type, batch.sources, batch.rows)
        return found

    def of_sheet(
        self, run: Rows, field: Any, sheet: Sheet, *, made: bool = True
    ) -> list[dict[str, Any]] | None:
        """Rows of a sheet; None where each of its objects has to be asked about.

        Where they need not be ``made``, the list is filled together with them.
        """
        size = len(sheet)
        told = self._right is not None and sheet.kind in self._right
        if size and self._asks and not (told or self._are_right(run, field, {sheet.kind}, sheet)):
            return None
        rows: list[dict[str, Any]] = [{} for _ in range(size)] if made else []
        if size:
            run.enqueue(field, self._type, sheet, rows)
        return rows

    def _linked(self, run: Rows, field: Any, linked: Linked) -> list[Any]:
        """Rows of objects that a sheet has along: one for each object."""
        rows = self.of_sheet(run, field, linked.sheet)
        if rows is None:
            objects = [*linked.sheet, None]
            return self.complete(run, field, [objects[place] for place in linked.places])
        none = len(rows)
        if none in linked.places:
            return [
                self.absent(run, field) if place == none else rows[place] for place in linked.places
            ]
        return list(map(rows.__getitem__, linked.places))

    def _are_right(self, run: Rows, field: Any, kinds: set[type], values: Any) -> bool:
        """Whether all are of the type for sure: each class is asked about once for all times."""
        if self._right is None:
            return False
        for kind in kinds - self._right:
            if kind is not NoneType:
                one = next(value for value in values if type(value) is kind)
                try:
                    right = self._type.is_type_of and self._type.is_type_of(one, run.info(field))
                except Exception:  # noqa: BLE001 - asked one by one, it says so again
                    return False
                if right is not True:
                    return False
                self._right.add(kind)
        return True

    def _shared(self, run: Rows, field: Any, kinds: set[type], values: list[Any]) -> list[Any]:
        """Rows of values that many parents share: one for each."""
        distinct = {id(value): value for value in values if value is not None}
        rows: dict[int, Any] = {one: {} for one in distinct}
        if rows:
            run.enqueue(field, self._type, list(distinct.values()), list(rows.values()))
        if NoneType not in kinds:
            return [rows[id(value)] for value in values]
        return [self.absent(run, field) if value is None else rows[id(value)] for value in values]


class Abstract(Shape):
    """An object of an interface or a union: its type is told by the value."""

    __slots__ = ("_resolve", "_schema", "_type")

    def __init__(self, schema: GraphQLSchema, kind: Any, *, required: bool) -> None:
        super().__init__(required=required)
        self._schema = schema
        self._type = kind
        self._resolve = kind.resolve_type or default_type_resolver

    def complete(self, run: Rows, field: Any, values: list[Any]) -> list[Any]:
        """An empty row for each object, gathered by type."""
        _, plain = kinds_of(values)
        if not plain:
            tidy(run, values)
        batches: dict[GraphQLObjectType, _Distinct] = {}
        found: list[Any] = []
        for value in values:
            if value is None:
                found.append(self.absent(run, field))
            elif type(value) is Failure:
                found.append(value)
            else:
                found.append(self._row(run, field, value, batches))
        for kind, batch in batches.items():
            if batch.sources:
                run.enqueue(field, kind, batch.sources, batch.rows)
        return found

    def _row(
        self, run: Rows, field: Any, value: Any, batches: dict[GraphQLObjectType, "_Distinct"]
    ) -> Any:
        try:
            name = self._resolve(value, run.info(field), self._type)
            kind = self._checked_type(field, value, name)
        except Exception as error:  # noqa: BLE001 - a resolver of types is code of the schema
            return run.fail(error)
        batch = batches.get(kind)
        if batch is None:
            batch = batches[kind] = _Distinct(shared=field.shared)
        return _row_of(run, field, kind, value, batch)

    def _checked_type(self, field: Any, value: Any, name: Any) -> GraphQLObjectType:
        where = f" for field '{field.parent}.{field.name}'"
        if name is None:
            raise GraphQLError(
                f"Abstract type '{self._type}' must resolve to an Object type at runtime{where}."
                f" Either the '{self._type}' type should provide a 'resolve_type' function or"
                " each possible type should provide an 'is_type_of' function.",
                field.nodes,
            )
        if not isinstance(name, str):
            raise GraphQLError(
                f"Abstract type '{self._type}' must resolve to an Object type at runtime{where}"
                f" with value {inspect(value)}, received '{inspect(name)}', which is not a valid"
                " Object type name.",
                field.nodes,
            )
        kind = self._schema.get_type(name)
        if kind is None:
            raise GraphQLError(
                f"Abstract type '{self._type}' was resolved to a type '{name}' that does not exist"
                " inside the schema.",
                field.nodes,
            )
        if not is_object_type(kind):
            raise GraphQLError(
                f"Abstract type '{self._type}' was resolved to a non-object type '{name}'.",
                field.nodes,
            )
        if not self._schema.is_sub_type(self._type, kind):
            raise GraphQLError(
                f"Runtime Object type '{kind}' is not a possible type for '{self._type}'.",
                field.nodes,
            )
        return kind


class _Distinct:
    """The objects of a column with their rows; shared ones are resolved and written once."""

    __slots__ = ("_shared", "rows", "seen", "sources")

    def __init__(self, *, shared: bool) -> None:
        self.sources: list[Any] = []
        self.rows: list[dict[str, Any]] = []
        self.seen: dict[int, dict[str, Any]] = {}
        """Rows of shared objects by identity."""
        self._shared = shared

    def add(self, value: Any) -> dict[str, Any]:
        """A new row."""
        row: dict[str, Any] = {}
        self.sources.append(value)
        self.rows.append(row)
        if self._shared:
            self.seen[id(value)] = row
        return row


def _row_of(
    run: Rows, field: Any, kind: GraphQLObjectType, value: Any, batch: _Distinct
) -> dict[str, Any] | Failure:
    """The row of an object, or the failure of a value that is none of its type."""
    known = batch.seen.get(id(value))
    if known is not None:
        return known
    if kind.is_type_of is not None:
        try:
            right = kind.is_type_of(value, run.info(field))
        except Exception as error:  # noqa: BLE001 - a predicate is code of the schema
            return run.fail(error)
        if not right:
            message = f"Expected value of type '{kind}' but got: {inspect(value)}."
            return run.fail(GraphQLError(message, field.nodes))
    return batch.add(value)


def shape_of(schema: GraphQLSchema, kind: GraphQLOutputType) -> Shape:
    """The shape of a field's type."""
    required = is_non_null_type(kind)
    bare: Any = kind.of_type if is_non_null_type(kind) else kind
    if is_list_type(bare):
        return Many(shape_of(schema, bare.of_type), required=required)
    if is_leaf_type(bare):
        return Leaf(bare, required=required)
    if is_abstract_type(bare):
        return Abstract(schema, bare, required=required)
    return One(bare, required=required)
