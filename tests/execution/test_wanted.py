"""What a plan knows of what is looked at, by a small schema of its own."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse
from strawberry import Info, Parent

from graph.execution import Batched, Narrowed, Plans, Wanted, batched, reads, wanted_of


@dataclass
class Seen:
    """What the resolvers of one run were told."""

    wanted: dict[str, Wanted] = field(default_factory=dict)
    loads: list[Any] = field(default_factory=list)


@dataclass
class Row:
    name: str = "n"
    left: int = 1
    right: int = 2
    owner: int = 7


async def owners(context: Seen, keys: Sequence[int], *, attributes: Any = None) -> list[Row]:
    return [Row(f"owner {key}") for key in keys]


@reads("owner")
def _owner(row: Row, info: Any) -> int:
    return row.owner


def _edge(*, narrows: bool, view: Any = None) -> Any:
    async def resolve(row: Parent[Any], info: Info) -> Any:
        found = (await owners(info.context, [row.owner]))[0]
        return found if view is None else view(row, found)

    return strawberry.field(
        resolver=batched(resolve, Batched(owners, _owner, view, narrows)), graphql_type=Thing
    )


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Thing(Named):
    left: int
    right: int

    @classmethod
    def is_type_of(cls, value: object, info: Any) -> bool:
        return isinstance(value, Row)

    @strawberry.field
    @reads("left", "right")
    def both(row: Parent[Row]) -> int:  # noqa: N805 - Strawberry's way
        return row.left + row.right

    @strawberry.field
    def secret(row: Parent[Row]) -> int:  # noqa: N805 - Strawberry's way
        return row.left


@strawberry.type
class Holder:
    owner: Thing = _edge(narrows=True)
    guest: Thing = _edge(narrows=True)
    viewed: Thing = _edge(narrows=True, view=lambda _, value: value)
    broad: Thing = _edge(narrows=False)
    label: str = strawberry.field(resolver=lambda: "l")

    @classmethod
    def is_type_of(cls, value: object, info: Any) -> bool:
        return isinstance(value, Row)


@strawberry.type
class Query:
    @strawberry.field(graphql_type=list[Thing])
    def things(self, info: Info) -> Any:
        info.context.wanted[info.path.key] = wanted_of(info)
        return [Row(), Row()]

    @strawberry.field(graphql_type=list[Holder])
    def holders(self, info: Info) -> Any:
        info.context.wanted[info.path.key] = wanted_of(info)
        return [Row(), Row()]

    @strawberry.field(graphql_type=list[Named])
    def named(self, info: Info) -> Any:
        info.context.wanted[info.path.key] = wanted_of(info)
        return [Row()]


async def _load(context: Seen, batch: Any, keys: Sequence[int]) -> list[Row]:
    context.loads.append(batch)
    return await owners(context, keys)


SCHEMA = strawberry.Schema(Query, types=[Thing])
PLANS = Plans(SCHEMA, _load)


def run(text: str, **variables: Any) -> Seen:
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    plan = PLANS.compile(document, operation)
    assert plan is not None
    coerced = plan.values(variables)
    assert coerced is not None
    seen = Seen()
    outcome = asyncio.run(plan.run(seen, coerced))
    assert outcome.errors == [], outcome.errors
    return seen


CASES = [
    ("{ things { name } }", {"name"}),
    ("{ things { a: name b: name left __typename } }", {"name", "left"}),
    ("{ things { both } }", {"left", "right"}),
    ("{ things { both secret } }", None),
    ("{ things { __typename } }", set()),
    ("{ things { ...F ... on Thing { right } ... on Named { name } } } fragment F on Thing { left }",
     {"left", "right", "name"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_a_place_knows_what_is_looked_at(text: str, expected: set[str] | None) -> None:
    found = run(text).wanted["things"].attributes
    assert found == (None if expected is None else frozenset(expected))


@pytest.mark.parametrize("shown", [True, False])
def test_what_is_left_out_is_not_looked_at(shown: bool) -> None:
    text = "query ($s: Boolean!) { things { name left @include(if: $s) right @skip(if: $s) } }"
    wanted = run(text, s=shown).wanted["things"].attributes
    assert wanted == {"name", "left" if shown else "right"}


def test_objects_of_unknown_type_are_looked_at_whole() -> None:
    assert run("{ named { name } }").wanted["named"].attributes is None


def test_a_batch_is_narrowed_alike_in_the_whole_operation() -> None:
    seen = run("{ holders { owner { name } guest { left } } more: holders { owner { right } } }")
    narrowed = Narrowed(owners, frozenset({"name", "left", "right"}))
    assert seen.loads == [narrowed]
    assert set(seen.wanted["holders"].follows) == {narrowed}
    assert seen.wanted["holders"].attributes == {"owner"}
    assert seen.wanted["more"].below["owner"].attributes == {"right"}


def test_one_place_that_looks_at_everything_widens_all() -> None:
    seen = run("{ holders { owner { name } guest { secret } } }")
    assert seen.loads == [owners]
    assert seen.wanted["holders"].follows == ()


def test_views_and_batches_that_cannot_be_told_load_whole_values() -> None:
    assert run("{ holders { viewed { name } } }").loads == [owners]
    assert run("{ holders { viewed { name } } }").wanted["holders"].attributes is None
    assert run("{ holders { broad { name } } }").loads == [owners]


def test_places_are_joined() -> None:
    wanted = run("{ holders { owner { name } guest { left both } } }").wanted["holders"]
    assert wanted.among(("owner",), ("guest",), ("none",)).attributes == {"name", "left", "right"}
    assert wanted.among(("none",)).attributes == set()
