"""The pages in a real Chromium: they work, obey their policy, and ask no other host for anything."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from graph.http import assets
from tests.pages.stub import PASSWORD, STATE, stub_app

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


def _lacking(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ["chromium", "chromium-browser", "google-chrome"]
    found = [path for path in map(shutil.which, names) if path]
    if not found:
        _lacking("no Chromium on this machine (apt-get install chromium)")
    if assets.missing():
        _lacking("the browser libraries are not in place (make assets)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found[0], headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(browser: Browser) -> Iterator[str]:
    """The address of the stub, served in a thread on a free port."""
    config = uvicorn.Config(
        stub_app(), host="127.0.0.1", port=0, log_level="warning", ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page of which every test also asserts that it stayed quiet, at home and within its policy."""
    STATE.reset()
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []
    strangers: list[str] = []

    def note_request(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != urlsplit(url).netloc:
            strangers.append(request.url)

    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", note_request)
    page.add_init_script(WATCH_POLICY)
    yield page
    violations = page.evaluate("window.violations")
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    context.close()
    assert errors == []
    assert violations == []
    assert strangers == []
    assert "access-" not in stored
    assert "refresh-" not in stored
    assert PASSWORD not in stored


def _picture(page: Page, name: str) -> None:
    """Keep a picture of the page where the environment names a folder for them."""
    folder = os.environ.get("PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=name.startswith("root"))


def _write_query(page: Page, text: str, title: str) -> None:
    page.evaluate(
        "text => document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue(text)",
        text,
    )
    # The editor learns the operations of a new text a moment later; the title of the tab tells.
    expect(page.locator(".graphiql-tab-button").first).to_have_text(title)


def _expect_answer(page: Page, part: str) -> None:
    """Wait for a text in the result; the editor holds all of it, the document what is in view."""
    page.wait_for_function(
        "part => document.querySelector('.result-window .CodeMirror').CodeMirror.getValue().includes(part)",
        arg=part,
    )


def _open_graphiql(page: Page, *, signed_in: bool = True) -> None:
    page.goto("/graphql")
    expect(page.get_by_role("button", name="Execute query")).to_be_visible()
    if signed_in:
        page.get_by_role("button", name="Use the demo account").click()
        expect(page.get_by_text("Signed in as Ada Lovelace")).to_be_visible()


def test_the_demo_account_signs_in_and_the_first_example_runs(page: Page) -> None:
    _open_graphiql(page)
    page.get_by_role("button", name="Execute query").click()
    _expect_answer(page, '"Rainy day"')
    _expect_answer(page, '"-4.50"')
    _picture(page, "graphiql")
    tabs = page.locator(".graphiql-tab-button")
    expect(tabs).to_have_text(
        ["Me", "FindTransactions", "CreateTransaction", "Transfer", "Imports", "Live"]
    )


def test_a_wrong_password_is_told_and_the_enter_key_signs_in(page: Page) -> None:
    _open_graphiql(page, signed_in=False)
    page.get_by_label("E-mail").fill("demo@pockettrend.example")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("status")).to_have_text("E-mail or password is wrong.")
    _picture(page, "graphiql-wrong-password")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_text("Signed in as Ada Lovelace")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()


def test_signing_out_ends_the_session_on_the_server(page: Page) -> None:
    _open_graphiql(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("E-mail")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_value("")
    page.get_by_role("button", name="Execute query").click()
    _expect_answer(page, "Sign in first.")
    assert STATE.logouts == [("Bearer access-1", {"refreshToken": "refresh-1"})]


def test_the_session_renews_itself(page: Page) -> None:
    STATE.expires_in = 2
    _open_graphiql(page)
    deadline = time.monotonic() + 15
    while len(STATE.refreshes) < 2:
        assert time.monotonic() < deadline
        page.wait_for_timeout(100)
    assert STATE.refreshes[:2] == ["refresh-1", "refresh-2"]
    expect(page.get_by_text("Signed in as Ada Lovelace")).to_be_visible()


def test_subscriptions_run_over_a_signed_in_socket(page: Page) -> None:
    _open_graphiql(page)
    _write_query(page, "subscription { ticks }", "<untitled>")
    page.get_by_role("button", name="Execute query").click()
    _expect_answer(page, "tick 2 for Bearer access-1")


def test_every_panel_and_dialog_keeps_within_the_policy(page: Page) -> None:
    _open_graphiql(page)
    _write_query(page, "query One { viewer { id } } query Two { viewer { name } }", "One")
    page.get_by_role("button", name="Execute query").click()
    page.get_by_role("menuitem", name="Two").click()
    _expect_answer(page, '"Ada Lovelace"')
    for name in ["Show Documentation Explorer", "Show History"]:
        page.get_by_role("button", name=name).click()
        expect(page.locator(".graphiql-plugin")).to_be_visible()
    for name in ["Open short keys dialog", "Open settings dialog"]:
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        if "settings" in name:
            page.get_by_role("button", name="Dark").click()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
    _picture(page, "graphiql-dark")


def test_the_api_page_asks_with_the_session_or_the_given_token(page: Page) -> None:
    page.goto("/v1/docs")
    expect(page.locator(".opblock")).to_have_count(2)
    page.get_by_role("button", name="Use the demo account").click()
    expect(page.get_by_text("Signed in as Ada Lovelace")).to_be_visible()
    page.locator("#operations-Accounts-listAccounts .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table td.response-col_status").last).to_contain_text("200")
    _picture(page, "docs-executed")
    page.get_by_role("button", name="Authorize", exact=True).first.click()
    page.locator(".auth-container input").fill("personal-token")
    page.locator(".auth-btn-wrapper").get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").first.click()
    with page.expect_response("**/v1/accounts"):
        page.get_by_role("button", name="Execute").click()
    assert STATE.authorizations == ["Bearer access-1", "Bearer personal-token"]


def test_a_link_to_one_operation_opens_it(page: Page) -> None:
    page.goto("/v1/docs#/Accounts/createAccount")
    expect(page.locator("#operations-Accounts-createAccount.is-open")).to_be_visible()
    page.locator(".models-control").click()
    expect(page.locator(".models.is-open")).to_be_visible()
    _picture(page, "docs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_pages_fit_their_screen_in_both_schemes(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    for name, path in [("root", "/"), ("docs", "/v1/docs"), ("graphiql", "/graphql")]:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) <= 0, path
        assert page.evaluate("window.violations") == []
        _picture(page, f"{name}-{scheme}-{width}")
