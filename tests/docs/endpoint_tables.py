"""The tables of docs/migration.md, made from the OpenAPI document: what to send, what comes back."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

_SUCCESSES = ("200", "201", "202")
_TOLD_APART = ("404", "410", "412")
"""Statuses that not every call of a method may answer; the others are told once for all."""


def tables_of(document: Json) -> dict[str, str]:
    """A table for each tag, and one of the resources under the name ``resources``."""
    rows: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            rows.setdefault(call["tags"][0], []).append(_row(document, method.upper(), path, call))
    tables = {tag: _table("call | send | comes back | and", lines) for tag, lines in rows.items()}
    return tables | {"resources": _table("resource | fields", _resources(document))}


def _table(heads: str, lines: list[str]) -> str:
    rule = "|".join("---" for _ in heads.split("|"))
    return "\n".join([f"| {heads} |", f"|{rule}|", *lines])


def _row(document: Json, method: str, path: str, call: Json) -> str:
    answers = call["responses"]
    sent = " ".join([*_query(call), *_body(document, call)])
    back = ", ".join(
        f"{status} {_shape(document, answers[status])}".strip()
        for status in _SUCCESSES
        if status in answers
    )
    also = ", ".join(status for status in _TOLD_APART if status in answers)
    return f"| `{method} {path}` | {sent} | {back} | {also} |"


def _query(call: Json) -> Iterator[str]:
    names = [one["name"] for one in call.get("parameters", ()) if one.get("in") == "query"]
    paged = {"limit", "cursor"} <= set(names)
    yield from (f"`?{name}`" for name in names if not (paged and name in {"limit", "cursor"}))


def _body(document: Json, call: Json) -> Iterator[str]:
    content = call.get("requestBody", {}).get("content", {})
    for kind in ("application/json", "multipart/form-data"):
        if kind in content:
            schema = _known(document, content[kind]["schema"])
            if kind != "application/json":
                yield "form:"
            yield ", ".join(_fields(schema, sent=True))
            return


def _fields(schema: Json, *, sent: bool) -> Iterator[str]:
    required = set(schema.get("required", ()))
    for name, value in schema.get("properties", {}).items():
        if sent and value.get("readOnly"):
            continue
        star = "\\*" if sent and name in required else ""
        yield f"`{name}`{star}"


def _shape(document: Json, answer: Json) -> str:
    schema = answer.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return "the file"
    data = schema.get("properties", {}).get("data", schema)
    return _named(document, data)


def _named(document: Json, schema: Json) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    fields = schema.get("properties", {})
    if "nextCursor" in fields and "items" in fields:
        return f"page of {_named(document, fields['items']['items'])}"
    return ", ".join(_fields(schema, sent=False))


def _known(document: Json, schema: Json) -> Json:
    if "$ref" in schema:
        known: Json = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        return known
    return schema


def _resources(document: Json) -> list[str]:
    used = {
        name
        for methods in document["paths"].values()
        for call in methods.values()
        for status in _SUCCESSES
        if status in call["responses"]
        for name in _shape(document, call["responses"][status]).removeprefix("page of ").split(", ")
    }
    schemas = document["components"]["schemas"]
    return [
        f"| {name} | {', '.join(_fields(schemas[name], sent=False))} |"
        for name in sorted(used & set(schemas))
    ]
