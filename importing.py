"""The command that imports a file: a client of a running server, with the rights of one person."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from launch import FAILED, refuse

_SECONDS: Final = 60.0
_FINISHED: Final = frozenset({"COMPLETED", "FAILED", "REVERTED", "PENDING"})
_ATTEMPTS: Final = 5
_TOLD: Final = 20
_SHOWN: Final = 4
_MAX_READ: Final = 25 * 1024 * 1024
_PROGRESS: Final = """subscription Progress($id: ID!) {
  importProgress(importId: $id) { status progress { done total } }
}"""
Told = Callable[[int, int | None], None]
"""Hears how many rows of how many are decided."""


class Refused(Exception):
    """The server said no; the words are for a person."""


@dataclass(slots=True)
class Order:
    """What is imported where."""

    file: Path
    account: str | None = None
    """Id or name; without it, the only account there is, or the one of the file's number."""
    dry_run: bool = False
    restore_deleted: bool = False
    mapping: dict[str, Any] | None = None


@dataclass(slots=True)
class Session:
    """A person who is signed in at a server."""

    http: httpx2.Client
    _tokens: dict[str, Any] = field(default_factory=dict)

    def sign_in(self, email: str, password: str) -> None:
        """Raises Refused for a wrong address or password."""
        self._tokens = self.call("POST", "/auth/login", {"email": email, "password": password})

    def refresh(self) -> None:
        """A new access token: the old one lasts a quarter of an hour."""
        body = {"refreshToken": self._tokens["refreshToken"]}
        self._tokens = {}
        self._tokens = self.call("POST", "/auth/refresh", body)

    def sign_out(self) -> None:
        """End the session."""
        if self._tokens:
            self.call("POST", "/auth/logout", {"refreshToken": self._tokens["refreshToken"]})

    @property
    def headers(self) -> dict[str, str]:
        """Who asks."""
        token = self._tokens.get("accessToken")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The data of an answer; raises Refused."""
        answer = self.http.request(method, f"/v1{path}", json=body, headers=self.headers, **more)
        return data_of(answer)

    def accounts(self) -> list[Any]:
        """All accounts of the person."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            params = {"limit": 100, **({"cursor": cursor} if cursor else {})}
            page = self.call("GET", "/accounts", params=params)
            found += page["items"]
            cursor = page["nextCursor"]
            if cursor is None:
                return found

    def account(self, wanted: str) -> str:
        """The id of an account that is named by its id or its name."""
        accounts = self.accounts()
        found = [one for one in accounts if one["id"] == wanted] or [
            one for one in accounts if one["name"].casefold() == wanted.casefold()
        ]
        if len(found) != 1:
            what = "several accounts have" if found else "no account has"
            raise Refused(f"{what} the name {wanted!r}; give an id. {listed(found or accounts)}")
        return str(found[0]["id"])

    def start(self, order: Order) -> str:
        """Send the file and ask for its import; the import's id."""
        # A wrong name is told before anything is sent.
        account_id = None if order.account is None else self.account(order.account)
        if order.account is None:
            account_id = self._obvious(order)
        with order.file.open("rb") as stream:
            answer = self.http.post(
                "/v1/uploads", files={"file": (order.file.name, stream)}, headers=self.headers
            )
        body = {
            "uploadId": data_of(answer)["id"],
            **({"accountId": account_id} if account_id is not None else {}),
            "dryRun": order.dry_run,
            "deleted": "RESTORE" if order.restore_deleted else "SKIP",
            **({"mapping": order.mapping} if order.mapping is not None else {}),
        }
        return str(self.call("POST", "/imports/csv", body)["id"])

    def _obvious(self, order: Order) -> str | None:
        """The account that a file fills when none is named; None where the file says it itself.

        That is the one whose number the file names, else the only one that is not archived.
        """
        told = accounts_told(order.file)
        if told is None:
            return None
        accounts = [one for one in self.accounts() if not one["archived"]]
        if not accounts:
            raise Refused("you have no account yet; open one, and name it with --account.")
        named = [one for one in accounts if _ends(one["number"]) & {_tail(text) for text in told}]
        if len(named) == 1:
            return str(named[0]["id"])
        if len(accounts) == 1 and not named:
            return str(accounts[0]["id"])
        raise Refused(f"say with --account which account the file fills. {listed(accounts)}")

    def follow(self, import_id: str, told: Told) -> Any:
        """Tell how far the import is, until it ends or waits; what it came to."""
        for _ in range(_ATTEMPTS):
            for step in self._steps(import_id):
                told(step["progress"]["done"], step["progress"]["total"])
                if step["status"] in _FINISHED:
                    break
            ended = self.call("GET", f"/imports/{import_id}", params={"limit": 1})
            if ended["status"] in _FINISHED:
                return ended
            # The stream ended with the access token, or with a server that was restarted.
            self.refresh()
        raise Refused(f"the connection breaks again and again; the import {import_id} goes on.")

    def _steps(self, import_id: str) -> Iterator[Any]:
        """The import after each step, as server-sent events."""
        body = {"query": _PROGRESS, "variables": {"id": import_id}}
        headers = {**self.headers, "Accept": "text/event-stream"}
        try:
            with self.http.stream("POST", "/graphql", json=body, headers=headers) as answer:
                for line in answer.iter_lines():
                    if line.startswith("data:") and line[5:].strip():
                        data = json.loads(line[5:]).get("data") or {}
                        if data.get("importProgress"):
                            yield data["importProgress"]
        except httpx2.TransportError:
            return


def accounts_told(file: Path) -> set[str] | None:
    """The numbers of accounts that a bank's file names; None for an export of many accounts."""
    # They load what the other commands never need.
    from resolvers.statements import StatementError, read_file  # noqa: PLC0415
    from resolvers.statements.apps import names_accounts  # noqa: PLC0415

    if file.stat().st_size > _MAX_READ:
        # The server says what it thinks of it.
        return set()
    data = file.read_bytes()
    try:
        if names_accounts(data):
            return None
        return {part.account for part in read_file(data).sections if part.account}
    except StatementError:
        return set()


def _tail(number: str) -> str:
    """The end of an account's number, which is all of it that the server shows."""
    return "".join(filter(str.isalnum, number))[-_SHOWN:]


def _ends(masked: str | None) -> set[str]:
    end = "" if masked is None else _tail(masked)
    return {end} if len(end) == _SHOWN else set()


def listed(accounts: Sequence[Any]) -> str:
    """Accounts by name, currency and id, for a person to choose from."""
    told = [f"{one['name']} ({one['currency']}, {one['id']})" for one in accounts[:_TOLD]]
    more = f" and {len(accounts) - _TOLD} more" if len(accounts) > _TOLD else ""
    return f"Your accounts: {', '.join(told)}{more}." if told else "You have no account yet."


def data_of(answer: httpx2.Response) -> Any:
    """The data of an answer in the envelope; raises Refused with the server's words."""
    try:
        content = answer.json()
    except ValueError:
        raise Refused(f"what answers there is no Pocket Trend ({answer.status_code}).") from None
    if content.get("success"):
        return content["data"]
    error = content.get("error", {})
    fields = error.get("details", {}).get("fields", ())
    message = str(error.get("message", answer.status_code))
    # Where one field is all that is wrong, its sentence is often the whole message.
    more = [f"{one['path']}: {one['message']}" for one in fields if one["message"] not in message]
    raise Refused(" ".join([message, *more]))


def read_password() -> str:
    """Typed without an echo, or the first line of what is piped in."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\n")


def run_import(order: Order, *, url: str, email: str) -> int:
    """Import a file with a progress bar and say what came of it; the exit code.

    It is 0 only where every row has come in: a script must not go on over rows that FAILED.
    """
    password = read_password()
    try:
        with httpx2.Client(base_url=url, timeout=_SECONDS) as http:
            session = Session(http)
            session.sign_in(email, password)
            try:
                import_id = session.start(order)
                with _bar(order.file.name) as told:
                    ended = session.follow(import_id, told)
            finally:
                session.sign_out()
    except Refused as error:
        refuse([str(error)], FAILED)
    except httpx2.TransportError as error:
        refuse(
            [f"no server answers at {url}: {error}", "Start one, or name it with --url."], FAILED
        )
    for line in report(ended):
        typer.echo(line)
    whole = ended["status"] == "COMPLETED" and not ended["counts"]["failed"]
    return 0 if whole else FAILED


@contextmanager
def _bar(name: str) -> Iterator[Told]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        # A file's name in brackets would be read as a style.
        task = bar.add_task(name.replace("[", "\\["), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def report(ended: Any) -> list[str]:
    """What came of an import, in lines."""
    counts = ended["counts"]
    told = ", ".join(f"{counts[name]} {name}" for name in counts if name != "rows")
    what = "dry run" if ended["dryRun"] else "import"
    lines = [f"{what} {ended['id']}: {ended['status']}, {counts['rows']} rows: {told}"]
    lines += [f"note: {one}" for one in ended["warnings"]]
    for one in ended["questions"]:
        choices = f" ({', '.join(one['choices'])})" if one["choices"] else ""
        lines.append(f"question about {one['field']}: {one['message']}{choices}")
    if ended["status"] == "PENDING":
        lines.append("Nothing is booked yet: repeat it with --mapping and your answers.")
    if ended["error"] is not None:
        lines.append(f"error {ended['error']['code']}: {ended['error']['message']}")
    return lines
