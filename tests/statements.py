"""What reaches the database meanwhile: reads on the driver and all that SQLAlchemy runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from models.database import Database


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The texts of the statements, in order."""
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    database.watch = lambda sql, _: seen.append(sql)
    try:
        yield seen
    finally:
        database.watch = None
        event.remove(engine, "before_cursor_execute", note)
