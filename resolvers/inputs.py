"""Raw input to checked values: the same parser for a single write and for a row of a batch.

Inputs are mappings with the wire's camelCase names.  Every mistake of an input is reported, not
only the first, as a field error with its path.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from models import ids
from resolvers.errors import ErrorCode, FieldError, Invalid
from resolvers.money import is_currency, plain_amount

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_FORBIDDEN: Final = frozenset({"Cc", "Cs"})
_BREAKS: Final = frozenset("\n\t")
FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2200, 12, 31)


class Input(BaseModel):
    """Base of all inputs: camelCase names, nothing unknown, absent told from null."""

    # Validators are built when first used, or by ``input_builders``: they are a tenth of the start.
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=False,
        extra="forbid",
        frozen=True,
        strict=True,
        defer_build=True,
    )

    def given(self, name: str) -> bool:
        """Whether the caller sent the field at all (null included)."""
        return name in self.model_fields_set


M = TypeVar("M", bound=Input)


def input_builders(kind: type[Input] = Input) -> Iterator[Callable[[], object]]:
    """What builds the validators of every input, one at a time; those that are built stay."""
    for one in kind.__subclasses__():
        yield one.model_rebuild
        yield from input_builders(one)


def clean_text(value: object, *, multiline: bool = False) -> object:
    """NFC, trimmed, without control characters or lone surrogates."""
    if not isinstance(value, str):
        return value
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n") if multiline else value)
    allowed = _BREAKS if multiline else frozenset()
    # What is printable has none of them; what is not may be something else, or a break.
    for char in () if text.isprintable() else text:
        if unicodedata.category(char) in _FORBIDDEN and char not in allowed:
            raise ValueError("Control characters and lone surrogates are not allowed.")
    return text.strip()


def _multiline(value: object) -> object:
    return clean_text(value, multiline=True)


def _not_blank(value: str) -> str:
    if not value:
        raise ValueError("May not be empty.")
    return value


def _date(value: object) -> object:
    if isinstance(value, str):
        if not _DATE.fullmatch(value):
            raise ValueError("A date is YYYY-MM-DD.")
        try:
            value = date.fromisoformat(value)
        except ValueError as error:
            raise ValueError("There is no such day.") from error
    if isinstance(value, date) and not FIRST_DAY <= value <= LAST_DAY:
        raise ValueError("Dates lie between 1900-01-01 and 2200-12-31.")
    return value


def _amount(value: object) -> object:
    """Text or JSON number in plain notation; digits are checked against the currency later."""
    if isinstance(value, bool):
        raise ValueError('An amount is a decimal number such as "-12.34".')  # noqa: TRY004
    if isinstance(value, int | Decimal):
        value = str(value)
    if isinstance(value, str) and not plain_amount(value):
        raise ValueError('An amount is a plain decimal number such as "-12.34".')
    return value


def _currency(value: str) -> str:
    if not is_currency(value):
        raise ValueError("Not a currency of ISO 4217, such as EUR.")
    return value


def _tags(value: list[str]) -> list[str]:
    seen = dict.fromkeys(value)
    return list(seen)


def _reference(prefix: str) -> Callable[[object], object]:
    def decode(value: object) -> object:
        if isinstance(value, str):
            found = ids.decode(prefix, value)
            if found is None:
                raise ReferenceMissing
            return found
        return value

    return decode


class ReferenceMissing(ValueError):
    """An id in a body that is malformed, unknown or somebody else's: told alike."""

    def __str__(self) -> str:
        return "There is no such object."


class TooLong(ValueError):
    """A text over its limit."""


def at_most(limit: int) -> AfterValidator:
    """A validator for the length of a text, in characters."""

    def check(value: str) -> str:
        if len(value) > limit:
            raise TooLong(f"At most {limit:,} characters.")
        return value

    return AfterValidator(check)


def matching(pattern: str, sentence: str) -> AfterValidator:
    """A validator for text of one form, with a sentence that says which."""
    form = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(sentence)
        return value

    return AfterValidator(check)


Name = Annotated[str, BeforeValidator(clean_text), AfterValidator(_not_blank), at_most(200)]
ShortText = Annotated[str, BeforeValidator(clean_text), at_most(200)]
Description = Annotated[str, BeforeValidator(clean_text), AfterValidator(_not_blank), at_most(500)]
Notes = Annotated[str, BeforeValidator(_multiline), at_most(4_000)]
Tag = Annotated[str, BeforeValidator(clean_text), AfterValidator(_not_blank), at_most(60)]
Tags = Annotated[list[Tag], Field(max_length=50), AfterValidator(_tags)]
ExternalId = Annotated[str, BeforeValidator(clean_text), AfterValidator(_not_blank), at_most(255)]
PostingDate = Annotated[date, BeforeValidator(_date)]
AmountText = Annotated[str, BeforeValidator(_amount)]
CurrencyCode = Annotated[str, AfterValidator(_currency)]
AccountRef = Annotated[UUID, BeforeValidator(_reference("acct"))]
CategoryRef = Annotated[UUID, BeforeValidator(_reference("cat"))]
TransactionRef = Annotated[UUID, BeforeValidator(_reference("txn"))]
TemplateRef = Annotated[UUID, BeforeValidator(_reference("tmpl"))]
UploadRef = Annotated[UUID, BeforeValidator(_reference("file"))]
ImportRef = Annotated[UUID, BeforeValidator(_reference("imp"))]
UserRef = Annotated[UUID, BeforeValidator(_reference("user"))]
GroupRef = Annotated[UUID, BeforeValidator(_reference("grp"))]

_SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("REQUIRED", "Required."),
    "extra_forbidden": ("UNKNOWN_FIELD", "There is no such field."),
    "string_type": ("INVALID_TYPE", "Must be text."),
    "int_type": ("INVALID_TYPE", "Must be a whole number."),
    "bool_parsing": ("INVALID_TYPE", "Must be true or false."),
    "bool_type": ("INVALID_TYPE", "Must be true or false."),
    "list_type": ("INVALID_TYPE", "Must be a list."),
    "dict_type": ("INVALID_TYPE", "Must be an object."),
    "model_type": ("INVALID_TYPE", "Must be an object."),
    "date_type": ("INVALID_TYPE", "A date is text: YYYY-MM-DD."),
    "is_instance_of": ("INVALID_TYPE", "Must be text."),
    "uuid_type": ("INVALID_TYPE", "An id is text."),
    "int_parsing": ("INVALID_TYPE", "Must be a whole number."),
    "int_from_float": ("INVALID_TYPE", "Must be a whole number."),
}


# What Pydantic puts into a path for the branches of a union or the key of a mapping.
_NO_PLACES: Final = frozenset({"constrained-str", "int", "str", "[key]"})


def field_errors(error: ValidationError, prefix: str = "") -> list[FieldError]:
    """Every mistake that Pydantic found, in our words, without the offending value."""
    found = []
    for item in error.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in item["loc"] if str(part) not in _NO_PLACES)
        path = f"{prefix}.{path}" if prefix and path else path or prefix
        kind = item["type"]
        context = item.get("ctx", {})
        if isinstance(context.get("error"), ReferenceMissing):
            found.append(FieldError(path, "NOT_FOUND", str(context["error"])))
        elif isinstance(context.get("error"), TooLong):
            found.append(FieldError(path, "TOO_LONG", str(context["error"])))
        elif kind in _SENTENCES:
            found.append(FieldError(path, *_SENTENCES[kind]))
        elif kind == "literal_error":
            found.append(FieldError(path, "INVALID", f"Must be one of {context['expected']}."))
        elif kind in {"string_too_long", "too_long"}:
            limit = _amount_of(kind, context["max_length"])
            found.append(FieldError(path, "TOO_LONG", f"At most {limit}."))
        elif kind in {"string_too_short", "too_short"}:
            least, empty = context["min_length"], context.get("actual_length") == 0
            if kind == "too_short":
                message = f"At least {_amount_of(kind, least)}."
                found.append(FieldError(path, "REQUIRED", message))
            elif least == 1 or empty:
                found.append(FieldError(path, "REQUIRED", "May not be empty."))
            else:
                message = f"At least {_amount_of(kind, least)}."
                found.append(FieldError(path, "INVALID", message))
        elif kind in {"greater_than_equal", "less_than_equal"}:
            least = kind == "greater_than_equal"
            limit = context["ge" if least else "le"]
            message = f"{'At least' if least else 'At most'} {limit}."
            found.append(FieldError(path, "INVALID", message))
        else:
            message = item["msg"].removeprefix("Value error, ")
            found.append(FieldError(path, "INVALID", message))
    return found


def _amount_of(kind: str, count: int) -> str:
    """A length in words: ``1 character``, ``50 entries``."""
    one, many = ("character", "characters") if kind.startswith("string") else ("entry", "entries")
    return f"{count} {one if count == 1 else many}"


@cache
def _defaulted(model: type[Input]) -> frozenset[str]:
    """Wire names of fields that have a value when absent: null says the same as absent there."""
    return frozenset(
        field.alias or name
        for name, field in model.model_fields.items()
        if not field.is_required() and field.default is not None
    )


def parse(model: type[M], raw: object, prefix: str = "") -> M:
    """Check one raw input; raises VALIDATION_ERROR with every wrong field."""
    if type(raw) is not dict and not isinstance(raw, Mapping):
        raise Invalid([FieldError(prefix, "INVALID_TYPE", "Must be an object.")])
    cleaned = {k: v for k, v in raw.items() if v is not None or k not in _defaulted(model)}
    try:
        return model.model_validate(cleaned)
    except ValidationError as error:
        raise Invalid(field_errors(error, prefix)) from error


def not_null(model: Input, *names: str) -> list[FieldError]:
    """Field errors for fields that may be absent but not null."""
    return [
        FieldError(to_camel(name), "REQUIRED", "May not be null.")
        for name in names
        if model.given(name) and getattr(model, name) is None
    ]


def split_put_back(
    raw: Mapping[str, Any],
    model: type[Input],
    *,
    derived: Collection[str],
    stored: Collection[str],
) -> tuple[dict[str, Any], int | None, dict[str, Any]]:
    """Separate what a client may send back from what it changes.

    Returns the input proper, the expected version of a ``version`` in it, and the read-only
    values that must equal the stored ones.  Unknown names stay in the input, to be refused there.
    """
    accepted = {info.alias or name for name, info in model.model_fields.items()}
    inputs: dict[str, Any] = {}
    unchanged: dict[str, Any] = {}
    expected: int | None = None
    for name, value in raw.items():
        if name in accepted:
            inputs[name] = value
        elif name == "version":
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise Invalid([FieldError("version", "INVALID_TYPE", "A version is a number ≥ 1.")])
            expected = value
        elif name in stored:
            unchanged[name] = value
        elif name not in derived:
            inputs[name] = value
    return inputs, expected, unchanged


def require_unchanged(given: Mapping[str, Any] | None, stored: Mapping[str, Any]) -> None:
    """Raise READ_ONLY for every read-only field that was sent with another value."""
    wrong = [
        FieldError(name, "READ_ONLY", "Cannot be changed.")
        for name, value in (given or {}).items()
        if stored.get(name) != value
    ]
    if wrong:
        raise Invalid(wrong, code=ErrorCode.READ_ONLY)
