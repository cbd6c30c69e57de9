"""Answers to an import's questions, checked against what the file was found to hold."""

from typing import Any, Final

from models.imports import ImportRunRow
from resolvers.errors import FieldError, Invalid
from resolvers.statements.apps import chosen
from resolvers.statements.columns import NO_COLUMN, listed, position

# Answers that may move the table, so that its columns are known only once it is read again.
_MOVING: Final = ("delimiter", "encoding", "headerLine", "skipRows")


def _check_account(run: ImportRunRow, answer: str | None) -> None:
    """Raise for an account, or a person of Splitwise, that the question has not offered."""
    if answer is None:
        return
    for question in run.questions:
        choices = question["choices"]
        if question["field"] != "account" or not choices or chosen(choices, answer) is not None:
            continue
        message = f"The file has no {answer!r}; it has {listed(choices)}."
        raise Invalid([FieldError("mapping.account", "INVALID", message)])


def check_answers(run: ImportRunRow, answers: dict[str, Any] | None) -> None:
    """Raise VALIDATION_ERROR for columns or people that the file of a read import does not have."""
    given = answers or {}
    before = run.mapping or {}
    _check_account(run, given.get("account"))
    moved = any(name in given and given[name] != before.get(name) for name in _MOVING)
    if moved or not run.headers:
        return
    message = f"The file has no such column; its columns are {listed(run.headers)}."
    wrong = [
        FieldError(f"mapping.columns.{role}", "INVALID", message)
        for role, column in given.get("columns", {}).items()
        if column not in NO_COLUMN and position(column, run.headers, len(run.headers)) is None
    ]
    if wrong:
        raise Invalid(wrong)
