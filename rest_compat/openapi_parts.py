"""What is the same for all operations of OpenAPI: envelopes, headers, errors, and plain paths."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from resolvers.errors import REGISTRY, ErrorCode
from rest_compat.openapi_examples import Examples
from rest_compat.openapi_schemas import Json, closed

_MOMENT: Final[Json] = {
    "type": "string",
    "format": "date-time",
    "description": "When the answer was made, in UTC.",
}
_TAGS: Final[Mapping[str, str]] = {
    "accounts": "Places where money lies, each in one currency.",
    "analytics": "Reports over a span of time, and exports.",
    "auth": "Signing up, in and out, and the own profile.",
    "budgets": "Plans for a period, their items, and how reality compares.",
    "categories": "What money was for, as a tree.",
    "changes": "Everything that happened after a cursor, for clients that keep a copy.",
    "groups": "People who share expenses, and who owes whom.",
    "health": "Whether the service lives and is ready.",
    "imports": "Statements of banks turned into transactions.",
    "invitations": "Asking people into groups.",
    "notifications": "What happened that you may want to know.",
    "templates": "Transactions that repeat.",
    "transactions": "Movements of money, one by one or up to 500 at once.",
    "uploads": "Files: statements and receipts.",
}
_ABOUT: Final = """\
Accounts, transactions, budgets and shared expenses over REST. Every path stands for one operation
of the GraphQL graph at `/graphql` and gives the same answers.

- Answers wear an envelope: `{success, data, message, timestamp}`, or `{success, error, timestamp}`
  with a code for programs and a sentence for people.
- Amounts are exact decimal strings beside their currency; money in is positive, money out negative.
- `PUT` merges: what is absent stays, `null` clears. What GET answered may be sent back whole.
- `Idempotency-Key` makes repeats of a write harmless for 24 hours; `If-Match` guards against
  overwriting somebody else's change; `If-None-Match` saves reading twice.
- At most 1,000 requests pass in any 60 minutes for each person; signing in, uploads, imports,
  exports and invitations have limits of their own. `RateLimit` says what is left, and over a limit
  the answer is 429 with `Retry-After`.
- Fields and parameters that are not described here are refused.
- Every GET carries a `Change-Cursor`: `/changes` tells what happens after it, in pages, and the
  WebSocket at `/v1/ws/updates` tells it as it happens.
"""

PAGING: Final[Mapping[str, tuple[Json, str]]] = {
    "limit": (
        {"type": "integer", "format": "int32", "minimum": 1, "maximum": 100, "default": 50},
        "How many rows a page holds.",
    ),
    "cursor": ({"type": "string", "minLength": 1}, "The nextCursor of the page before."),
}
"""REST's own words for the two arguments of every list."""

_TEXT: Final[Json] = {"type": "string"}
_TAG_PATTERN: Final = r'(W/)?"[0-9]{1,18}(\.[!#-~]*)?"'
_PARAMETERS: Final[Mapping[str, tuple[Json, str]]] = {
    "Idempotency-Key": (
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        "Your own name for this write: repeats with the same input do nothing and answer alike.",
    ),
    "If-Match": (
        {"type": "string", "pattern": rf"^({_TAG_PATTERN}|\*)$"},
        "The ETag of the object as you know it: if it has changed since, nothing is written.",
    ),
    "If-None-Match": (
        _TEXT,
        "The ETag of the answer that you hold: if it is still right, the answer is 304.",
    ),
}
_HEADERS: Final[Mapping[str, tuple[Json, str]]] = {
    "Change-Cursor": (
        _TEXT,
        "Where the change feed stood before this answer: follow it from here.",
    ),
    "Allow": (_TEXT, "The methods that the path has."),
    "Content-Disposition": (_TEXT, "The name of the file."),
    "ETag": (
        {"type": "string", "pattern": f"^{_TAG_PATTERN}$"},
        "Version and hash of the answer: send it as If-None-Match, and to write as If-Match.",
    ),
    "Idempotency-Replayed": (
        {"type": "string", "enum": ["true"]},
        "Present when this is the stored answer of an earlier request with the same key.",
    ),
    "Location": ({"type": "string", "format": "uri"}, "Address of what was made."),
    "RateLimit": (
        {"type": "string", "examples": ['"user";r=999;t=3600']},
        "What is left (r) of each limit that was met, and in how many seconds more comes back (t).",
    ),
    "RateLimit-Policy": (
        {"type": "string", "examples": ['"user";q=1000;w=3600']},
        "Those limits: q requests in any w seconds.",
    ),
    "Retry-After": (
        {"type": "integer", "format": "int32", "minimum": 0},
        "Seconds until a repeat makes sense.",
    ),
    "WWW-Authenticate": (_TEXT, "The scheme to sign in with."),
    "X-Request-Id": (_TEXT, "Name of this request in our logs: yours, if you sent a good one."),
}
_ERROR_HEADERS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    403: ("Retry-After",),
    405: ("Allow",),
    409: ("Retry-After",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


def info(public_url: str, version: str) -> Json:
    """Who speaks."""
    return {
        "title": "Pocket Trend",
        "version": version,
        "summary": "Back end of a personal-finance tracker.",
        "description": _ABOUT,
        "contact": {"name": "Pocket Trend", "url": public_url},
        "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    }


def tags(nouns: Iterable[str]) -> list[Json]:
    """The nouns with a sentence each."""
    return [
        {"name": noun, "description": _TAGS.get(noun, f"Everything about {noun}.")}
        for noun in sorted(nouns)
    ]


def parameter(
    place: str,
    name: str,
    schema: Json,
    said: str | None = None,
    *,
    required: bool = False,
    **more: Any,
) -> Json:
    """A parameter."""
    described = {"description": said} if said else {}
    needed = {"required": True} if required else {}
    return {"name": name, "in": place, **described, **needed, "schema": schema, **more}


def header_ref(name: str) -> Json:
    """A request header that several operations take."""
    return {"$ref": f"#/components/parameters/{name}"}


def _sent(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _code_of(status: int) -> ErrorCode:
    """The code that names a status: its first."""
    return next(code for code, facts in REGISTRY.items() if facts.status == status)


def error_ref(status: int) -> Json:
    """The shared response of a status."""
    return {"$ref": f"#/components/responses/{_error_name(status)}"}


def _error_name(status: int) -> str:
    return _code_of(status).title().replace("_", "")


def envelope(data: Json, message: str) -> Json:
    """The success envelope around data."""
    properties = {
        "success": {"const": True},
        "data": data,
        "message": {"type": "string", "examples": [message], "description": "A sentence."},
        "timestamp": _MOMENT,
    }
    return closed(properties, list(properties))


def success(schema: Json, example: Any, headers: Iterable[str], said: str | None) -> Json:
    """A response with a body in the envelope."""
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": said or "Done.", "headers": _sent(headers), "content": content}


def download(headers: Iterable[str]) -> Json:
    """A response that is a file and wears no envelope."""
    kinds = ("text/csv", "application/json", "application/pdf")
    content: Json = {kind: {} for kind in kinds}
    said = "The file, streamed. When the connection breaks, it is not whole."
    return {"description": said, "headers": _sent(headers), "content": content}


def _error(status: int, failure: Json, named: Mapping[str, Json]) -> Json:
    lines = [
        f"- `{code}`: {facts.meaning}" for code, facts in REGISTRY.items() if facts.status == status
    ]
    code = _code_of(status)
    told: Json = {"code": str(code), "message": REGISTRY[code].meaning, "details": {}}
    if code is ErrorCode.VALIDATION_ERROR:
        field = {"path": "amount", "code": "REQUIRED", "message": "Required."}
        told = {**told, "message": "amount: Required.", "details": {"fields": [field]}}
    example = {**Examples(named).of(failure), "error": told}
    return {
        "description": "\n".join(lines),
        "headers": _sent(["X-Request-Id", *_ERROR_HEADERS.get(status, ())]),
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Failure"},
                "example": example,
            }
        },
    }


def _failure_schemas() -> Json:
    """The failure envelope with what it is made of."""
    field = {
        "path": {"type": "string", "description": "Where in the input, such as splits.0.amount."},
        "code": {"type": "string", "description": "What kind of wrong."},
        "message": {"type": "string", "description": "What would be right."},
    }
    error = {
        "code": {"$ref": "#/components/schemas/ErrorCode"},
        "message": {"type": "string", "description": "A sentence."},
        "details": {
            "type": "object",
            "description": "For programs; what else it holds depends on the code.",
            "properties": {
                "fields": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}}
            },
        },
    }
    failed = {
        "success": {"const": False},
        "error": closed(error, list(error), description="What went wrong."),
        "timestamp": _MOMENT,
    }
    meanings = [f"- `{code}` ({facts.status}): {facts.meaning}" for code, facts in REGISTRY.items()]
    return {
        "ErrorCode": {
            "type": "string",
            "description": "\n".join(["What went wrong, for programs.", "", *meanings]),
            "enum": [str(code) for code in ErrorCode],
        },
        "Failure": closed(failed, list(failed), description="What every failure looks like."),
        "FieldError": closed(field, list(field), description="One wrong field of an input."),
    }


def plain_paths() -> Json:
    """The two health checks, which no row describes: they touch no graph."""
    part = closed(
        {"status": {"type": "string", "enum": ["ok", "down"]}, "latencyMs": {"type": "number"}},
        ["status", "latencyMs"],
    )
    alive = closed({"status": {"const": "ok"}}, ["status"])
    ready = closed(
        {
            "status": {"type": "string", "enum": ["ok", "degraded", "down", "draining"]},
            "parts": {"type": "object", "additionalProperties": part},
        },
        ["status"],
    )
    ready["properties"]["parts"]["description"] = "Each part, for operators only."

    def operation(name: str, summary: str, answers: Mapping[int, tuple[Json, Any]]) -> Json:
        responses: Json = {}
        for status, (schema, data) in answers.items():
            whole = envelope(schema, summary)
            example = {**Examples({}).of(whole), "data": data}
            responses[str(status)] = success(whole, example, ["X-Request-Id"], f"{summary}.")
        described = {
            "operationId": name,
            "tags": ["health"],
            "summary": summary,
            "description": f"{summary}; open to everyone.",
        }
        responses |= {str(status): error_ref(status) for status in (405, 500)}
        return {"get": {**described, "responses": responses}}

    health = operation("health", "Whether the process lives", {200: (alive, {"status": "ok"})})
    found = {name: {"status": "ok", "latencyMs": 0.8} for name in ("database", "cache")}
    detailed = operation(
        "healthDetailed",
        "Whether the service and its parts are ready",
        {
            200: (ready, {"status": "ok", "parts": found}),
            503: (ready, {"status": "down"}),
        },
    )
    health["get"]["security"] = []
    detailed["get"]["security"] = [{}, {"operatorToken": []}]
    return {"/health": health, "/health/detailed": detailed}


def _references(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def components(paths: Json, named: Json) -> Json:
    """Everything that is referred to, and nothing else."""
    schemas = {**named, **_failure_schemas()}
    used = {reference.rpartition("/")[2] for reference in _references(paths)}
    statuses = sorted({facts.status for facts in REGISTRY.values()})
    responses = {
        _error_name(status): _error(status, schemas["Failure"], schemas)
        for status in statuses
        if _error_name(status) in used
    }
    responses["NotModified"] = {
        "description": "What you hold is still right.",
        "headers": _sent(["X-Request-Id", "ETag", "RateLimit", "RateLimit-Policy"]),
    }
    used |= {reference.rpartition("/")[2] for reference in _references(responses)}
    return {
        "schemas": dict(sorted(schemas.items())),
        "parameters": {
            name: parameter("header", name, *about)
            for name, about in _PARAMETERS.items()
            if name in used
        },
        "headers": {
            name: {"description": said, "schema": schema}
            for name, (schema, said) in _HEADERS.items()
            if name in used
        },
        "responses": responses,
        "securitySchemes": {
            "bearerAuth": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An access token: a JWT (RFC 7519) handled as RFC8725 advises, "
                "signed with ES256, good for 15 minutes.",
            },
            "operatorToken": {
                "type": "http",
                "scheme": "bearer",
                "description": "The token of those who run the service.",
            },
        },
    }
