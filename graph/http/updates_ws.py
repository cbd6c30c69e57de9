"""Live updates as plain JSON, for clients that speak no GraphQL: /ws/updates."""

from contextlib import aclosing
from typing import Any, ClassVar, Final

from starlette.datastructures import QueryParams
from starlette.websockets import WebSocket

from graph.changes import ChangeCursors
from graph.context import Services
from graph.errors import graphql_shape, masked
from graph.following import Events
from graph.http.sockets import HangUp, Socket, bearer_of, written
from graph.live import EXPIRED, SIGNED_OUT, End
from resolvers.errors import AppError, ErrorCode, invalid
from resolvers.feed import ENTITIES, FeedEvent, Position

PARAMETERS: Final = frozenset({"cursor", "kinds"})
_UNAUTHORIZED: Final = End(4401, "The first message has to be of type auth")
_AGAIN: Final = End(4429, "There was an auth message already")
_ENDS: Final = {
    EXPIRED: (ErrorCode.TOKEN_EXPIRED, "The access token is over; come back with a new one."),
    SIGNED_OUT: (ErrorCode.UNAUTHENTICATED, "The session has ended; sign in again."),
}


class UpdatesSocket(Socket):
    """One client: it says who it is and where it stands, then it listens."""

    transport: ClassVar[str] = "updates"

    def __init__(self, services: Services, websocket: WebSocket, query: QueryParams) -> None:
        super().__init__(services, websocket)
        self._query = query
        self._asked = False

    async def begin(self) -> None:
        """Who sent a bearer header has said all: cursor and kinds then come in the address."""
        token = bearer_of(self.websocket.headers.get("authorization"))
        if token is None:
            return
        kinds = self._query.get("kinds")
        wanted = None if kinds is None else [one for one in kinds.split(",") if one]
        await self._auth(token, self._query.get("cursor"), wanted)

    async def take(self, message: dict[str, Any]) -> None:
        """Auth once, and pings."""
        match message.get("type"):
            case "auth" if self._asked:
                raise HangUp(_AGAIN)
            case "auth":
                token = message.get("token")
                if not isinstance(token, str):
                    raise HangUp(End(4400, "token has to be text"))
                cursor = message.get("cursor", self._query.get("cursor"))
                await self._auth(token.strip(), cursor, message.get("kinds"))
            case "ping":
                echo = {"payload": message["payload"]} if "payload" in message else {}
                await self.put({"type": "pong", **echo})
            case "pong":
                pass
            case _ if self.line is None:
                raise HangUp(_UNAUTHORIZED)
            case _:
                raise HangUp(End(4400, "Messages are of type auth, ping or pong"))

    async def hung_up(self, end: End) -> None:
        """Say in words of the registry why it ends, where it is about who somebody is."""
        if end in _ENDS:
            code, message = _ENDS[end]
            await self.now(_error(AppError(message, code=code)))

    async def _auth(self, token: str, cursor: Any, kinds: Any) -> None:
        self._asked = True
        await self.admit(token)
        line = self.line
        if line is None:
            raise HangUp(_UNAUTHORIZED)
        cursors = ChangeCursors(self.services.cursor_key, line.actor)
        try:
            wanted = _kinds(kinds)
            position = await self._position(cursors, cursor)
        except AppError as error:
            await self._refuse(error)
            return
        await self.put({"type": "ready", "cursor": cursors.seal(position)})
        self.start(self._follow(cursors, position, wanted))

    async def _position(self, cursors: ChangeCursors, cursor: Any) -> Position:
        if cursor is None and self.line is not None:
            return await self.services.live.present(self.line.actor)
        if not isinstance(cursor, str):
            raise invalid("cursor", "A cursor is text.", "INVALID_TYPE")
        return cursors.open(cursor)

    async def _follow(
        self, cursors: ChangeCursors, position: Position, kinds: list[str] | None
    ) -> None:
        if self.line is None:
            return
        reader = self.services.live.reader(self.line.actor, position, kinds)
        try:
            async with aclosing(Events(reader, lambda event: event)) as events:
                async for event in events:
                    await self.say(self._text(event, cursors))
        except HangUp:
            raise
        except Exception as error:  # noqa: BLE001 - masked and logged, or told as it is
            await self._refuse(masked(error, self.websocket.state.request_id))

    def _text(self, event: FeedEvent, cursors: ChangeCursors) -> str:
        """The event as all connections of the person are told it."""
        found: str | None = event.answers.get(self.transport)
        if found is None:
            found = written(event.as_json(cursors.seal(event.position)))
            event.answers[self.transport] = found
        return found

    async def _refuse(self, error: AppError) -> None:
        """Say what is wrong, then hang up."""
        await self.now(_error(error))
        codes = {503: 1013, 500: 1011}
        raise HangUp(End(codes.get(error.status, 4400), str(error.code)))


def _kinds(given: Any) -> list[str] | None:
    """Checked kinds of objects."""
    if given is None:
        return None
    if not isinstance(given, list) or not all(one in ENTITIES for one in map(str, given)):
        raise invalid("kinds", f"A list of {', '.join(ENTITIES)}.")
    return [ENTITIES[str(one)] for one in given]


def _error(error: AppError) -> dict[str, Any]:
    shape = graphql_shape(error)
    told = {"code": shape["code"], "message": error.message, "details": shape["details"]}
    return {"type": "error", "error": told}


async def serve_updates(services: Services, websocket: WebSocket, query: QueryParams) -> None:
    """Accept a client."""
    await websocket.accept()
    await UpdatesSocket(services, websocket, query).serve()
