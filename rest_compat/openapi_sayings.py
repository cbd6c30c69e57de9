"""What the schema says of the variables of an operation."""

from collections.abc import Iterator

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
)


def sayings(root: FieldNode, field: GraphQLField) -> Iterator[tuple[str, str]]:
    """What the schema says of each variable: where it is used, alone or inside of an input."""
    waiting: list[tuple[ValueNode, GraphQLArgument | GraphQLInputField]] = [
        (one.value, field.args[one.name.value]) for one in root.arguments or ()
    ]
    while waiting:
        value, place = waiting.pop()
        if isinstance(value, VariableNode):
            yield value.name.value, place.description or ""
        elif isinstance(value, ObjectValueNode):
            kind = get_named_type(place.type)
            if isinstance(kind, GraphQLInputObjectType):
                waiting += [(one.value, kind.fields[one.name.value]) for one in value.fields]
    inside = get_named_type(field.type)
    if root.selection_set is not None and isinstance(inside, GraphQLObjectType):
        for one in root.selection_set.selections:
            if isinstance(one, FieldNode) and one.name.value in inside.fields:
                yield from sayings(one, inside.fields[one.name.value])
