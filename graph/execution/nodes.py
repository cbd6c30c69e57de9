"""Nodes of a document: all below some of them, what decides which are selected, what operations do."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from graphql import Node, OperationDefinitionNode, OperationType, VariableNode

_CONDITIONS: Final = frozenset({"skip", "include"})


def descendants(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    waiting: list[Node] = [node]
    while waiting:
        one = waiting.pop()
        yield one
        for name in one.keys:
            below = getattr(one, name, None)
            if isinstance(below, Node):
                waiting.append(below)
            elif isinstance(below, Sequence) and not isinstance(below, str):
                waiting.extend(item for item in below if isinstance(item, Node))


def conditions_of(nodes: Sequence[Node]) -> tuple[str, ...]:
    """Names of the variables that decide what is selected."""
    found: dict[str, None] = {}
    for node in chain.from_iterable(map(descendants, nodes)):
        for directive in getattr(node, "directives", None) or ():
            if directive.name.value in _CONDITIONS:
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        found[argument.value.name.value] = None
    return tuple(found)


def is_query(operation: OperationDefinitionNode) -> bool:
    """Whether an operation only reads, once."""
    return operation.operation is OperationType.QUERY


def is_mutation(operation: OperationDefinitionNode) -> bool:
    """Whether an operation writes."""
    return operation.operation is OperationType.MUTATION


def is_subscription(operation: OperationDefinitionNode) -> bool:
    """Whether an operation streams."""
    return operation.operation is OperationType.SUBSCRIPTION
