"""Inputs compiled once: the same values as graphql-core and Strawberry make of them, or none."""

import random
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Annotated, Any

import pytest
import strawberry
from graphql import (
    GraphQLInputObjectType,
    GraphQLNonNull,
    Undefined,
    coerce_input_value,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from strawberry.types.arguments import convert_argument

from graph.execution.coercing import Coercers, converter
from graph.schema import schema
from graph.transactions.types import CreateTransactionInput
from tests.security.strings import ALL

_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**40, 0.5, "", "x", "2026-02-30", [], [None], [[]], {}, {"x": 1}, [1, "a"],
    *ALL[:20],
)  # fmt: skip
_PRODUCT = schema()


@strawberry.enum
class Shade(Enum):
    """Not its own name."""

    DARK = "dark"
    LIGHT = 2


@strawberry.input
class Leaf:
    """Defaults of every kind, and names of their own."""

    some_number: int
    word: str = "by default"
    shade: Shade = Shade.DARK
    shades: list[Shade | None] | None = strawberry.UNSET
    words: list[str] = strawberry.field(default_factory=lambda: ["a"])
    renamed: int | None = strawberry.field(name="called_so", default=None)
    nothing: str | None


@strawberry.input
class Tree:
    """Holds itself."""

    leaf: Leaf
    leaves: list[list[Leaf]] | None = None
    below: Annotated["Tree", strawberry.lazy("tests.execution.test_coercing")] | None = None


@strawberry.input(one_of=True)
class Either:
    """One of two."""

    left: int | None = strawberry.UNSET
    right: Leaf | None = strawberry.UNSET


@strawberry.input
class Perhaps:
    """What Strawberry wraps."""

    number: strawberry.Maybe[int | None]
    which: strawberry.relay.GlobalID | None = None


@strawberry.type
class Query:
    """Takes all of them."""

    @strawberry.field
    def all(self, leaf: Leaf, tree: Tree, either: Either, perhaps: Perhaps) -> int:
        """Nothing is run here."""
        return len([leaf, tree, either, perhaps])


_OWN = strawberry.Schema(Query)
_KINDS = {
    name: (one, kind)
    for one in (_OWN, _PRODUCT)
    for name, kind in one._schema.type_map.items()
    if isinstance(kind, GraphQLInputObjectType)
}


def made(kind: Any, chance: random.Random, depth: int = 0) -> Any:
    """A value as a client sends it, mostly right."""
    if chance.random() < 0.04:
        return chance.choice(_ODD)
    if is_non_null_type(kind):
        return made(kind.of_type, chance, depth)
    if chance.random() < 0.1:
        return None
    if is_list_type(kind):
        one = made(kind.of_type, chance, depth + 1)
        return one if chance.random() < 0.1 else [one] * chance.randrange(3)
    if is_input_object_type(kind):
        found = {}
        for name, field in kind.fields.items():
            wanted = is_non_null_type(field.type) or (depth < 3 and chance.random() < 0.6)
            if wanted and chance.random() < 0.98:
                found[name] = made(field.type, chance, depth + 1)
        if chance.random() < 0.03:
            found["nobodyKnows"] = 1
        return found
    if is_enum_type(kind):
        return chance.choice(list(kind.values))
    values = {
        "Int": 7, "Float": 1.5, "Boolean": True, "Date": "2026-02-28", "Amount": "-1.50",
        "Instant": "2026-01-28T10:30:00Z", "JSONObject": {"a": [1]}, "RawRow": {"b": 2},
        "GlobalID": "TGVhZjox",
    }  # fmt: skip
    return values.get(kind.name, chance.choice(["word", *ALL[:20]]))


def same(one: Any, other: Any) -> bool:
    """Equal with types and with the order of keys."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or one is other


def tried(work: Callable[..., Any], *values: Any) -> Any:
    """What it gives, or how it fails."""
    try:
        return work(*values)
    except Exception as error:  # noqa: BLE001 - both have to fail alike
        return type(error), str(error)


@pytest.mark.parametrize("name", sorted(_KINDS))
def test_a_compiled_input_gives_what_the_reference_gives(name: str) -> None:
    owner, kind = _KINDS[name]
    chance, known, converted = random.Random(name), Coercers(), 0  # noqa: S311 - the same each time
    definition = kind.extensions["strawberry-definition"].origin
    config, registry = owner.config, owner.schema_converter.scalar_registry
    convert = converter(definition, registry, config.name_converter.from_field)
    for required in (True, False):
        wanted = GraphQLNonNull(kind) if required else kind
        for _ in range(30):
            value = made(wanted, chance)
            found = tried(known.of(wanted), value)
            expected = tried(coerce_input_value, value, wanted)
            assert same(found, expected), value
            if convert is None or found is Undefined:
                continue
            ours, theirs = convert(found), convert_argument(found, definition, registry, config)
            assert repr(ours) == repr(theirs)
            assert ours == theirs
            converted += found is not None
    if name not in {"Perhaps", "Tree"}:
        assert converted > 0


def test_what_holds_itself_or_is_wrapped_is_left_to_strawberry() -> None:
    registry = _OWN.schema_converter.scalar_registry
    named = _OWN.config.name_converter.from_field
    assert converter(Tree, registry, named) is None
    assert converter(Perhaps, registry, named) is None
    assert converter(Leaf, registry, named) is not None


def test_each_value_is_its_own() -> None:
    kind = _OWN._schema.type_map["Leaf"]
    registry = _OWN.schema_converter.scalar_registry
    convert = converter(Leaf, registry, _OWN.config.name_converter.from_field)
    coerced = [Coercers().of(kind)({"someNumber": 1}) for _ in range(2)]
    first, second = map(convert, coerced)
    first.words.append("b")
    assert second.words == ["a"]
    assert convert(coerced[0]).words == ["a"]


def test_an_input_of_the_product_is_compiled() -> None:
    registry = _PRODUCT.schema_converter.scalar_registry
    convert = converter(CreateTransactionInput, registry, _PRODUCT.config.name_converter.from_field)
    given = convert({"accountId": "a", "date": date(2026, 1, 1), "amount": "1", "description": "x"})
    assert given.payee is strawberry.UNSET
