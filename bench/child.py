"""A Python process that is measured: one contestant on a free port, told by its stdin.

Its first line of input is where the parts are.  Then each line is a question about the process
itself: ``cpu`` is answered by nanoseconds, ``profile`` and ``report`` begin and end a profile.  The
end of the input is the end of the process, so that nothing outlives the bench.
"""

import asyncio
import gc
import json
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import uvloop

from bench.sampling import Sampler
from models.embedded.parts import Endpoints


def _answer_questions(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """Answer until the input ends; runs beside the loop and sleeps meanwhile."""
    sampler: Sampler | None = None
    for line in sys.stdin:
        answer: Any = None
        if line.strip() == "cpu":
            answer = time.process_time_ns()
        elif line.strip() == "profile":
            sampler = Sampler(threading.main_thread().ident or 0)
            sampler.start()
        elif line.strip() == "report" and sampler is not None:
            answer = sampler.finish()
        _say(answer)
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(stopping.set)


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _begin(taken: socket.socket, stopping: asyncio.Event) -> None:
    """Tell the port, and listen to questions."""
    _say(taken.getsockname()[1])
    arguments = (asyncio.get_running_loop(), stopping)
    threading.Thread(target=_answer_questions, args=arguments, daemon=True).start()


def _use_reference() -> None:
    """Let the product execute everything by graphql-core, the reference of its own executor."""
    from graph import engine  # noqa: PLC0415

    if "reference" not in signature(engine.Engine).parameters:
        return  # Here graphql-core runs everything anyway.
    kept: Any = engine.Engine
    # setattr, for a type checker rightly holds this to be no class any more.
    setattr(engine, "Engine", partial(kept, reference=True))  # noqa: B010


async def _product(
    endpoints: Endpoints, data: Path, taken: socket.socket, *, worker: bool = True
) -> None:
    """What `pockettrend serve` runs, with its worker, on parts that somebody else started."""
    from app import create_app, migrate_all, start  # noqa: PLC0415
    from graph.http.logs import configure_logs  # noqa: PLC0415
    from graph.http.server import make_server  # noqa: PLC0415
    from launch import keep_from_collections  # noqa: PLC0415
    from settings import Settings  # noqa: PLC0415

    settings = Settings(data=data, rate_limits="off")
    configure_logs(level=settings.log_level, style=settings.log_format)
    await migrate_all(settings, endpoints)
    running = await start(settings, endpoints, port=int(taken.getsockname()[1]))
    application = create_app(running.services, settings, running)
    server = make_server(application, shutdown_seconds=5, proxies=())
    # The command imports before its loop starts and freezes what it has; so does this.
    gc.collect()
    keep_from_collections()
    stopping = asyncio.Event()
    await server.serve_until(
        stopping,
        taken,
        beside=[
            asyncio.create_task(running.metrics.watch_loop(stopping)),
            # Two workers would share the jobs of the first, and its measurements with them.
            *([asyncio.create_task(running.work(stopping))] if worker else []),
        ],
        unwell=lambda: None,
        ready=lambda: _begin(taken, stopping),
        draining=running.draining,
        drain_seconds=0.0,
        early=True,
    )
    await running.close()


async def _peer(endpoints: Endpoints, taken: socket.socket, name: str) -> None:
    """A peer on a plain uvicorn with the same loop and parser."""
    import asyncpg  # noqa: PLC0415
    from uvicorn import Config, Server  # noqa: PLC0415

    from bench.handwritten import make_app  # noqa: PLC0415
    from bench.stock import Stock  # noqa: PLC0415
    from models.embedded.postgres import OWNER  # noqa: PLC0415

    pool = await asyncpg.create_pool(
        host=endpoints.database_host,
        port=endpoints.database_port,
        database=endpoints.database_name,
        user=OWNER,
        password=endpoints.owner_password,
        min_size=2,
        max_size=10,
    )
    application = Stock(pool) if name == "strawberry" else make_app(pool)
    config = Config(
        application, http="httptools", lifespan="off", log_config=None, access_log=False
    )
    server = Server(config)
    gc.collect()
    gc.freeze()
    stopping = asyncio.Event()
    # The socket listens already: who connects before the server is ready waits a moment.
    _begin(taken, stopping)
    serving = asyncio.create_task(server.serve(sockets=[taken]))
    await stopping.wait()
    server.should_exit = True
    await serving
    await pool.close()


def main() -> None:
    """Serve until the input ends."""
    told = json.loads(sys.stdin.readline())
    endpoints = Endpoints(**told["endpoints"])
    taken = socket.create_server(("127.0.0.1", 0))
    name = told["contestant"]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if name in {"hand-written", "strawberry"}:
            runner.run(_peer(endpoints, taken, name))
            return
        if name == "graphql-core":
            _use_reference()
        runner.run(_product(endpoints, Path(told["data"]), taken, worker=name == "product"))


if __name__ == "__main__":
    main()
