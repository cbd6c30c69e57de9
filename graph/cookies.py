"""What an operation may know and say of the cookie that holds a browser's refresh token."""

from dataclasses import dataclass, replace

from resolvers.auth import SignIn
from resolvers.errors import Forbidden


@dataclass(slots=True)
class SessionCookie:
    """The cookie of one request, and the one that its answer will give."""

    value: str | None = None
    asked: bool = False
    """Whether the page wants cookie mode."""
    trusted: bool = False
    """Whether it comes from an origin that is allowed."""
    given: str | None = None
    """The next value; empty takes the cookie away, None leaves it."""

    def ready(self) -> None:
        """Refuse a sign-in in cookie mode before it begins; raises FORBIDDEN."""
        if self.asked:
            self._require_page()

    def token(self) -> str | None:
        """The refresh token in it; raises FORBIDDEN for a page that may not use it."""
        if self.value:
            self._require_page()
        return self.value or None

    def hold(self, session: SignIn) -> SignIn:
        """A new session as it is told: in cookie mode without its refresh token."""
        self.ready()
        if not self.asked:
            return session
        self.given = session.refresh_token
        return replace(session, refresh_token="")

    def drop(self) -> None:
        """Take the cookie away."""
        if self.value or self.asked:
            self.given = ""

    def _require_page(self) -> None:
        if not (self.asked and self.trusted):
            raise Forbidden(
                "The session cookie needs X-Session-Mode: cookie from an origin that is allowed."
            )
