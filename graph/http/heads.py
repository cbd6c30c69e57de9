"""The header fields of a request, read once: many parts look at a few of them each."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send


class Heads(Headers):
    """Fields by name in lower case; of several the first, as in Starlette's own."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(raw=scope["headers"])
        self._first: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in reversed(scope["headers"])
        }

    def __getitem__(self, key: str) -> str:
        return self._first[key.lower()]

    def __contains__(self, key: object) -> bool:
        return key in self._first or (isinstance(key, str) and key.lower() in self._first)

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """A field by its name in lower case."""
        return self._first.get(key, default)

    def shorten(self, names: Collection[str]) -> None:
        """Forget all fields but some."""
        self._list = [pair for pair in self._list if pair[0].decode("latin-1") in names]
        self._first = {name: value for name, value in self._first.items() if name in names}


def shorten(scope: Scope, names: Collection[str]) -> None:
    """Forget all fields of a connection that stays but some, wherever they were read."""
    heads = scope["state"].get("heads")
    if isinstance(heads, Heads):
        heads.shorten(names)
    fields = scope["headers"]
    if isinstance(fields, list):
        # The same list is in what was made of the scope.
        fields[:] = [pair for pair in fields if pair[0].decode("latin-1") in names]


class _Asked(Request):
    @property
    def headers(self) -> Headers:
        """The fields, as they were read at the front."""
        found: Headers = self.scope["state"]["heads"]
        return found

    @property
    def method(self) -> str:
        """The method."""
        found: str = self.scope["method"]
        return found

    async def body(self) -> bytes:
        """The whole body; most come in one piece."""
        found: bytes | None = getattr(self, "_body", None)
        if found is None:
            pieces, more = [], True
            while more:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                pieces.append(message.get("body", b""))
                more = message.get("more_body", False)
            self._stream_consumed = True
            found = self._body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return found


def request_of(scope: Scope, receive: Receive, send: Send) -> Request:
    """The request of a scope, with the fields that the front has read."""
    if "heads" in scope.get("state", ()):
        return _Asked(scope, receive, send)
    return Request(scope, receive, send)
