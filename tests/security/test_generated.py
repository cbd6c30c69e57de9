"""Generated requests at both doors: whatever is asked, the answer is one of those described."""

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from graphql import GraphQLInputObjectType, GraphQLSchema, get_named_type, get_nullable_type
from graphql import GraphQLList as ListOf
from graphql import GraphQLNonNull as Required
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from graph.schema import schema
from rest_compat.routes import ENDPOINTS
from tests.contract.test_access import MATRIX, PUBLIC
from tests.contract.test_openapi import validator
from tests.doors import GraphQLDoor, Person, operations
from tests.security.strings import ALL

pytestmark = [pytest.mark.anyio, pytest.mark.case("G19")]

GRAPH: GraphQLSchema = schema()._schema
TEXTS = [text for text in ALL if not any(0xD800 <= ord(char) <= 0xDFFF for char in text)]
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 101, 2**31, 2**53, 2**63, -(2**64), 10**40, 0.1, -0.0, 1e-30,
    "", " ", "0", "-0.01", "1e5", "12345678901234.56", "2026-02-29", "2024-02-29", "1899-12-31",
    "2200-12-31", "0000-01-01", "10000-01-01", "2026-01-01T00:00:00Z", "EUR", "JPY", "XXX", "MONTHLY",
    "-date", "acct_01m821v80wem2tqadgkwy0ya76", "txn_00000000000000000000000000", [], {}, [[]],
    [None], {"": 1}, ["x"] * 60,
)  # fmt: skip


class Dice:
    """Values for inputs of the schema: mostly of their kind, sometimes of any other."""

    def __init__(self, number: int, known: dict[str, str]) -> None:
        self._random = random.Random(number)  # noqa: S311 - a test that is repeatable
        self._known = [*known.values()]

    def odd(self) -> Any:
        if self._random.random() < 0.3:
            return self._random.choice(TEXTS)
        return self._random.choice(ODD)

    def value(self, kind: Any, depth: int = 0) -> Any:
        roll = self._random.random()
        if roll < 0.06 or depth > 4:
            return self.odd()
        if not isinstance(kind, Required) and roll < 0.5:
            return None
        plain = get_nullable_type(kind)
        if isinstance(plain, ListOf):
            many = self._random.randrange(3)
            return [self.value(plain.of_type, depth + 1) for _ in range(many)]
        named = get_named_type(plain)
        if isinstance(named, GraphQLInputObjectType):
            return {
                name: self.value(one.type, depth + 1)
                for name, one in named.fields.items()
                if isinstance(one.type, Required) or self._random.random() < 0.5
            }
        if hasattr(named, "values"):
            return self._random.choice([*named.values])
        likely = {"ID": self._known, "Date": ["2026-01-01"], "Int": [1, 50], "Boolean": [True]}
        return self._random.choice(likely.get(named.name, ["x", "1", "EUR"]))


def documents() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each root field with all its arguments as variables, and the types of those."""
    for kind, word in ((GRAPH.query_type, "query"), (GRAPH.mutation_type, "mutation")):
        assert kind is not None
        for name, field in kind.fields.items():
            taken = {
                f"v{number}": (arg, one.type)
                for number, (arg, one) in enumerate(field.args.items())
            }
            head = ", ".join(f"${v}: {type_}" for v, (_, type_) in taken.items())
            arguments = ", ".join(f"{arg}: ${v}" for v, (arg, _) in taken.items())
            text = f"{word}{f'({head})' if head else ''} {{ {name}{f'({arguments})' if head else ''} {{ __typename }} }}"
            yield name, text, {v: type_ for v, (_, type_) in taken.items()}


async def test_any_values_of_any_field(eager: httpx2.AsyncClient, eve: Person) -> None:
    door = GraphQLDoor(eager, eve)
    account = await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"})
    row = {"accountId": account["id"], "date": "2026-01-01", "amount": "-1", "description": "x"}
    entry = await door.call("CreateTransaction", row)
    known = {"account": account["id"], "transaction": entry["id"], "user": eve.id}
    fine = 0
    for number, (name, text, kinds) in enumerate(documents()):
        if name in {"logout", "deleteUser", "changePassword", "register", "login"}:
            continue
        assert name in {*MATRIX, *PUBLIC}
        for turn in range(3 if kinds else 1):
            dice = Dice(number * 100 + turn, known)
            values = {variable: dice.value(kind) for variable, kind in kinds.items()}
            body = {"query": text, "variables": values}
            answer = await eager.post("/graphql", json=body, headers=eve.headers)
            assert answer.status_code < 500, (text, values, answer.text)
            content = answer.json()
            assert content.keys() & {"data", "errors"}
            codes = [one["extensions"]["code"] for one in content.get("errors", ())]
            assert "INTERNAL_ERROR" not in codes, (text, values, content)
            fine += not codes
    assert fine > 30


async def test_any_body_of_any_path(eager: httpx2.AsyncClient, eve: Person) -> None:
    """Also what is answered is what the description of the path says."""
    account = await GraphQLDoor(eager, eve).call(
        "CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"}
    )
    document = (await eager.get("/v1/openapi.json")).json()
    for number, row in enumerate(ENDPOINTS):
        if row.operation in {"Logout", "Register", "Login"} or row.write is not None:
            continue
        told = document["paths"][row.path][row.method.lower()]["responses"]
        stored = operations()[row.operation]
        for turn in range(2):
            dice = Dice(number * 1_000 + turn, {"account": account["id"]})
            path = "/v1" + row.path
            for name in ("id", "itemId", "txId", "userId", "format"):
                path = path.replace("{" + name + "}", account["id"])
            query = {
                name: str(dice.odd())
                for name in stored.variables
                if name not in {"id", "body", "idempotencyKey", "expectedVersion"}
                and dice.odd() is None
            }
            body = (
                dice.odd()
                if turn == 0
                else {
                    name: dice.odd()
                    for name in (
                        "name",
                        "amount",
                        "date",
                        "accountId",
                        "items",
                        "ids",
                        "transactions",
                    )
                }
            )
            answer = await eager.request(
                row.method, path, params=query, json=None if row.method == "GET" else body,
                headers=eve.headers,
            )  # fmt: skip
            assert answer.status_code < 500, (row, body, answer.text)
            assert str(answer.status_code) in told, (row, answer.status_code)
            shape = told[str(answer.status_code)]
            while "$ref" in shape:
                shape = document["components"]["responses"][shape["$ref"].rpartition("/")[2]]
            kind = shape["content"]["application/json"]["schema"]
            validator(kind).validate(answer.json())


@seed(20_261_122)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_any_document_compiles_or_is_refused(data: Any) -> None:
    from hypothesis_graphql import nodes, queries  # noqa: PLC0415 - slow to import

    from graph.engine import Engine  # noqa: PLC0415
    from resolvers.errors import AppError  # noqa: PLC0415

    scalars = {
        name: st.sampled_from(["2026-01-01", "1", "x"]).map(nodes.String)
        for name, kind in GRAPH.type_map.items()
        if type(kind).__name__ == "GraphQLScalarType"
        and name not in {"ID", "Int", "String", "Boolean", "Float"}
    }
    text = data.draw(queries(GRAPH, custom_scalars=scalars, allow_null=True))
    engine = Engine()
    with suppress(AppError):
        engine.cost(engine.compile(text), None, {})
