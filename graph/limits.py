"""What an operation asks for in the words of the limits: its root fields, and what they hold."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    value_from_ast_untyped,
)

from resolvers.limits import BATCHES, GUARDED, Call


def calls_of(
    document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> list[Call]:
    """The root fields of an operation; arguments only where a limit looks at them."""
    fragments = {
        node.name.value: node.selection_set
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    values = _with_defaults(operation, variables)
    return [
        Call(field.name.value, _arguments(field, values))
        for field in _fields(operation.selection_set, fragments)
    ]


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
