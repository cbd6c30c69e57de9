"""The parameters of a GraphQL request over HTTP, from a query string or a JSON body."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.http.json_body import parse_json
from graph.http.negotiate import BodyKind, body_kind
from resolvers.errors import AppError, BadRequest, ErrorCode

NAMES = ("query", "operationName", "variables", "extensions")
MAX_VARIABLES_DEPTH = 12  # levels of objects and lists in variables or extensions
MAX_VARIABLES_BYTES = 262_144  # of variables in a query string
MAX_BODY_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class GraphQLParams:
    """What a client asks to be executed; ``query`` is absent for an operation stored by hash."""

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)


def request_params(
    method: str,
    query_params: Iterable[tuple[str, str]],
    body: bytes | None,
    content_type: str | None,
    *,
    max_bytes: int = MAX_BODY_BYTES,
) -> GraphQLParams:
    """Read the parameters as the GraphQL-over-HTTP specification places them.

    GET and HEAD take them from ``query_params``, decoded pairs of the query string, in which
    variables and extensions are JSON texts; POST takes them from a JSON body of at most
    ``max_bytes`` and ignores the query string. Unknown names are ignored. Raises ``BadRequest``
    for a wrong shape, ``UnsupportedMediaType`` for a body that is not JSON, an error with the code
    ``METHOD_NOT_ALLOWED`` for other methods, and what ``parse_json`` raises.
    """
    if method in {"GET", "HEAD"}:
        return _checked(_from_query(query_params))
    if method == "POST":
        body_kind(content_type, readable=(BodyKind.JSON,))
        value = parse_json(body or b"", max_bytes=max_bytes, max_depth=MAX_VARIABLES_DEPTH + 1)
        if isinstance(value, list):
            raise BadRequest("Batches are not taken; send one operation per request.")
        if not isinstance(value, dict):
            raise BadRequest(f"The body has to be a JSON object, not {_kind(value)}.")
        return _checked(value)
    message = f"{method[:20]} is not a method of this path; use GET or POST."
    details = {"allow": ["GET", "HEAD", "POST"]}
    raise AppError(message, code=ErrorCode.METHOD_NOT_ALLOWED, details=details)


def _from_query(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in pairs:
        if name not in NAMES:
            continue
        if name in found:
            raise BadRequest(f"The parameter {name} is given twice.")
        found[name] = text
    for name in NAMES[1:]:
        if found.get(name) == "":  # left empty by a form
            del found[name]
    for name in ("variables", "extensions"):
        if name in found:
            found[name] = parse_json(
                found[name].encode("utf-8", "surrogatepass"),
                max_bytes=MAX_VARIABLES_BYTES,
                max_depth=MAX_VARIABLES_DEPTH,
                what=f"The parameter {name}",
            )
    return found


def _checked(found: Mapping[str, Any]) -> GraphQLParams:
    query, operation_name = found.get("query"), found.get("operationName")
    if query is not None and not isinstance(query, str):
        raise BadRequest(f"query has to be a string, not {_kind(query)}.")
    if operation_name is not None and not isinstance(operation_name, str):
        raise BadRequest(f"operationName has to be a string or null, not {_kind(operation_name)}.")
    maps: dict[str, dict[str, Any]] = {}
    for name in ("variables", "extensions"):
        value = found.get(name)
        if value is not None and not isinstance(value, dict):
            raise BadRequest(f"{name} has to be an object or null, not {_kind(value)}.")
        maps[name] = value or {}
    return GraphQLParams(query, operation_name, maps["variables"], maps["extensions"])


def _kind(value: object) -> str:
    """What JSON calls a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "a string" if isinstance(value, str) else "a number"
