"""How a request enters either door: who sends it, and the context that its operation gets."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graph.context import Context, Services
from graph.http.cookies import cookie_of
from graph.http.heads import request_of
from graph.http.known import Visit
from models.ids import new_id
from resolvers.access import Actor
from resolvers.errors import Unauthenticated
from resolvers.personal_tokens import is_personal
from resolvers.remembered import actor_of_image
from resolvers.tokens import Claims


def request_id_of(request: Request) -> str:
    """The id under which this request is logged and answered."""
    found = request.scope.get("state", {}).get("request_id")
    return found if isinstance(found, str) else new_id().hex


def bearer(request: Request) -> str | None:
    """The bearer token, None without one; any other scheme is refused."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Send the access token as: Authorization: Bearer <token>.")
    return token.strip()


async def actor_of_request(services: Services, request: Request) -> Actor | None:
    """The signed-in person, None without a token.

    Raises UNAUTHENTICATED or TOKEN_EXPIRED for a token that is not good.
    """
    token = bearer(request)
    if token is None:
        return None
    if is_personal(token):
        actor = await services.personal_tokens.actor(token)
    else:
        state = request.scope["state"]
        state["claims"] = claims = services.auth.claims(token)
        actor = await services.auth.behind(claims)
    request.scope["state"]["user_id"] = actor.user_id
    return actor


async def actor_of_visit(services: Services, visit: Visit) -> Actor:
    """The same for somebody who asks again: her token was verified, her session has to stand."""
    visit.image = image_at_once(services, visit.claims)
    if visit.image is None:
        actor = await services.auth.behind(visit.claims)
    else:
        actor = actor_of_image(visit.image)
    visit.state["user_id"] = actor.user_id
    return actor


def image_at_once(services: Services, claims: Claims) -> bytes | None:
    """The kept image of a session that stands; None where somebody has to be asked."""
    image = services.auth.image_at_once(claims)
    if image is None or actor_of_image(image).user_id != claims.user_id:
        return None
    return image


def pairs_of(request: Request) -> list[tuple[str, str]]:
    """Name and value of each parameter in the query string."""
    raw: bytes = request.scope["query_string"]
    if not raw:
        return []
    text = raw.decode("latin-1")
    if "%" in text or "+" in text:
        return parse_qsl(text, keep_blank_values=True)
    pairs = [one.partition("=") for one in text.split("&") if one]
    return [(name, value) for name, _, value in pairs]


def asks_anew(request: Request) -> bool:
    """Whether the caller wants an answer that was made for this request (RFC 9111, 5.2.1)."""
    said = request.headers.get("cache-control")
    if said is None:
        return "pragma" in request.headers
    said = said.lower()
    return "no-cache" in said or "no-store" in said or "max-age=0" in said


def new_context(services: Services, request: Request, actor: Actor | None) -> Context:
    """The context of one operation."""
    return Context(
        services=services,
        actor_or_none=actor,
        request_id=request_id_of(request),
        user_agent=request.headers.get("user-agent"),
        cookie=cookie_of(request, services.public_url),
    )


class AnyMethod:
    """A handler that is asked for every method, so that it says itself which ones it allows."""

    def __init__(self, handle: Callable[[Request], Awaitable[Response]]) -> None:
        self.handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self.handle(request_of(scope, receive, send))
        await response(scope, receive, send)
