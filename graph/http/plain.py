"""A complete answer, made without the questions that Starlette's own asks of each."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

_BODILESS: Final = frozenset({204, 304})


class Plain(Response):
    """Bytes with a status and fields; its length is told, where there may be a body."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        raw = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()
        ]
        if status not in _BODILESS:
            raw.append((b"content-length", b"%d" % len(body)))
        self.raw_headers = raw
