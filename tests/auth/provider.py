"""A provider of OpenID Connect for tests: it signs in whoever the test says, and checks us."""

import asyncio
import socket
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from graph.http.headers import Draining
from graph.http.server import make_server

CLIENT = "pocket-trend"
SECRET = "a secret of the tests"


class TestProvider:
    """Codes of people who came by, each good once."""

    __test__ = False

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.claims: dict[str, Any] = {}
        """Changes to what the next token says."""
        self.sign_with = self.key
        self.visitor: dict[str, str] = {}
        """Who agrees when a browser comes by; nobody does where it is empty."""
        self._codes: dict[str, dict[str, Any]] = {}

    def visit(self, url: str, **person: Any) -> dict[str, str]:
        """What comes back in the address when somebody agrees."""
        parts = urlsplit(url)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert (asked["code_challenge_method"], "openid" in asked["scope"]) == ("S256", True)
        code = f"code {len(self._codes)}"
        self._codes[code] = {**asked, "person": person}
        return {"code": code, "state": asked["state"]}

    async def _configuration(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def _authorize(self, request: Request) -> Response:
        """What a browser sees that is sent here: whoever agrees at once goes back."""
        asked = dict(request.query_params)
        back = self.visit(str(request.url), **self.visitor) if self.visitor else {"error": "no"}
        query = urlencode({**back, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{query}", 303)

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _token(self, request: Request) -> Response:
        sent = {name: v[0] for name, v in parse_qs((await request.body()).decode()).items()}
        asked = self._codes.pop(sent.get("code", ""), None)
        challenge = urlsafe_b64encode(sha256(sent["code_verifier"].encode()).digest())
        basic = request.headers.get("authorization", "")
        right = asked is not None and (
            asked["code_challenge"] == challenge.decode().rstrip("=")
            and asked["redirect_uri"] == sent["redirect_uri"]
            and basic.startswith("Basic ")
        )
        if asked is None or not right:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(datetime.now(UTC).timestamp())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60,
            "nonce": asked["nonce"], "email_verified": True, **asked["person"], **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.sign_with)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})

    def app(self) -> Starlette:
        """The provider as an application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )


@asynccontextmanager
async def running_provider() -> AsyncIterator[TestProvider]:
    """A provider that listens on a port of its own."""
    taken = socket.create_server(("127.0.0.1", 0))
    provider = TestProvider(f"http://127.0.0.1:{taken.getsockname()[1]}")
    server = make_server(provider.app(), shutdown_seconds=1, proxies=())
    stopping = asyncio.Event()
    task = asyncio.create_task(
        server.serve_until(
            stopping, taken, beside=[asyncio.create_task(stopping.wait())],  # type: ignore[list-item]
            unwell=lambda: None, ready=lambda: None, draining=Draining(), drain_seconds=0,
            early=True,
        )
    )  # fmt: skip
    await server.listening.wait()
    try:
        yield provider
    finally:
        stopping.set()
        await task
