"""Suggestions for transactions and rows of files that have no category."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from models.database import Transaction as Tx
from models.transactions import TransactionRow
from resolvers.categories import categories_by_id
from resolvers.rules.matching import Facts
from resolvers.rules.standing import would_categorise
from resolvers.suggestions.keeping import learned_of
from resolvers.suggestions.learning import Told


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A category that past choices speak for."""

    ledger_id: UUID
    category_id: UUID
    score: float
    """How likely it is, from 0.9 to 1."""
    reason: str


@dataclass(frozen=True, slots=True)
class LineKey:
    """A row of a file that is not booked."""

    ledger_id: UUID
    account_id: UUID
    payee: str | None
    description: str
    minor: int
    currency: str


def wants_category(row: TransactionRow) -> bool:
    """Whether a transaction has no category and may have one: a hand has not left it empty."""
    return (
        row.category_id is None
        and not row.split_count
        and row.transfer_id is None
        and row.group_id is None
        and row.deleted_at is None
        and "CATEGORY" not in row.locked
    )


async def suggestions_of_transactions(
    tx: Tx, keys: Sequence[tuple[UUID, TransactionRow]]
) -> list[Suggestion | None]:
    """Suggestions for transactions, given with the person who asks, in their order."""
    asked = [
        (row.ledger_id, user_id, Told(row.payee, row.description, row.amount_minor, row.currency))
        if wants_category(row)
        else None
        for user_id, row in keys
    ]
    return await _suggested(tx, asked)


async def suggestions_of_lines(
    tx: Tx, keys: Sequence[tuple[UUID, LineKey]]
) -> list[Suggestion | None]:
    """Suggestions for rows of files; one to which a rule gives a category needs none."""
    ruled = await would_categorise(
        tx,
        [
            (
                line.ledger_id,
                Facts(line.account_id, line.minor, line.currency, line.description, line.payee),
            )
            for _, line in keys
        ],
    )
    asked = [
        None
        if by_rule
        else (
            line.ledger_id,
            user_id,
            Told(line.payee, line.description, line.minor, line.currency),
        )
        for (user_id, line), by_rule in zip(keys, ruled, strict=True)
    ]
    return await _suggested(tx, asked)


async def _suggested(
    tx: Tx, asked: Sequence[tuple[UUID, UUID, Told] | None]
) -> list[Suggestion | None]:
    wanted = {(one[0], one[1]) for one in asked if one is not None}
    learned = {key: await learned_of(tx, *key) for key in sorted(wanted)}
    guesses = []
    for one in asked:
        counts = None if one is None else learned[one[0], one[1]]
        guesses.append(None if counts is None or one is None else counts.guess(one[2]))
    pairs = [
        (one[0], guess.category_id)
        for one, guess in zip(asked, guesses, strict=True)
        if one is not None and guess is not None
    ]
    categories = await categories_by_id(tx, sorted(set(pairs))) if pairs else []
    names = {row.id: row.name for row in categories if row is not None and not row.archived}
    found: list[Suggestion | None] = []
    for one, guess in zip(asked, guesses, strict=True):
        if one is None or guess is None or guess.category_id not in names:
            found.append(None)
            continue
        reason = (
            f"{guess.with_word} of {guess.of_word} transactions with “{guess.word}” "
            f"are in {names[guess.category_id]}."
        )
        found.append(Suggestion(one[0], guess.category_id, guess.score, reason))
    return found
