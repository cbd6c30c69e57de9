"""GraphQL as server-sent events: the distinct-connections mode of graphql-sse.

Lines end with a bare line feed, because widespread clients split on nothing else.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graph.engine import Answer
from graph.http.answers import answer_json, refusal_errors
from graph.http.sockets import STALL_SECONDS
from graph.live import Hub
from models.endings import stop
from resolvers.auth import Admission

QUIET_SECONDS: Final = 12.0
"""Proxies cut lines on which nothing is said for a minute or half of one."""
_QUIET: Final = b":\n\n"
_COMPLETE: Final = b"event: complete\ndata:\n\n"


def _told(answer: Answer) -> bytes:
    if answer.refused is not None:
        body = orjson.dumps({"errors": refusal_errors(answer.refused)})
    else:
        body = answer_json(answer)
    return b"event: next\ndata: " + body + b"\n\n"


async def one_answer(answer: Answer) -> AsyncGenerator[Answer, None]:
    """A stream of a single answer."""
    yield answer


class EventStream(Response):
    """Answers as they come, until there is none, somebody leaves, or the token is over.

    Only the first of these is told as ``complete``: after the others a client comes back.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        hub: Hub,
        answers: AsyncGenerator[Answer, None],
        admission: Admission | None = None,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._answers = answers
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send head and events."""
        scope["state"]["streams"] = True
        await send(
            {"type": "http.response.start", "status": 200, "headers": list(self.raw_headers)}
        )
        if self._hub.metrics is not None:
            self._hub.metrics.connected("sse", 1)
        try:
            if self._admission is None:
                await self._until(None, scope, receive, send)
            else:
                with self._hub.line(self._admission) as line:
                    await self._hub.check(line)
                    await self._until(line.ended, scope, receive, send)
        finally:
            await self._answers.aclose()
            if self._hub.metrics is not None:
                self._hub.metrics.connected("sse", -1)

    async def _until(
        self, ended: "asyncio.Future[Any] | None", scope: Scope, receive: Receive, send: Send
    ) -> None:
        pump = asyncio.create_task(self._pump(send))
        left = asyncio.create_task(_leaves(receive))
        waited: set[asyncio.Future[Any]] = {pump, left} | ({ended} if ended is not None else set())
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        await stop([pump, left])
        if not pump.cancelled() and isinstance(pump.exception(), TimeoutError):
            # The peer reads nothing, so it would never read a farewell either.
            scope["state"].get("abort", lambda: None)()
            return
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(STALL_SECONDS):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        """Every answer, and a comment when there is none for a while."""
        await _say(send, _QUIET)
        following: asyncio.Task[Answer | None] | None = None
        try:
            while True:
                following = following or asyncio.create_task(_following(self._answers))
                done, _ = await asyncio.wait({following}, timeout=QUIET_SECONDS)
                if not done:
                    await _say(send, _QUIET)
                    continue
                answer, following = following.result(), None
                if answer is None:
                    break
                await _say(send, _told(answer))
                if self._hub.metrics is not None:
                    self._hub.metrics.sent("sse")
        finally:
            if following is not None:
                await stop([following])
        await _say(send, _COMPLETE)


async def _following(answers: AsyncGenerator[Answer, None]) -> Answer | None:
    """The next answer; None behind the last."""
    return await anext(answers, None)


async def _say(send: Send, body: bytes) -> None:
    async with asyncio.timeout(STALL_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
