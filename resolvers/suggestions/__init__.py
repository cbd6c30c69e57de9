"""Categories suggested from a person's own past choices: shown, never applied."""

from resolvers.suggestions.keeping import LEARN
from resolvers.suggestions.offering import (
    LineKey,
    Suggestion,
    suggestions_of_lines,
    suggestions_of_transactions,
)

__all__ = [
    "LEARN",
    "LineKey",
    "Suggestion",
    "suggestions_of_lines",
    "suggestions_of_transactions",
]
