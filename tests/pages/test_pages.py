"""The pages a browser gets: their headers, their markup and the files they may load."""

import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from graph.http import assets, pages

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
PATHS = ["/", "/graphql", "/v1/docs"]
DEMO_PASSWORD = "a\"<b>&'c"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the static folder in which no library was fetched."""
    copy = tmp_path / "static"
    shutil.copytree(pages.STATIC_FOLDER, copy, ignore=shutil.ignore_patterns("vendor"))
    monkeypatch.setattr(pages, "STATIC_FOLDER", copy)
    return copy


@pytest.fixture
def filled(folder: Path) -> Path:
    """The same folder with something in place of every library."""
    (folder / "vendor").mkdir()
    for name in pages.STATIC_FILES:
        if name.startswith("vendor/"):
            (folder / name).write_text(f"/* {name} */" * 40, "utf-8")
    return folder


def _client(*, demo_password: str | None = None, graphiql: bool = True) -> TestClient:
    def editor(request: Request) -> Response:
        return pages.graphiql_page(request, demo_password=demo_password)

    def docs(request: Request) -> Response:
        return pages.api_docs_page(request, demo_password=demo_password, graphiql=graphiql)

    routes = pages.page_routes(graphiql=graphiql, demo=demo_password is not None)
    app = Starlette(routes=[*routes, Route("/graphql", editor), Route("/v1/docs", docs)])
    return TestClient(app, base_url="http://127.0.0.1:8000")


@pytest.fixture
def client(filled: Path) -> Iterator[TestClient]:
    with _client() as client:
        yield client


class Markup(HTMLParser):
    """What a page loads, and whatever of it would be inline."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.loads: list[str] = []
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.labels = 0
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.attributes[values.get("id") or tag] = values
        self._inside = tag
        self.labels += tag == "label"
        self.inline += [f"{tag} {name}" for name in values if name.startswith("on")]
        self.inline += [tag for name in values if name == "style"]
        if tag == "style":
            self.inline.append(tag)
        if tag in {"script", "img"}:
            self.loads.append(values["src"] or "")
        if tag == "link":
            self.loads.append(values["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script" and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("path", PATHS)
def test_headers_are_exact(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_inline_and_everything_is_ours(client: TestClient, path: str) -> None:
    page = Markup(client.get(path).text)
    assert page.inline == []
    assert page.loads
    for url in page.loads:
        assert url.startswith("/static/")
        file = client.get(url)
        assert file.status_code == 200, url
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_every_placeholder_is_filled(client: TestClient) -> None:
    assert all("{{" not in client.get(path).text for path in PATHS)


def test_every_vendor_file_served_is_one_that_is_fetched() -> None:
    fetched = {f"vendor/{file.name}" for package in assets.PACKAGES for file in package.files}
    assert {name for name in pages.STATIC_FILES if name.startswith("vendor/")} <= fetched


def test_every_own_file_served_exists() -> None:
    own = [name for name in pages.STATIC_FILES if not name.startswith("vendor/")]
    assert [name for name in own if not (pages.STATIC_FOLDER / name).is_file()] == []


@pytest.mark.parametrize("path", ["/graphql", "/v1/docs"])
def test_without_the_libraries_the_page_says_what_to_run(folder: Path, path: str) -> None:
    with _client() as client:
        answer = client.get(path)
        assert answer.status_code == 503
        assert "make assets" in answer.text
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert client.get("/static/vendor/graphiql.min.js").status_code == 503
        assert client.get("/").status_code == 200


def test_libraries_fetched_later_are_seen_without_a_restart(folder: Path) -> None:
    with _client() as client:
        assert client.get("/v1/docs").status_code == 503
        (folder / "vendor").mkdir()
        (folder / "vendor/swagger-ui.css").write_text("a{}", "utf-8")
        (folder / "vendor/swagger-ui-bundle.js").write_text("1", "utf-8")
        assert client.get("/v1/docs").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pages.py",
        "/static/%2e%2e/pages.py",
        "/static/..%2fpages.py",
        "/static/vendor/..%2f..%2fpages.py",
        "/static/vendor/%2e%2e/base.css",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/base.css%00.js",
        "/static/index.html",
        "/static/graphiql.html",
        "/static/vendor/react.LICENSE.txt",
        "/static/vendor",
        "/static/",
    ],
)
def test_only_listed_files_are_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "import" not in answer.text


def test_a_file_is_immutable_only_under_the_hash_of_its_content(
    client: TestClient, filled: Path
) -> None:
    url = next(u for u in Markup(client.get("/").text).loads if "base.css" in u)
    assert "immutable" in client.get(url).headers["cache-control"]
    assert client.get("/static/base.css").headers["cache-control"] == "public, no-cache"
    (filled / "base.css").write_text("body { color: red }", "utf-8")
    assert client.get(url).headers["cache-control"] == "public, no-cache"
    changed = next(u for u in Markup(client.get("/").text).loads if "base.css" in u)
    assert changed != url
    assert client.get(changed).text == "body { color: red }"


def test_a_held_file_is_not_sent_again(client: TestClient) -> None:
    etag = client.get("/static/base.css").headers["etag"]
    answer = client.get("/static/base.css", headers={"If-None-Match": f'"other", {etag}'})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == etag
    stale = client.get("/static/base.css", headers={"If-None-Match": 'W/"other"'})
    assert stale.status_code == 200


def test_a_held_root_page_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("offer", "encoding"),
    [("gzip, br", "gzip"), ("gzip;q=0.5", "gzip"), ("gzip;q=0", None), ("identity", None)],
)
def test_gzip_is_used_where_it_is_taken(
    client: TestClient, offer: str, encoding: str | None
) -> None:
    url = "/static/vendor/graphiql.min.js"
    answer = client.get(url, headers={"Accept-Encoding": offer})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.text == "/* vendor/graphiql.min.js */" * 40


def test_types_of_files(client: TestClient) -> None:
    kinds = {
        name: client.get(f"/static/{name}").headers["content-type"]
        for name in ["base.css", "session.js", "icon.svg"]
    }
    assert kinds == {
        "base.css": "text/css; charset=utf-8",
        "session.js": "text/javascript; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }


def test_only_get_and_head(client: TestClient) -> None:
    assert client.post("/").status_code == 405
    assert client.post("/static/base.css").status_code == 405
    assert client.head("/static/base.css").status_code == 200


@pytest.mark.parametrize("path", ["/graphql", "/v1/docs"])
def test_the_demo_password_is_on_the_page_only_where_it_is_given(filled: Path, path: str) -> None:
    with _client(demo_password=DEMO_PASSWORD) as client:
        answer = client.get(path)
    body = Markup(answer.text).attributes["body"]
    assert body["data-demo-password"] == DEMO_PASSWORD
    assert answer.headers["cache-control"] == "no-store"
    with _client() as client:
        assert "data-demo-password" not in client.get(path).text


def test_every_field_of_the_sign_in_bar_has_a_label(client: TestClient) -> None:
    text = client.get("/graphql").text
    assert Markup(text).labels == text.count("<input")
    assert Markup(text).attributes["session-status"]["role"] == "status"


def test_the_root_page_says_what_is_where(client: TestClient) -> None:
    text = client.get("/").text
    for path in [
        "/graphql",
        "/v1/docs",
        "/v1/openapi.json",
        "/health",
        "/health/detailed",
        "/metrics",
        "/.well-known/jwks.json",
    ]:
        assert f'href="{path}"' in text
    assert "http://127.0.0.1:8000/v1/auth/login" in text
    assert "ws://127.0.0.1:8000/ws/updates" in text


def test_the_root_page_shows_the_public_address(filled: Path) -> None:
    app = Starlette(routes=pages.page_routes(public_url="https://api.example.org/"))
    with TestClient(app) as client:
        text = client.get("/").text
    assert "https://api.example.org/v1/auth/login" in text
    assert "wss://api.example.org/graphql" in text
    assert "testserver" not in text


def test_a_hostile_host_name_stays_text(filled: Path) -> None:
    app = Starlette(routes=pages.page_routes(public_url='http://x"><script>alert(1)</script>'))
    with TestClient(app) as client:
        assert Markup(client.get("/").text).inline == []


def test_pages_do_not_promise_an_editor_that_is_off(filled: Path) -> None:
    with _client(demo_password="unused", graphiql=False) as client:
        root = client.get("/").text
        docs = client.get("/v1/docs").text
    assert "switched off" in root
    assert "<p hidden>The quickest way" in root
    assert '<a href="/graphql" hidden>' in docs
