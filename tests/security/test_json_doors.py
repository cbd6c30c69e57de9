"""JSON at both doors: what is JSON is taken, what is not is 400 with a typed error, never else.

The corpus is made here, by kinds of trouble and by bending one good document at every place; what
is JSON and what is not says the standard library's reader, told to be strict.
"""

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import httpx2
import pytest

from tests.contract.test_json_body import MALFORMED, READ, WRONG
from tests.doors import Person, operations

pytestmark = [pytest.mark.anyio, pytest.mark.case("G14")]

GOOD: Final = '{"name":"K\\u00e4se é😀","type":"CASH","currency":"EUR","openingBalance":"-1.50","archived":false}'.encode()
BENT: Final = b'"\\{}[],:0-.eE+xn/ \t\n\x00\x1f\x7f\x80\xc3\xed\xff'
PLACES: Final = (b"%s", b'[1,[%s],"x"]', b'{"a":{"b":[%s]}}')


def is_json(content: bytes) -> bool:
    """Whether a strict reader takes it; a name that is given twice is not to be told from another."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("given twice")
        return dict(pairs)

    def never(constant: str) -> Any:
        raise ValueError(constant)

    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    json.loads(text, object_pairs_hook=once, parse_constant=never)
    return True


def malformed(content: bytes) -> bool:
    try:
        return not is_json(content)
    except (ValueError, RecursionError):
        return True


def bent() -> Iterator[bytes]:
    """A good document cut, shortened, lengthened and changed at every byte."""
    dice = Random(14)  # noqa: S311 - the same corpus every time
    for place in range(1, len(GOOD)):
        yield GOOD[:place]
        yield GOOD[:place] + GOOD[place + 1 :]
        for other in dice.sample(BENT, 3):
            yield GOOD[:place] + bytes([other]) + GOOD[place + 1 :]
            yield GOOD[:place] + bytes([other]) + GOOD[place:]
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037"):
        yield GOOD.decode().encode(encoding, "replace")
    yield GOOD + GOOD
    yield b"\xef\xbb\xbf" + GOOD


def graph(variables: bytes) -> bytes:
    """A create at the graph's door."""
    query = json.dumps(operations()["CreateAccount"].text).encode()
    return b'{"query":' + query + b',"variables":{"body":' + variables + b"}}"


def code_of(answer: httpx2.Response) -> str | None:
    """The code of the typed error of either door."""
    content = answer.json()
    if "errors" in content:
        return str(content["errors"][0]["extensions"]["code"])
    return None if content.get("success", True) else str(content["error"]["code"])


async def test_a_document_bent_at_every_byte_is_taken_or_told(
    eager: httpx2.AsyncClient, eve: Person
) -> None:
    head = {"Content-Type": "application/json", **eve.headers}
    corpus = [*bent()]
    bad = [content for content in corpus if malformed(content)]
    assert len(corpus) > 750
    assert len(bad) > 400
    assert len(corpus) - len(bad) > 100
    for content in corpus:
        for path, body in (("/v1/accounts", content), ("/graphql", graph(content))):
            # Cut at its end a body is another; only what stands in the middle stays what it was.
            wrong = malformed(body)
            answer = await eager.post(path, content=body, headers=head)
            assert answer.status_code < 500, (path, body, answer.text)
            if wrong:
                told = (answer.status_code, code_of(answer))
                assert told == (400, "BAD_REQUEST"), (path, body, answer.text)
            else:
                assert answer.status_code != 400 or path == "/graphql", (path, body, answer.text)
                assert code_of(answer) in {None, "VALIDATION_ERROR", "BAD_REQUEST"}, body


async def test_every_kind_of_trouble_at_every_place_has_one_answer(
    eager: httpx2.AsyncClient, eve: Person
) -> None:
    """In what nobody reads, too: the extensions of a request."""
    head = {"Content-Type": "application/json", **eve.headers}
    plain = {
        name: content
        for name, (content, _) in READ.items()
        if "depth" not in name and "bom" not in name and len(content) < 1_000
    }
    tried = 0
    for place in PLACES:
        for name, content in plain.items():
            body = b'{"query":"{viewer{id}}","extensions":{"x":' + place % content.strip() + b"}}"
            answer = await eager.post("/graphql", content=body, headers=head)
            assert (answer.status_code, code_of(answer)) == (200, None), (name, place, answer.text)
            tried += 1
        for name, (content, _) in WRONG.items():
            body = b'{"query":"{viewer{id}}","extensions":{"x":' + place % content + b"}}"
            for path, sent in (("/graphql", body), ("/v1/accounts", place % content)):
                answer = await eager.post(path, content=sent, headers=head)
                assert answer.status_code in {400, 422}, (name, place, answer.text)
                assert code_of(answer) == "VALIDATION_ERROR", (name, place, answer.text)
                tried += 1
        for name, content in MALFORMED.items():
            if len(content) > 1_000 and place != PLACES[0]:
                continue
            sent = place % content
            if not malformed(sent) and "depth" not in name:
                continue
            # No body at all is one without fields, where a path may have none.
            nothing = not sent.removeprefix(b"\xef\xbb\xbf").strip()
            for path in ("/graphql",) if nothing else ("/graphql", "/v1/accounts"):
                answer = await eager.post(path, content=sent, headers=head)
                told = (answer.status_code, code_of(answer))
                assert told == (400, "BAD_REQUEST"), (name, place, answer.text)
                tried += 1
    assert tried > 800
