"""Who acts: the person behind a request, and what that person may do."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache
from time import time
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from resolvers.errors import Forbidden

RESOURCES: Final = frozenset(
    {
        "accounts", "analytics", "budgets", "categories", "changes", "exports", "groups",
        "imports", "invitations", "notifications", "profile", "rates", "rules", "templates",
        "transactions", "uploads",
    }
)  # fmt: skip
"""What a scope can be about."""
ACTIONS: Final = frozenset({"read", "write"})


@dataclass(frozen=True)
class Actor:
    """A signed-in person: whose ledgers are visible and which day it is for them."""

    user_id: UUID
    ledger_id: UUID
    """The personal ledger."""
    session_id: UUID | None
    base_currency: str
    locale: str
    time_zone: str
    scopes: frozenset[str] = field(default_factory=lambda: frozenset({"*"}))
    """``resource:action`` pairs; ``*`` is everything (a session)."""

    @cached_property
    def today(self) -> date:
        """The posting date of this moment in the person's time zone."""
        return _day_in(self.time_zone, int(time() // 60))

    def may(self, scope: str) -> bool:
        """Whether the token holds a scope; to write something is to read it too."""
        if "*" in self.scopes or scope in self.scopes:
            return True
        resource, _, action = scope.partition(":")
        return action == "read" and f"{resource}:write" in self.scopes

    def require(self, scope: str) -> None:
        """Raise FORBIDDEN unless the token holds the scope."""
        if not self.may(scope):
            raise Forbidden(f"This token lacks the scope {scope}.")


@lru_cache(maxsize=512)
def _day_in(time_zone: str, minute: int) -> date:
    """The day of a moment in a time zone; days begin with a minute everywhere."""
    return datetime.fromtimestamp(minute * 60, UTC).astimezone(ZoneInfo(time_zone)).date()
