"""Examples in the documentation are right: GraphQL fits the schema, REST bodies fit the description."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate
from graphql.error import GraphQLSyntaxError

from rest_compat.routes import ENDPOINTS
from tests.docs.test_words import FENCE, ids, text_of
from tests.test_tidy import ROOT, name_of, tracked

SCHEMA = build_schema((ROOT / "schema.graphql").read_text("utf-8"))
PAGES = [page for page in tracked(".md") if not name_of(page).startswith(("tests/", "CHANGELOG"))]


def documents(page: Path) -> Iterator[str]:
    """Whole documents: blocks of GraphQL, bodies of curl, and what stands between backticks."""
    text = text_of(page)
    for block in FENCE.findall(text):
        first, *lines = block.splitlines()
        inside = "\n".join(lines[:-1])
        if first.strip() == "```graphql":
            yield inside
        yield from (
            json.loads(f'"{one}"') for one in re.findall(r'"query": ?"((?:[^"\\]|\\.)+)"', inside)
        )
    for piece in re.findall(r"`([^`]+)`", FENCE.sub("", text)):
        plain = " ".join(piece.split())
        if plain.startswith(("query ", "mutation ", "subscription ", "{ ")) and plain.endswith("}"):
            yield plain


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_graphql_fits_the_schema(page: Path) -> None:
    wrong = []
    for document in documents(page):
        if "…" in re.sub(r'"[^"]*"', '""', document):
            continue  # Said to be a part.
        try:
            # Several operations of one block are told one after another.
            for one in split(document):
                wrong += [f"{error.message}: {one[:80]}" for error in validate(SCHEMA, parse(one))]
        except GraphQLSyntaxError as error:
            wrong.append(f"{error.message}: {document[:80]}")
    assert wrong == []


def split(document: str) -> list[str]:
    parts = re.split(r"\n(?=(?:query|mutation|subscription|\{))", document.strip())
    return [part for part in parts if part.strip()]


def test_there_are_examples_to_check() -> None:
    assert sum(1 for page in PAGES for _ in documents(page)) >= 8


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_calls_of_rest_are_endpoints(page: Path) -> None:
    """A method and a path between backticks, with or without /v1."""
    known = [(row.method, re.compile(re.sub(r"\{\w+\}", "[^/]+", row.path))) for row in ENDPOINTS]
    known += [("GET", re.compile("/health(/detailed)?")), ("GET", re.compile("/files/[^/]+"))]
    lost = []
    for piece in re.findall(r"`((?:GET|POST|PUT|DELETE|PATCH) /[^`]*)`", text_of(page)):
        method, _, rest = piece.partition(" ")
        path = rest.split("?")[0].split(" ")[0].removeprefix("/v1")
        if "…" in path or path in {"/graphql", "/metrics"}:
            continue
        if not any(method == one and shape.fullmatch(path) for one, shape in known):
            lost.append(piece)
    assert lost == []
