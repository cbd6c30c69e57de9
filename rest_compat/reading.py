"""Reads: a 304 or a cached answer after one small query, else what the operation gives."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from graph.changes import ChangeCursors
from graph.http.downloads import Download
from graph.http.entry import asks_anew, new_context
from resolvers.access import Actor
from rest_compat.door import NO_VERSION, Rest, entity_tag, unchanged, validated, weak
from rest_compat.envelope import success_of
from rest_compat.routes import Endpoint
from rest_compat.shaping import data_of, raise_failure


async def read(
    rest: Rest,
    row: Endpoint,
    request: Request,
    actor: Actor | None,
    variables: Mapping[str, Any],
) -> Response:
    """Answer a GET whose request has been admitted."""
    headers: dict[str, str] = {}
    seal = None
    if actor is not None:
        # Read before the answer: what happens in between is in the answer and comes once more.
        versions = await rest.versions(actor)
        cursors = ChangeCursors(rest.services.cursor_key, actor)
        headers["Change-Cursor"] = cursors.present(versions)
        if not row.expires:
            seal = rest.validator(actor, row.operation, variables, versions)
    if seal is None or actor is None:
        return await _made(rest, row, request, actor, variables, headers, None)
    state = request.scope["state"]
    same = unchanged(request.headers.get("if-none-match"), seal)
    if same is not None:
        state["cached"] = "unchanged"
        return Response(status_code=304, headers=validated(row, weak(row) + same) | headers)
    answers = rest.services.answers
    kept = None
    if rest.keeps(row) and not asks_anew(request):
        kept = answers.near(seal)
        state["cached"] = "miss" if kept is None else "near"
        if kept is None:
            kept = await answers.shared(actor.user_id, seal, row.operation)
            state["cached"] = "miss" if kept is None else "shared"
    if kept is None:
        return await _made(rest, row, request, actor, variables, headers, seal)
    version, _, data = kept.partition(b"\n")
    headers |= validated(row, entity_tag(seal, version.decode()))
    return success_of(data, message=row.message, headers=headers)


async def _made(
    rest: Rest,
    row: Endpoint,
    request: Request,
    actor: Actor | None,
    variables: Mapping[str, Any],
    headers: dict[str, str],
    seal: bytes | None,
) -> Response:
    """Run the operation; its answer is kept where the request has looked for a kept one."""
    operation = rest.operations[row.operation]
    context = new_context(rest.services, request, actor)
    started = perf_counter()
    answer = await rest.engine.run(
        context, operation.compiled, variables, operation.name, trusted=True
    )
    raise_failure(answer)
    if row.write is not None and actor is not None and context.asked is not None:
        # The operation has checked what is asked for; the file takes the place of its answer.
        opened = await rest.services.exports.open(actor, context.asked)
        told = weak(row) + entity_tag(seal or b"", NO_VERSION)
        return Download(opened, headers=validated(row, told) | headers)
    data = data_of(operation, answer.data or {})
    version = data.get("version") if isinstance(data, dict) else None
    told = NO_VERSION if version is None else str(version)
    if seal is not None:
        headers |= validated(row, entity_tag(seal, told))
    elif row.secret:
        headers["Cache-Control"] = "no-store"
    packed = orjson.dumps(data)
    if seal is not None and actor is not None and request.scope["state"].get("cached") == "miss":
        seconds = perf_counter() - started
        kept = b"%b\n%b" % (told.encode(), packed)
        rest.services.answers.put(actor.user_id, seal, row.operation, kept, seconds)
    return success_of(packed, message=row.message, status=row.status, headers=headers)
