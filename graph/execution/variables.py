"""Variables: what an operation is given, coerced by what was found out about it once."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from graphql import (
    GraphQLError,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

from graph.execution.coercing import Coercers


class _Taken(NamedTuple):
    """How a variable is taken."""

    name: str
    signature: GraphQLVariableSignature
    coerce: Callable[[Any], Any]
    absent: VariableValueSource
    """What is noted of it where it is not given."""


class Variables:
    """The variables of one operation."""

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, coercers: Coercers
    ) -> None:
        self._schema = schema
        self._coercers = coercers
        self._nodes = operation.variable_definitions or ()
        self._signatures = [get_variable_signature(schema, one) for one in self._nodes]
        self._defaults = self._known_defaults()
        self._taken: list[_Taken] | None = None

    def _known_defaults(self) -> dict[str, Any]:
        """Defaults that no resolver can change: what is no list and no object."""
        nodes = [one for one in self._nodes if one.default_value]
        found = get_variable_values(self._schema, nodes, {})
        if isinstance(found, list):
            return {}
        return {
            name: value
            for name, value in found.coerced.items()
            if isinstance(value, str | int | float | Enum | None)
        }

    def of(self, given: Mapping[str, Any]) -> VariableValues | None:
        """Coerced variables; None when one is not what its definition says."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        taken = self._taken
        if taken is None:
            if any(isinstance(one, GraphQLError) for one in self._signatures):
                return None
            taken = self._taken = [
                _Taken(one.name, one, self._coercers.of(one.type), VariableValueSource(one))
                for one in self._signatures
                if not isinstance(one, GraphQLError)
            ]
        for name, signature, coerce, absent in taken:
            if name in given:
                sources[name] = VariableValueSource(signature, given[name])
                value = coerce(given[name])
                if value is Undefined:
                    return None
                coerced[name] = value
                continue
            sources[name] = absent
            if signature.default is not None:
                if name not in self._defaults:
                    return self._by_the_book(given)
                coerced[name] = self._defaults[name]
            elif type(signature.type) is GraphQLNonNull:
                return None
        return VariableValues(sources, coerced)

    def _by_the_book(self, given: Mapping[str, Any]) -> VariableValues | None:
        found = get_variable_values(self._schema, self._nodes, dict(given))
        return None if isinstance(found, list) else found
