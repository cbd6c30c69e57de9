"""What reaches the database meanwhile: reads on the driver and all that SQLAlchemy runs."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import event

from models.database import Database
from models.stores.answers import Answers


@contextmanager
def anew() -> Iterator[None]:
    """Every read is made anew: an answer that is kept would count for none."""
    near, shared = Answers.near, Answers.shared

    async def nothing(*_: Any) -> None:
        """Not in Redis either."""

    Answers.near, Answers.shared = (lambda *_: None), nothing  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Answers.near, Answers.shared = near, shared  # type: ignore[method-assign]


@contextmanager
def counted(database: Database, *, kept: bool = False) -> Iterator[list[str]]:
    """The texts of the statements, in order; answers that are ``kept`` count only on request."""
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    database.watch = lambda sql, _: seen.append(sql)
    try:
        with nullcontext() if kept else anew():
            yield seen
    finally:
        database.watch = None
        event.remove(engine, "before_cursor_execute", note)
