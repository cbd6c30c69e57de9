"""Browsers keep their refresh token in a cookie: no script reads it, no other page uses it."""

from typing import Any

import httpx2
import pytest

from rest_compat.routes import ENDPOINTS
from tests.doors import PASSWORD, Person

pytestmark = [pytest.mark.anyio, pytest.mark.case("A13")]

OWN = {"Origin": "http://testserver", "X-Session-Mode": "cookie"}
NAME = "__Host-pt_rt"
LOGIN = "mutation($i: LoginInput!){login(input:$i){session{accessToken refreshToken}}}"
REFRESH = "mutation{refresh(input:{}){session{accessToken refreshToken}}}"
LOGOUT = "mutation{logout{loggedOut}}"


def given(answer: httpx2.Response) -> str | None:
    """The value of the cookie that an answer gives; None for no cookie."""
    header = answer.headers.get("set-cookie")
    if header is None:
        return None
    name, _, rest = header.partition("=")
    value, _, rules = rest.partition("; ")
    assert name == NAME
    assert rules.split("; ", 1)[1] == "Path=/; HttpOnly; Secure; SameSite=Strict"
    return value


class Browser:
    """A page with a jar of its own: the client's refuses secure cookies over plain HTTP."""

    def __init__(self, client: Any, door: str) -> None:
        self.client, self.door, self.held = client, door, ""

    async def send(self, what: str, body: Any = None, **headers: str) -> httpx2.Response:
        sent = {**OWN, **headers}
        if self.held:
            sent["Cookie"] = f"other=1; {NAME}={self.held}"
        sent = {name: value for name, value in sent.items() if value}
        if self.door == "rest":
            return await self.client.post(f"/v1/auth/{what}", json=body or {}, headers=sent)
        document = {"login": LOGIN, "refresh": REFRESH, "logout": LOGOUT}[what]
        asked = {"query": document, "variables": {"i": body} if body else {}}
        return await self.client.post("/graphql", json=asked, headers=sent)


def session_of(answer: httpx2.Response) -> Any:
    content = answer.json()
    data = content["data"]
    return data if "accessToken" in data else next(iter(data.values()))["session"]


def code_of(answer: httpx2.Response) -> str:
    content = answer.json()
    return (
        content["error"]["code"]
        if "error" in content
        else content["errors"][0]["extensions"]["code"]
    )


@pytest.fixture(params=["graphql", "rest"])
async def browser(request: pytest.FixtureRequest, client: Any, ada: Person) -> Browser:
    page = Browser(client, request.param)
    answer = await page.send("login", {"email": ada.email, "password": PASSWORD})
    assert session_of(answer)["refreshToken"] == ""
    page.held = given(answer) or ""
    assert len(page.held) > 40
    return page


async def test_a_page_renews_and_ends_its_session_by_the_cookie(
    browser: Browser, client: Any
) -> None:
    answer = await browser.send("refresh")
    session, cookie = session_of(answer), given(answer)
    assert session["refreshToken"] == ""
    assert cookie not in {None, "", browser.held}
    browser.held = cookie or ""
    bearer = {"Authorization": f"Bearer {session['accessToken']}"}
    assert (await client.get("/v1/auth/me", headers=bearer)).status_code == 200
    out = await browser.send("logout")
    assert given(out) == ""
    assert (await client.get("/v1/auth/me", headers=bearer)).status_code == 401
    assert code_of(await browser.send("refresh")) == "INVALID_CREDENTIALS"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Session-Mode": ""}, {"Origin": ""}, {"Origin": "https://evil.example"},
        {"Origin": "null"}, {"Origin": "http://testserver.evil.example"},
        {"Origin": "https://testserver"}, {"X-Session-Mode": "on"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("what", ["refresh", "logout"])
async def test_other_pages_and_forms_use_no_cookie(
    browser: Browser, what: str, headers: dict[str, str]
) -> None:
    refused = await browser.send(what, **headers)
    assert code_of(refused) == "FORBIDDEN"
    assert refused.status_code == (403 if browser.door == "rest" else 200)
    assert given(refused) is None
    # Nothing happened to the session.
    assert session_of(await browser.send("refresh"))["accessToken"]


async def test_another_page_gets_no_session_into_a_cookie(browser: Browser, ada: Person) -> None:
    body = {"email": ada.email, "password": PASSWORD}
    refused = await browser.send("login", body, Origin="https://evil.example")
    assert (code_of(refused), given(refused)) == ("FORBIDDEN", None)
    plain = await browser.send("login", body, **{"X-Session-Mode": ""})
    assert (len(session_of(plain)["refreshToken"]) > 40, given(plain)) == (True, None)


async def test_a_cookie_opens_nothing_else(browser: Browser, client: Any) -> None:
    headers = {**OWN, "Cookie": f"{NAME}={browser.held}"}
    for row in ENDPOINTS:
        if not row.public:
            path = "/v1" + row.path.replace("{id}", "x")
            answer = await client.request(row.method, path, headers=headers)
            assert answer.status_code == 401, path
    answer = await client.post("/graphql", json={"query": "{viewer{id}}"}, headers=headers)
    assert code_of(answer) == "UNAUTHENTICATED"
