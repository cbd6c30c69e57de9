"""The routes of the graph's own door: /graphql, its pages, files and keys."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from graph.context import Services
from graph.engine import Engine
from graph.http.downloads import export_route
from graph.http.entry import AnyMethod
from graph.http.files import file_route
from graph.http.graphql import GraphQLEndpoint
from graph.http.graphql_ws import serve_graphql
from graph.http.negotiate import wants_page
from graph.http.pages import graphiql_page, page_routes
from graph.http.sockets import SocketEndpoint
from graph.http.updates_ws import PARAMETERS, serve_updates


def graph_routes(
    services: Services, engine: Engine, *, demo_password: str | None = None, pages: bool = True
) -> list[BaseRoute]:
    """Routes of GraphQL, GraphiQL, the root page, static files and the key set."""
    endpoint = GraphQLEndpoint(services, engine)

    async def graphql(request: Request) -> Response:
        browser = request.method == "GET" and "query" not in request.query_params
        if pages and browser and wants_page(request.headers.get("accept")):
            return graphiql_page(request, demo_password=demo_password)
        return await endpoint(request)

    async def jwks(_: Request) -> Response:
        return JSONResponse(services.auth.jwks(), headers={"Cache-Control": "public, max-age=3600"})

    sockets = SocketEndpoint(services, partial(serve_graphql, services, engine))
    updates = SocketEndpoint(services, partial(serve_updates, services), parameters=PARAMETERS)
    return [
        Route("/graphql", AnyMethod(graphql)),
        WebSocketRoute("/graphql", sockets),
        WebSocketRoute("/ws/updates", updates),
        WebSocketRoute("/v1/ws/updates", updates),
        Route("/.well-known/jwks.json", jwks, methods=["GET"]),
        file_route(services),
        export_route(services),
        *page_routes(
            public_url=services.public_url,
            graphiql=pages,
            demo=demo_password is not None,
            provider=services.elsewhere.named(f"{services.public_url.rstrip('/')}/"),
        ),
    ]
