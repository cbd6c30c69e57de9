"""Both doors as HTTP: envelopes, statuses, validators, tokens before anything else."""

import json
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from graphql.execution.values import VariableValues, get_variable_values

from graph.engine import Engine
from rest_compat.routes import ENDPOINTS
from tests.doors import Person

pytestmark = pytest.mark.anyio


def assert_failure(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    content = answer.json()
    assert (answer.status_code, content["success"]) == (status, False), answer.text
    assert content["error"]["code"] == code
    assert set(content) == {"success", "error", "timestamp"}
    assert isinstance(content["error"]["details"], dict)
    assert content["timestamp"].endswith("Z")
    return content["error"]


async def test_every_row_asks_for_a_token_first(client: httpx2.AsyncClient) -> None:
    for row in ENDPOINTS:
        if row.public:
            continue
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
            path = "/v1" + row.path.replace("{id}", "x")
            answer = await client.request(row.method, path, headers=headers, content=b"{")
            assert_failure(answer, 401, "UNAUTHENTICATED")
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_unknown_paths_are_404_for_everyone(client: Any, ada: Person) -> None:
    for headers in ({}, ada.headers):
        for path in ("/v1/nope", "/v1/accounts/x/y/z", "/v1/"):
            assert_failure(await client.get(path, headers=headers), 404, "NOT_FOUND")


async def test_a_wrong_method_is_405_with_allow(client: Any, ada: Person) -> None:
    answer = await client.patch("/v1/accounts", headers=ada.headers)
    assert_failure(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "BAD_REQUEST"),
        (b"\xff\xfe{\x00}\x00", "application/json", 400, "BAD_REQUEST"),
        (b"[1]", "application/json", 422, "VALIDATION_ERROR"),
        (b"null", "application/json", 422, "VALIDATION_ERROR"),
        (b"7", "application/json", 422, "VALIDATION_ERROR"),
        (b"", "application/json", 422, "VALIDATION_ERROR"),
        (b"{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", None, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", "application/json", 400, "BAD_REQUEST"),
        (b'{"name":"\\ud800","type":"CASH","currency":"EUR"}', "application/json", 422, "VALIDATION_ERROR"),
        (b'{"name":"a\\u0000","type":"CASH","currency":"EUR"}', "application/json", 422, "VALIDATION_ERROR"),
    ],
)  # fmt: skip
@pytest.mark.case("G14")
@pytest.mark.case("G15")
async def test_bad_bodies_are_told_and_change_nothing(
    client: Any, ada: Person, body: bytes, kind: str | None, status: int, code: str
) -> None:
    headers = {**ada.headers, **({"Content-Type": kind} if kind else {})}
    assert_failure(await client.post("/v1/accounts", content=body, headers=headers), status, code)
    listed = await client.get("/v1/accounts", headers=ada.headers)
    assert listed.json()["data"]["items"] == []


async def test_unknown_and_repeated_parameters_are_refused(client: Any, ada: Person) -> None:
    for query, path in (
        ("zz=1", "zz"),
        ("limit=5&limit=6", "limit"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("sort=amounts", "sort"),
        ("from=2026-13-01", "from"),
        ("status=DONE", "status"),
        ("idempotencyKey=x", "idempotencyKey"),
    ):
        answer = await client.get(f"/v1/transactions?{query}", headers=ada.headers)
        error = assert_failure(answer, 422, "VALIDATION_ERROR")
        assert [one["path"] for one in error["details"]["fields"]] == [path]


async def test_an_unchanged_answer_is_304_until_something_changes(
    client: Any, ada: Person, bob: Person
) -> None:
    body = {"name": "Giro", "type": "CASH", "currency": "EUR"}
    made = await client.post("/v1/accounts", json=body, headers=ada.headers)
    path = f"/v1/accounts/{made.json()['data']['id']}"
    assert made.headers["location"] == f"http://testserver{path}"
    first = await client.get(path, headers=ada.headers)
    tag = first.headers["etag"]
    assert (made.headers["etag"], tag.partition(".")[0]) == (tag, '"1')
    assert first.headers["cache-control"] == "private, no-cache"
    for given in (tag, f'W/{tag}, "x"', f'"other", {tag}'):
        again = await client.get(path, headers={**ada.headers, "If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    # A tag with a version of its own making is none that we gave, and is not given back.
    hashed = tag.partition(".")[2]
    for made_up in (f'"7.{hashed}', f'"01.{hashed}', f'"{hashed}', f'".{hashed}', '"1."', "*"):
        again = await client.get(path, headers={**ada.headers, "If-None-Match": made_up})
        assert (again.status_code, again.headers["etag"]) == (200, tag)
    listing = await client.get("/v1/accounts", headers=ada.headers)
    same = {**ada.headers, "If-None-Match": listing.headers["etag"]}
    assert (await client.get("/v1/accounts", headers=same)).status_code == 304
    other = {"accountId": made.json()["data"]["id"], "date": "2026-01-01", "amount": "1"}
    await client.post("/v1/transactions", json={**other, "description": "x"}, headers=ada.headers)
    changed = await client.get(path, headers={**ada.headers, "If-None-Match": tag})
    assert changed.json()["data"]["balance"] == "1.00"
    assert changed.headers["etag"].partition(".")[0] == '"1'
    seen = await client.get(
        "/v1/accounts", headers={**bob.headers, "If-None-Match": listing.headers["etag"]}
    )
    assert (seen.status_code, seen.json()["data"]["items"]) == (200, [])


async def test_head_has_the_headers_of_get(client: Any, ada: Person) -> None:
    get = await client.get("/v1/accounts", headers=ada.headers)
    head = await client.head("/v1/accounts", headers=ada.headers)
    assert (head.status_code, head.headers["etag"]) == (200, get.headers["etag"])


async def test_what_was_got_can_be_put_back(client: Any, ada: Person) -> None:
    body = {"name": "Giro", "type": "CASH", "currency": "EUR", "number": "DE1234567890"}
    made = (await client.post("/v1/accounts", json=body, headers=ada.headers)).json()["data"]
    path = f"/v1/accounts/{made['id']}"
    same = await client.put(path, json=made, headers=ada.headers)
    assert same.json()["data"] == made
    stale = {**made, "name": "Neu", "version": 7}
    assert_failure(await client.put(path, json=stale, headers=ada.headers), 412, "STALE_OBJECT")
    moved = {**made, "id": made["id"][:-1] + ("1" if made["id"].endswith("0") else "0")}
    error = assert_failure(
        await client.put(path, json=moved, headers=ada.headers), 422, "READ_ONLY"
    )
    assert error["details"]["fields"][0]["path"] == "id"
    for wrong in ('"x"', "3", '"1", "2"'):
        answer = await client.put(path, json={}, headers={**ada.headers, "If-Match": wrong})
        assert_failure(answer, 422, "VALIDATION_ERROR")
    anything = await client.put(path, json={"name": "N"}, headers={**ada.headers, "If-Match": "*"})
    assert anything.json()["data"]["name"] == "N"
    me = (await client.get("/v1/auth/me", headers=ada.headers)).json()["data"]
    assert (await client.put("/v1/auth/me", json=me, headers=ada.headers)).json()["data"] == me
    error = assert_failure(
        await client.put("/v1/auth/me", json={**me, "email": "x@y.z"}, headers=ada.headers),
        422,
        "READ_ONLY",
    )


GQL = "application/graphql-response+json"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [(None, "application/json"), ("*/*", "application/json"), (GQL, GQL), (f"text/html;q=0.1, {GQL}", GQL)],
)  # fmt: skip
@pytest.mark.case("G09")
async def test_graphql_answers_in_the_wanted_type(
    client: Any, accept: str | None, kind: str
) -> None:
    headers = {"Accept": accept} if accept else {"Accept": ""}
    answer = await client.post("/graphql", json={"query": "{__typename}"}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
    assert answer.json()["data"] == {"__typename": "Query"}
    wrong = await client.post("/graphql", json={"query": "{"}, headers=headers)
    assert wrong.status_code == (400 if kind == GQL else 200)
    assert "data" not in wrong.json()
    assert wrong.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    unknown = await client.post("/graphql", json={"query": "{nope}"}, headers=headers)
    assert unknown.status_code == (400 if kind == GQL else 200)
    assert unknown.json()["errors"][0]["extensions"]["code"] == "VALIDATION_ERROR"


@pytest.mark.case("G07")
@pytest.mark.parametrize(
    ("method", "options", "status"),
    [
        ("GET", {"params": {"query": "{__typename}"}}, 200),
        ("GET", {"params": {"query": "mutation{logout{loggedOut}}"}}, 405),
        ("GET", {}, 400),
        ("PUT", {"json": {"query": "{__typename}"}}, 405),
        ("POST", {"json": [{"query": "{__typename}"}]}, 400),
        ("POST", {"json": {"query": 7}}, 400),
        ("POST", {"json": {"query": "{__typename}", "variables": "x"}}, 400),
        ("POST", {"content": b"7", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", {"content": b"\xff", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", {"content": b"query={__typename}", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 415),
        ("POST", {"content": b"{__typename}", "headers": {"Content-Type": "text/plain"}}, 415),
        ("POST", {"json": {"query": "{__typename}"}, "headers": {"Accept": "image/png"}}, 406),
        ("POST", {"json": {"query": "query A{__typename} query B{__typename}"}}, 200),
    ],
)  # fmt: skip
async def test_graphql_over_http(client: Any, method: str, options: Any, status: int) -> None:
    answer = await client.request(method, "/graphql", **options)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.json()["errors"][0]["extensions"]["code"]
    if status == 405:
        assert "POST" in answer.headers["allow"]
    if "query A" in json.dumps(options, default=str):
        assert "errors" in answer.json()


@pytest.mark.case("G01")
@pytest.mark.case("G02")
@pytest.mark.case("G13")
@pytest.mark.parametrize(
    "document",
    [
        "{" + " ".join(f"a{n}: viewer {{ id }}" for n in range(31)) + "}",
        "{ viewer { accounts(first: 100) { nodes { transactions(first: 100) { nodes { account { name } } } } } } }",
        "mutation {" + " ".join(f'l{n}: login(input: {{email: "a", password: "b"}}) {{ session {{ expiresIn }} }}' for n in range(2)) + "}",
    ],
)  # fmt: skip
async def test_a_document_over_budget_is_not_run(client: Any, ada: Person, document: str) -> None:
    answer = await client.post(
        "/graphql", json={"query": document}, headers={**ada.headers, "Accept": GQL}
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"


async def test_without_a_token_only_the_shape_is_told(client: Any) -> None:
    shape = await client.post("/graphql", json={"query": "{__schema{queryType{name}}}"})
    assert shape.json()["data"]["__schema"]["queryType"]["name"] == "Query"
    for field in ("viewer{id}", "accounts{nodes{id}}", 'node(id:"x"){id}', 'account(id:"x"){id}'):
        answer = await client.post("/graphql", json={"query": "{" + field + "}"})
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_wrong_variables_are_told_by_path(client: Any, ada: Person) -> None:
    document = "mutation ($i: CreateAccountInput!) { createAccount(input: $i) { account { id } } }"
    body = {"query": document, "variables": {"i": {"name": 5, "type": "X", "zz": 1}}}
    answer = await client.post("/graphql", json=body, headers=ada.headers)
    error = answer.json()["errors"][0]
    assert error["extensions"]["code"] == "VALIDATION_ERROR"
    assert {one["path"]: one["code"] for one in error["extensions"]["details"]["fields"]} == {
        "i.name": "INVALID_TYPE",
        "i.type": "INVALID",
        "i.currency": "REQUIRED",
        "i.zz": "UNKNOWN_FIELD",
    }


async def test_a_star_never_hides_what_is_not_there(client: Any, ada: Person) -> None:
    headers = {**ada.headers, "If-None-Match": "*"}
    missing = await client.get("/v1/accounts/acct_" + "0" * 26, headers=headers)
    assert_failure(missing, 404, "NOT_FOUND")
    assert_failure(
        await client.get("/v1/transactions?from=2026-99-99", headers=headers),
        422,
        "VALIDATION_ERROR",
    )


async def test_a_stored_answer_has_no_validator_of_the_present(client: Any, ada: Person) -> None:
    body = {"name": "Giro", "type": "CASH", "currency": "EUR"}
    made = await client.post("/v1/accounts", json=body, headers=ada.headers)
    path = f"/v1/accounts/{made.json()['data']['id']}"
    for name, key in (("one", "u1"), ("two", "u2"), ("one", "u1")):
        headers = {**ada.headers, "Idempotency-Key": key}
        answer = await client.put(path, json={"name": name}, headers=headers)
    assert answer.json()["data"]["name"] == "one"
    assert answer.headers["idempotency-replayed"] == "true"
    assert "etag" not in answer.headers
    assert (await client.get(path, headers=ada.headers)).json()["data"]["name"] == "two"


async def test_a_create_is_replayed_after_its_object_went_to_the_trash(
    client: Any, ada: Person
) -> None:
    body = {"name": "Giro", "type": "CASH", "currency": "EUR", "openingBalance": "3"}
    headers = {**ada.headers, "Idempotency-Key": "k"}
    made = await client.post("/v1/accounts", json=body, headers=headers)
    await client.delete(f"/v1/accounts/{made.json()['data']['id']}", headers=ada.headers)
    again = await client.post("/v1/accounts", json=body, headers=headers)
    assert (again.status_code, again.json()["data"]) == (201, made.json()["data"])


async def test_null_is_absent_where_there_is_a_default(client: Any, ada: Person) -> None:
    body = {"name": "Giro", "type": "CASH", "currency": "EUR"}
    body |= {"openingBalance": None, "archived": None, "institution": None}
    made = await client.post("/v1/accounts", json=body, headers=ada.headers)
    assert made.status_code == 201, made.text
    assert (made.json()["data"]["openingBalance"], made.json()["data"]["archived"]) == (
        "0.00",
        False,
    )


async def test_a_failed_mutation_does_not_hide_its_neighbours(client: Any, ada: Person) -> None:
    one = 'createAccount(input:{name:"%s",type:CASH,currency:"EUR"}){account{name}}'
    document = f"mutation{{a:{one % 'm1'} b:{one % ''} c:{one % 'm3'}}}"
    answer = await client.post("/graphql", json={"query": document}, headers=ada.headers)
    content = answer.json()
    assert content["data"] == {
        "a": {"account": {"name": "m1"}},
        "b": None,
        "c": {"account": {"name": "m3"}},
    }
    assert [error["path"] for error in content["errors"]] == [["b"]]


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "PATCH"])
async def test_rest_names_its_methods(client: Any, ada: Person, method: str) -> None:
    answer = await client.request(method, "/v1/accounts", headers=ada.headers)
    assert_failure(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/health", "/v1/health", "/v1/health/detailed", "/v1/openapi.json", "/v1/docs"]
)
async def test_paths_beside_the_rows_name_their_methods(
    client: Any, path: str, method: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"].startswith("GET, HEAD")
    if path.startswith("/v1"):
        assert_failure(answer, 405, "METHOD_NOT_ALLOWED")


async def test_only_plain_numbers_are_amounts(client: Any, ada: Person) -> None:
    body = b'{"name":"G","type":"CASH","currency":"EUR","openingBalance":1E2}'
    headers = {**ada.headers, "Content-Type": "application/json"}
    answer = await client.post("/v1/accounts", content=body, headers=headers)
    error = assert_failure(answer, 422, "VALIDATION_ERROR")
    assert error["details"]["fields"][0]["path"] == "openingBalance"
    body = body.replace(b"1E2", b"9" * 25)
    error = assert_failure(
        await client.post("/v1/accounts", content=body, headers=headers), 422, "VALIDATION_ERROR"
    )
    assert "over the limit" in error["message"]


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PATCH"])
async def test_graphql_names_its_methods(client: Any, method: str) -> None:
    answer = await client.request(method, "/graphql")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    ("number", "fits"), [("2.0", True), ("20e-1", True), ("2.5", False), ("1e10", False)]
)
async def test_a_whole_number_may_be_written_with_a_fraction(
    client: Any, ada: Person, number: str, fits: bool
) -> None:
    document = "query ($n: Int) { categories(first: $n) { nodes { id } } }"
    body = f'{{"query": "{document}", "variables": {{"n": {number}}}}}'
    headers = {**ada.headers, "Content-Type": "application/json"}
    told = (await client.post("/graphql", content=body, headers=headers)).json()
    if fits:
        assert len(told["data"]["categories"]["nodes"]) == 2
    else:
        assert told["errors"][0]["extensions"]["code"] == "VALIDATION_ERROR"
    reference = Engine(reference=True)
    compiled = reference.compile(document)
    found = get_variable_values(
        reference.schema,
        compiled.operation(None).variable_definitions or (),
        {"n": Decimal(number)},
    )
    assert (found.coerced == {"n": 2}) if isinstance(found, VariableValues) else not fits
