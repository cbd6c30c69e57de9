"""Arguments: what Strawberry makes of coerced values, looked up once for each field and input type."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING
from enum import Enum
from typing import Any, Final

import strawberry
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.field import StrawberryField

Argument = tuple[str, str, Any]
"""Name in the graph, name in Python, and Strawberry's type."""
UNCHANGED: Final = frozenset({str, int, bool, float, type(None)})
"""Kinds of plain values, which stay as they are."""


class Arguments:
    """What Strawberry makes of the arguments, with all that can be known before."""

    def __init__(
        self, schema: strawberry.Schema, known: Sequence[Argument], path: tuple[str, ...] = ()
    ) -> None:
        self._schema = schema
        self._config = schema.config
        self._registry = schema.schema_converter.scalar_registry
        self._known = known
        self._path = path
        self._plain: dict[str, bool] = {}
        self._choices: dict[tuple[str, Enum], Any] = {}
        self._objects: dict[str, InputObject | None] = {}

    @classmethod
    def of(cls, schema: strawberry.Schema, field: StrawberryField) -> "Arguments":
        """Those of a field."""
        name_of = schema.config.name_converter.from_argument
        known = [(name_of(one), str(one.python_name), one.type) for one in field.arguments]
        return cls(schema, known)

    def convert(self, values: Mapping[str, Any], info: Any) -> dict[str, Any]:
        """Keyword arguments of the resolver."""
        found: dict[str, Any] = {}
        for name, python_name, kind in self._known:
            if name in values:
                value = values[name]
                if isinstance(value, Enum):
                    value = self._choice(name, value, kind, info)
                elif type(value) not in UNCHANGED or self._needs(name, kind):
                    value = self._made(name, value, kind, info)
                found[python_name] = value
        return found

    def _made(self, name: str, value: Any, kind: Any, info: Any) -> Any:
        path = (*self._path, name)
        if type(value) is dict:
            if name not in self._objects:
                self._objects[name] = InputObject.of(self._schema, kind, path)
            made = self._objects[name]
            if made is not None:
                return made.make(value, info)
        return convert_argument(value, kind, self._registry, self._config, info, path=path)

    def _choice(self, name: str, value: Enum, kind: Any, info: Any) -> Any:
        """A value of an enumeration, of which each is made once."""
        found = self._choices.get((name, value))
        if found is None:
            found = self._choices[name, value] = self._made(name, value, kind, info)
        return found

    def _needs(self, name: str, kind: Any) -> bool:
        """Whether even a plain value of this type is converted (a global id is)."""
        found = self._plain.get(name)
        if found is None:
            inner = kind
            while hasattr(inner, "of_type"):
                inner = inner.of_type
            maybe = type(kind).__name__ == "StrawberryMaybe"
            found = self._plain[name] = maybe or inner is strawberry.relay.GlobalID
        return found


class InputObject:
    """An input type: what Strawberry looks up at each value of it is known before."""

    def __init__(self, schema: strawberry.Schema, kind: Any, path: tuple[str, ...]) -> None:
        definition = kind.__strawberry_definition__
        name_of = schema.config.name_converter.from_field
        known = [
            (name_of(one), str(one.python_name), one.resolve_type(type_definition=definition))
            for one in definition.fields
        ]
        self._kind = kind
        self._fields = Arguments(schema, known, path)
        # As Strawberry does it, which leaves required fields to the executor.
        self._absent = {
            one.python_name: None
            for one in definition.fields
            if one.default_value is MISSING and one.default_factory is MISSING
        }

    @classmethod
    def of(
        cls, schema: strawberry.Schema, kind: Any, path: tuple[str, ...]
    ) -> "InputObject | None":
        """That of a type; None for what Strawberry converts in ways of its own."""
        if isinstance(kind, StrawberryOptional) and not isinstance(kind, StrawberryMaybe):
            kind = kind.of_type
        if not has_object_definition(kind):
            return None
        definition: Any = kind.__strawberry_definition__
        plain = definition.is_input and definition.from_input is None
        return cls(schema, kind, path) if plain else None

    def make(self, values: Mapping[str, Any], info: Any) -> Any:
        """An object of coerced values."""
        return self._kind(**{**self._absent, **self._fields.convert(values, info)})
