"""Clients of our WebSockets, as small as a client can be."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PROTOCOL = "graphql-transport-ws"
PATIENCE = 20.0
"""Nothing is measured by it: it only keeps a test that hangs from hanging for ever."""


@dataclass(slots=True)
class Talk:
    """One open socket."""

    connection: ClientConnection
    followers: Callable[[], int] = lambda: 0
    """How many follow the feed."""

    async def say(self, *messages: Any) -> None:
        for message in messages:
            text = message if isinstance(message, str | bytes) else json.dumps(message)
            await self.connection.send(text)

    async def hear(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.connection.recv())

    async def several(self, count: int) -> list[Any]:
        return [await self.hear() for _ in range(count)]

    async def silence(self) -> None:
        """Nothing has been sent that was not heard: the next thing is the answer to a ping."""
        await self.say({"type": "ping"})
        assert (await self.hear())["type"] == "pong"

    async def silence_after(self, count: int) -> None:
        """So many messages, whatever they are, then silence."""
        await self.several(count)
        await self.silence()

    async def end(self) -> tuple[int, str]:
        """Code and reason with which the server closes; what it says before is passed over."""
        _, close = await self.rest()
        return close

    async def rest(self) -> tuple[int, tuple[int, str]]:
        """How many messages were left, and code and reason of the end (1006: no farewell)."""
        heard = 0
        async with asyncio.timeout(PATIENCE):
            try:
                while True:
                    await self.connection.recv()
                    heard += 1
            except ConnectionClosed as closed:
                close = closed.rcvd
        return heard, (1006, "") if close is None else (close.code, close.reason)

    async def close(self) -> None:
        await self.connection.close()

    async def init(self, token: str) -> "Talk":
        """Sign in, as graphql-transport-ws has it."""
        payload = {"authorization": f"Bearer {token}"}
        await self.say({"type": "connection_init", "payload": payload})
        assert await self.hear() == {"type": "connection_ack"}
        return self

    async def run(self, document: str, id_: str = "1", **variables: Any) -> "Talk":
        """Begin an operation."""
        payload = {"query": document, "variables": variables}
        before = self.followers()
        await self.say({"id": id_, "type": "subscribe", "payload": payload})
        # The protocol has no word for it, and what happens before it begins is not told.
        for _ in range(50 if document.startswith("subscription") else 0):
            if self.followers() != before:
                break
            await asyncio.sleep(0.01)
        return self

    async def next(self) -> Any:
        """Data of the next event of whichever operation."""
        message = await self.hear()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]


async def talk(url: str, *, protocol: str | None = PROTOCOL, **options: Any) -> Talk:
    """Connect; by default as a client of GraphQL."""
    if protocol is not None and not url.endswith("updates") and "updates?" not in url:
        options["subprotocols"] = [protocol]
    return Talk(await connect(url, compression=None, proxy=None, **options))
