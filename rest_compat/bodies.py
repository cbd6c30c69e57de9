"""From a REST request to the variables of its operation."""

import re
from collections.abc import Mapping
from typing import Any, Final

from graphql import GraphQLScalarType

from graph.http.json_body import parse_json
from graph.http.negotiate import BodyKind, body_kind
from resolvers.errors import FieldError, Invalid, NotFound, invalid
from rest_compat.routes import Endpoint
from rest_compat.stored import Stored, Variable

# What a client gets with an object but nobody stores as such: sent back, it is ignored.
DERIVED: Final = frozenset(
    {
        "balance", "kind", "nextDate", "missingDates", "myRole", "createdAt", "updatedAt",
        "deletedAt", "downloadUrl", "emailVerified", "twoFactorEnabled",
    }
)  # fmt: skip
_HEADER_VARIABLES: Final = frozenset({"idempotencyKey", "expectedVersion", "unchanged", "body"})
_INTEGER: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_VERSION: Final = re.compile(r'(?:W/)?"([0-9]{1,18})(?:\.[^"]*)?"', re.ASCII)


def query_variables(
    row: Endpoint, operation: Stored, pairs: list[tuple[str, str]], path: Mapping[str, str]
) -> dict[str, Any]:
    """Path and query parameters as variables of the same name; unknown ones are refused."""
    found: dict[str, Any] = {
        name: _path_word(text, row.words.get(name)) for name, text in path.items()
    }
    wrong: list[FieldError] = []
    for name, text in pairs:
        variable = operation.variables.get(name)
        if variable is None or name in path or name in _HEADER_VARIABLES:
            wrong.append(FieldError(name[:100], "UNKNOWN_FIELD", "There is no such parameter."))
            continue
        if name in found and not variable.many:
            wrong.append(FieldError(name, "INVALID", "Given more than once."))
            continue
        try:
            _take(found, name, text, variable, row.words.get(name))
        except ValueError as error:
            wrong.append(FieldError(name, "INVALID", str(error)))
    if wrong:
        raise Invalid(wrong)
    return found


def _path_word(text: str, words: Mapping[str, str] | None) -> str:
    """A part of a path; where it is one of a few words, another one leads nowhere."""
    if words is None:
        return text
    if text not in words:
        raise NotFound(f"There is no such path; it ends in {', '.join(words)}.")
    return words[text]


def _take(
    found: dict[str, Any],
    name: str,
    text: str,
    variable: Variable,
    words: Mapping[str, str] | None,
) -> None:
    if words is not None:
        if text not in words:
            raise ValueError(f"Must be one of {', '.join(words)}.")
        found[name] = words[text]
    elif variable.many:
        found.setdefault(name, []).extend(part for part in text.split(",") if part)
    else:
        found[name] = _scalar(name, text, variable)


def _scalar(name: str, text: str, variable: Variable) -> Any:
    kind = variable.type.name if isinstance(variable.type, GraphQLScalarType) else ""
    if kind == "Int":
        if not _INTEGER.fullmatch(text):
            raise ValueError("Must be a whole number.")
        number = int(text)
        if name == "limit" and not 1 <= number <= 100:
            raise ValueError("A page holds 1 to 100 rows.")
        return number
    if kind == "Boolean":
        if text not in {"true", "false"}:
            raise ValueError("Must be true or false.")
        return text == "true"
    if kind in {"String", "ID"} and any(
        ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in text
    ):
        raise ValueError("Control characters are not allowed.")
    return text


def header_variables(operation: Stored, headers: Mapping[str, str]) -> dict[str, Any]:
    """Idempotency-Key and If-Match, where the operation knows them."""
    found: dict[str, Any] = {}
    key = headers.get("idempotency-key")
    if key is not None and "idempotencyKey" in operation.variables:
        found["idempotencyKey"] = key
    match = headers.get("if-match")
    if match is not None and "expectedVersion" in operation.variables and match.strip() != "*":
        version = _VERSION.fullmatch(match.strip())
        if version is None:
            raise invalid("If-Match", 'One entity tag as you received it, such as "3.1f9c".')
        found["expectedVersion"] = int(version[1])
    return found


def json_variables(
    operation: Stored, raw: bytes, content_type: str | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """The JSON body as ``$body``, or its fields as variables of the same name."""
    if not raw:
        return {}
    body_kind(content_type, readable=(BodyKind.JSON,))
    body = parse_json(raw)
    if "body" in operation.variables:
        return _whole(operation, body)
    if not isinstance(body, dict):
        raise Invalid([FieldError("", "INVALID_TYPE", "The body has to be an object.")])
    open_names = operation.variables.keys() - _HEADER_VARIABLES - given.keys()
    wrong = [
        FieldError(name[:100], "UNKNOWN_FIELD", "There is no such field.")
        for name in body
        if name not in open_names
    ]
    # The executor would tell this too, but in words of its own that name our variables.
    wrong += [
        FieldError(node.variable.name.value, "REQUIRED", "May not be null.")
        for node in operation.node.variable_definitions or ()
        if node.default_value is not None and body.get(node.variable.name.value, "") is None
    ]
    if wrong:
        raise Invalid(wrong)
    return dict(body)


def _whole(operation: Stored, body: Any) -> dict[str, Any]:
    """The body as the input; of a PUT, what was only sent back is taken out of it."""
    if not isinstance(body, dict) or "unchanged" not in operation.variables:
        return {"body": body}
    accepted = operation.variables["body"].input_fields
    inputs: dict[str, Any] = {}
    unchanged: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for name, value in body.items():
        if name in accepted or name not in operation.body_fields:
            inputs[name] = value
        elif name == "version":
            found["expectedVersion"] = _body_version(value)
        elif name not in DERIVED:
            unchanged[name] = value
    return {**found, "body": inputs, "unchanged": unchanged}


def _body_version(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
        raise invalid("version", "A version is a whole number from 1 on.", "INVALID_TYPE")
    return value
