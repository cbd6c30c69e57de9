"""Pools of connections to PostgreSQL: how they are opened, cut off and kept whole."""

import ssl
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from models.frames import open_line
from models.telemetry import watch

COMMAND_SECONDS: Final = 35.0


def connect(
    *,
    host: str,
    port: int,
    name: str,
    user: str,
    password: str,
    pooler: str = "session",
    pool_size: int = 10,
    tls: ssl.SSLContext | bool | None = None,
    command_seconds: float = COMMAND_SECONDS,
    connect_seconds: float = 10,
) -> AsyncEngine:
    """An engine on a PostgreSQL server; without ``tls`` that goes by PGSSLMODE, as in libpq.

    A server that hangs, or a line that is only open on our side, is given up after
    ``command_seconds``: longer than a statement may run there, so that its own word comes first.

    ``pooler="transaction"`` is for PgBouncer in transaction mode: no statement outlives its
    transaction there, so nothing is cached and every prepared name is unique.
    """
    arguments: dict[str, Any] = {
        "host": host,
        "port": port,
        "database": name,
        "user": user,
        "password": password,
        "server_settings": {"application_name": "pockettrend"},
        "command_timeout": command_seconds,
        "timeout": connect_seconds,
        "async_creator_fn": open_line,
    }
    if tls is not None:
        arguments["ssl"] = tls
    if pooler == "transaction":
        arguments |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__pt_{uuid4()}__",
        }
    else:
        # A statement that nobody waits for any more ends: its client gave it up, or was killed.
        arguments["server_settings"]["client_connection_check_interval"] = "500"
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args=arguments,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=False,
        hide_parameters=True,  # bound values are people's data: they stay out of errors and logs
    )
    event.listen(engine.sync_engine, "checkout", _leave_closed)
    watch(engine.sync_engine)
    return engine


def _leave_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Take no connection from the pool that the server has closed: the driver knows of it."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("closed by the server while it lay in the pool")
