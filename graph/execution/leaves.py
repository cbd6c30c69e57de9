"""Leaves: columns of scalars and enum values, each serialised once."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from enum import Enum
from math import isfinite
from types import NoneType
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLString,
    Undefined,
    is_enum_type,
)
from graphql.pyutils import inspect
from graphql.pyutils.undefined import UndefinedType

from graph.execution.columns import Rows, Shape, kinds_of, tidy
from graph.execution.failures import Failure

_FEW: Final = 8
_REPEATED: Final = ({date}, {datetime})
"""Days and moments: a page repeats a few, and writing one costs more than finding it."""
_NOTHING: Final = frozenset({NoneType})
_TEXT: Final = frozenset({str})
_LOST: Final = frozenset({NoneType, UndefinedType})
_MAX_INT: Final = 2**31 - 1
_MIN_INT: Final = -(2**31)


class Leaf(Shape):
    """A scalar or an enum value."""

    __slots__ = ("_coerce", "_names", "_passes", "_ready", "_type")
    is_leaf = True

    def __init__(self, kind: Any, *, required: bool) -> None:
        super().__init__(required=required)
        self._type = kind
        self._coerce: Callable[[Any], Any] = kind.coerce_output_value
        self._names: dict[Any, Any] | None = {} if is_enum_type(kind) else None
        """Names of the enum values that were met."""
        types, self._passes = _PLAIN.get(kind, (frozenset[type](), None))
        if getattr(self._coerce, "__func__", self._coerce) is as_it_is:
            types = _TEXT
        # Where there is nothing at all there is nothing to serialise, whatever the type.
        self._ready = types if required else types | _NOTHING

    def complete(self, run: Rows, field: Any, values: list[Any]) -> list[Any]:
        """Serialise each value; columns of plain text, whole numbers and truth stay as they are."""
        kinds = set(map(type, values))
        if kinds <= self._ready and (self._passes is None or self._passes(values)):
            return values
        if self._names is not None and kinds == _TEXT:
            return self._named(run, self._names, values)
        kinds, plain = kinds_of(values)
        if not plain:
            tidy(run, values)
        elif NoneType not in kinds:
            if self._names is not None and all(
                one is str or issubclass(one, Enum) for one in kinds
            ):
                return self._named(run, self._names, values)
            return self._serialised(run, values)
        found: list[Any] = []
        for value in values:
            if value is None:
                found.append(self.absent(run, field))
            elif type(value) is Failure:
                found.append(value)
            else:
                found.extend(self._serialised(run, (value,)))
        return found

    def _named(self, run: Rows, names: dict[Any, Any], values: list[Any]) -> list[Any]:
        """Names of enum values; each value is told by the type once."""
        try:
            return list(map(names.__getitem__, values))
        except KeyError:
            found = self._serialised(run, values)
        names.update(
            (value, name)
            for value, name in zip(values, found, strict=True)
            if type(name) is not Failure
        )
        return found

    def _repeated(self, values: Sequence[Any]) -> Callable[[Any], Any] | None:
        """Text of values of which a page has many alike; None where one has none."""
        try:
            known = {value: self._coerce(value) for value in set(values)}
        except Exception:  # noqa: BLE001 - one by one, each says what is wrong with it
            return None
        return known.__getitem__

    def _serialised(self, run: Rows, values: Sequence[Any]) -> list[Any]:
        coerce = self._coerce
        if len(values) > _FEW and set(map(type, values)) in _REPEATED:
            coerce = self._repeated(values) or coerce
        found: list[Any] = []
        rest = iter(values)
        while True:
            try:
                # What came before a failure stays, and the next round goes on behind it.
                found.extend(map(coerce, rest))
                break
            except Exception as error:  # noqa: BLE001 - any failure of a scalar is the field's
                found.append(run.fail(error))
        if not _LOST.isdisjoint(map(type, found)):
            for index, (value, made) in enumerate(zip(values, found, strict=True)):
                if made is None or made is Undefined:
                    found[index] = run.fail(self._lost(value, made))
        return found

    def _lost(self, value: Any, made: Any) -> Exception:
        return TypeError(
            f"Expected `{inspect(self._type)}.coerce_output_value({inspect(value)})` to return"
            f" non-nullable value, returned: {inspect(made)}"
        )


def as_it_is(value: Any) -> Any:
    """Serialises a scalar whose values are written as they are."""
    return value


def _fit(values: Sequence[int | None]) -> bool:
    """Whether whole numbers are such as GraphQL has."""
    some = values if None not in values else [one for one in values if one is not None]
    return not some or (min(some) >= _MIN_INT and max(some) <= _MAX_INT)  # type: ignore[type-var,operator]


def _finite(values: Sequence[float | None]) -> bool:
    return all(value is None or isfinite(value) for value in values)


_PLAIN: Final[dict[Any, tuple[frozenset[type], Callable[[Sequence[Any]], bool] | None]]] = {
    GraphQLString: (frozenset({str}), None),
    GraphQLID: (frozenset({str}), None),
    GraphQLBoolean: (frozenset({bool}), None),
    GraphQLInt: (frozenset({int}), _fit),
    GraphQLFloat: (frozenset({float}), _finite),
}
"""Built-in scalars: the types whose values are written as they are, if they pass a test."""
