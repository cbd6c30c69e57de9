"""A program that sends one write again and again and dies at a point of it that it is told.

Standard input says where the parts are and what to send; each try is a fork of its own, so that
``os._exit`` ends a whole process without any farewell.  One line is written for each try: the exit
code and, for a try that lived, the status of the answer.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2

import app as product
import rest_compat.endpoint
from app import create_app, start
from graph.engine import Engine
from models.embedded.parts import Endpoints
from rest_compat.routes import ENDPOINTS
from rest_compat.stored import load_operations
from settings import Settings

KILLED: Final = 77


def arm(running: Any, point: str) -> None:
    """Die at a point: ``statement N`` of what follows, ``commit`` before it, ``told`` after it."""
    seen = 0
    whole = asyncpg.Connection.execute

    def statement(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if point == f"statement {seen}":
            os._exit(KILLED)

    async def execute(self: Any, query: str, *words: Any, **more: Any) -> Any:
        if point == "commit" and query == "COMMIT":
            os._exit(KILLED)
        return await whole(self, query, *words, **more)

    async def told(*_: Any) -> None:
        if point == "told":
            os._exit(KILLED)

    running.services.database.watch = statement
    asyncpg.Connection.execute = execute
    running.services.ledgers.broker.publish = told


async def attempt(ends: Endpoints, settings: Settings, point: str, request: Any) -> int:
    """Send the request in a process that dies at the point; the status if it lived."""
    running = await start(settings, ends)
    app = create_app(running.services, settings, running)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        # Who asks is known before: what follows is the write.
        await client.get("/v1/auth/me", headers=request["headers"])
        arm(running, point)
        answer = await client.request(
            request["method"], request["path"], json=request["body"], headers=request["headers"]
        )
    return answer.status_code


def main() -> None:
    """Try every point of every request."""
    told = json.loads(sys.stdin.read())
    ends = Endpoints(**told["parts"])
    settings = Settings(data=Path(told["data"]), public_url="http://testserver", argon2_passes=1)
    # What every process would find out anew is found out once, before the forks.
    operations, build = load_operations(Engine(), ENDPOINTS), product.build_name()
    for operation in operations.values():
        _ = operation.compiled
    rest_compat.endpoint.load_operations = lambda *_: operations
    product.build_name = lambda: build
    for request, point in told["tries"]:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            status = asyncio.run(attempt(ends, settings, point, request))
            os._exit(0 if status < 300 else 1)
        _, waited = os.waitpid(child, 0)
        sys.stdout.write(f"code {os.waitstatus_to_exitcode(waited)}\n")


if __name__ == "__main__":
    main()
