"""The sections of a takeout that tell of groups: what a member can see of them, and her own part."""

from typing import Any

from sqlalchemy import or_, select

from models.database import Transaction as Tx
from models.groups import GroupRow
from resolvers.access import Actor
from resolvers.categories import list_categories
from resolvers.exports.every import Pages, every, pages
from resolvers.exports.kept import kept
from resolvers.groups import list_groups, list_members
from resolvers.groups.shares import SHARE_COLUMNS, H, open_shares
from resolvers.groups.transactions import COLUMNS, X, open_group_transactions
from resolvers.invitations.rows import COLUMNS as INVITATION_COLUMNS
from resolvers.invitations.rows import V, invitation_row
from resolvers.paging import Order, Page, PageRequest, fetch_page
from resolvers.transactions import TransactionFilter
from resolvers.users import get_user, searchable_email


async def groups(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    """Groups with their members, those who left too, and their categories."""
    async for rows in pages(lambda page: list_groups(tx, actor, page)):
        yield [await _group(tx, row) for row in rows]


async def _group(tx: Tx, row: GroupRow) -> dict[str, Any]:
    people = []
    for former in (False, True):

        async def listed(page: PageRequest, former: bool = former) -> Page[Any]:
            return await list_members(tx, row.id, page, former=former)

        people += [kept(one) async for one in every(listed)]
    categories = every(lambda page: list_categories(tx, row.id, page))
    return {**kept(row), "members": people, "categories": [kept(one) async for one in categories]}


async def group_transactions(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    """Shared expenses and settlements of all groups, with who paid and who owes; the trash too."""
    async for group in every(lambda page: list_groups(tx, actor, page)):
        mine = select(*COLUMNS).where(X.c.ledger_id == group.id)

        async def fetch(page: PageRequest, mine: Any = mine) -> Page[Any]:
            found = await fetch_page(tx, mine, Order((X.c.date, X.c.id)), page)
            rows = await open_group_transactions(tx, found.items)
            return Page(rows, found.keys, found.has_next, found.has_previous)

        async for rows in pages(fetch):
            yield [kept(row) for row in rows]


async def shares(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    """What shared expenses are in the own books, of groups that were left too."""
    mine = select(*SHARE_COLUMNS).where(H.c.ledger_id == actor.ledger_id)

    async def fetch(page: PageRequest) -> Page[Any]:
        found = await fetch_page(tx, mine, Order((H.c.date, H.c.id)), page)
        rows = await open_shares(tx, found.items)
        return Page(rows, found.keys, found.has_next, found.has_previous)

    async for rows in pages(fetch):
        yield [kept(row) for row in rows]


async def invitations(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    """Invitations that the person sent or was sent, whatever became of them."""
    user = await get_user(tx, actor.user_id)
    told = select(*INVITATION_COLUMNS).where(
        or_(V.c.invited_by == actor.user_id, V.c.email_key == searchable_email(user.email))
    )

    async def fetch(page: PageRequest) -> Page[Any]:
        found = await fetch_page(tx, told, Order((V.c.id,)), page)
        return found.map(lambda rows: [invitation_row(row) for row in rows])

    async for rows in pages(fetch):
        yield [kept(row) for row in rows]
