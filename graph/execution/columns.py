"""Columns: the values of one field for all of its parents, and what may be wrong with one."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import lru_cache
from inspect import CO_ITERABLE_COROUTINE
from types import CoroutineType, GeneratorType, NoneType
from typing import Any, Protocol

from graphql import GraphQLObjectType, Undefined
from graphql.pyutils.undefined import UndefinedType

from graph.execution.failures import Failure


class Waiting(Exception):
    """A column holds something that has to be awaited first."""


class Rows(Protocol):
    """What completing needs of a run."""

    def fail(self, error: Exception) -> Failure:
        """Note a failure."""

    def info(self, field: Any) -> Any:
        """The info of a field's column, as graphql-core makes it."""

    def enqueue(
        self, field: Any, kind: GraphQLObjectType, sources: Any, rows: list[dict[str, Any]]
    ) -> None:
        """Have rows filled by the next level."""


class Shape(ABC):
    """One layer of a field's type."""

    __slots__ = ("required",)
    is_leaf = False
    is_list = False
    links = False
    """Whether it takes objects of a sheet by their places."""

    def __init__(self, *, required: bool) -> None:
        self.required = required

    @abstractmethod
    def complete(self, run: Rows, field: Any, values: Any) -> Any:
        """The answer's column; raises Waiting before anything has happened."""

    def absent(self, run: Rows, field: Any) -> Failure | None:
        """What stands where there is no value."""
        if not self.required:
            return None
        return run.fail(
            TypeError(f"Cannot return null for non-nullable field {field.parent}.{field.name}.")
        )


@lru_cache(maxsize=4096)
def _is_odd(kind: type) -> bool:
    """Whether values of a type are something else than values: to be awaited, raised, or nothing."""
    return (
        issubclass(kind, Exception | Failure | UndefinedType | CoroutineType | GeneratorType)
        or hasattr(kind, "__await__")
        or hasattr(kind, "__aiter__")
    )


def kinds_of(values: Iterable[Any]) -> tuple[set[type], bool]:
    """The types in a column without None, and whether every one holds plain values."""
    kinds = set(map(type, values))
    plain = True
    for kind in kinds:
        if kind is not NoneType and _is_odd(kind):
            plain = False
    return kinds, plain


def awaits(value: Any) -> bool:
    """Whether a value has to be awaited."""
    return hasattr(value, "__await__") or (
        isinstance(value, GeneratorType) and bool(value.gi_code.co_flags & CO_ITERABLE_COROUTINE)
    )


def tidy(run: Rows, values: list[Any]) -> None:
    """Put failures for exceptions and None for what is undefined."""
    if any(map(awaits, values)):
        raise Waiting
    for index, value in enumerate(values):
        if isinstance(value, Exception):
            values[index] = run.fail(value)
        elif value is Undefined:
            values[index] = None
