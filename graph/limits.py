"""What an operation asks for in the words of the limits: its root fields, and what they hold."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    value_from_ast_untyped,
)

from graph.engine import Compiled
from resolvers.limits import BATCHES, GUARDED, Call


def calls_of(
    compiled: Compiled, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> list[Call]:
    """The root fields of an operation; arguments only where a limit looks at them."""
    key = id(operation)
    known = compiled.calls.get(key)
    if known is None:
        fragments = {
            node.name.value: node.selection_set
            for node in compiled.document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        fields = list(_fields(operation.selection_set, fragments))
        names = {field.name.value for field in fields}
        plain = not names & GUARDED and not names & BATCHES.keys()
        known = [Call(field.name.value) for field in fields] if plain else fields
        compiled.calls[key] = known
    if not known or isinstance(known[0], Call):
        return list(known)
    values = _with_defaults(operation, variables)
    return [Call(field.name.value, _arguments(field, values)) for field in known]


def _with_defaults(
    operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> dict[str, Any]:
    values = {
        one.variable.name.value: value_from_ast_untyped(one.default_value)
        for one in operation.variable_definitions or ()
        if one.default_value is not None
    }
    return {**values, **variables}


def _fields(
    selection: SelectionSetNode, fragments: Mapping[str, SelectionSetNode]
) -> Iterator[FieldNode]:
    """Root fields through all fragments; a validated document has no cycle of them."""
    for one in selection.selections:
        if isinstance(one, FieldNode):
            yield one
        elif isinstance(one, InlineFragmentNode):
            yield from _fields(one.selection_set, fragments)
        elif isinstance(one, FragmentSpreadNode) and one.name.value in fragments:
            yield from _fields(fragments[one.name.value], fragments)


def _arguments(field: FieldNode, values: dict[str, Any]) -> dict[str, Any]:
    if field.name.value not in GUARDED and field.name.value not in BATCHES:
        return {}
    return {
        one.name.value: value_from_ast_untyped(one.value, values) for one in field.arguments or ()
    }
