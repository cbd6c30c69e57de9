"""The command that imports a file: a client of a running server, with the rights of one person."""

import json
import sys
from collections.abc import Callable, Iterator
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
    account: str
    """Id or name."""
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

    def account(self, wanted: str) -> str:
        """The id of an account that is named by its id or its name."""
        found: list[str] = []
        cursor: str | None = None
        while True:
            params = {"limit": 100, **({"cursor": cursor} if cursor else {})}
            page = self.call("GET", "/accounts", params=params)
            for one in page["items"]:
                if one["id"] == wanted:
                    return str(one["id"])
                if one["name"].casefold() == wanted.casefold():
                    found.append(str(one["id"]))
            cursor = page["nextCursor"]
            if cursor is None:
                break
        if len(found) != 1:
            what = "several accounts have" if found else "no account has"
            raise Refused(f"{what} the name {wanted!r}; give an id.")
        return found[0]

    def start(self, order: Order) -> str:
        """Send the file and ask for its import; the import's id."""
        account_id = self.account(order.account)
        with order.file.open("rb") as stream:
            answer = self.http.post(
                "/v1/uploads", files={"file": (order.file.name, stream)}, headers=self.headers
            )
        body = {
            "uploadId": data_of(answer)["id"],
            "accountId": account_id,
            "dryRun": order.dry_run,
            "deleted": "RESTORE" if order.restore_deleted else "SKIP",
            **({"mapping": order.mapping} if order.mapping is not None else {}),
        }
        return str(self.call("POST", "/imports/csv", body)["id"])

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
    more = [f"{one['path']}: {one['message']}" for one in fields]
    raise Refused(" ".join([str(error.get("message", answer.status_code)), *more]))


def read_password() -> str:
    """Typed without an echo, or the first line of what is piped in."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\n")


def run_import(order: Order, *, url: str, email: str) -> int:
    """Import a file with a progress bar and say what came of it; the exit code."""
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
    return 0 if ended["status"] == "COMPLETED" else FAILED


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
