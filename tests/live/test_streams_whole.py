"""Streams leave as streams also where the server takes complete answers whole."""

from typing import Any

import pytest
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from graph.http.front import Exchange
from graph.http.headers import Dress, EdgeRules
from graph.http.heads import Heads

pytestmark = pytest.mark.anyio


class Streamed(Response):
    """Sends itself, as a stream of events does, and has an empty body of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for body in (b"one", b"two"):
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def answered(response: Response, rules: EdgeRules) -> tuple[list[Message], list[bytes]]:
    sent: list[Message] = []
    taken: list[bytes] = []

    def whole(_status: int, _head: bytes, body: bytes, _closes: bool) -> bool:
        taken.append(body)
        return True

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    state: dict[str, Any] = {"whole": whole, "request_id": "0" * 32}
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/graphql",
        "headers": [],
        "state": state,
    }
    await Exchange(scope, send, Dress(rules), Heads(scope)).answer(response, receive)
    return sent, taken


async def test_a_stream_is_not_taken_for_a_complete_answer() -> None:
    rules = EdgeRules()
    sent, taken = await answered(Streamed(), rules)
    assert [one["body"] for one in sent[1:]] == [b"one", b"two"]
    assert taken == []
    sent, taken = await answered(JSONResponse({"a": 1}), rules)
    assert (sent, taken) == ([], [b'{"a":1}'])
