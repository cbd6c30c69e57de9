"""Objects written out with variables in them: the same values as the reference, or its own words."""

from itertools import product
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, Undefined, build_schema, parse, parse_value
from graphql.execution.values import get_variable_values
from graphql.utilities import coerce_input_literal

from graph.execution.literals import literal

SCHEMA = build_schema(
    """
    enum Sort { UP DOWN }
    input Inner { a: Int! b: String = "b" many: [Int!] }
    input Filter { a: Int b: String = "x" c: Int! = 3 sort: Sort inner: Inner needs: Boolean! }
    input Lists { many: [Int!] = [1, 2] a: Int }
    input One @oneOf { a: Int b: Int }
    type Query { f(filter: Filter, lists: Lists, one: One): Int }
    """
)
DECLARED = "query ($a: Int, $b: String, $n: Boolean, $c: Int, $many: [Int!]) { __typename }"
GIVEN = (
    {"a": (Undefined, None, 1), "b": (Undefined, None, "y"), "n": (Undefined, None, True)}
    | {"c": (Undefined, None, 5), "many": (Undefined, [1])}
)  # fmt: skip
WRITTEN = [
    "{a: $a, needs: true}",
    "{a: $a, b: $b, c: $c, needs: $n}",
    "{b: null, a: 7, sort: UP, needs: $n}",
    "{needs: true, inner: {a: $a, many: $many}}",
    "{needs: true, inner: {a: $a, b: $b}, sort: DOWN}",
]


def variables(given: dict[str, Any]) -> Any:
    document: Any = parse(DECLARED).definitions[0]
    known = {name: value for name, value in given.items() if value is not Undefined}
    return get_variable_values(SCHEMA, document.variable_definitions, known)


@pytest.mark.parametrize("text", WRITTEN)
def test_values_are_those_of_the_reference(text: str) -> None:
    kind: Any = SCHEMA.type_map["Filter"]
    node = parse_value(text)
    taken = literal(node, kind)
    assert taken is not None
    for values in product(*GIVEN.values()):
        found = variables(dict(zip(GIVEN, values, strict=True)))
        wanted = coerce_input_literal(node, kind, found)
        assert taken.filled(found.coerced) == wanted
    once, again = taken.filled(found.coerced), taken.filled(found.coerced)
    assert once is Undefined or once is not again, "a resolver may change it"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Lists", "{a: $a}"),
        ("Filter", "{needs: true, inner: {a: 1, many: [$a]}}"),
        ("One", "{a: $a}"),
        ("Filter", "{a: $a}"),
        ("Filter", "{nothing: $a, needs: true}"),
        ("Filter", "{needs: true, inner: {b: $b}}"),
        ("Filter", "{needs: true, sort: $b, a: RED}"),
        ("Filter", "[$a]"),
    ],
)
def test_what_is_unusual_is_left_to_the_reference(kind: str, text: str) -> None:
    found = SCHEMA.type_map[kind]
    assert isinstance(found, GraphQLInputObjectType)
    assert literal(parse_value(text), found) is None
