"""What an execution gave, in the shapes of REST."""

from typing import Any

from graph.engine import Answer, first_failure
from resolvers.errors import AppError, ErrorCode, FieldError, Invalid
from rest_compat.stored import Stored


def raise_failure(answer: Answer) -> None:
    """The failure of an answer in REST's words: paths without the variable's name."""
    error = first_failure(answer)
    if error is None:
        return
    if isinstance(error, Invalid) and answer.refused is not None:
        fields = [
            FieldError(
                "" if one.path == "body" else one.path.removeprefix("body."),
                one.code,
                one.message,
            )
            for one in error.fields
        ]
        raise Invalid(fields, message=None if fields else error.message, code=error.code)
    if type(error) is AppError and error.message == "unexpected":
        # Masked and logged already, where the engine told it.
        told = answer.errors[0]
        extensions = told["extensions"]
        raise AppError(
            told["message"], code=ErrorCode(extensions["code"]), details=extensions["details"]
        )
    raise error


def data_of(operation: Stored, data: dict[str, Any]) -> Any:
    """The single root field as ``data``."""
    value = data[operation.root]
    if operation.shape == "connection":
        return _listed(value)
    if operation.shape == "payload" and operation.inner is not None:
        value = value[operation.inner] or value.get(operation.instead) or {}
    if isinstance(value, dict):
        return {
            name: _listed(one) if isinstance(one, dict) and "pageInfo" in one else one
            for name, one in value.items()
        }
    return value


def _listed(value: dict[str, Any]) -> dict[str, Any]:
    """A connection as ``{items, nextCursor, hasMore}``."""
    page = value["pageInfo"]
    more = page["hasNextPage"]
    return {
        "items": value["nodes"],
        "nextCursor": page["endCursor"] if more else None,
        "hasMore": more,
    }
