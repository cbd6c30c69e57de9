"""Objects that a document writes out with variables in them: taken apart once, filled for each run."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from graphql import (
    GraphQLInputObjectType,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_input_object_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal

from graph.execution.nodes import descendants

_LASTING: Final = (str, int, float, bool, Enum, type(None))
"""Values that no resolver can change, so that they are made once."""


class Literal:
    """An input object with variables, as graphql-core makes it (``coerce_input_literal``)."""

    __slots__ = ("_fields", "_fixed")

    def __init__(self) -> None:
        self._fixed: dict[str, Any] = {}
        self._fields: list[tuple[str, str | Literal, bool, bool, Any]] = []
        """Name, variable or inner object, whether it is required, whether it may not be null, and
        its default."""

    def filled(self, variables: Mapping[str, Any]) -> Any:
        """Its value for a run; Undefined where the reference has to say what is wrong."""
        found = dict(self._fixed)
        for name, inner, required, never_null, default in self._fields:
            value: Any
            if isinstance(inner, Literal):
                value = inner.filled(variables)
                if value is Undefined:
                    return Undefined
            else:
                value = variables.get(inner, Undefined)
                if value is Undefined:
                    if required:
                        return Undefined
                    if default is not Undefined:
                        found[name] = default
                    continue
                if value is None and never_null:
                    return Undefined
            found[name] = value
        return found

    def take(self, node: ObjectValueNode, kind: GraphQLInputObjectType) -> bool:
        """Take a written object apart; False for what only the reference covers."""
        nodes = {one.name.value: one.value for one in node.fields}
        if kind.is_one_of or kind.out_type is not GraphQLInputObjectType.out_type:
            return False
        if not nodes.keys() <= kind.fields.keys():
            return False
        for name, field in kind.fields.items():
            default = coerce_default_value(field)
            if default is not Undefined and not isinstance(default, _LASTING):
                return False
            out, value, required = field.out_name or name, nodes.get(name), False
            if value is None:
                if is_required_input_field(field):
                    return False
                if default is not Undefined:
                    self._fixed[out] = default
                continue
            never_null = is_non_null_type(field.type)
            if isinstance(value, VariableNode):
                required = is_required_input_field(field)
                self._fields.append((out, value.name.value, required, never_null, default))
                continue
            if not any(isinstance(below, VariableNode) for below in descendants(value)):
                made = coerce_input_literal(value, field.type)
                if made is Undefined or not isinstance(made, _LASTING):
                    return False
                self._fixed[out] = made
                continue
            inner = literal(value, field.type)
            if inner is None:
                return False
            self._fields.append((out, inner, True, True, Undefined))
        return True


def literal(node: ValueNode, kind: Any) -> Literal | None:
    """A written object with variables taken apart; None for what only the reference covers."""
    bare = kind.of_type if is_non_null_type(kind) else kind
    if not isinstance(node, ObjectValueNode) or not is_input_object_type(bare):
        return None
    found = Literal()
    return found if found.take(node, bare) else None
