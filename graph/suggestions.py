"""Categories suggested from a person's own past choices."""

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.categories import Category
from graph.edges import edge, own_ledger, plain
from graph.scalars import id_text
from resolvers.categories import categories_by_id
from resolvers.suggestions import Suggestion


@strawberry.type(
    description="A category that your own past choices speak for. It is shown and never applied: "
    "what takes it over is updateTransaction."
)
class CategorySuggestion:
    """A view over Suggestion."""

    reason: str = plain("What it is learned from, in words.")
    category: Category = edge(categories_by_id, own_ledger("category_id"), "The category.")

    @strawberry.field(description="The category.")
    def category_id(row: Parent[Suggestion]) -> ID:
        """Wire id."""
        return ID(id_text("cat", row.category_id) or "")

    @strawberry.field(
        description="How likely it is, 90 to 100; what is less likely is not suggested."
    )
    def score(row: Parent[Suggestion]) -> int:
        """A probability in percent, rounded down."""
        return int(row.score * 100)
