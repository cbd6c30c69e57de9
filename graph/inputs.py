"""From typed GraphQL inputs to the raw mappings that the resolvers' parsers read."""

import dataclasses
from collections.abc import Hashable, Mapping
from datetime import date
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Final, TypeVar

from strawberry import UNSET
from strawberry.types.base import get_object_definition

from resolvers.errors import invalid
from resolvers.inputs import Input, parse

M = TypeVar("M", bound=Input)


_PLAIN: Final = frozenset({str, int, bool, float, NoneType, date})


def raw_value(value: Any) -> Any:
    """One input value as plain data; absent fields of inputs are left out."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    names = _names(kind)
    if names is not None:
        return {
            name: one if type(one) in _PLAIN else raw_value(one)
            for own, name in names
            if (one := getattr(value, own)) is not UNSET
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [raw_value(item) for item in value]
    return value


@cache
def _names(kind: Hashable) -> tuple[tuple[str, str], ...] | None:
    """Fields of a typed input, as it has them and as they are sent; None for any other type."""
    definition = get_object_definition(kind) if dataclasses.is_dataclass(kind) else None
    if definition is None:
        return None
    return tuple((field.python_name, _name(field)) for field in definition.fields)


def _name(field: Any) -> str:
    if field.graphql_name:
        return str(field.graphql_name)
    head, *tail = str(field.python_name).split("_")
    return head + "".join(part.title() for part in tail)


def parsed(model: type[M], value: Any) -> M:
    """A typed input checked by the rules; raises VALIDATION_ERROR with every wrong field."""
    return parse(model, raw_value(value) if value is not None else {})


def object_or_none(value: object) -> Mapping[str, Any] | None:
    """An optional JSON object argument."""
    return value if isinstance(value, Mapping) else None


def expected(version: int | None) -> int | None:
    """A checked expected version."""
    if version is not None and version < 1:
        raise invalid("expectedVersion", "A version is a number from 1 on.")
    return version
