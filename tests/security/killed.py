"""A program that sends one write again and again and dies at a point of it that it is told.

The first line of standard input says where the parts are, each other what to send and where to die;
each try is a fork of its own, so that ``os._exit`` ends a whole process without any farewell.  One
line is written for each try: the exit code, which is 0 for a try that lived and was not refused.
"""

import asyncio
import faulthandler
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
HANGS_SECONDS: Final = 60


def arm(running: Any, point: str) -> None:
    """Die at a point of what follows: ``statement N``, ``commit`` (or ``commit N``), ``told``.

    ``commit`` dies before a transaction is committed, ``committed`` right after, ``told`` before
    the others are told of it, ``answer`` when all is done and nothing is answered yet.
    """
    seen = commits = 0
    whole = asyncpg.Connection.execute

    def statement(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if point == f"statement {seen}":
            os._exit(KILLED)

    async def execute(self: Any, query: str, *words: Any, **more: Any) -> Any:
        nonlocal commits
        commits += query == "COMMIT"
        if query == "COMMIT" and point in {f"commit {commits}", "commit"}:
            os._exit(KILLED)
        done = await whole(self, query, *words, **more)
        if query == "COMMIT" and point == "committed":
            os._exit(KILLED)
        return done

    async def told(*_: Any) -> None:
        if point == "told":
            os._exit(KILLED)

    running.services.database.watch = statement
    asyncpg.Connection.execute = execute
    running.services.ledgers.broker.publish = told


async def attempt(ends: Endpoints, settings: Settings, point: str, request: Any) -> int:
    """Send the request in a process that dies at the point; 0 if it lived and was not refused."""
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
    if point == "answer":
        os._exit(KILLED)
    if answer.status_code >= 300 or answer.json().get("errors"):
        sys.stderr.write(f"{request['path']} {point}: {answer.status_code} {answer.text}\n")
        return 1
    return 0


def main() -> None:
    """Try every point of every request."""
    told = json.loads(sys.stdin.readline())
    ends = Endpoints(**told["parts"])
    settings = Settings(
        data=Path(told["data"]), public_url="http://testserver", argon2_passes=1, rate_limits="off"
    )
    # What every process would find out anew is found out once, before the forks.
    operations, build = load_operations(Engine(), ENDPOINTS), product.build_name()
    for operation in operations.values():
        _ = operation.compiled
    rest_compat.endpoint.load_operations = lambda *_: operations
    product.build_name = lambda: build
    for line in sys.stdin:
        request, point = json.loads(line)
        child = os.fork()
        if child == 0:
            # A try that hangs says where, and ends.
            faulthandler.dump_traceback_later(HANGS_SECONDS, exit=True)
            os._exit(asyncio.run(attempt(ends, settings, point, request)))
        _, waited = os.waitpid(child, 0)
        sys.stdout.write(f"code {os.waitstatus_to_exitcode(waited)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
