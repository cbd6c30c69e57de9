"""What published audits, everyday clients and scanners ask of both doors, in our own words."""

import json
import re
from typing import Any

import httpx2
import pytest

from graph.engine import Engine
from graph.http.negotiate import GRAPHQL, JSON
from rest_compat import bodies
from tests.doors import Person

pytestmark = pytest.mark.anyio

QUERY = "{__typename}"
CREATE = "mutation ($i: CreateAccountInput!) { createAccount(input: $i) { account { id } } }"
ACCOUNT = {"name": "Giro", "type": "CASH", "currency": "EUR"}
# As the clients send them with every request.
APOLLO = "application/graphql-response+json,application/json;q=0.9"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, "
    "text/event-stream, multipart/mixed"
)
TYPES = pytest.mark.parametrize("accept", [JSON, GRAPHQL])


async def post(client: httpx2.AsyncClient, body: Any, accept: str = GRAPHQL, **headers: str) -> Any:
    return await client.post("/graphql", json=body, headers={"Accept": accept, **headers})


async def get(client: httpx2.AsyncClient, accept: str = GRAPHQL, **params: str) -> Any:
    return await client.get("/graphql", params=params, headers={"Accept": accept})


def codes(answer: httpx2.Response) -> list[str]:
    return [one["extensions"]["code"] for one in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        ("*/*", JSON),
        ("application/*", JSON),
        (f"{JSON}; charset=utf-8", JSON),
        (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL};q=0.4, {JSON};q=0.5", JSON),
        (APOLLO, GRAPHQL),
        (URQL, GRAPHQL),
    ],
)
async def test_the_accepted_type_is_answered_and_named(
    client: httpx2.AsyncClient, accept: str, kind: str
) -> None:
    for answer in (
        await post(client, {"query": QUERY}, accept),
        await get(client, accept, query=QUERY),
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.json()["data"] == {"__typename": "Query"}
        assert "Accept" in answer.headers["vary"].split(", ")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"]
)
async def test_a_body_is_json_in_utf8(client: httpx2.AsyncClient, content_type: str) -> None:
    body = json.dumps({"query": '{__typename} # "ä€𝄞"'}, ensure_ascii=False).encode()
    answer = await client.post("/graphql", content=body, headers={"Content-Type": content_type})
    assert answer.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/graphql", "multipart/form-data; boundary=x", "application/json; charset=utf-16"],
)  # fmt: skip
@TYPES
async def test_another_body_is_415_and_the_door_says_what_it_reads(
    client: httpx2.AsyncClient, content_type: str | None, accept: str
) -> None:
    headers = {"Accept": accept, **({"Content-Type": content_type} if content_type else {})}
    answer = await client.post("/graphql", content=b'{"query":"{__typename}"}', headers=headers)
    assert (answer.status_code, codes(answer)) == (415, ["UNSUPPORTED_MEDIA_TYPE"])
    assert answer.headers["content-type"].startswith(accept)
    assert "or multipart" not in answer.json()["errors"][0]["message"]


@pytest.mark.case("G09")
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("query", [{}, 0, False, [], None, ""]),
        ("operationName", [{}, 0, False, []]),
        ("variables", ["", 0, False, []]),
        ("extensions", ["", 0, False, []]),
    ],
)
@TYPES
async def test_parameters_of_another_kind_are_400_in_every_type(
    client: httpx2.AsyncClient, name: str, wrong: list[Any], accept: str
) -> None:
    for value in wrong:
        answer = await post(client, {"query": QUERY, name: value}, accept)
        assert (answer.status_code, codes(answer)) == (400, ["BAD_REQUEST"]), value
        assert "data" not in answer.json()


@pytest.mark.parametrize("name", ["operationName", "variables", "extensions"])
async def test_optional_parameters_may_be_null_or_empty(
    client: httpx2.AsyncClient, name: str
) -> None:
    empty = {} if name != "operationName" else ""
    for value in (None, empty):
        answer = await post(client, {"query": QUERY, name: value})
        assert (answer.status_code, answer.json()["data"]) == (200, {"__typename": "Query"})
    assert (await get(client, **{"query": QUERY, name: ""})).status_code == 200
    assert (await post(client, {"query": QUERY, "unknown": 1})).status_code == 200


async def test_variables_travel_in_bodies_and_in_query_strings(client: httpx2.AsyncClient) -> None:
    document = "query A($n: String!) { __type(name: $n) { name } } query B { __typename }"
    named = {"query": document, "operationName": "A"}
    posted = await post(client, {**named, "variables": {"n": "Account"}})
    got = await get(client, **named, variables='{"n":"Account"}')
    assert posted.json()["data"] == got.json()["data"] == {"__type": {"name": "Account"}}
    for text in ("{", "[]", '"x"'):
        answer = await get(client, **named, variables=text)
        assert (answer.status_code, codes(answer)) == (400, ["BAD_REQUEST"])


REQUEST_ERRORS = {
    "syntax": ({"query": "{"}, "BAD_REQUEST"),
    "unknown field": ({"query": "{nope}"}, "VALIDATION_ERROR"),
    "wrong variable": ({"query": "query($n: Int) {accounts(first: $n) {nodes {id}}}", "variables": {"n": "x"}}, "VALIDATION_ERROR"),
    "missing variable": ({"query": CREATE}, "VALIDATION_ERROR"),
    "no such operation": ({"query": "query A {__typename}", "operationName": "B"}, "VALIDATION_ERROR"),
    "several operations": ({"query": "query A {__typename} query B {__typename}"}, "VALIDATION_ERROR"),
    "nothing to run": ({"query": "fragment A on User {id}"}, "VALIDATION_ERROR"),
    "a schema": ({"query": "type A {b: Int}"}, "VALIDATION_ERROR"),
    "over budget": ({"query": "{" + "viewer {id} " * 40 + "}"}, "QUERY_TOO_COMPLEX"),
}  # fmt: skip


@pytest.mark.case("G09")
@pytest.mark.parametrize("case", REQUEST_ERRORS)
async def test_what_cannot_be_run_has_no_data_and_its_status_depends_on_the_type(
    client: httpx2.AsyncClient, case: str
) -> None:
    body, code = REQUEST_ERRORS[case]
    for accept, status in ((GRAPHQL, 400), (JSON, 200)):
        answer = await post(client, body, accept)
        assert (answer.status_code, codes(answer)) == (status, [code])
        assert "data" not in answer.json()


async def test_each_mistake_of_a_document_has_its_own_entry_and_place(
    client: httpx2.AsyncClient,
) -> None:
    answer = await post(client, {"query": "{\n  nope\n  viewer { zz }\n}"})
    errors = answer.json()["errors"]
    assert [one["locations"] for one in errors] == [
        [{"line": 2, "column": 3}],
        [{"line": 3, "column": 12}],
    ]
    assert ["nope" in errors[0]["message"], "zz" in errors[1]["message"]] == [True, True]
    assert codes(answer) == ["VALIDATION_ERROR"] * 2
    syntax = (await post(client, {"query": "{ viewer"})).json()["errors"]
    assert [one["locations"] for one in syntax] == [[{"line": 1, "column": 9}]]
    # A mistake without a place has no list of places: the specification forbids an empty one.
    many = (await post(client, {"query": "{" + " ".join("abcdefgh") + "}"})).json()["errors"]
    assert all(one.get("locations") != [] for one in many)
    assert len(many) <= 6


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        (
            "mutation{createAccount(input:{name:5,type:FOO,x:1}){account{id}}}",
            {"input.name": "INVALID_TYPE", "input.type": "INVALID", "input.x": "UNKNOWN_FIELD",
             "input.currency": "REQUIRED"},
        ),
        ("mutation{createAccount(input:null){account{id}}}", {"input": "REQUIRED"}),
        ("mutation{createAccount{account{id}}}", {"input": "REQUIRED"}),
        (
            ('mutation($n:String!){createTransaction(input:{accountId:"x",date:"2026-13-01",amount:"1",'
            'description:$n,splits:[{categoryId:"x",amount:"1e3"}]}){transaction{id}}}'),
            {"input.date": "INVALID", "input.splits.0.amount": "INVALID"},
        ),
        ('query($n:Int="x"){accounts(first:$n,foo:1){nodes{id}}}', {"n": "INVALID_TYPE", "foo": "UNKNOWN_FIELD"}),
        ('{accounts{nodes{id @skip(if:"x")}} nodes(ids:["x",null]){id}}', {"if": "INVALID_TYPE", "ids.1": "REQUIRED"}),
        ("{accounts{nodes{nope}}}", {}),
    ],
)  # fmt: skip
async def test_wrong_values_in_a_document_are_told_like_variables(
    client: httpx2.AsyncClient, ada: Person, document: str, fields: dict[str, str]
) -> None:
    answer = await post(client, {"query": document}, **ada.headers)
    for one in answer.json()["errors"]:
        told = one["extensions"]["details"]["fields"]
        assert {field["path"]: field["code"] for field in told} == fields
        assert all(field["message"] for field in told)


async def test_the_document_is_judged_before_its_operation_is_chosen(
    client: httpx2.AsyncClient,
) -> None:
    answer = await post(client, {"query": "fragment A on User {id}"})
    assert "never used" in answer.json()["errors"][0]["message"]


@TYPES
async def test_a_field_that_fails_leaves_the_rest_standing(
    client: httpx2.AsyncClient, ada: Person, accept: str
) -> None:
    document = '{ account(id: "acct_01kf0fv2e0eejr3h79pz9fc2m3") {id} viewer {id} }'
    answer = await post(client, {"query": document}, accept, **ada.headers)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"account": None, "viewer": {"id": ada.id}}
    assert [one["path"] for one in answer.json()["errors"]] == [["account"]]


async def test_a_refused_request_changes_nothing(client: httpx2.AsyncClient, ada: Person) -> None:
    body = {"query": CREATE, "variables": {"i": ACCOUNT}}
    query = {"query": CREATE, "variables": json.dumps({"i": ACCOUNT})}
    for method in ("GET", "HEAD"):
        answer = await client.request(method, "/graphql", params=query, headers=ada.headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    refused = await post(client, body, "image/png", **ada.headers)
    assert (refused.status_code, codes(refused)) == (406, ["NOT_ACCEPTABLE"])
    batch = await post(client, [body, body], **ada.headers)
    assert (batch.status_code, codes(batch)) == (400, ["BAD_REQUEST"])
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await client.request(method, "/graphql", json=body, headers=ada.headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    listed = await client.get("/v1/accounts", headers=ada.headers)
    assert listed.json()["data"]["items"] == []


async def test_a_token_that_is_not_good_is_401_in_every_type(client: httpx2.AsyncClient) -> None:
    for accept in (JSON, GRAPHQL):
        answer = await post(client, {"query": QUERY}, accept, Authorization="Bearer x")
        assert (answer.status_code, codes(answer)) == (401, ["UNAUTHENTICATED"])
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_client_that_begins_with_a_hash_is_told_to_send_the_document(
    client: httpx2.AsyncClient,
) -> None:
    asked = {"persistedQuery": {"version": 1, "sha256Hash": "ab" * 32}}
    for answer in (
        await post(client, {"extensions": asked}),
        await get(client, extensions=json.dumps(asked)),
    ):
        assert answer.status_code == 400
        assert [one["message"] for one in answer.json()["errors"]] == ["PersistedQueryNotSupported"]
    whole = await post(client, {"query": QUERY, "extensions": asked})
    assert whole.json()["data"] == {"__typename": "Query"}


ATTACKS = {
    "aliases": ("{" + " ".join(f"a{n}: __typename" for n in range(101)) + "}", "QUERY_TOO_COMPLEX"),
    "repeated fields": ("{" + "__typename " * 500 + "}", "QUERY_TOO_COMPLEX"),
    "unknown directives": ("{__typename" + " @aa" * 10 + "}", "QUERY_TOO_COMPLEX"),
    "known directives": ("{__typename" + " @skip(if: false)" * 10 + "}", "QUERY_TOO_COMPLEX"),
    "circular introspection": (
        "{__schema{types" + "{fields{type" * 5 + "{name}" + "}}" * 5 + "}}", "VALIDATION_ERROR",
    ),
    "circular fragments": ("{...A} fragment A on Query {...B} fragment B on Query {...A}", "QUERY_TOO_COMPLEX"),
    "doubling fragments": (
        "{...F0}" + "".join(f"fragment F{n} on Query {{...F{n + 1} ...F{n + 1}}}" for n in range(25))
        + "fragment F25 on Query {__typename}", "QUERY_TOO_COMPLEX",
    ),
    "nesting": ("{a" * 5000 + "}" * 5000, "BAD_REQUEST"),
    "incremental delivery": ("{... @defer {__typename}}", "VALIDATION_ERROR"),
}  # fmt: skip


@pytest.mark.case("G04")
@pytest.mark.parametrize("attack", ATTACKS)
async def test_documents_that_scanners_send_are_refused_unrun(
    client: httpx2.AsyncClient, attack: str
) -> None:
    document, code = ATTACKS[attack]
    answer = await post(client, {"query": document})
    assert answer.status_code == 400
    assert set(codes(answer)) == {code}
    assert len(answer.content) < 2_000


async def test_answers_carry_no_trace(client: httpx2.AsyncClient) -> None:
    answer = await post(client, {"query": QUERY})
    assert answer.json().keys() == {"data", "extensions"}
    assert answer.json()["extensions"].keys() == {"cost"}


@pytest.mark.case("G08")
def test_without_introspection_nothing_is_suggested() -> None:
    engine = Engine(introspection=False)
    for document in ("{viewe {id}}", "{accounts(firs: 1) {nodes {id}}}", "{node(id: 1) {...on Acount {id}}}"):  # fmt: skip
        refused = engine.compile(document).refused
        assert refused is not None
        assert "Did you mean" not in refused.message + str(refused.details)
    schema = engine.compile("{__schema {queryType {name}}}").refused
    assert schema is not None
    assert "introspection" in schema.message
    assert engine.compile(QUERY).refused is None


# What the description of the REST door says of requests is what the door does.


def resolved(document: Any, schema: Any) -> Any:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def takes_null(schema: Any) -> bool:
    kinds = [schema, *schema.get("anyOf", ())]
    return any("null" in kind.get("type", "") for kind in kinds)


async def test_a_put_takes_null_exactly_where_its_description_says_so(
    client: httpx2.AsyncClient, ada: Person
) -> None:
    async def made(path: str, body: Any) -> str:
        answer = await client.post(path, json=body, headers=ada.headers)
        return answer.json()["data"]["id"]

    account = await made("/v1/accounts", ACCOUNT)
    category = await made("/v1/categories", {"name": "Giros", "kind": "EXPENSE"})
    row = {"accountId": account, "date": "2026-01-01", "amount": "-1", "description": "x"}
    paths = {
        f"/accounts/{account}": "/accounts/{id}",
        f"/categories/{category}": "/categories/{id}",
        f"/transactions/{await made('/v1/transactions', row)}": "/transactions/{id}",
        "/auth/me": "/auth/me",
    }
    document = (await client.get("/v1/openapi.json")).json()
    for path, told in paths.items():
        body = document["paths"][told]["put"]["requestBody"]["content"]["application/json"]
        for name, schema in resolved(document, body["schema"])["properties"].items():
            if schema.get("readOnly"):
                continue
            answer = await client.put("/v1" + path, json={name: None}, headers=ada.headers)
            assert (answer.status_code == 200) == takes_null(schema), (told, name, answer.text)
            if answer.status_code != 200:
                assert [one["path"] for one in answer.json()["error"]["details"]["fields"]] == [
                    name
                ]


async def test_entity_tags_and_cursors_are_as_described(
    client: httpx2.AsyncClient, ada: Person
) -> None:
    document = (await client.get("/v1/openapi.json")).json()
    told = re.compile(document["components"]["parameters"]["If-Match"]["schema"]["pattern"])
    for tag in ('"3"', '"3.1f9c"', 'W/"3.1f9c"', "*", "3", '"x"', '"1", "2"', '"3', ""):
        door = tag == "*" or bodies._VERSION.fullmatch(tag) is not None
        assert (told.fullmatch(tag) is not None) == door, tag
    for path in ("/accounts", "/categories", "/transactions", "/imports"):
        listed = document["paths"][path]["get"]["parameters"]
        (cursor,) = [one for one in listed if one.get("name") == "cursor"]
        assert cursor["schema"]["minLength"] == 1
        answer = await client.get(f"/v1{path}?cursor=", headers=ada.headers)
        assert answer.json()["error"]["code"] == "INVALID_CURSOR"


async def test_an_import_in_json_has_to_name_its_upload(
    client: httpx2.AsyncClient, ada: Person
) -> None:
    document = (await client.get("/v1/openapi.json")).json()
    content = document["paths"]["/imports/csv"]["post"]["requestBody"]["content"]
    sent = resolved(document, content["application/json"]["schema"])
    assert "uploadId" in sent["required"]
    assert not takes_null(sent["properties"]["uploadId"])
    assert "uploadId" not in content["multipart/form-data"]["schema"]["properties"]
    answer = await client.post("/v1/imports/csv", json={"accountId": "x"}, headers=ada.headers)
    told = answer.json()["error"]["details"]["fields"]
    assert {"path": "uploadId", "code": "REQUIRED", "message": "Required."} in told


async def test_null_for_a_field_with_a_default_is_told_in_our_words(
    client: httpx2.AsyncClient, ada: Person
) -> None:
    body = {"transactions": [], "policy": None}
    answer = await client.post("/v1/transactions/bulk", json=body, headers=ada.headers)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["fields"] == [
        {"path": "policy", "code": "REQUIRED", "message": "May not be null."}
    ]


async def test_rest_reads_json_as_utf8_only(client: httpx2.AsyncClient, ada: Person) -> None:
    headers = {**ada.headers, "Content-Type": "application/json; charset=utf-16"}
    answer = await client.post("/v1/accounts", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
