"""The product's own pages in a real browser: signed in as the demo person, examples run."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from resolvers.demo import DEMO_PASSWORD
from tests.doors import PASSWORD
from tests.pages.test_browser import WATCH_POLICY, browser

pytestmark = [pytest.mark.browser, pytest.mark.serve, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[2]
__all__ = ["browser"]


@pytest.fixture(scope="module")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A whole server with demo data, as ``make serve`` starts it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("POCKETTREND_")}
    environment |= {
        "POCKETTREND_PORT": str(port),
        "POCKETTREND_DATA": str(tmp_path_factory.mktemp("product")),
        "POCKETTREND_DEMO": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "serve"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as lines:
        ready = next((line.split()[1] for line in lines if line.startswith("ready ")), None)
        assert ready == f"http://127.0.0.1:{port}"
        yield ready
        process.terminate()
        process.wait(25)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(base_url=address, viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    errors: list[str] = []
    page.on(
        "response",
        lambda r: errors.append(f"{r.status} {r.url} {r.text()}") if r.status >= 400 else None,
    )
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.add_init_script(WATCH_POLICY)
    yield page
    assert (errors, page.evaluate("window.violations")) == ([], [])
    context.close()


def answer_of(page: Page, part: str) -> Any:
    """The JSON that GraphiQL shows, once it is whole and holds a word (no eval: the policy)."""
    shown = """() => { const found = document.querySelector('.result-window .CodeMirror');
      return found && !document.querySelector('.graphiql-spinner')
        ? found.CodeMirror.getValue() : '' }"""
    for _ in range(200):
        text = page.evaluate(shown)
        if part in text:
            return json.loads(text)
        page.wait_for_timeout(100)
    raise AssertionError(text)


def test_graphiql_runs_its_examples_on_the_demo_account(page: Page) -> None:
    page.goto("/graphql")
    page.get_by_text("Use the demo account").click()
    page.get_by_text("Signed in as").wait_for()
    page.locator(".graphiql-execute-button").click()
    viewer = answer_of(page, '"viewer"')["data"]["viewer"]
    assert viewer["email"] == "demo@pockettrend.example"
    accounts = viewer["accounts"]["nodes"]
    assert {account["currency"] for account in accounts} == {"EUR", "USD"}
    assert all(account["transactions"]["nodes"] for account in accounts)
    page.get_by_role("tab", name="FindTransactions").click()
    # The editor learns the new operation's name a moment after the tab has changed.
    page.wait_for_timeout(1_500)
    page.locator(".graphiql-execute-button").click()
    found = answer_of(page, '"totalCount"')["data"]["transactions"]
    assert found["totalCount"] > 0
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/product-graphiql.png")


def test_graphiql_shows_what_happens_as_it_happens(page: Page, address: str) -> None:
    page.goto("/graphql")
    page.get_by_text("Use the demo account").click()
    page.get_by_text("Signed in as").wait_for()
    page.get_by_role("tab", name="Live").click()
    page.wait_for_timeout(1_500)
    page.locator(".graphiql-execute-button").click()
    ask = page.request.post
    login = {"email": "demo@pockettrend.example", "password": DEMO_PASSWORD}
    signed = ask(f"{address}/v1/auth/login", data=login).json()["data"]
    headers = {"Authorization": f"Bearer {signed['accessToken']}"}
    body = {"name": "Seen at once", "kind": "EXPENSE"}
    shown = """() => document.querySelector('.result-window .CodeMirror').CodeMirror.getValue()"""
    # The socket needs a moment to stand, and tells only of what comes after.
    for number in range(100):
        body["name"] = f"Seen at once {number}"
        ask(f"{address}/v1/categories", data=body, headers=headers)
        if "Seen at once" in (text := page.evaluate(shown)):
            break
        page.wait_for_timeout(200)
    told = json.loads(text)["data"]["changes"]
    assert (told["type"], told["version"]) == ("category.created", 1)
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/product-live.png")
    # Stopping is as quiet as starting was.
    page.locator(".graphiql-execute-button").click()


def test_the_api_page_lists_the_documented_paths(page: Page) -> None:
    page.goto("/v1/docs")
    page.locator(".opblock").first.wait_for()
    shown = page.locator(".opblock-summary-path").all_inner_texts()
    assert {"/accounts", "/transactions/bulk", "/imports/csv"} <= {
        text.replace("\u200b", "") for text in shown
    }


def test_the_root_page_says_what_is_where(page: Page) -> None:
    page.goto("/")
    links = {link.get_attribute("href") for link in page.get_by_role("link").all()}
    assert {"/graphql", "/v1/docs", "/v1/openapi.json", "/health", "/metrics"} <= links


@pytest.fixture
def newest(address: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The part behind the # of the newest link of a kind that was mailed to an address."""

    def look(email: str, word: str = "") -> str:
        until = time.monotonic() + 20
        folder = tmp_path_factory.getbasetemp() / "product0" / "mail"
        while time.monotonic() < until:
            for path in sorted(folder.glob("*.eml"), reverse=True):
                mail = message_from_bytes(path.read_bytes(), policy=default)
                link = re.search(rf"{address}/(#{word}=[^\s]+)", mail.get_content())
                if mail["To"] == email and link:
                    return link[1]
            time.sleep(0.1)
        raise AssertionError(f"no mail with {word} to {email}")

    return look


def registered(address: str, name: str) -> tuple[str, dict[str, str]]:
    """Somebody new: her address and the header of her session."""
    email = f"{name}@example.org"
    body = {"email": email, "password": PASSWORD, "name": name.title()}
    answer = httpx2.post(f"{address}/v1/auth/register", json=body).json()["data"]
    return email, {"Authorization": f"Bearer {answer['accessToken']}"}


def test_a_mailed_link_confirms_an_address_by_a_click(
    page: Page, address: str, newest: Callable[..., str]
) -> None:
    email, head = registered(address, "vera")
    page.goto(f"/{newest(email, 'verify-email')}")
    expect(page.locator("#mailed-title")).to_have_text("Is this your address?")
    # The token is not in the address any more, and nothing has happened yet.
    assert page.url == f"{address}/"
    page.get_by_role("button", name="Yes, it is mine").click()
    expect(page.locator("#mailed-status")).to_contain_text("the address is confirmed")
    assert httpx2.get(f"{address}/v1/auth/me", headers=head).json()["data"]["emailVerified"]


def test_a_mailed_link_sets_a_new_password(
    page: Page, address: str, newest: Callable[..., str]
) -> None:
    email, _ = registered(address, "rosa")
    httpx2.post(f"{address}/v1/auth/forgot-password", json={"email": email})
    page.goto(f"/{newest(email, 'reset-password')}")
    fresh = "granite-orchard-77-willow"
    page.get_by_role("textbox", name="New password").fill(fresh)
    page.get_by_role("button", name="Set the password").click()
    expect(page.locator("#mailed-status")).to_contain_text("Sign in with it")
    login = {"email": email, "password": fresh}
    assert httpx2.post(f"{address}/v1/auth/login", json=login).status_code == 200


@pytest.mark.parametrize("known", [True, False], ids=["with-account", "without-account"])
def test_a_mailed_link_answers_an_invitation(
    page: Page, address: str, newest: Callable[..., str], known: bool
) -> None:
    _, head = registered(address, f"olga{known}".lower())
    flat = {"name": "Flat", "currency": "EUR"}
    made = httpx2.post(f"{address}/v1/groups", json=flat, headers=head).json()["data"]
    email = f"gast{known}@example.org".lower()
    if known:
        registered(address, email.partition("@")[0])
    ask = {"groupId": made["id"], "email": email, "role": "MEMBER"}
    assert httpx2.post(f"{address}/v1/invitations", json=ask, headers=head).status_code == 202
    page.goto(f"/{newest(email, 'invitation')}")
    if not known:
        page.get_by_label("I have no account yet").check()
        page.get_by_label("Your name").fill("Gast")
    page.locator("#mailed-form [name=email]").fill(email)
    page.locator("#mailed-form [name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Accept").click()
    expect(page.locator("#mailed-status")).to_have_text("You are a member now.")
    members = httpx2.get(f"{address}/v1/groups/{made['id']}/members", headers=head).json()
    assert email in {one["email"] for one in members["data"]["items"]}


def test_the_root_page_asks_for_nothing_without_a_link(page: Page) -> None:
    page.goto("/#what-else=1")
    expect(page.locator("#mailed")).to_be_hidden()
