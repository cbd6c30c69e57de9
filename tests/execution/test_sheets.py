"""Objects that lie as columns answer as a list of them would, under the plan and the reference."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse
from strawberry import Info, Parent

from graph.execution import Batched, Outcome, Plans, batched, columnar, reads, wanted_of
from tests.execution.oracle import outside_nulls, serially


@dataclass
class Row:
    number: int
    name: str | None
    owner: int | None


@dataclass
class Owner:
    number: int
    title: str | None


class Sheet(Sequence[Any]):
    """Rows as columns, which count how often they are made."""

    def __init__(self, kind: type, made: list[str], along: Any = (), **columns: Any) -> None:
        self.kind, self.columns, self.along = kind, columns, dict(along)
        self._made, self._size = made, len(next(iter(columns.values())))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        self._made.append(self.kind.__name__)
        return iter([self.kind(*cells) for cells in zip(*self.columns.values(), strict=True)])

    def __getitem__(self, at: Any) -> Any:
        return list(self)[at]


@dataclass
class Linked:
    follows: Any
    sheet: Sheet
    places: list[int]


columnar(Sheet, Linked)


@dataclass
class Asked:
    made: list[str] = field(default_factory=list)
    loads: list[list[int]] = field(default_factory=list)


OWNERS = {1: Owner(1, "one"), 2: Owner(2, None), 3: Owner(3, "three")}


async def owners(
    context: Asked, keys: Sequence[int], *, attributes: Any = None
) -> list[Owner | None]:
    context.loads.append(list(keys))
    return [OWNERS.get(key) for key in keys]


@reads("owner", many=list, link="owner")
def _owner(row: Row, info: Any) -> int | None:
    return row.owner


def _edge(kind: Any, *, narrows: bool = True) -> Any:
    async def resolve(row: Parent[Any], info: Info) -> Any:
        return None if row.owner is None else OWNERS.get(row.owner)

    declared = Batched(owners, _owner, None, narrows)
    return strawberry.field(resolver=batched(resolve, declared), graphql_type=kind)


def _numbered(kind: type) -> Callable[[Sequence[int]], list[str]]:
    return lambda numbers: [f"{kind.__name__} {number}" for number in numbers]


@strawberry.type
class Person:
    title: str

    @strawberry.field
    @reads("number", many_of=_numbered)
    def id(row: Parent[Any]) -> str:  # noqa: N805 - Strawberry's way
        return f"{type(row).__name__} {row.number}"


@strawberry.type
class Thing:
    number: int
    name: str | None
    sure: str = strawberry.field(resolver=reads("name", many=list)(lambda root: root.name))
    owner: Person | None = _edge(Person | None)
    must: Person = _edge(Person)
    loaded: Person | None = _edge(Person | None, narrows=False)

    @classmethod
    @reads()
    def is_type_of(cls, value: object, info: Any) -> bool:
        return isinstance(value, Row)

    @strawberry.field
    @reads("number", many_of=_numbered)
    def id(row: Parent[Any]) -> str:  # noqa: N805 - Strawberry's way
        return f"{type(row).__name__} {row.number}"

    @strawberry.field
    @reads("number", "name")
    def both(row: Parent[Row]) -> str:  # noqa: N805 - Strawberry's way
        return f"{row.number} {row.name}"

    @strawberry.field
    @reads("number", "owner", many=lambda numbers, owned: [a // (b or 0) for a, b in zip(numbers, owned, strict=True)])  # fmt: skip
    def share(row: Parent[Row]) -> int | None:  # noqa: N805 - Strawberry's way
        return row.number // (row.owner or 0)

    @strawberry.field
    def whole(row: Parent[Row]) -> str:  # noqa: N805 - Strawberry's way
        return repr(row)


@strawberry.type
class Holder:
    node: Thing
    things: list[Thing]


@dataclass
class Held:
    node: Row
    things: Sequence[Row]


def rows_of(info: Any, owned: Sequence[int | None]) -> Any:
    """A sheet of rows with their owners along, if the plan follows them."""
    numbers = list(range(len(owned)))
    names = [None if one % 4 == 3 else f"n{one}" for one in numbers]
    along = {}
    for follows in wanted_of(info).among((), ("node",)).follows:
        known = [one for one in dict.fromkeys(owned) if one in OWNERS]
        places = [known.index(one) if one in known else len(known) for one in owned]
        columns = {"number": known, "title": [OWNERS[one].title for one in known if one]}
        along["owner"] = Linked(follows, Sheet(Owner, info.context.made, **columns), places)
    return Sheet(Row, info.context.made, along, number=numbers, name=names, owner=list(owned))


@strawberry.type
class Query:
    @strawberry.field(graphql_type=list[Thing])
    def things(self, info: Info, owned: list[int | None]) -> Any:
        return rows_of(info, owned)

    @strawberry.field(graphql_type=list[Thing | None] | None)
    def maybe(self, info: Info, owned: list[int | None]) -> Any:
        return rows_of(info, owned)

    @strawberry.field(graphql_type=list[Holder])
    def holders(self, info: Info, owned: list[int | None]) -> Any:
        rows = rows_of(info, owned)
        many = [[] for _ in owned] if not owned else [rows_of(info, [one, 1]) for one in owned]
        return Sheet(Held, info.context.made, node=rows, things=many)

    @strawberry.field(graphql_type=Thing | None)
    async def alone(self, info: Info, owned: list[int | None]) -> Any:
        rows = rows_of(info, owned[:1])
        # The reference is told nothing, and knows no sheets.
        return rows if wanted_of(info).attributes is not None else next(iter(rows), None)

    @strawberry.field(graphql_type=Person)
    def stranger(self, info: Info, owned: list[int | None]) -> Any:
        rows = rows_of(info, [1, *owned][:1])
        return rows if wanted_of(info).attributes is not None else next(iter(rows))

    @strawberry.field(graphql_type=list[Person])
    def strangers(self, info: Info, owned: list[int | None]) -> Any:
        return rows_of(info, owned)

    @strawberry.field(graphql_type=list[Thing])
    def false(self, info: Info, owned: list[int | None]) -> Any:
        return Sheet(Owner, info.context.made, number=owned, title=owned)


async def _load(context: Asked, batch: Any, keys: Sequence[int]) -> list[Owner | None]:
    return await owners(context, keys)


SCHEMA = strawberry.Schema(Query)
PLANS = Plans(SCHEMA, _load)


def run(text: str, owned: Sequence[int | None]) -> tuple[Outcome, Asked]:
    """The answer of the plan, which the oracle has to give, too."""
    document = parse("query ($o: [Int]!) " + text.replace("!", "(owned: $o)"))
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    plan = PLANS.compile(document, operation)
    assert plan is not None
    coerced = plan.values({"o": list(owned)})
    assert coerced is not None
    asked = Asked()
    found = asyncio.run(plan.run(asked, coerced))
    wanted = asyncio.run(serially(SCHEMA._schema, document, Asked(), {"o": list(owned)}))
    assert repr(found.data) == repr(wanted.data)
    assert outside_nulls(found.data, found.errors) == outside_nulls(
        wanted.data, list(wanted.errors or ())
    )
    return found, asked


SELECTIONS = [
    "{ number name }",
    "{ b: number a: name number __typename }",
    "{ id sure }",
    "{ share id }",
    "{ owner { id title } }",
    "{ owner { id } again: owner { title x: id } must { title } }",
    "{ must { id } }",
    "{ loaded { id title } owner { id } }",
    "{ both whole owner { title } }",
]
OWNED: list[list[int | None]] = [[], [1], [1, 2, 1, 3, 3], [3, None, 1], [9, 1, 9], [None, None]]


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize(
    "place", ["things!", "maybe!", "alone!", "holders! { node", "holders! { things"]
)
def test_a_sheet_answers_as_its_rows_would(place: str, selection: str) -> None:
    for owned in OWNED[place == "alone!" :]:
        run(f"{{ {place} {selection} {'} ' * place.count('{')} }}", owned)


@pytest.mark.parametrize("root", ["strangers", "stranger", "false"])
def test_rows_of_another_class_fail_alike(root: str) -> None:
    for owned in OWNED:
        run(f"{{ {root}! {{ {'number' if root == 'false' else 'title'} }} }}", owned)


def test_no_row_is_made_where_columns_are_enough() -> None:
    found, asked = run("{ maybe! { id number name owner { id } } }", [1, 3, None, 1])
    assert found.errors == []
    assert asked.loads == []
    plans = Plans(SCHEMA, _load)
    document = parse("{ maybe(owned: [1, 2]) { id number } }")
    plan = plans.compile(document, document.definitions[0])  # type: ignore[arg-type]
    assert plan is not None
    made: list[str] = []
    for _ in range(2):
        asked = Asked(made)
        values = plan.values({})
        assert values is not None
        asyncio.run(plan.run(asked, values))
    assert made == ["Row"], "once, to learn that the class is right"


def test_more_rows_take_no_more_calls() -> None:
    document = parse(
        "query ($o: [Int]!) { things(owned: $o) { id number name __typename owner { id title } } }"
    )
    plan = PLANS.compile(document, document.definitions[0])  # type: ignore[arg-type]
    assert plan is not None

    def calls(rows: int) -> int:
        values = plan.values({"o": [1, 3] * rows})
        assert values is not None
        entered: list[str] = []

        def enter(frame: FrameType, event: str, _: Any) -> None:
            if event == "call" and "/graph/execution/" in frame.f_code.co_filename:
                entered.append(frame.f_code.co_qualname)

        sys.setprofile(enter)
        try:
            found = asyncio.run(plan.run(Asked(), values))
        finally:
            sys.setprofile(None)
        assert found.data is not None
        assert len(found.data["things"]) == rows * 2
        return len(entered)

    calls(2)
    assert calls(40) == calls(2)


def test_an_edge_that_came_along_is_not_loaded() -> None:
    _, asked = run("{ things! { owner { id } } }", [1, 3, 1])
    assert asked.loads == []
    _, asked = run("{ things! { loaded { id } } }", [1, 3, 1])
    assert asked.loads == [[1, 3]]
