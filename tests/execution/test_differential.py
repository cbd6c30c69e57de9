"""Two executors, one answer: thousands of made documents over a world in which things go wrong."""

import gc
import json
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from graphql import OperationDefinitionNode, parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.execution import Plans
from tests.execution.documents import Maker
from tests.execution.oracle import outside_nulls, serially, side_by_side, told
from tests.execution.world import SCHEMA, Context

pytestmark = pytest.mark.long
CORE = SCHEMA._schema
KNOWN: dict[str, list[Any]] = {
    "Int": [0, 1, 2, 3, 5, 8, 2**31 - 1],
    "Float": [0.5, 2, -1.25],
    "String": ["", "a", "ä"],
    "ID": ["x", "7"],
    "Boolean": [True, False],
    "JSON": ["x"],
}


async def load_many(context: Context, batch: Any, keys: Any) -> Any:
    return await batch(context, keys)


PLANS = Plans(SCHEMA, load_many)

abandons = pytest.mark.filterwarnings(
    "ignore:coroutine .* was never awaited:RuntimeWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
"""graphql-core leaves coroutines behind where a failure makes an answer null; a plan must not."""


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What a test leaves behind is told with this test."""
    yield
    gc.collect()


def as_text(data: Any) -> str:
    """Data with the order of its keys; what is no JSON by its type alone."""
    return json.dumps(data, default=lambda one: type(one).__name__)


async def compare(text: str, variables: dict[str, Any], seed: int, harm: int) -> None:
    document = parse(text)
    assert not validate(CORE, document), text
    operation = next(o for o in document.definitions if isinstance(o, OperationDefinitionNode))
    plan = PLANS.compile(document, operation)
    assert plan is not None
    values = plan.values(variables)
    assert values is not None
    assert plan.covers(values)
    ours, theirs, stock = (Context(seed, harm) for _ in range(3))
    for _ in range(2):  # the second run finds everything compiled
        ours.log.clear()
        found = await plan.run(ours, values)
    wanted = await serially(CORE, document, theirs, variables)
    assert as_text(found.data) == as_text(wanted.data)
    assert told(found.errors) == told(wanted.errors)
    assert ours.log == theirs.log
    usual = await side_by_side(CORE, document, stock, variables)
    assert as_text(found.data) == as_text(usual.data)
    assert outside_nulls(found.data, found.errors) == outside_nulls(usual.data, usual.errors)


@abandons
@pytest.mark.parametrize("harm", [0, 4, 30])
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(number=st.integers(0, 2**32), seed=st.integers(0, 2**16))
def test_made_queries_have_one_answer(harm: int, number: int, seed: int) -> None:
    maker = Maker.seeded(CORE, number, KNOWN, depth=3)
    text, variables = maker.document()
    if validate(CORE, parse(text)):
        return
    anyio.run(compare, text, variables, seed, harm)


@abandons
@pytest.mark.parametrize("harm", [0, 20])
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(number=st.integers(0, 2**32), seed=st.integers(0, 2**16))
def test_made_mutations_have_one_answer(harm: int, number: int, seed: int) -> None:
    maker = Maker.seeded(CORE, number, KNOWN, depth=3)
    text, variables = maker.document("mutation")
    if validate(CORE, parse(text)):
        return
    anyio.run(compare, text, variables, seed, harm)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(["query", "mutation"]),
    number=st.integers(0, 2**32),
    seed=st.integers(0, 2**16),
)
def test_a_plan_waits_for_all_that_it_began(kind: str, number: int, seed: int) -> None:
    text, variables = Maker.seeded(CORE, number, KNOWN, depth=3).document(kind)
    document = parse(text)
    if validate(CORE, document):
        return
    operation = next(o for o in document.definitions if isinstance(o, OperationDefinitionNode))
    plan = PLANS.compile(document, operation)
    assert plan is not None
    values = plan.values(variables)
    assert values is not None
    anyio.run(plan.run, Context(seed, 30), values)
