"""Failures: markers in an answer while it is built, and their place in it at the end.

An answer without a failure never comes here. With one, the finished answer is walked once in the
order of the document, as a serial executor would have gone through it: a null that may not be
travels up to the nearest place that may be null, and what that place hides is not told.
"""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError, located_error


class Failure:
    """Stands where a value could not be made."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Bubble(Exception):
    """A failure on its way to a place that may be null."""

    def __init__(self, error: GraphQLError) -> None:
        super().__init__()
        self.error = error


class Walk:
    """Places the failures of one answer; ``selections`` knows each object by its identity."""

    def __init__(self, selections: Mapping[int, Any]) -> None:
        self._selections = selections
        self.errors: list[GraphQLError] = []

    def root(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """The finished root object; None when a failure reached it."""
        try:
            return self._object(row, [])
        except _Bubble as bubble:
            self.errors.append(bubble.error)
            return None

    def _object(self, row: dict[str, Any], path: list[str | int]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in self._selections[id(row)].fields:
            path.append(field.key)
            found[field.key] = self._value(field.shape, field, row[field.key], path)
            path.pop()
        return found

    def _value(self, shape: Any, field: Any, value: Any, path: list[str | int]) -> Any:
        depth = len(path)
        try:
            if type(value) is Failure:
                raise _Bubble(located_error(value.error, field.nodes, list(path)))
            if value is None or shape.is_leaf:
                return value
            if not shape.is_list:
                return self._object(value, path)
            found = []
            for index, item in enumerate(value):
                path.append(index)
                found.append(self._value(shape.inner, field, item, path))
                path.pop()
        except _Bubble as bubble:
            del path[depth:]
            if shape.required:
                raise
            self.errors.append(bubble.error)
            return None
        return found
