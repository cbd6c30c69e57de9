"""What a plan does for a whole column at once, where one by one would give the same."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse
from strawberry import Parent

from graph.execution import Outcome, Plans, reads
from graph.execution.filling import fill, rows_of
from tests.execution.oracle import outside_nulls, serially

ROWS = 12


@dataclass
class Asked:
    kinds: list[str] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)


@dataclass
class Row:
    number: int
    bent: bool = False

    @property
    def day(self) -> Any:
        return "no day" if self.bent else date(2026, 1, 1 + self.number % 3)

    @property
    def moment(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=self.number % 2)


class Other(Row):
    """A row that is none."""


@strawberry.enum
class Size(Enum):
    SMALL = "small"
    LARGE = "large"


def _doubles(numbers: Sequence[int], bent: Sequence[bool]) -> list[int]:
    if any(bent):
        raise ValueError("somebody is bent")
    return [number * 2 for number in numbers]


@strawberry.type
class Told:
    number: int
    day: date
    moment: datetime

    @classmethod
    @reads()
    def is_type_of(cls, value: object, info: Any) -> bool:
        info.context.kinds.append(type(value).__name__)
        return type(value) is Row

    @strawberry.field
    @reads("number", "bent", many=_doubles)
    def double(row: Parent[Row]) -> int:  # noqa: N805 - Strawberry's way
        if row.bent:
            raise ValueError(f"{row.number} is bent")
        return row.number * 2


@strawberry.input
class Wish:
    size: Size = Size.SMALL
    many: int | None = strawberry.UNSET
    sizes: list[Size] | None = strawberry.UNSET
    must: int = 1


@strawberry.type
class Query:
    @strawberry.field(graphql_type=list[Told | None])
    def rows(self, bent: int = -1, other: int = -1, hollow: int = -1) -> Any:
        rows: list[Any] = [Row(number, number == bent) for number in range(ROWS)]
        if other >= 0:
            rows[other] = Other(other)
        if hollow >= 0:
            rows[hollow] = None
        return rows

    @strawberry.field
    def sized(self, size: Size, many: int, sizes: list[Size] | None = None) -> str:
        return f"{size.name} {many} {[one.name for one in sizes or ()]}"

    @strawberry.field
    def wished(self, wish: Wish, other: Wish | None = None) -> str:
        told = f"{wish} {other}"
        wish.many = 99
        return told


async def _load(*_: Any) -> list[Any]:
    raise AssertionError("nothing loads")


SCHEMA = strawberry.Schema(Query)
PLANS = Plans(SCHEMA, _load)


def run(text: str, asked: Asked | None = None, **variables: Any) -> Outcome:
    """The answer of the plan, which the oracle has to give, too."""
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    plan = PLANS.compile(document, operation)
    assert plan is not None
    coerced = plan.values(variables)
    assert coerced is not None
    found = asyncio.run(plan.run(asked or Asked(), coerced))
    wanted = asyncio.run(serially(SCHEMA._schema, document, Asked(), variables))
    assert found.data == wanted.data
    assert outside_nulls(found.data, found.errors) == outside_nulls(
        wanted.data, list(wanted.errors or ())
    )
    return found


TEXT = "query ($b: Int! = -1, $o: Int! = -1, $h: Int! = -1) { rows(bent: $b, other: $o, hollow: $h) { number day moment double } }"  # fmt: skip


@pytest.mark.parametrize("bent", [-1, 0, 5])
@pytest.mark.parametrize("other", [-1, 0, 7])
@pytest.mark.parametrize("hollow", [-1, 3])
def test_a_column_fails_where_one_by_one_fails(bent: int, other: int, hollow: int) -> None:
    found = run(TEXT, b=bent, o=other, h=hollow)
    assert found.data is not None
    wrong = {one for one in (bent, other, hollow) if one >= 0}
    nulls = {at for at, row in enumerate(found.data["rows"]) if row is None}
    assert nulls == wrong


def test_a_predicate_that_looks_at_nothing_is_asked_once_for_each_class() -> None:
    plans = Plans(strawberry.Schema(Query), _load)
    document = parse("{ rows { number } }")
    plan = plans.compile(document, document.definitions[0])  # type: ignore[arg-type]
    assert plan is not None
    values = plan.values({})
    assert values is not None
    asked = Asked()
    for _ in range(3):
        asyncio.run(plan.run(asked, values))
    assert asked.kinds == ["Row"]


@pytest.mark.parametrize("width", [0, 1, 63, 64, 65, 200])
def test_rows_are_filled_in_the_order_of_their_columns(width: int) -> None:
    names = [f"a{one}" for one in range(width)]
    columns = [[one, -one] for one in range(width)]
    rows: list[dict[str, Any]] = [{}, {}]
    fill(rows, names, columns)
    assert rows == [{f"a{one}": one * sign for one in range(width)} for sign in (1, -1)]
    assert [list(row) for row in rows] == [names, names]
    made = rows_of(names, columns, len(rows))
    assert made == rows
    assert [list(row) for row in made] == [names, names]


def test_no_name_is_ever_in_written_code() -> None:
    names = ['"]=1;import os#', "row", "names", "columns", "k0", "__class__", "\n  pass"]
    rows: list[dict[str, Any]] = [{}]
    fill(rows, names, [[one] for one in range(len(names))])
    assert list(rows[0].items()) == list(zip(names, range(len(names)), strict=True))
    assert rows_of(names, [[one] for one in range(len(names))], 1) == rows


SIZED = "query ($s: Size!, $m: Int! = 3, $l: [Size!]) { sized(size: $s, many: $m, sizes: $l) }"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"s": "SMALL"}, "SMALL 3 []"),
        ({"s": "LARGE", "m": 4, "l": ["SMALL", "LARGE"]}, "LARGE 4 ['SMALL', 'LARGE']"),
        ({"s": "SMALL", "m": 0, "l": None}, "SMALL 0 []"),
    ],
    ids=["defaults", "all", "null"],
)
def test_required_arguments_by_variables(variables: dict[str, Any], expected: str) -> None:
    for _ in range(2):
        assert run(SIZED, **variables).data == {"sized": expected}


def test_a_null_for_a_required_argument_is_the_fields_failure() -> None:
    text = "query ($m: Int = 3) { sized(size: SMALL, many: $m) }"
    assert run(text).data == {"sized": "SMALL 3 []"}
    found = run(text, m=None)
    assert found.data is None
    assert len(found.errors) == 1


WISHED = """query ($m: Int, $l: [Size!], $i: Int! = 2, $o: Int) {
  wished(wish: { size: LARGE, many: $m, sizes: $l }) a: wished(wish: { must: $i }, other: { many: $o })
  b: wished(wish: { sizes: [LARGE], many: $m })
}"""


@pytest.mark.parametrize(
    "variables",
    [{}, {"m": 3}, {"m": None}, {"l": ["SMALL"]}, {"i": 5, "o": 1}, {"m": 1, "l": None, "o": None}],
    ids=str,
)
def test_objects_of_variables_of_which_some_are_given(variables: dict[str, Any]) -> None:
    for _ in range(2):
        assert run(WISHED, **variables).errors == []


def test_a_variable_that_is_missing_where_one_is_required_is_the_fields_failure() -> None:
    text = "query ($i: Int = 1) { wished(wish: { must: $i }) }"
    assert run(text).errors == []
    assert len(run(text, i=None).errors) == 1
