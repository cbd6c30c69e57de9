"""Scalars of the graph: ids, exact amounts, posting dates, instants and raw JSON."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import (
    FloatValueNode,
    GraphQLError,
    GraphQLInt,
    IntValueNode,
    StringValueNode,
    ValueNode,
)
from graphql.type.scalars import coerce_int
from graphql.utilities import value_from_ast_untyped
from strawberry.scalars import ID
from strawberry.schema.config import StrawberryConfig
from strawberry.types.scalar import ScalarDefinition

from graph.execution import as_it_is
from models import ids
from resolvers.money import plain_amount

Amount = NewType("Amount", str)
Date = NewType("Date", date)
Instant = NewType("Instant", datetime)
RawRow = NewType("RawRow", object)
JSONObject = NewType("JSONObject", dict)  # type: ignore[type-arg]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_AMOUNT_HINT = 'An amount is a plain decimal number such as "-12.34".'
_OVER_INT = 2**31 + 1
_DATE_HINT = "A date is YYYY-MM-DD."


def accept_whole_decimals() -> None:
    """Let ``Int`` take 2.0 from JSON, as the specification asks (section 3.5.1).

    The library does so for floats; our numbers of JSON are exact decimals.
    """

    def coerced(value: object) -> int:
        if isinstance(value, Decimal) and value.is_finite() and abs(value) < _OVER_INT:
            whole = int(value)
            value = whole if whole == value else value
        return coerce_int(value)

    GraphQLInt.coerce_input_value = coerced


def id_text(prefix: str, value: UUID | None) -> ID | None:
    """A database id on the wire; None stays None."""
    return None if value is None else _known(prefix, value)


def id_texts(prefix: str) -> Callable[[Sequence[UUID | None]], list[ID | None]]:
    """What ``id_text`` gives for each of many ids; a column often has a few of them only."""

    def many(values: Sequence[UUID | None]) -> list[ID | None]:
        if values.count(None) == len(values):
            return [None] * len(values)
        known = {value: id_text(prefix, value) for value in set(values)}
        return list(map(known.__getitem__, values))

    return many


@lru_cache(maxsize=8_192)
def _known(prefix: str, value: UUID) -> ID:
    """What rows refer to is referred to often."""
    return ID(ids.encode(prefix, value))


def id_of(prefix: str, value: str | None) -> UUID | None:
    """A wire id in the database; None when it is not such an id."""
    return None if value is None else ids.decode(prefix, value)


def _amount_value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise GraphQLError(_AMOUNT_HINT)
    text = str(value)
    if not plain_amount(text):
        raise GraphQLError(_AMOUNT_HINT)
    return text


def _amount_literal(node: ValueNode, variables: Any = None) -> str:
    # The digits of the document are taken as they stand: no number in between loses any.
    if isinstance(node, StringValueNode | IntValueNode | FloatValueNode):
        return _amount_value(node.value)
    raise GraphQLError(_AMOUNT_HINT)


def _date_value(value: Any) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise GraphQLError(_DATE_HINT)
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise GraphQLError("There is no such day.") from error


def _instant_text(value: datetime) -> str:
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return f"{value.isoformat()[:-6]}Z"  # without +00:00


def _instant_value(value: Any) -> datetime:
    try:
        parsed = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise GraphQLError("An instant is RFC 3339, such as 2026-01-28T10:30:00Z.") from error
    if parsed.tzinfo is None:
        raise GraphQLError("An instant names its offset, such as Z.")
    return parsed.astimezone(UTC)


def _object_value(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise GraphQLError("Must be an object.")
    return value


def _untyped(node: ValueNode, variables: Any = None) -> Any:
    return value_from_ast_untyped(node, variables)


def _object_literal(node: ValueNode, variables: Any = None) -> dict[str, Any]:
    return _object_value(value_from_ast_untyped(node, variables))


SCALARS: dict[object, ScalarDefinition] = {
    Amount: strawberry.scalar(
        name="Amount",
        description=(
            "An exact amount of money as a decimal string with the digits of the currency beside "
            'it, signed from the account holder\'s view: "-12.34". As input a string or a number '
            "in plain notation. At most 10^14 minor units."
        ),
        serialize=as_it_is,
        parse_value=_amount_value,
        parse_literal=_amount_literal,
    ),
    Date: strawberry.scalar(
        name="Date",
        description="A posting date, YYYY-MM-DD, without time zone; 1900 to 2200.",
        specified_by_url="https://scalars.graphql.org/andimarek/local-date",
        serialize=date.isoformat,
        parse_value=_date_value,
    ),
    Instant: strawberry.scalar(
        name="Instant",
        description="A moment in UTC as RFC 3339, ending in Z.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=_instant_text,
        parse_value=_instant_value,
    ),
    JSONObject: strawberry.scalar(
        name="JSONObject",
        description="A JSON object with free names.",
        serialize=as_it_is,
        parse_value=_object_value,
        parse_literal=_object_literal,
    ),
    RawRow: strawberry.scalar(
        name="RawRow",
        description=(
            "One row of a batch as a JSON object with the fields of the single operation's input; "
            "it is checked row by row, so that one bad row is that row's error."
        ),
        serialize=as_it_is,
        parse_value=as_it_is,
        parse_literal=_untyped,
    ),
}

CONFIG = StrawberryConfig(scalar_map=SCALARS)
