"""Inputs compiled once: what graphql-core does to each value of a type, and Strawberry to each argument.

Both look at a type anew for each value.  Here the type is looked at once and leaves a function.
What is wrong, and whatever is unusual, is left to the reference: it says what it finds.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any, Final

from graphql import (
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLString,
    Undefined,
    coerce_input_value,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry.relay import GlobalID
from strawberry.types.arguments import _is_leaf_type
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType
from strawberry.types.unset import UNSET

Function = Callable[[Any], Any]
_AS_IT_IS: Final = GraphQLInputObjectType.out_type


class Coercers:
    """What makes a value of a variable, for each input type of a schema."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Function]] = {}

    def of(self, kind: Any) -> Function:
        """A function with the results of ``coerce_input_value``: Undefined for what is wrong."""
        known = self._known.get(id(kind))
        if known is None:
            # The type is kept, so that no other one gets its id.
            known = self._known[id(kind)] = kind, self._made(kind)
        return known[1]

    def _made(self, kind: Any) -> Function:
        if is_non_null_type(kind):
            if not (is_list_type(kind.of_type) or is_input_object_type(kind.of_type)):
                return _leaf(kind.of_type, nothing=Undefined)
            inner = self.of(kind.of_type)
            return lambda value: Undefined if value is None or value is Undefined else inner(value)
        if is_list_type(kind):
            return _list(kind, self.of(kind.of_type))
        if is_input_object_type(kind):
            return self._object(kind)
        return _leaf(kind)

    def _object(self, kind: Any) -> Function:
        # Fields are looked at when a value comes: a type may hold itself.
        plan: list[tuple[str, str, Function, Any]] = []
        names: set[str] = set()
        out = None if kind.out_type is _AS_IT_IS else kind.out_type

        def prepare() -> None:
            for name, field in kind.fields.items():
                bare = field.default is None and field.default_value is Undefined
                absent = Undefined if is_required_input_field(field) else None if bare else field
                plan.append((name, field.out_name or name, self.of(field.type), absent))
            names.update(kind.fields)

        def coerce(value: Any) -> Any:
            if value is None or value is Undefined:
                return None
            if not names:
                prepare()
            if type(value) is not dict or not value.keys() <= names or kind.is_one_of:
                return coerce_input_value(value, kind)
            found = {}
            for name, own, inner, absent in plan:
                given = value.get(name, Undefined)
                if given is Undefined:
                    if absent is Undefined:
                        return Undefined
                    if absent is not None:
                        found[own] = coerce_default_value(absent)
                    continue
                given = inner(given)
                if given is Undefined:
                    return Undefined
                found[own] = given
            return found if out is None else out(found)

        return coerce


def _list(kind: Any, inner: Function) -> Function:
    def coerce(value: Any) -> Any:
        if value is None or value is Undefined:
            return None
        if type(value) is not list:
            return coerce_input_value(value, kind)
        found = []
        for one in value:
            item = inner(one)
            if item is Undefined:
                return Undefined
            found.append(item)
        return found

    return coerce


def _leaf(kind: Any, *, nothing: Any = None) -> Function:
    parse = kind.coerce_input_value
    # These two take text as it is.
    as_it_is = str if kind is GraphQLString or kind is GraphQLID else Undefined

    def coerce(value: Any) -> Any:
        if type(value) is as_it_is:
            return value
        if value is None or value is Undefined:
            return nothing
        try:
            return parse(value)
        except Exception:  # noqa: BLE001 - the reference says what is wrong
            return Undefined

    return coerce


def converter(kind: Any, registry: Mapping[object, Any], name: Callable[[Any], str]) -> Any:
    """A function with the results of Strawberry's ``convert_argument``; None for what is unusual.

    ``name`` tells the name of an input's field in the schema.
    """
    try:
        return _Converters(registry, name).of(kind)
    except _Unusual:
        return None


class _Unusual(Exception):
    """A type that is left to Strawberry."""


class _Converters:
    def __init__(self, registry: Mapping[object, Any], name: Callable[[Any], str]) -> None:
        self._registry = registry
        self._name = name
        self._begun: set[Any] = set()

    def of(self, kind: Any) -> Function:
        """The function of a type; raises _Unusual."""
        if isinstance(kind, StrawberryMaybe) or kind is GlobalID:
            raise _Unusual
        if isinstance(kind, StrawberryOptional):
            return self.of(kind.of_type)
        if isinstance(kind, StrawberryList):
            return _copied(kind.of_type, self.of(kind.of_type))
        if isinstance(kind, LazyType):
            return self.of(kind.resolve_type())
        if _is_leaf_type(kind, self._registry):
            return _itself
        if has_enum_definition(kind) or isinstance(kind, StrawberryEnumDefinition):
            return _itself
        if has_object_definition(kind):
            return self._object(kind)
        raise _Unusual

    def _object(self, kind: Any) -> Function:
        definition = kind.__strawberry_definition__
        if kind in self._begun or not definition.is_input or definition.from_input is not None:
            raise _Unusual
        self._begun.add(kind)
        fields = []
        for field in definition.fields:
            inner = self.of(field.resolve_type(type_definition=definition))
            fields.append((self._name(field), field.python_name, inner))
        self._begun.discard(kind)
        # Without a value of its own a field that may be null is null.
        nulls = {field.python_name: None for field in definition.fields if not _has_default(field)}

        def convert(value: Any) -> Any:
            if value is None or value is UNSET:
                return value
            found = dict(nulls)
            for name, own, inner in fields:
                if name in value:
                    given = value[name]
                    found[own] = given if inner is _itself else inner(given)
            return kind(**found)

        return convert


def _has_default(field: Any) -> bool:
    return field.default_value is not MISSING or field.default_factory is not MISSING


def _itself(value: Any) -> Any:
    return value


def _copied(kind: Any, inner: Function) -> Function:
    """A list of its own: that of a default is shared."""

    def convert(value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        return list(value) if inner is _itself else [inner(one) for one in value]

    return convert
