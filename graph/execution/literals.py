"""Literals with variables in them, such as a filter of which a client gives what it likes."""

from typing import Any

from graphql import ArgumentNode, FieldNode, GraphQLError, GraphQLField, VariableNode
from graphql.execution.values import VariableValues, get_argument_values

from graph.execution.nodes import descendants


def variables_in(argument: ArgumentNode) -> frozenset[str]:
    """Names of the variables in the value of an argument."""
    return frozenset(
        one.name.value for one in descendants(argument.value) if isinstance(one, VariableNode)
    )


def without_variables(
    definition: GraphQLField, node: FieldNode, argument: ArgumentNode
) -> tuple[str, dict[str, Any]] | None:
    """The name and the value of an object among the arguments when none of its variables is given.

    None where that is wrong, or where the value would have to be made anew for each run.
    """
    name = argument.name.value
    alone = GraphQLField(definition.type, args={name: definition.args[name]})
    asked = FieldNode(name=node.name, arguments=(argument,), loc=node.loc)
    try:
        found = get_argument_values(alone, asked, VariableValues({}, {}))
    except GraphQLError:
        return None
    for out, value in found.items():
        if type(value) is dict and not any(isinstance(one, list | dict) for one in value.values()):
            return out, value
    return None
