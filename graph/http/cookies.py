"""Cookie mode for browsers: the refresh token lies where no script can read it.

A page asks for it by ``X-Session-Mode: cookie``.  The cookie is honoured by refreshing and signing
out alone, and only with that header (which no form can send) from an origin that is allowed; all
else takes a bearer token, so that a cookie opens nothing by itself.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from graph.cookies import SessionCookie

NAME: Final = "__Host-pt_rt"
HEADER: Final = "x-session-mode"
_SECONDS: Final = 7 * 86_400
_RULES: Final = "Path=/; HttpOnly; Secure; SameSite=Strict"


def _site(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()


def cookie_of(connection: HTTPConnection, public_url: str) -> SessionCookie:
    """What a request says of the cookie, and whether its page may."""
    headers = connection.headers
    origin = headers.get("origin")
    if origin is None and "cookie" not in headers and HEADER not in headers:
        return SessionCookie()
    rules = getattr(connection.state, "edge", None)
    trusted = origin is not None and (
        _site(origin) == _site(public_url) or (rules is not None and rules.allows_origin(origin))
    )
    asked = headers.get(HEADER, "").strip().lower() == "cookie"
    return SessionCookie(connection.cookies.get(NAME), asked=asked, trusted=trusted)


def with_cookie(response: Response, cookie: SessionCookie) -> Response:
    """An answer that gives the cookie, or takes it away."""
    if cookie.given is not None:
        lasts = _SECONDS if cookie.given else 0
        value = f"{NAME}={cookie.given}; Max-Age={lasts}; {_RULES}"
        response.headers.append("Set-Cookie", value)
    return response
