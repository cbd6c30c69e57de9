"""A database superuser and own books for the tests of the ledger."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from graph.context import Services
from models.embedded.parts import Endpoints
from models.embedded.postgres import SUPERUSER
from resolvers.transactions import delete_transactions
from tests.ledger.books import Books, found_books


@pytest.fixture
async def root(parts: Endpoints) -> AsyncIterator[asyncpg.Connection]:
    """The database's superuser, whom no policy stops."""
    connection = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database=parts.database_name,
        user=SUPERUSER,
        password=parts.superuser_password,
    )
    yield connection
    await connection.close()


@pytest.fixture
async def books(services: Services) -> Books:
    """Own books for one test: plain rows, a split, a transfer, one changed, one in the trash."""
    books = await found_books(services)
    salary = await books.book("1234.56", notes="Net", tags=["work"])
    first = await books.book("-77.77", categoryId=books.category)
    second = await books.book("-88.88", categoryId=books.category)
    side = await books.book("-300.30", transferAccountId=books.savings)
    parts = [
        {"categoryId": books.category, "amount": "-23.45", "notes": "one"},
        {"categoryId": books.category, "amount": "-22.22"},
    ]
    split = await books.book("-45.67", splits=parts)
    changed = await books.change(await books.book("-55.55"), amount="-66.66", payee="Καφές")
    gone = await books.book("-9.99", notes="gone")
    await books.write(lambda write: delete_transactions(write, [(gone.id, None)]))
    books.rows = [salary, first, second, side, split, changed, gone]
    return books
