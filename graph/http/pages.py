"""The three pages a person opens in a browser, and the static files they are made of."""

import gzip
import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

STATIC_FOLDER: Final = Path(__file__).resolve().parent / "static"

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

# What may leave the static folder; templates and licences in it are not served.
STATIC_FILES: Final = frozenset(
    {
        "base.css",
        "index.css",
        "graphiql.css",
        "docs.css",
        "icon.svg",
        "session.js",
        "signin.js",
        "mailed.js",
        "elsewhere.js",
        "examples.js",
        "graphiql.js",
        "docs.js",
        "vendor/graphiql.min.css",
        "vendor/graphiql.min.js",
        "vendor/graphql-ws.min.js",
        "vendor/react.production.min.js",
        "vendor/react-dom.production.min.js",
        "vendor/swagger-ui.css",
        "vendor/swagger-ui-bundle.js",
    }
)

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_PLACEHOLDER: Final = re.compile(r"\{\{ (?:(static|include|data) )?([\w./-]+) \}\}")
_MISSING_ASSETS: Final = "The browser libraries of this page are not in place. Run: make assets"


@dataclass(frozen=True)
class _StaticFile:
    """A file as it is sent, and the hash that names this content."""

    content: bytes
    version: str

    @cached_property
    def compressed(self) -> bytes:
        """The content for whoever takes gzip; made on the first such request."""
        return gzip.compress(self.content, mtime=0)


def page_routes(
    *,
    public_url: str | None = None,
    graphiql: bool = True,
    demo: bool = False,
    provider: str | None = None,
) -> list[BaseRoute]:
    """Routes of the root page and of the static files.

    `public_url` is the address the examples show (default: the one asked); `graphiql` says whether
    GET /graphql answers a browser with a page, `demo` whether a demo account exists, `provider`
    how another provider is called that sends people back to the root page.
    """

    def root_page(request: Request) -> Response:
        base = (public_url or str(request.base_url)).rstrip("/")
        values = {
            "base": base,
            "socket_base": base.replace("http", "ws", 1),
            "graphiql_note": _GRAPHIQL_NOTES[graphiql],
            "demo_hidden": _hidden_unless(demo and graphiql),
            "provider": provider or "",
        }
        return _page(request, "index.html", values, cache="no-cache")

    return [
        Route("/", root_page, methods=["GET"], name="root"),
        Route("/static/{path:path}", static_file, methods=["GET"], name="static"),
    ]


_GRAPHIQL_NOTES: Final = {
    True: "Open it in a browser for GraphiQL, an editor with examples, documentation and sign-in.",
    False: "The editor is switched off on this server.",
}


def graphiql_page(request: Request, *, demo_password: str | None = None) -> Response:
    """GraphiQL with a sign-in bar; a demo password puts a button for the demo account on it."""
    # no-store: the body may carry the demo password, and the same URL also answers JSON.
    values = {"demo-password": demo_password or "", "graphiql_hidden": ""}
    return _page(request, "graphiql.html", values, cache="no-store")


def api_docs_page(
    request: Request, *, demo_password: str | None = None, graphiql: bool = True
) -> Response:
    """Swagger UI over /v1/openapi.json with the same sign-in bar."""
    values = {"demo-password": demo_password or "", "graphiql_hidden": _hidden_unless(graphiql)}
    return _page(request, "docs.html", values, cache="no-store")


def static_file(request: Request) -> Response:
    """One whitelisted file, immutable when asked for by the hash of its present content."""
    name = request.path_params["path"]
    if name not in STATIC_FILES:
        return PlainTextResponse("Not found", status_code=404, headers=dict(PAGE_HEADERS))
    try:
        file = _static(name)
    except FileNotFoundError:
        headers = {**PAGE_HEADERS, "Cache-Control": "no-store"}
        return PlainTextResponse(_MISSING_ASSETS, status_code=503, headers=headers)
    asked = request.query_params.get("v")
    headers = {
        **PAGE_HEADERS,
        "Cache-Control": "public, max-age=31536000, immutable"
        if asked == file.version
        else "public, no-cache",
        # Weak, because the plain and the compressed form share it.
        "ETag": f'W/"{file.version}"',
        "Vary": "Accept-Encoding",
    }
    if _is_fresh(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    content = file.content
    if _accepts_gzip(request):
        content = file.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type=_MEDIA_TYPES[Path(name).suffix])


def _page(request: Request, template: str, values: Mapping[str, str], *, cache: str) -> Response:
    """The filled-in template, or a page that says how to get the files it lacks."""
    headers = {**PAGE_HEADERS, "Cache-Control": cache, "Vary": "Accept"}
    try:
        body = _render(template, values)
    except FileNotFoundError:
        headers["Cache-Control"] = "no-store"
        body = _render("missing.html", {"message": _MISSING_ASSETS})
        return Response(body, status_code=503, headers=headers, media_type="text/html")
    if cache != "no-store":
        headers["ETag"] = f'W/"{_version(body.encode())}"'
        if _is_fresh(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="text/html")


def _hidden_unless(shown: bool) -> str:
    return "" if shown else "hidden"


def _render(template: str, values: Mapping[str, str]) -> str:
    """Fill in a template of the static folder.

    `{{ name }}` is an escaped value, `{{ data name }}` an attribute that is left out when empty,
    `{{ static FILE }}` the URL of a file's present content, `{{ include FILE }}` another template.
    """

    def fill(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "static":
            return f"/static/{name}?v={_static(name).version}"
        if kind == "include":
            return _render(name, values)
        if kind == "data":
            return f' data-{name}="{html.escape(values[name])}"' if values[name] else ""
        return html.escape(values[name])

    return _PLACEHOLDER.sub(fill, (STATIC_FOLDER / template).read_text("utf-8"))


def _static(name: str) -> _StaticFile:
    """A static file by its whitelisted name, read again only after it changed on disk."""
    path = STATIC_FOLDER / name
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _read(path: Path, mtime_ns: int, size: int) -> _StaticFile:
    """Read a file; time and size are part of the key so that a new file is seen."""
    content = path.read_bytes()
    return _StaticFile(content, _version(content))


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _is_fresh(request: Request, etag: str) -> bool:
    """Whether the caller already holds this content (weak comparison)."""
    held = request.headers.get("if-none-match", "")
    return held.strip() == "*" or etag in (tag.strip() for tag in held.split(","))


def _accepts_gzip(request: Request) -> bool:
    """Whether gzip is offered and not refused by a zero weight."""
    offers = request.headers.get("accept-encoding", "").lower().replace(" ", "").split(",")
    return any(re.fullmatch(r"gzip(;q=(1|0?\.\d*[1-9]\d*|1\.0*))?", offer) for offer in offers)
