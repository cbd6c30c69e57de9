"""Signing in with an account elsewhere on the root page, in a real browser, at a provider that runs here."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import httpx2
import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.auth.provider import CLIENT, SECRET, TestProvider, running_provider
from tests.doors import PASSWORD
from tests.ops.test_serve import served
from tests.pages.test_browser import WATCH_POLICY, browser

pytestmark = [pytest.mark.browser, pytest.mark.serve, pytest.mark.timeout(240)]
__all__ = ["browser"]


@pytest.fixture(scope="module")
def provider() -> Iterator[TestProvider]:
    """The provider on a loop of its own, since the browser is driven without one."""
    told: Queue[Any] = Queue()

    async def run() -> None:
        over = asyncio.Event()
        async with running_provider() as known:
            told.put((known, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    known, loop, over = told.get(timeout=20)
    yield known
    loop.call_soon_threadsafe(over.set)
    thread.join(10)


@pytest.fixture(scope="module")
def address(
    browser: Browser, provider: TestProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    more = {
        "POCKETTREND_OIDC_ISSUER": provider.issuer,
        "POCKETTREND_OIDC_NAME": "Acme & Co",
        "POCKETTREND_OIDC_CLIENT_ID": CLIENT,
        "POCKETTREND_OIDC_CLIENT_SECRET": SECRET,
    }
    with served(tmp_path_factory.mktemp("elsewhere") / "data", **more) as product:
        yield product.url


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(base_url=address, viewport={"width": 1100, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(WATCH_POLICY)
    yield page
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert (errors, page.evaluate("window.violations"), stored) == ([], [], "[{},{}]")
    context.close()


def picture(page: Page, name: str) -> None:
    folder = os.environ.get("PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def graph(address: str, query: str, token: str | None = None, **variables: Any) -> Any:
    head = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"query": query, "variables": variables}
    answer = httpx2.post(f"{address}/graphql", json=body, headers=head).json()
    assert "errors" not in answer, answer
    return answer["data"]


def test_the_button_signs_in_and_out(page: Page, provider: TestProvider, address: str) -> None:
    provider.visitor = {"sub": "ada", "email": "ada@acme.example", "name": "Ada"}
    page.goto("/")
    button = page.get_by_role("button", name="Sign in with Acme & Co")
    expect(button).to_be_visible()
    picture(page, "elsewhere-button")
    button.click()
    expect(page.locator("#elsewhere-who")).to_have_text("Ada (ada@acme.example)")
    # Neither the code nor what it was traded for stays in the address.
    assert page.url == f"{address}/"
    picture(page, "elsewhere-signed-in")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#elsewhere-status")).to_have_text("Signed out.")
    expect(button).to_be_visible()


def test_who_does_not_agree_and_who_comes_by_an_old_link_is_told(
    page: Page, provider: TestProvider
) -> None:
    provider.visitor = {}
    page.goto("/")
    page.get_by_role("button", name="Sign in with Acme & Co").click()
    told = page.locator("#elsewhere-status")
    expect(told).to_contain_text("was not completed")
    # A link that somebody slipped to her signs nobody in: this tab has begun nothing.
    page.goto("/?code=x&state=y")
    expect(told).to_contain_text("was not completed")
    expect(page.locator("#elsewhere-in")).to_be_hidden()


def test_the_second_factor_is_asked_for(page: Page, provider: TestProvider, address: str) -> None:
    email = "eve@acme.example"
    body = {"email": email, "password": PASSWORD, "name": "Eve"}
    token = httpx2.post(f"{address}/v1/auth/register", json=body).json()["data"]["accessToken"]
    provider.visitor = {"sub": "eve", "email": email, "name": "Eve"}
    begun = graph(address, "mutation{beginSignIn{authorizationUrl verifier}}")["beginSignIn"]
    held = provider.visit(begun["authorizationUrl"], **provider.visitor)
    link = "mutation($i: LinkIdentityInput!){linkIdentity(input:$i){identity{id}}}"
    told = {**held, "verifier": begun["verifier"], "password": PASSWORD}
    graph(address, link, token, i=told)
    secret = "mutation($p: String!){setUpTwoFactor(input:{password:$p}){secret}}"
    codes = pyotp.TOTP(graph(address, secret, token, p=PASSWORD)["setUpTwoFactor"]["secret"])
    enable = "mutation($c: String!){enableTwoFactor(input:{code:$c}){recoveryCodes}}"
    (code, *_) = graph(address, enable, token, c=codes.now())["enableTwoFactor"]["recoveryCodes"]
    page.goto("/")
    page.get_by_role("button", name="Sign in with Acme & Co").click()
    field = page.locator("#elsewhere-form [name=code]")
    expect(field).to_be_visible()
    picture(page, "elsewhere-code")
    field.fill(code)
    page.locator("#elsewhere-form button").click()
    expect(page.locator("#elsewhere-who")).to_have_text(f"Eve ({email})")
