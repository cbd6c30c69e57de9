"""Arguments: what Strawberry makes of coerced values, looked up once for each field."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

import strawberry
from strawberry.types.arguments import convert_argument
from strawberry.types.field import StrawberryField

from graph.execution.coercing import converter

UNCHANGED: Final = frozenset({str, int, bool, float, type(None)})
"""Kinds of plain values, which stay as they are."""


class Arguments:
    """What Strawberry makes of the arguments, with all that can be known before."""

    def __init__(self, schema: strawberry.Schema, field: StrawberryField) -> None:
        self._config = schema.config
        self._registry = schema.schema_converter.scalar_registry
        self._known = [
            (
                schema.config.name_converter.from_argument(one),
                str(one.python_name),
                one.type,
                _needs(one.type),
            )
            for one in field.arguments
        ]
        self._choices: dict[tuple[str, Enum], Any] = {}
        self._converters: dict[str, Callable[[Any], Any] | None] = {}

    def convert(self, values: Mapping[str, Any], info: Any) -> dict[str, Any]:
        """Keyword arguments of the resolver."""
        found: dict[str, Any] = {}
        for name, python_name, kind, needs in self._known:
            if name in values:
                value = values[name]
                if type(value) not in UNCHANGED:
                    if isinstance(value, Enum):
                        value = self._choice(name, value, kind, info)
                    else:
                        value = self._made(name, value, kind, info)
                elif needs:
                    value = self._made(name, value, kind, info)
                found[python_name] = value
        return found

    def _made(self, name: str, value: Any, kind: Any, info: Any) -> Any:
        if name not in self._converters:
            named = self._config.name_converter.from_field
            self._converters[name] = converter(kind, self._registry, named)
        compiled = self._converters[name]
        if compiled is not None:
            return compiled(value)
        return convert_argument(value, kind, self._registry, self._config, info, path=(name,))

    def _choice(self, name: str, value: Enum, kind: Any, info: Any) -> Any:
        """A value of an enumeration, of which each is made once."""
        found = self._choices.get((name, value))
        if found is None:
            found = self._choices[name, value] = self._made(name, value, kind, info)
        return found


def _needs(kind: Any) -> bool:
    """Whether even a plain value of this type is converted (a global id is)."""
    inner = kind
    while hasattr(inner, "of_type"):
        inner = inner.of_type
    return type(kind).__name__ == "StrawberryMaybe" or inner is strawberry.relay.GlobalID
