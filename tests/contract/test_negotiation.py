"""Media types of answers and bodies, and the parameters of GraphQL over HTTP."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.http.negotiate import GRAPHQL, JSON, BodyKind, answer_type, body_kind, wants_page
from graph.http.params import GraphQLParams, request_params
from resolvers.errors import AppError, BadRequest, Invalid, TooLarge, UnsupportedMediaType

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("  ", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("Application/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ('application/json; charset="UTF-8"', JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL}, application/json", GRAPHQL),
        (f"application/json, {GRAPHQL}", JSON),
        (f"{GRAPHQL},application/json;q=0.9", GRAPHQL),
        (f"application/json;q=0.9,{GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, application/json", JSON),
        (f"{GRAPHQL};q=0.5, */*", JSON),
        (f"*/*, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL}, application/graphql+json, application/json, multipart/mixed", GRAPHQL),
        ("application/json;q=0, */*", GRAPHQL),
        (f"application/json;q=0, {GRAPHQL};q=0", None),
        ("*/*;q=0", None),
        ("*/*;q=.2", JSON),
        ("text/html, image/gif, *; q=.2, */*; q=.2", JSON),
        ("application/json;q=0.3333", JSON),
        ("application/json;q=high", None),
        ("application/json;q=", None),
        ("application/json;charset=utf-16", None),
        ('text/x;a="b, application/json"', None),
        ('text/x;a="b\\", c", application/json', JSON),
        ("image/png", None),
        ("text/event-stream", None),
        (BROWSER, JSON),
        ("nonsense", None),
        (",,,", None),
    ],
)
def test_answer_type(accept, expected):
    assert answer_type(accept) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("text/*", False),
        ("text/html", True),
        (BROWSER, True),
        ("application/json, text/html", False),
        ("text/html, application/json", True),
        ("text/html;q=0.9, application/json", False),
        (f"text/html;q=0.9, {GRAPHQL};q=0.8", True),
        ("text/html;q=0", False),
        ("image/avif, text/html", True),
    ],
)
def test_only_a_browser_gets_the_page(accept, expected):
    assert wants_page(accept) is expected


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", BodyKind.JSON),
        ("application/json;charset=UTF-8", BodyKind.JSON),
        ('APPLICATION/JSON ; charset="utf8"', BodyKind.JSON),
        ("application/json;", BodyKind.JSON),
        ("multipart/form-data; boundary=x", BodyKind.MULTIPART),
    ],
)
def test_body_kinds_that_are_read(content_type, kind):
    assert body_kind(content_type) is kind


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        " ",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/json, application/json",
        "application/jsonp",
        "json",
        "*/*",
    ],
)
def test_other_bodies_are_unsupported(content_type):
    with pytest.raises(UnsupportedMediaType) as refused:
        body_kind(content_type)
    assert refused.value.status == 415
    assert len(refused.value.message) < 200


@given(st.text(max_size=80) | st.text(alphabet='a/*;=q01.,"\\ ', max_size=60))
def test_no_header_breaks_the_negotiation(header):
    assert answer_type(header) in {JSON, GRAPHQL, None}
    assert wants_page(header) in {True, False}
    with suppress(UnsupportedMediaType):
        assert body_kind(header) in set(BodyKind)


def post(body: bytes, content_type: str | None = "application/json") -> GraphQLParams:
    return request_params("POST", [("query", "{ignored}")], body, content_type)


def test_post_reads_the_four_parameters():
    read = post(
        b'{"query":"{a}","operationName":"A","variables":{"n":1.10},"extensions":{"k":{}},"x":1}'
    )
    assert read == GraphQLParams("{a}", "A", {"n": Decimal("1.10")}, {"k": {}})
    assert str(read.variables["n"]) == "1.10"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"query":null,"operationName":null,"variables":null,"extensions":null}',
    ],
)
def test_absent_and_null_are_the_same(body):
    assert post(body) == GraphQLParams(None, None, {}, {})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"7", "The body has to be a JSON object, not a number."),
        (b"7.5", "The body has to be a JSON object, not a number."),
        (b"null", "The body has to be a JSON object, not null."),
        (b"true", "The body has to be a JSON object, not a boolean."),
        (b'"x"', "The body has to be a JSON object, not a string."),
        (b'[{"query":"{a}"}]', "Batches are not taken; send one operation per request."),
        (b"[]", "Batches are not taken; send one operation per request."),
        (b'{"query":{}}', "query has to be a string, not an object."),
        (b'{"query":0}', "query has to be a string, not a number."),
        (b'{"query":false}', "query has to be a string, not a boolean."),
        (b'{"query":[]}', "query has to be a string, not a list."),
        (b'{"operationName":{}}', "operationName has to be a string or null, not an object."),
        (b'{"operationName":0}', "operationName has to be a string or null, not a number."),
        (b'{"variables":"{}"}', "variables has to be an object or null, not a string."),
        (b'{"variables":0}', "variables has to be an object or null, not a number."),
        (b'{"variables":false}', "variables has to be an object or null, not a boolean."),
        (b'{"variables":[]}', "variables has to be an object or null, not a list."),
        (b'{"extensions":""}', "extensions has to be an object or null, not a string."),
        (b'{"extensions":[1]}', "extensions has to be an object or null, not a list."),
        (b"", "The body is empty; JSON is expected."),
        (b"{", None),
        (b"\xff", "The body is not UTF-8 at byte 1."),
        (b'{"query":"{a}","query":"{b}"}', 'The key "query" is given twice in one object.'),
        (
            b'{"variables":' + b'{"a":' * 13 + b"1" + b"}" * 14,
            "The body is nested deeper than 13 levels.",
        ),
    ],
)
def test_post_of_a_wrong_shape(body, message):
    with pytest.raises(BadRequest) as refused:
        post(body)
    assert refused.value.status == 400
    assert message is None or refused.value.message == message


@pytest.mark.parametrize("content_type", [None, "text/plain", "multipart/form-data; boundary=x"])
def test_post_reads_json_only(content_type):
    with pytest.raises(UnsupportedMediaType):
        post(b'{"query":"{a}"}', content_type)


def test_post_is_bounded():
    with pytest.raises(TooLarge):
        request_params("POST", [], b'{"query":"{a}"}', "application/json", max_bytes=10)
    with pytest.raises(Invalid):
        post(b'{"query":"{a}","variables":{"x":"\\u0000"}}')
    assert request_params("POST", [], b"{}", "application/json").query is None
    with pytest.raises(BadRequest):
        request_params("POST", [], None, "application/json")


def test_get_reads_json_texts():
    pairs = [
        ("query", "{a}"),
        ("operationName", "A"),
        ("variables", '{"n":[1]}'),
        ("extensions", "null"),
        ("other", "1"),
        ("other", "2"),
    ]
    assert request_params("GET", pairs, None, None) == GraphQLParams("{a}", "A", {"n": [1]}, {})
    assert request_params("HEAD", [("query", "{a}")], b"ignored", None).query == "{a}"


def test_get_takes_empty_parameters_as_absent():
    pairs = [("query", ""), ("operationName", ""), ("variables", ""), ("extensions", "")]
    assert request_params("GET", pairs, None, None) == GraphQLParams("", None, {}, {})
    assert request_params("GET", [], None, None) == GraphQLParams()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("query", "{a}"), ("query", "{b}")], "The parameter query is given twice."),
        (
            [("variables", '{"a":}')],
            "The parameter variables is not JSON: Expecting value at character 6.",
        ),
        ([("variables", "[]")], "variables has to be an object or null, not a list."),
        ([("variables", '"x"')], "variables has to be an object or null, not a string."),
        ([("extensions", "7")], "extensions has to be an object or null, not a number."),
        ([("extensions", "\ud800")], "The parameter extensions is not UTF-8 at byte 1."),
        (
            [("variables", '{"a":' * 13 + "1" + "}" * 13)],
            "The parameter variables is nested deeper than 12 levels.",
        ),
    ],
)
def test_get_of_a_wrong_shape(pairs, message):
    with pytest.raises(BadRequest) as refused:
        request_params("GET", pairs, None, None)
    assert refused.value.message == message


@pytest.mark.parametrize("method", ["PUT", "DELETE", "get", "X" * 10_000])
def test_other_methods(method):
    with pytest.raises(AppError) as refused:
        request_params(method, [], None, None)
    assert refused.value.status == 405
    assert refused.value.details == {"allow": ["GET", "HEAD", "POST"]}
    assert len(refused.value.message) < 100
