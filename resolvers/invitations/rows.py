"""Invitations read from the database: what a group sent, and what an address received."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, text

from models.base import among, table
from models.database import Transaction as Tx
from models.invitations import Invitation, InvitationRow
from models.users import User
from resolvers.access import Actor
from resolvers.errors import AppError, ErrorCode, NotFound
from resolvers.mails import token_hash
from resolvers.paging import Order, Page, PageRequest, fetch_page

V: Final = table(Invitation)
_U: Final = table(User)
_NAMES: Final = tuple(f.name for f in fields(InvitationRow))
COLUMNS: Final = tuple(V.c[name] for name in _NAMES)
_BY_TOKEN: Final = text("SELECT ledger_id, invitation_id FROM invitation_by_token(:hash)")
_NEWEST: Final = Order((V.c.id,), descending=True)


def invitation_row(found: Row[Any]) -> InvitationRow:
    """A database row as the rules see it."""
    return InvitationRow(**{name: getattr(found, name) for name in _NAMES})


def _page(page: Page[Row[Any]]) -> Page[InvitationRow]:
    return page.map(lambda rows: [invitation_row(row) for row in rows])


def _box(actor: Actor, box: str, status: str) -> ColumnElement[bool]:
    """Received: for the own address, as far as the policy lets it be seen; sent: by oneself."""
    if box == "SENT":
        return and_(V.c.invited_by == actor.user_id, V.c.status == status)
    own = select(_U.c.email_key).where(_U.c.id == actor.user_id).scalar_subquery()
    return and_(V.c.email_key == own, V.c.status == status)


async def list_invitations(
    tx: Tx, actor: Actor, request: PageRequest, *, box: str, status: str
) -> Page[InvitationRow]:
    """A page of a box, newest first."""
    statement = _proved(select(*COLUMNS).where(_box(actor, box, status)), box)
    return _page(await fetch_page(tx, statement, _NEWEST, request))


def _proved(statement: Select[Any], box: str) -> Select[Any]:
    """The received box is empty until the address is proved, even for members of the group."""
    if box == "SENT":
        return statement
    return statement.where(V.c.email_key.in_(select(text("my_inbox()"))))


async def count_invitations(tx: Tx, actor: Actor, *, box: str, status: str) -> int:
    """How many invitations a box holds."""
    counted = select(func.count()).select_from(V).where(_box(actor, box, status))
    return int(await tx.scalar(_proved(counted, box)))


async def list_of_group(
    tx: Tx, group_id: UUID, request: PageRequest, *, status: str
) -> Page[InvitationRow]:
    """A page of a group's invitations, newest first."""
    statement = select(*COLUMNS).where(V.c.ledger_id == group_id, V.c.status == status)
    return _page(await fetch_page(tx, statement, _NEWEST, request))


async def count_of_group(tx: Tx, group_id: UUID, *, status: str) -> int:
    """How many invitations of a group there are."""
    mine = select(func.count()).select_from(V)
    return int(await tx.scalar(mine.where(V.c.ledger_id == group_id, V.c.status == status)))


async def pending_by_group(tx: Tx, keys: Sequence[tuple[UUID, int]]) -> list[Page[InvitationRow]]:
    """The newest pending invitations of several groups; keys end with how many."""
    pages: dict[tuple[UUID, int], Page[InvitationRow]] = {}
    for size in {key[1] for key in keys}:
        wanted = [key[0] for key in keys if key[1] == size]
        place = func.row_number().over(partition_by=V.c.ledger_id, order_by=V.c.id.desc())
        ranked = (
            select(*COLUMNS, place.label("place"))
            .where(among(V.c.ledger_id, wanted), V.c.status == "PENDING")
            .subquery()
        )
        rows = await tx.rows(
            select(ranked)
            .where(ranked.c.place <= size + 1)
            .order_by(ranked.c.ledger_id, ranked.c.place)
        )
        for group_id in wanted:
            mine = [invitation_row(row) for row in rows if row.ledger_id == group_id]
            shown = mine[:size]
            pages[group_id, size] = Page(
                shown, [(row.id,) for row in shown], len(mine) > size, has_previous=False
            )
    return [pages[key] for key in keys]


async def invitations_by_id(tx: Tx, keys: Sequence[UUID]) -> list[InvitationRow | None]:
    """Invitations that the person sent, received, or sees in a group of hers."""
    rows = await tx.rows(select(*COLUMNS).where(among(V.c.id, set(keys))))
    found = {row.id: invitation_row(row) for row in rows}
    return [found.get(key) for key in keys]


async def get_invitation(tx: Tx, invitation_id: UUID | None) -> InvitationRow:
    """One invitation; raises NOT_FOUND."""
    if invitation_id is not None:
        row = (await invitations_by_id(tx, [invitation_id]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such invitation.")


async def in_group(tx: Tx, group_id: UUID, *where: ColumnElement[bool]) -> list[InvitationRow]:
    """Invitations of a group under some conditions."""
    rows = await tx.rows(select(*COLUMNS).where(V.c.ledger_id == group_id, or_(*where)))
    return [invitation_row(row) for row in rows]


async def find_place(tx: Tx, invitation_id: UUID | None, token: str | None) -> UUID:
    """The group into which an invitation asks, for who received it or holds its token.

    Raises NOT_FOUND, or INVALID_TOKEN for a token that is none of it.
    """
    if invitation_id is None:
        raise NotFound("There is no such invitation.")
    if token is not None:
        found = await tx.first(_BY_TOKEN, {"hash": token_hash(token)})
        if found is None or found.invitation_id != invitation_id:
            raise AppError("The token is none of this invitation.", code=ErrorCode.INVALID_TOKEN)
        group_id: UUID = found.ledger_id
        return group_id
    return (await get_invitation(tx, invitation_id)).ledger_id
