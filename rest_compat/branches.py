"""Routes under one prefix, found by their first word: a hundred patterns are not tried in turn."""

from collections.abc import Sequence
from typing import Any, Final

from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send

from graph.http.entry import AnyMethod
from graph.http.front import Direct, Handle

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
        self._plain = {
            route.path: route
            for route in routes
            if "{" not in route.path and self._first(route.path) is route
        }

    def _first(self, path: str) -> Route | None:
        """The route of a path, as it would be found in their order."""
        word = path[len(self._prefix) :].partition("/")[0]
        for route in self._by_word.get(word, ()):
            if route.path_regex.match(path):
                return route
        return None

    def find(self, path: str) -> tuple[Route, dict[str, Any]] | None:
        """The route of a path with the words in it, past the router."""
        route = self._plain.get(path)
        if route is not None:
            return route, {}
        if path.startswith(self._prefix):
            word = path[len(self._prefix) :].partition("/")[0]
            for one in self._by_word.get(word, ()):
                match = one.path_regex.match(path)
                if match is not None:
                    return one, match.groupdict()
        return None

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


def direct(routes: Sequence[BaseRoute]) -> Direct:
    """Finds the handler of a request for either door without asking every route."""
    branches = [one for one in routes if isinstance(one, Branches)]
    graphs = {
        one.path: one
        for one in routes
        if isinstance(one, Route) and isinstance(one.endpoint, AnyMethod) and "{" not in one.path
    }

    def find(scope: Scope) -> Handle | None:
        path = scope["path"]
        words: dict[str, Any] = {}
        route = graphs.get(path)
        if route is None:
            for one in branches:
                found = one.find(path)
                if found is not None:
                    route, words = found
                    break
        if route is None or not isinstance(route.endpoint, AnyMethod):
            return None
        scope["route"], scope["path_params"] = route, words
        return route.endpoint.handle

    return find
