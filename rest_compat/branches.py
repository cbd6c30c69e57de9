"""Routes under one prefix, found by their first word: a hundred patterns are not tried in turn."""

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send

_FOUND: Final = "rest.route"


class Branches(BaseRoute):
    """Some routes whose paths begin with the same prefix and go on with a word of their own."""

    def __init__(self, prefix: str, routes: Sequence[Route]) -> None:
        """Routes of one word are tried in their order."""
        self.routes = list(routes)
        self._prefix = prefix
        self._by_word: dict[str, list[Route]] = {}
        for route in routes:
            word = route.path.removeprefix(prefix).partition("/")[0]
            if not route.path.startswith(prefix) or not word or "{" in word:
                raise ValueError(f"{route.path} does not begin with {prefix} and a word.")
            self._by_word.setdefault(word, []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Ask the routes of the path's first word."""
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] == "http" and path.startswith(self._prefix):
            word = path[len(self._prefix) :].partition("/")[0]
            for route in self._by_word.get(word, ()):
                match, found = route.matches(scope)
                if match is not Match.NONE:
                    return match, {**found, _FOUND: route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over to the route that was found; the log names it and not this."""
        route: Route = scope.pop(_FOUND)
        scope["route"] = route
        await route.handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """No route has a name to be found by."""
        raise NoMatchFound(name, path_params)
