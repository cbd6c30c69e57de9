"""What an answer of the graph looks like on the wire, whichever way it goes."""

from typing import Any

import orjson
from starlette.responses import Response

from graph.engine import Answer
from graph.errors import graphql_shape
from graph.http.negotiate import JSON
from graph.http.plain import Plain
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


def refused(error: AppError, kind: str) -> Response:
    """A request error: 400 under the GraphQL media type, 200 under plain JSON."""
    return _response({"errors": refusal_errors(error)}, 200 if kind == JSON else 400, kind)


def failure(error: AppError, kind: str) -> Response:
    """A failure before there was an operation to run: its own status in every media type."""
    body = {"errors": [{"message": error.message, "extensions": graphql_shape(error)}]}
    # The audits want 400 wherever the parameters themselves are wrong.
    status = 400 if error.status == 422 else error.status
    response = _response(body, status, kind)
    allow = error.details.get("allow")
    if allow:
        response.headers["Allow"] = ", ".join(allow)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _response(body: dict[str, Any], status: int, kind: str) -> Response:
    return written(orjson.dumps(body), status, kind)


def written(body: bytes, status: int, kind: str) -> Response:
    """An answer that is JSON already."""
    return Plain(
        body,
        status,
        {
            "Content-Type": f"{kind}; charset=utf-8",
            "Vary": "Accept, Authorization",
            "Cache-Control": "no-store",
        },
    )
