"""Any text in any place: it comes back as it was sent, or is refused by its field's name."""

import json
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import quote

import httpx2
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_nullable_type,
)

from graph.schema import schema
from resolvers import inputs
from resolvers.errors import Invalid
from resolvers.inputs import Input, parse
from rest_compat.routes import ENDPOINTS
from tests.doors import GraphQLDoor, Person, RestDoor, operations
from tests.security import strings
from tests.security.strings import ALL, PATTERNS, QUOTES, SQL, kept, storable

pytestmark = pytest.mark.anyio
BOTH = pytest.mark.parametrize("kind", [GraphQLDoor, RestDoor], ids=["graphql", "rest"])
# The most characters of each kind of text.
LIMITS = {"Name": 200, "ShortText": 200, "Description": 500, "Notes": 4_000, "Tag": 60}
FIELDS = {"description": 500, "payee": 200, "notes": 4_000}


async def _batch(door: Any, rows: list[Any]) -> list[Any]:
    found = []
    for start in range(0, len(rows), 250):
        told = await door.call(
            "CreateTransactions", transactions=rows[start : start + 250], policy="SKIP_FAILED"
        )
        found += told["results"]
    return found


@pytest.mark.case("G15", "G16")
@BOTH
async def test_every_text_of_a_transaction_comes_back_or_is_refused(
    eager: httpx2.AsyncClient, eve: Person, kind: Any
) -> None:
    assert len(ALL) > 250
    door = kind(eager, eve)
    account = await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"})
    plain = {"accountId": account["id"], "date": "2026-01-01", "amount": "-1", "description": "x"}
    # What no JSON may hold refuses the whole request: below.
    told = [text for text in ALL if text not in strings.SURROGATES and "\x00" not in text]
    sent = [(field, text) for field in FIELDS for text in told] + [("tags", text) for text in told]
    rows = [{**plain, field: [text] if field == "tags" else text} for field, text in sent]
    results = await _batch(door, rows)
    listed = {one["id"]: one for one in await door.pages("ListTransactions", limit=100)}
    for (field, text), one in zip(sent, results, strict=True):
        most, breaks = (60, False) if field == "tags" else (FIELDS[field], field == "notes")
        if storable(text, most=most, breaks=breaks):
            assert one["status"] == "ok", (field, text, one)
            value = kept(text.replace("\r\n", "\n") if breaks else text)
            assert listed[one["id"]][field] == ([value] if field == "tags" else value), text
        elif one["status"] == "ok":
            # Nothing but space is no text where none is needed.
            assert not kept(text), (field, text)
            assert listed[one["id"]][field] in (None, ""), (field, text)
        else:
            error = one["error"]
            assert error["code"] == "VALIDATION_ERROR"
            assert error["details"]["fields"][0]["path"].startswith(field), (field, text, error)


@pytest.mark.case("G15", "G16")
@BOTH
async def test_a_lone_surrogate_is_refused_however_it_is_sent(
    eager: httpx2.AsyncClient, eve: Person, kind: Any
) -> None:
    for text in (*strings.SURROGATES, "\x00"):
        body = {"name": text, "type": "CASH", "currency": "EUR"}
        escaped = json.dumps(body).encode("ascii")
        path = "/v1/accounts"
        if kind is GraphQLDoor:
            create = operations()["CreateAccount"].text
            escaped = json.dumps({"query": create, "variables": {"body": body}}).encode("ascii")
            path = "/graphql"
        headers = {**eve.headers, "Content-Type": "application/json"}
        answer = await eager.post(path, content=escaped, headers=headers)
        assert answer.status_code in {200, 400, 422}
        assert "VALIDATION_ERROR" in answer.text


def text_fields() -> list[tuple[type[Input], str, str, str]]:
    """Every field of every input that holds one of our kinds of text."""
    kinds = {id(getattr(inputs, name)): name for name in LIMITS}
    named = {repr(getattr(inputs, name)): name for name in LIMITS}

    def kind_of(annotation: Any) -> str | None:
        if id(annotation) in kinds:
            return kinds[id(annotation)]
        if get_origin(annotation) is Annotated and repr(annotation) in named:
            return named[repr(annotation)]
        return next((k for k in map(kind_of, get_args(annotation)) if k), None)

    found = []
    models = [Input]
    while models:
        model = models.pop()
        models += model.__subclasses__()
        for name, note in model.__annotations__.items():
            kind = kind_of(note)
            if kind is not None and kind != "Tag":
                found.append((model, model.model_fields[name].alias or name, kind, name))
    return found


@pytest.mark.case("G16")
def test_every_text_field_of_every_input_keeps_the_same_rule() -> None:
    fields = text_fields()
    assert len(fields) > 25
    for model, alias, kind, name in fields:
        for text in ALL:
            try:
                value = getattr(parse(model, {alias: text}), name)
            except Invalid as error:
                wrong = {one.path for one in error.fields if one.code != "REQUIRED"}
                blank = not kept(text)
                fine = storable(text, most=LIMITS[kind], breaks=kind == "Notes")
                assert blank or (alias in wrong) is not fine, (model, alias, text)
            else:
                expected = text.replace("\r\n", "\n") if kind == "Notes" else text
                assert value == kept(expected), (model, alias, text)


INJECTIONS = (*SQL, *PATTERNS, *QUOTES, "\ud7ff", "0" * 500)


@pytest.mark.case("T12")
async def test_no_parameter_reaches_a_statement_as_sql(
    eager: httpx2.AsyncClient, eve: Person
) -> None:
    """Every parameter of every path, read or written: refused or taken as the text it is."""
    door = RestDoor(eager, eve)
    account = await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"})
    row = {"accountId": account["id"], "date": "2026-01-01", "amount": "-1", "description": "x"}
    await door.call("CreateTransaction", row)
    before = await door.call("ListTransactions")
    tried = 0
    for endpoint in ENDPOINTS:
        if endpoint.method != "GET" or endpoint.write is not None:
            continue
        path = "/v1" + endpoint.path.replace("{id}", account["id"])
        names = [*operations()[endpoint.operation].variables]
        for name in names:
            shown = "limit" if name == "first" else name
            for number, text in enumerate(INJECTIONS):
                # A part of them for each, another part for the next.
                if (number + tried) % 9:
                    continue
                answer = await eager.get(path, params={shown: text}, headers=eve.headers)
                assert answer.status_code in {200, 404, 422}, (path, shown, text, answer.text)
            tried += 1
    assert tried > 100
    for text in INJECTIONS:
        found = await eager.get(f"/v1/accounts/{quote(text, safe='')}", headers=eve.headers)
        assert found.status_code in {200, 404}, text
    assert await door.call("ListTransactions") == before


def filled(kind: Any, text: str, depth: int = 0) -> Any:
    """A value of a type of the schema all of whose texts are one text."""
    plain = get_nullable_type(kind)
    if isinstance(plain, GraphQLList):
        return [filled(plain.of_type, text, depth + 1)]
    if isinstance(plain, GraphQLInputObjectType):
        return {
            name: filled(one.type, text, depth + 1)
            for name, one in plain.fields.items()
            if depth < 3 or isinstance(one.type, GraphQLNonNull)
        }
    if isinstance(plain, GraphQLEnumType):
        return next(iter(plain.values))
    return {"Int": 1, "Boolean": True}.get(plain.name, text)


@pytest.mark.case("T12")
@pytest.mark.long
async def test_no_argument_of_the_graph_reaches_a_statement_as_sql(
    eager: httpx2.AsyncClient, eve: Person
) -> None:
    """Every text of every argument, deep inputs included, is refused or taken as it is."""
    graph = schema()._schema
    tried = 0
    for word, kind in (("query", graph.query_type), ("mutation", graph.mutation_type)):
        assert kind is not None
        for name, field in kind.fields.items():
            if not field.args:
                continue
            head = ", ".join(f"${one}: {arg.type}" for one, arg in field.args.items())
            given = ", ".join(f"{one}: ${one}" for one in field.args)
            document = f"{word}({head}) {{ {name}({given}) {{ __typename }} }}"
            for text in SQL:
                values = {one: filled(arg.type, text) for one, arg in field.args.items()}
                body = {"query": document, "variables": values}
                answer = await eager.post("/graphql", json=body, headers=eve.headers)
                codes = [one["extensions"]["code"] for one in answer.json().get("errors", ())]
                assert answer.status_code < 500, (document, values)
                assert "INTERNAL_ERROR" not in codes, (document, values, answer.text)
                tried += 1
    assert tried > 1_000


@pytest.mark.case("T12")
async def test_a_search_finds_signs_of_patterns_as_signs(
    eager: httpx2.AsyncClient, eve: Person
) -> None:
    door = GraphQLDoor(eager, eve)
    account = await door.call("CreateAccount", {"name": "x", "type": "CASH", "currency": "EUR"})
    plain = {"accountId": account["id"], "date": "2026-01-01", "amount": "-1"}
    texts = [f"<{one}>" for one in (*PATTERNS, *SQL[:6])]
    results = await _batch(door, [{**plain, "description": text} for text in texts])
    assert all(one["status"] == "ok" for one in results)
    for text in texts:
        found = await door.call("ListTransactions", search=text)
        assert [one["description"] for one in found["items"]] == [text]
