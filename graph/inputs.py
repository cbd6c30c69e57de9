"""From typed GraphQL inputs to the raw mappings that the resolvers' parsers read."""

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from strawberry import UNSET
from strawberry.types.base import get_object_definition

from resolvers.errors import invalid
from resolvers.inputs import Input, parse

M = TypeVar("M", bound=Input)


def raw_value(value: Any) -> Any:
    """One input value as plain data; absent fields of inputs are left out."""
    definition = get_object_definition(value) if dataclasses.is_dataclass(value) else None
    if definition is not None:
        return {
            _name(field): raw_value(getattr(value, field.python_name))
            for field in definition.fields
            if getattr(value, field.python_name) is not UNSET
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [raw_value(item) for item in value]
    return value


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
