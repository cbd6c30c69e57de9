"""Calls: how a field gets its values for a whole column of parents.

What Strawberry would do for each object is decided once for each field of the schema: a plain
attribute, a method, a method that waits, or a declared batch. A field with extensions or anything
else unusual is called through the resolver that Strawberry built.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from inspect import Parameter, isasyncgenfunction
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, Protocol, cast

import strawberry
from graphql import GraphQLField, default_field_resolver
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from graph.execution.arguments import UNCHANGED, Arguments
from graph.execution.batched import Batched, Reads, declared_of, reads_of
from graph.execution.failures import Failure
from graph.execution.sheets import is_sheet

_FIRST: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class Starts(Protocol):
    """What calling needs of a run."""

    def fail(self, error: Exception) -> Failure:
        """Note a failure."""

    def info(self, field: Any) -> Any:
        """The info of a field's column, as graphql-core makes it."""

    def arguments(self, field: Any) -> dict[str, Any]:
        """Argument values of a field, by their names in the schema."""

    def wait(self, values: list[Any], index: int, coming: Any) -> None:
        """Put what an awaitable gives into a column."""

    def want(
        self,
        batch: Any,
        keys: list[Any],
        values: list[Any],
        show: Callable[..., Any] | None,
    ) -> None:
        """Put what keys load into a column."""


class Call(ABC):
    """Values for parents; those that wait are put into the list later."""

    declared: Batched | None = None
    """How the field loads, if it says so."""
    reads: frozenset[str] | None = None
    """Attributes of its parents that the field looks at; None: maybe all."""
    plain: str | None = None
    """The attribute that it is, where it is nothing else."""

    @abstractmethod
    def start(self, run: Starts, field: Any, sources: Any) -> Any:
        """The column, or its beginning; parents are a list or a sheet."""


def _column(
    run: Starts, call: Callable[..., Any], sources: Iterable[Any], *more: Iterable[Any]
) -> list[Any]:
    """A call for each parent; one that fails leaves its failure."""
    found: list[Any] = []
    rest = iter(sources)
    while True:
        try:
            # What came before a failure stays, and the next round goes on behind it.
            found.extend(map(call, rest, *more))
        except Exception as error:  # noqa: BLE001 - whatever a resolver raises is the field's
            found.append(run.fail(error))
        else:
            return found


class Constant(Call):
    """The name of the type."""

    reads = frozenset()

    def __init__(self, value: str) -> None:
        self._value = value

    def start(self, run: Starts, field: Any, sources: list[Any]) -> list[Any]:
        """The same for each."""
        return [self._value] * len(sources)


class Attribute(Call):
    """A plain column of the parents."""

    def __init__(self, name: str, get: Callable[[Any], Any]) -> None:
        self._get = get
        self.plain = name
        self.reads = frozenset((name,))

    def start(self, run: Starts, field: Any, sources: Any) -> Any:
        """The attribute of each; the columns of a sheet are taken without asking."""
        return _column(run, self._get, sources)


class Generic(Call):
    """Anything, by the resolver of the schema."""

    def __init__(self, definition: GraphQLField) -> None:
        self._resolve = definition.resolve or default_field_resolver

    def start(self, run: Starts, field: Any, sources: list[Any]) -> list[Any]:
        """The resolver's answer for each."""
        try:
            arguments = run.arguments(field)
        except Exception as error:  # noqa: BLE001 - a wrong argument fails the field
            return [run.fail(error) for _ in sources]
        info = run.info(field)
        return _column(run, lambda source: self._resolve(source, info, **arguments), sources)


class Method(Call):
    """A resolver function, called without what Strawberry puts around it."""

    def __init__(self, schema: strawberry.Schema, field: StrawberryField) -> None:
        resolver = field.base_resolver
        if resolver is None:
            raise TypeError(f"The field {field.name} has no resolver.")
        self._field = field
        self._info_class = schema.config.info_class
        self._function = cast("Callable[..., Any]", resolver.wrapped_func)
        self.declared = declared_of(resolver.wrapped_func)
        self.reads, told = _told(self._function, self.declared)
        self._many = None if told is None else _Many(told)
        self._link = None if told is None else told.link
        self._waits = field.is_async
        self._arguments = Arguments(schema, field) if field.arguments else None
        self._info = resolver.info_parameter.name if resolver.info_parameter else None
        holders = [resolver.self_parameter, resolver.parent_parameter, resolver.root_parameter]
        self._holders = [one for one in holders if one is not None]
        parameters = list(resolver.signature.parameters.values())
        self._first = (
            len(self._holders) == 1
            and parameters[0].name == self._holders[0].name
            and parameters[0].kind in _FIRST
        )
        self._by_position = resolver.self_parameter is not None
        self._alone = (
            self._first
            and not (self._waits or self._arguments or self._info)
            and self.declared is None
        )
        """Whether nothing but the parent goes into the function, and it does not wait."""

    def start(self, run: Starts, field: Any, sources: Any) -> Any:
        """What the function gives for each parent, or the beginning of it."""
        if self._alone:
            found = None if self._many is None else self._many.of(sources)
            return _column(run, self._function, sources) if found is None else found
        try:
            arguments = self._keywords(run, field)
        except Exception as error:  # noqa: BLE001 - a wrong argument fails the field
            return [run.fail(error) for _ in sources]
        if self.declared is not None:
            return self._load(run, field, self.declared, sources, arguments)
        if self._many is not None and not arguments:
            found = self._many.of(sources)
            if found is not None:
                return found
        if len(sources) > 1 and not all(type(one) in UNCHANGED for one in arguments.values()):
            # What is not a plain value is each call's own, as it may be changed by it.
            return _column(run, lambda one: self._once(run, field, one), sources)
        if self._info is not None:
            arguments[self._info] = self.info(run, field)
        called = _column(run, self._bound(arguments), sources)
        if self._waits:
            for index, coming in enumerate(called):
                if type(coming) is not Failure:
                    run.wait(called, index, coming)
        return called

    def info(self, run: Starts, field: Any) -> Any:
        """Strawberry's info of the column."""
        return self._info_class(_raw_info=run.info(field), _field=self._field)

    def _keywords(self, run: Starts, field: Any) -> dict[str, Any]:
        if self._arguments is None:
            return {}
        return self._arguments.convert(run.arguments(field), None)

    def _once(self, run: Starts, field: Any, source: Any) -> Any:
        arguments = self._keywords(run, field)
        if self._info is not None:
            arguments[self._info] = self.info(run, field)
        return self._bound(arguments)(source)

    def _bound(self, arguments: dict[str, Any]) -> Callable[[Any], Any]:
        """The function with all but its parent."""
        function = self._function
        if self._first:
            return (lambda one: function(one, **arguments)) if arguments else function
        names = [one.name for one in self._holders[self._by_position :]]

        def call(source: Any) -> Any:
            positional = (source,) if self._by_position else ()
            return function(*positional, **arguments, **dict.fromkeys(names, source))

        return call

    def _load(
        self,
        run: Starts,
        field: Any,
        declared: Batched,
        sources: Any,
        arguments: dict[str, Any],
    ) -> Any:
        if self._link is not None and is_sheet(sources) and field.shared and field.shape.links:
            linked = sources.along.get(self._link)
            if linked is not None and not arguments and linked.follows == field.narrowed:
                return linked
        keys = None
        if arguments:
            info = self.info(run, field)
            keys = _column(run, lambda one: declared.key(one, info, **arguments), sources)
        elif self._many is not None:
            keys = self._many.of(sources)
        if keys is None:
            keys = _column(run, declared.key, sources, repeat(self.info(run, field)))
        values = [key if type(key) is Failure else None for key in keys]
        view = declared.view
        show = None
        if view is not None:
            shown, parents = view, list(sources)

            def show(index: int, value: Any) -> Any:
                return shown(parents[index], value, **arguments)

        run.want(field.narrowed or declared.batch, keys, values, show)
        return values


class _Many:
    """A function for whole columns, asked of parents."""

    def __init__(self, told: Reads) -> None:
        self._many = told.many
        self._many_of = told.many_of
        self._by_kind: dict[type, Callable[..., list[Any]]] = {}
        self._names = told.names
        self._gets = [attrgetter(name) for name in told.names]

    def of(self, sources: Any) -> list[Any] | None:
        """The column in one call; None where it has to be found out who fails."""
        try:
            if is_sheet(sources):
                many = self._many or self._made(sources.kind)
                return many(*map(sources.columns.__getitem__, self._names))
            many = self._many or self._made(*set(map(type, sources)))
            return many(*[list(map(get, sources)) for get in self._gets])
        except Exception:  # noqa: BLE001 - asked one by one, each says what is wrong with it
            return None

    def _made(self, kind: type) -> Callable[..., list[Any]]:
        """The function for parents of one class; raises TypeError where they are not of one."""
        found = self._by_kind.get(kind)
        if found is None:
            if self._many_of is None:
                raise TypeError("There is no function for whole columns.")
            found = self._by_kind[kind] = self._many_of(kind)
        return found


def _told(
    function: Callable[..., Any], declared: Batched | None
) -> tuple[frozenset[str] | None, Reads | None]:
    """What a resolver looks at, and how it or its key is asked of whole columns, if at all."""
    told = reads_of(function if declared is None else declared.key)
    if told is None:
        return None, None
    # A view looks at its parent once more.
    viewed = declared is not None and declared.view is not None
    many = told.many is not None or told.many_of is not None
    return None if viewed else told.attributes, told if many else None


def call_of(schema: strawberry.Schema, definition: GraphQLField) -> tuple[Call, bool]:
    """How a field of the schema is called, and whether many parents share its values."""
    field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    handlers = schema.schema_converter._exception_handler_specs  # noqa: SLF001 - no public name
    if not isinstance(field, StrawberryField) or field.extensions or handlers:
        return Generic(definition), False
    resolver = field.base_resolver
    if resolver is None:
        default, name = schema.config.default_resolver, field.python_name
        if default is getattr:
            return Attribute(name, attrgetter(name)), False
        return Attribute(name, lambda source: default(source, name)), False
    function = resolver.wrapped_func
    if not callable(function) or isasyncgenfunction(function):
        return Generic(definition), False
    declared = declared_of(function)
    return Method(schema, field), declared is not None and declared.view is None
