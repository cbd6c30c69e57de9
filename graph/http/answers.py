"""What an answer of the graph looks like on the wire, whichever way it goes."""

from typing import Any

import orjson

from graph.engine import Answer
from graph.errors import graphql_shape
from resolvers.errors import AppError


def answer_body(answer: Answer, *, replayed: bool = False) -> dict[str, Any]:
    """The result of an operation that ran."""
    body: dict[str, Any] = {}
    if answer.errors:
        body["errors"] = answer.errors
    body["data"] = answer.data
    extensions: dict[str, Any] = {}
    if answer.cost is not None:
        extensions["cost"] = {"requested": answer.cost.requested, "limit": answer.cost.limit}
    if replayed:
        extensions["idempotencyReplayed"] = True
    if extensions:
        body["extensions"] = extensions
    return body


def answer_json(answer: Answer, *, replayed: bool = False) -> bytes:
    """The same as JSON, written once for all who are told it."""
    if answer.json is None or replayed:
        answer.json = orjson.dumps(answer_body(answer, replayed=replayed), default=str)
    return answer.json


def refusal_errors(error: AppError) -> list[dict[str, Any]]:
    """One entry for each thing that is wrong with a document, where editors look for its place."""
    shape = graphql_shape(error)
    details = {name: value for name, value in shape["details"].items() if name != "errors"}
    found = error.details.get("errors") or [
        {"message": error.message, "locations": error.details.get("locations")}
    ]
    entries = []
    for one in found:
        entry: dict[str, Any] = {"message": one["message"]}
        if one["locations"]:  # an empty list is not allowed
            entry["locations"] = one["locations"]
        entries.append(entry | {"extensions": {**shape, "details": details}})
    return entries
