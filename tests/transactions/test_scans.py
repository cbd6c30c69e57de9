"""Lists by amount over segments: the same rows and pages as by opening everything."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from graph.context import Services
from models.transactions import TransactionRow
from resolvers.accounts import AccountCreate, create_account
from resolvers.categories import CategoryCreate, create_category
from resolvers.inputs import parse
from resolvers.money import digits_of, format_minor
from resolvers.paging import PageRequest, slice_page
from resolvers.transactions import (
    TransactionCreate,
    TransactionFilter,
    count_transactions,
    create_transactions,
    delete_transactions,
    list_transactions,
    transactions_by_id,
)
from resolvers.transactions.rows import T
from resolvers.wire import kind_of
from tests.analytics.test_exact import FIRST
from tests.ledger.books import Books, found_books

pytestmark = pytest.mark.anyio


class World:
    """Random rows in three currencies, some of them in the trash."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books = books
        self.chance = random.Random(seed)  # noqa: S311 - a test's seed, no secret
        self.kinds: list[Any] = [None]

    async def found(self) -> None:
        write, chance = self.books.write, self.chance
        accounts = [(self.books.giro, "EUR")]
        for currency in ("JPY", "KWD"):
            body = {"name": currency, "type": "CASH", "currency": currency}
            made = await write(lambda w, b=body: create_account(w, parse(AccountCreate, b)))
            accounts.append((made.id, currency))
        for kind in ("EXPENSE", "INCOME"):
            body = {"name": kind, "kind": kind}
            made = await write(lambda w, b=body: create_category(w, parse(CategoryCreate, b)))
            self.kinds.append(made.id)
        rows = []
        for _ in range(40):
            account, currency = chance.choice(accounts)
            day = FIRST + timedelta(days=chance.randrange(90))
            body = {
                "accountId": account, "date": day.isoformat(), "description": "x",
                "tags": chance.choice(([], ["t"])),
            }  # fmt: skip
            pieces = [chance.choice((-1, 1)) * chance.choice((0, 1, 2, 1_000, 10**13))] * (
                chance.choice((1, 1, 3))
            )
            if len(pieces) > 1:
                body["splits"] = [
                    {"categoryId": self.kinds[1], "amount": format_minor(one, currency)}
                    for one in pieces
                ]
            else:
                body["categoryId"] = chance.choice(self.kinds)
            body["amount"] = format_minor(sum(pieces), currency)
            rows.append(parse(TransactionCreate, body))
        made_rows = await write(lambda w: create_transactions(w, rows))
        gone = [(row.id, None) for row in made_rows[:8]]
        await write(lambda w: delete_transactions(w, gone))

    def filter(self) -> dict[str, Any]:
        chance = self.chance
        bounds = ("0", "0.001", "0.01", "1", "10", "1000", "1000.001", "9999999999999")
        given: dict[str, Any] = {"deleted": chance.random() < 0.2}
        for name, choices in (
            ("minAmount", bounds), ("maxAmount", bounds), ("kind", ("INCOME", "EXPENSE")),
            ("from", (FIRST + timedelta(days=20),)), ("to", (FIRST + timedelta(days=70),)),
            ("tag", ("t",)), ("categoryId", self.kinds[1:]), ("accountId", (self.books.giro,)),
        ):  # fmt: skip
            if chance.random() < 0.35:
                given[name] = chance.choice(choices)
        return given


def fits(row: TransactionRow, given: dict[str, Any]) -> bool:
    size = abs(Decimal(row.amount_minor)).scaleb(-digits_of(row.currency))
    categories = {row.category_id, *(part.category_id for part in row.splits)}
    return (
        size >= Decimal(given.get("minAmount", 0))
        and size <= Decimal(given.get("maxAmount", 10**20))
        and given.get("kind", kind_of(row)) == kind_of(row)
        and given.get("from", row.date) <= row.date <= given.get("to", row.date)
        and ("tag" not in given or given["tag"] in row.tags)
        and given.get("accountId", row.account_id) == row.account_id
        and given.get("categoryId", row.category_id) in categories
    )


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
async def test_lists_by_amount_are_what_opening_every_row_gives(
    services: Services, seed: int
) -> None:
    world = World(await found_books(services), seed)
    await world.found()
    actor = world.books.actor
    for _ in range(25):
        given = world.filter()
        sort = world.chance.choice(("AMOUNT_DESC", "AMOUNT_ASC", "DATE_DESC", "DATE_ASC"))
        size = world.chance.choice((1, 3, 50))
        backward = world.chance.random() < 0.5
        wanted = TransactionFilter.model_validate(given)
        async with services.database.read(actor.user_id) as tx:
            trash = T.c.deleted_at.is_not(None) if given["deleted"] else T.c.deleted_at.is_(None)
            found = await tx.rows(select(T.c.id).where(T.c.ledger_id == actor.ledger_id, trash))
            keys = [(actor.ledger_id, row.id) for row in found]
            rows = await transactions_by_id(tx, keys, deleted=given["deleted"])
            left = [row for row in rows if row is not None and fits(row, given)]
            assert await count_transactions(tx, actor, wanted) == len(left)
            cursor = None
            for _ in range(4):
                request = (
                    PageRequest(last=size, before=cursor)
                    if backward
                    else PageRequest(first=size, after=cursor)
                )
                expected = slice_page(
                    left,
                    lambda row, s=sort: (
                        row.amount_minor if s.startswith("AMOUNT") else row.date,
                        row.id,
                    ),
                    descending=sort.endswith("DESC"),
                    request=request,
                )
                page = await list_transactions(tx, actor, wanted, sort=sort, request=request)
                assert [row.id for row in page.items] == [row.id for row in expected.items]
                assert list(page.keys) == list(expected.keys)
                assert page.has_next == expected.has_next
                assert page.has_previous == expected.has_previous
                if not page.keys:
                    break
                cursor = page.keys[0 if backward else -1]
