"""The description of the REST layer: whole, true to rows and schema, its examples valid."""

from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graph.context import Services
from graph.engine import Engine
from resolvers.errors import REGISTRY, ErrorCode
from rest_compat import bodies
from rest_compat.endpoint import Rest, rest_routes
from rest_compat.openapi import openapi_document
from rest_compat.openapi_parts import PAGING
from rest_compat.openapi_rows import HEADERS_AND_BODY
from rest_compat.openapi_schemas import id_schema, list_limits, scalar_schema
from rest_compat.routes import ENDPOINTS
from rest_compat.stored import load_operations

ENGINE = Engine()
SERVICES = cast(
    "Services",
    SimpleNamespace(public_url="http://127.0.0.1:8000", build="1.2.3+abc", introspection=True),
)
REST = Rest(SERVICES, ENGINE, load_operations(ENGINE, ENDPOINTS), ENDPOINTS)
DOCUMENT = openapi_document(REST)
SCHEMAS = DOCUMENT["components"]["schemas"]
PLAIN = {("GET", "/health"), ("GET", "/health/detailed")}
ROWS = pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: f"{row.method} {row.path}")


def operation(method, path):
    return DOCUMENT["paths"][path][method.lower()]


def resolved(value):
    if "$ref" not in value:
        return value
    found: Any = DOCUMENT
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def walk(value, path=""):
    if isinstance(value, dict):
        yield path, value
        for name, inner in value.items():
            yield from walk(inner, f"{path}/{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{path}/{index}")


def validator(schema):
    whole = {**schema, "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def success(row):
    return operation(row.method, row.path)["responses"][str(row.status)]


def data_of(row):
    return success(row)["content"]["application/json"]["schema"]["properties"]["data"]


def parameters(row, place):
    told = [resolved(one) for one in operation(row.method, row.path)["parameters"]]
    return {one["name"]: one for one in told if one["in"] == place}


def test_the_document_is_valid_openapi():
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["servers"][0]["url"] == "http://127.0.0.1:8000/v1"
    assert DOCUMENT["info"]["version"] == "1.2.3"


def test_paths_and_methods_are_the_rows_and_the_plain_ones():
    told = {(m.upper(), path) for path, found in DOCUMENT["paths"].items() for m in found}
    assert told == {(row.method, row.path) for row in ENDPOINTS} | PLAIN


def test_every_reference_resolves_and_every_component_is_used():
    used = {value["$ref"] for _, value in walk(DOCUMENT) if isinstance(value.get("$ref"), str)}
    kinds = ("schemas", "parameters", "headers", "responses")
    known = {
        f"#/components/{kind}/{name}" for kind in kinds for name in DOCUMENT["components"][kind]
    }
    assert used == known


def test_every_example_holds_for_its_own_schema():
    seen = 0
    for path, value in walk(DOCUMENT):
        if "example" in value and "schema" in value:
            errors = [
                error.message for error in validator(value["schema"]).iter_errors(value["example"])
            ]
            assert not errors, (path, errors)
            seen += 1
    assert seen > len(ENDPOINTS)


def test_every_schema_is_a_schema_with_a_description():
    for name, schema in SCHEMAS.items():
        Draft202012Validator.check_schema(schema)
        assert schema["description"], name
        for field, inner in schema.get("properties", {}).items():
            assert "description" in inner or "$ref" in inner or "const" in inner, (name, field)


def test_operation_ids_and_tags():
    told = [one for path in DOCUMENT["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in told]
    assert len(set(ids)) == len(ids)
    tags = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    assert {tag for one in told for tag in one["tags"]} == tags.keys()
    assert not [name for name, text in tags.items() if text.startswith("Everything about")]
    assert operation("GET", "/accounts/{id}")["operationId"] == "getAccount"
    assert all(one["summary"] and not one["summary"].endswith(".") for one in told)


@ROWS
def test_parameters_are_what_the_door_takes(row):
    known = REST.operations[row.operation].variables
    path = parameters(row, "path")
    assert set(path) == {part[1:-1] for part in row.path.split("/") if part.startswith("{")}
    assert all(one["required"] for one in path.values())
    query = parameters(row, "query")
    assert query.keys() <= known.keys() - path.keys() - HEADERS_AND_BODY
    if not REST.operations[row.operation].writes:
        assert query.keys() == known.keys() - path.keys() - HEADERS_AND_BODY
    header = parameters(row, "header")
    assert ("Idempotency-Key" in header) == ("idempotencyKey" in known)
    assert ("If-Match" in header) == ("expectedVersion" in known)
    assert ("If-None-Match" in header) == ("304" in operation(row.method, row.path)["responses"])
    for one in query.values():
        resolved_schema = resolved(one["schema"])
        assert "null" not in resolved_schema.get("type", []), one["name"]
        assert (one.get("explode") is False) == (resolved_schema.get("type") == "array")


@ROWS
def test_what_is_neither_a_parameter_nor_a_header_is_the_body(row):
    known = REST.operations[row.operation].variables
    told = operation(row.method, row.path)
    if row.read is not None or not REST.operations[row.operation].writes:
        assert row.read is not None or "requestBody" not in told
        return
    free = known.keys() - HEADERS_AND_BODY - parameters(row, "path").keys()
    schema = told.get("requestBody", {}).get("content", {}).get("application/json", {"schema": {}})
    fields = resolved(schema["schema"]).get("properties", {}).keys()
    if "body" in known:
        assert known["body"].input_fields <= fields
        extra = fields - known["body"].input_fields
        assert extra <= REST.operations[row.operation].body_fields
        assert not extra or "unchanged" in known
        assert free == parameters(row, "query").keys()
    else:
        assert fields | parameters(row, "query").keys() == free


@ROWS
def test_a_request_example_is_read_by_the_door_and_taken_by_the_graph(row):
    stored = REST.operations[row.operation]
    body = operation(row.method, row.path).get("requestBody")
    if body is None or row.read is not None:
        return
    example = body["content"]["application/json"]["example"]
    path = dict.fromkeys(parameters(row, "path"), "acct_x")
    variables = bodies.json_variables(stored, orjson.dumps(example), "application/json", path)
    ENGINE.variables(stored.node, {**path, **variables})


@ROWS
def test_answers_and_their_headers(row):
    told = operation(row.method, row.path)
    responses = told["responses"]
    assert str(row.status) in responses
    if row.write is not None:
        return
    schema = success(row)["content"]["application/json"]["schema"]
    assert schema["required"] == ["success", "data", "message", "timestamp"]
    headers = success(row)["headers"].keys()
    assert "X-Request-Id" in headers
    fields = REST.operations[row.operation].body_fields
    # A member of a group is known by the person's id.
    named = bool({"id", "userId"} & fields)
    made = row.method == "POST" and row.status in {201, 202} and named
    assert ("Location" in headers) == made
    if row.secret or row.expires:
        assert "ETag" not in headers
    if row.method == "GET" and not row.public and not row.expires:
        assert "ETag" in headers
        assert "304" in responses
    assert ("security" in told) == row.public
    assert ("404" in responses) == ("{" in row.path)
    assert ("412" in responses) == ("expectedVersion" in REST.operations[row.operation].variables)
    assert {"400", "401", "403", "422", "429", "500", "503"} <= responses.keys()


def test_required_and_nullable_are_the_graphs():
    account = SCHEMAS["Account"]
    assert set(account["required"]) == set(account["properties"])
    assert account["additionalProperties"] is False
    assert account["properties"]["institution"]["type"] == ["string", "null"]
    assert account["properties"]["name"]["type"] == "string"
    assert account["properties"]["archived"]["type"] == "boolean"
    assert account["properties"]["createdAt"]["format"] == "date-time"
    sent = SCHEMAS["CreateTransactionInput"]
    assert set(sent["required"]) == {"accountId", "date", "amount", "description"}
    assert sent["properties"]["amount"]["type"] == ["string", "number"]
    assert sent["properties"]["transferAmount"]["type"] == ["string", "number", "null"]
    assert sent["properties"]["date"]["format"] == "date"
    assert sent["properties"]["tags"]["type"] == ["array", "null"]
    assert sent["properties"]["tags"]["items"]["type"] == "string"
    assert sent["properties"]["splits"]["items"] == {"$ref": "#/components/schemas/SplitInput"}
    assert sent["properties"]["status"]["anyOf"] == [
        {"$ref": "#/components/schemas/TransactionStatus"},
        {"type": "null"},
    ]
    assert SCHEMAS["TransactionStatus"]["enum"] == ["PENDING", "POSTED", "RECONCILED"]


def test_a_put_takes_what_get_answered():
    body = SCHEMAS["UpdateAccountBody"]
    assert body["additionalProperties"] is False
    assert "required" not in body
    assert SCHEMAS["Account"]["properties"].keys() == body["properties"].keys()
    read_only = {name for name, one in body["properties"].items() if one.get("readOnly")}
    assert read_only == {"id", "balance", "createdAt", "updatedAt"}
    got = operation("GET", "/accounts/{id}")["responses"]["200"]["content"]["application/json"]
    assert validator(body).is_valid(got["example"]["data"])
    assert not validator(body).is_valid({"colour": "red"})


def test_rows_of_a_batch_are_those_of_the_single_operation():
    def sent(method):
        told = operation(method, "/transactions/bulk")
        return told["requestBody"]["content"]["application/json"]["schema"]["properties"]

    rows = sent("POST")["transactions"]
    assert rows["items"] == {"$ref": "#/components/schemas/CreateTransactionInput"}
    assert (rows["minItems"], rows["maxItems"]) == (1, 500)
    changed = resolved(sent("PUT")["transactions"]["items"])
    assert changed["required"] == ["id"]
    assert "readOnly" not in changed["properties"]["id"]
    assert "readOnly" not in changed["properties"]["version"]
    single = SCHEMAS["UpdateTransactionBody"]["properties"]
    assert single.keys() == changed["properties"].keys()
    assert sent("POST")["policy"]["default"] == "ATOMIC"
    assert "ids" in sent("DELETE")
    assert not operation("DELETE", "/transactions/bulk")["requestBody"]["required"]


def test_query_parameters_in_rests_words():
    row = next(one for one in ENDPOINTS if one.operation == "ListTransactions")
    query = parameters(row, "query")
    assert query["limit"]["schema"] == PAGING["limit"][0]
    assert query["limit"]["schema"]["default"] == 50
    assert query["sort"]["schema"]["enum"] == ["-date", "date", "-amount", "amount"]
    assert query["sort"]["schema"]["default"] == "-date"
    assert "Newest first." in query["sort"]["schema"]["description"]
    assert query["from"]["schema"] == {"type": "string", "format": "date"}
    assert query["from"]["description"] == "First posting date."
    assert query["minAmount"]["schema"]["type"] == "string"
    row = next(one for one in ENDPOINTS if one.operation == "DeleteAccount")
    assert parameters(row, "query")["force"]["schema"] == {"type": "boolean", "default": False}


def test_errors_are_the_registry():
    assert SCHEMAS["ErrorCode"]["enum"] == [str(code) for code in ErrorCode]
    told = DOCUMENT["components"]["responses"]
    assert "Retry-After" in told["RateLimited"]["headers"]
    assert "WWW-Authenticate" in told["Unauthenticated"]["headers"]
    for code, facts in REGISTRY.items():
        shared = [one for name, one in told.items() if f"`{code}`" in one["description"]]
        assert len(shared) <= 1
        assert all(facts.meaning in one["description"] for one in shared)


def test_the_doors_header_variables_are_the_descriptions():
    assert bodies._HEADER_VARIABLES == HEADERS_AND_BODY


@pytest.mark.parametrize(
    ("field", "owner", "prefix"),
    [
        ("id", "Account", "acct_"),
        ("id", "BudgetItem", "item_"),
        ("id", "DeleteGroupTransactionPayload", "gtxn_"),
        ("id", "GroupMember", "user_"),
        ("ids", "DeleteTransactions", "txn_"),
        ("id", "upload", "file_"),
        ("transferAccountId", "CreateTransactionInput", "acct_"),
        ("fromUserId", "Debt", "user_"),
        ("moveTo", "DeleteCategory", "cat_"),
        ("itemId", "budgets", "item_"),
        ("id", "Something", "[a-z]{3,5}_"),
    ],
)
def test_prefixes_of_ids(field, owner, prefix):
    assert id_schema(field, owner)["pattern"].startswith(f"^{prefix}[0-7]")


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("1 to 200 characters.", {"minLength": 1, "maxLength": 200}),
        ("Up to 4,000 characters.", {"maxLength": 4000}),
        ("At least 12 characters, not easily guessed.", {"minLength": 12}),
        ("ISO 4217 code.", {"pattern": "^[A-Z]{3}$"}),
        ("The bank.", {}),
    ],
)
def test_limits_that_a_description_states(text, limits):
    found = scalar_schema("String", "x", "X", text, typed=True)
    assert found == {"type": "string", **limits}


def test_limits_of_lists():
    assert list_limits("Up to 50 words.") == {"maxItems": 50}
    assert list_limits("Book 1 to 500 transactions.") == {"minItems": 1, "maxItems": 500}
    assert list_limits("At least two parts that sum to the amount.") == {"minItems": 2}
    assert list_limits("Each 1 to 60 characters; 1 to 1,000 percent.") == {}


def test_it_is_served_to_everyone_with_a_validator():
    client = TestClient(Starlette(routes=rest_routes(SERVICES, ENGINE)))
    answer = client.get("/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.json() == DOCUMENT
    tag = answer.headers["etag"]
    assert not tag.startswith("W/")
    again = client.get("/v1/openapi.json", headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert client.head("/v1/openapi.json").content == b""


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/v1/docs"])
def test_only_reading(path):
    client = TestClient(Starlette(routes=rest_routes(SERVICES, ENGINE)))
    refused = client.post(path, json={})
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"
    assert refused.json()["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert client.options(path).status_code == 204


def test_the_page_shows_the_demo_password_only_if_given():
    client = TestClient(Starlette(routes=rest_routes(SERVICES, ENGINE)))
    assert "text/html" in client.get("/v1/docs").headers["content-type"]
    routes = rest_routes(SERVICES, ENGINE, demo_password="violet-harbour-41")
    shown = TestClient(Starlette(routes=routes)).get("/v1/docs")
    assert shown.status_code in {200, 503}  # 503: the browser libraries are not in place
    assert shown.status_code == 503 or "violet-harbour-41" in shown.text
