"""What a rule may be made of and changed to."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from resolvers.errors import FieldError
from resolvers.inputs import (
    AccountRef,
    AmountText,
    CategoryRef,
    Input,
    Name,
    Notes,
    PostingDate,
    ShortText,
    Tags,
)
from resolvers.rules.folding import folded
from resolvers.rules.patterns import BadPattern, compile_pattern

Match = Literal["ALL", "ANY"]
Subject = Literal["PAYEE", "DESCRIPTION", "TEXT", "AMOUNT", "ACCOUNT"]
Operator = Literal["CONTAINS", "EQUALS", "STARTS", "ENDS", "MATCHES"]
Direction = Literal["IN", "OUT"]

TEXTS: Final = frozenset({"PAYEE", "DESCRIPTION", "TEXT"})
_BELONGS: Final = {
    "operator": TEXTS,
    "value": TEXTS,
    "minimum": frozenset({"AMOUNT"}),
    "maximum": frozenset({"AMOUNT"}),
    "direction": frozenset({"AMOUNT"}),
    "account_ids": frozenset({"ACCOUNT"}),
}
_NAMES: Final = {"minimum": "min", "maximum": "max", "account_ids": "accountIds"}


class ConditionInput(Input):
    """One thing that must hold."""

    field: Subject
    operator: Operator | None = None
    value: ShortText | None = None
    minimum: Annotated[AmountText | None, Field(alias="min")] = None
    maximum: Annotated[AmountText | None, Field(alias="max")] = None
    direction: Direction | None = None
    account_ids: Annotated[list[AccountRef], Field(max_length=50)] | None = None
    negate: Annotated[bool, Field(alias="not")] = False


class ActionsInput(Input):
    """What is done to what matches."""

    category_id: CategoryRef | None = None
    payee: ShortText | None = None
    tags: Tags | None = None
    notes: Notes | None = None


MAX_PATTERNS_OF_ONE: Final = 5
Conditions = Annotated[list[ConditionInput], Field(max_length=20)]


class RuleDraft(Input):
    """A rule as far as it decides anything: what is tested before it is saved."""

    match: Match = "ALL"
    conditions: Conditions
    actions: ActionsInput


class RuleCreate(RuleDraft):
    """What makes a rule."""

    name: Name
    active: bool = True
    stop: bool = False


class RuleUpdate(Input):
    """What changes a rule: absent stays."""

    name: Name | None = None
    active: bool | None = None
    stop: bool | None = None
    match: Match | None = None
    conditions: Conditions | None = None
    actions: ActionsInput | None = None


class RowsInput(Input):
    """Which of the existing transactions a rule is tested on, or run over."""

    from_: Annotated[PostingDate | None, Field(alias="from")] = None
    to: PostingDate | None = None
    account_id: AccountRef | None = None
    overwrite: bool = False


def check_conditions(conditions: Sequence[ConditionInput], wrong: list[FieldError]) -> None:
    """Conditions whose parts belong together and say something at all."""
    if not conditions:
        wrong.append(FieldError("conditions", "REQUIRED", "At least one condition."))
    if sum(one.operator == "MATCHES" for one in conditions) > MAX_PATTERNS_OF_ONE:
        words = f"At most {MAX_PATTERNS_OF_ONE} conditions of a rule are MATCHES."
        wrong.append(FieldError("conditions", "INVALID", words))
    for index, one in enumerate(conditions):
        place = f"conditions.{index}"
        for name, subjects in _BELONGS.items():
            if getattr(one, name) is not None and one.field not in subjects:
                path = f"{place}.{_NAMES.get(name, name)}"
                words = f"Not for {one.field}."
                wrong.append(FieldError(path, "INVALID", words))
        if one.field in TEXTS:
            _check_text(one, place, wrong)
        elif one.field == "AMOUNT":
            _check_amount(one, place, wrong)
        elif not one.account_ids:
            wrong.append(FieldError(f"{place}.accountIds", "REQUIRED", "At least one account."))


def _check_text(one: ConditionInput, place: str, wrong: list[FieldError]) -> None:
    if not folded(one.value):
        wrong.append(FieldError(f"{place}.value", "REQUIRED", "The text that is looked for."))
    elif one.operator == "MATCHES":
        try:
            compile_pattern(one.value or "")
        except BadPattern as error:
            wrong.append(FieldError(f"{place}.value", "INVALID", str(error)))


def _check_amount(one: ConditionInput, place: str, wrong: list[FieldError]) -> None:
    bounds = {"min": one.minimum, "max": one.maximum}
    if one.direction is None and not any(bounds.values()):
        words = "Give min, max or direction."
        wrong.append(FieldError(f"{place}.min", "REQUIRED", words))
    for name, bound in bounds.items():
        if bound is not None and Decimal(bound) < 0:
            words = "Compared with absolute values: not below zero. See direction."
            wrong.append(FieldError(f"{place}.{name}", "INVALID", words))
    ends = one.minimum is not None and one.maximum is not None
    if ends and Decimal(one.maximum or 0) < Decimal(one.minimum or 0):
        wrong.append(FieldError(f"{place}.max", "INVALID", "Not below min."))


def accounts_named(conditions: Sequence[ConditionInput]) -> set[UUID]:
    """Accounts of all conditions."""
    return {one for condition in conditions for one in condition.account_ids or ()}
