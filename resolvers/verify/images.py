"""Stored rows against the feed: what the newest change says of a living object is what is there."""

import hmac
from collections.abc import Hashable, Sequence
from typing import Any, Final, cast
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import Row, select, text

from models.accounts import Account, AccountRow
from models.base import table
from models.budgets import Budget, BudgetItem, BudgetItemRow, BudgetRow
from models.categories import Category, CategoryRow
from models.changes import content_mac, content_place
from models.groups import (
    Group,
    GroupMember,
    GroupRow,
    GroupTransaction,
    GroupTransactionRow,
    MemberRow,
    Share,
    ShareRow,
)
from models.invitations import Invitation, InvitationRow
from models.notifications import Notification, NotificationRow
from models.rates import Rate, RateRow
from models.rules import Rule, RuleRow
from models.templates import Template, TemplateRow
from models.transactions import TransactionRow
from models.uploads import Upload, UploadRow
from resolvers.events import image_of
from resolvers.transactions.rows import T
from resolvers.verify.finder import PAGE_ROWS, Finder
from resolvers.verify.report import Kind, named

Stored = (
    AccountRow
    | BudgetItemRow
    | BudgetRow
    | CategoryRow
    | NotificationRow
    | GroupRow
    | GroupTransactionRow
    | InvitationRow
    | MemberRow
    | RateRow
    | RuleRow
    | ShareRow
    | TemplateRow
    | TransactionRow
    | UploadRow
)

_NEWEST: Final = text(
    "SELECT wanted.id, newest.version, newest.seq, newest.content, newest.content_mac "
    "FROM unnest(CAST(:ids AS uuid[])) AS wanted (id) CROSS JOIN LATERAL ("
    "SELECT c.version, c.seq, c.content, c.content_mac FROM changes c WHERE c.ledger_id = :ledger "
    "AND c.entity_id = wanted.id AND c.entity = :entity "
    "ORDER BY c.version DESC, c.seq DESC LIMIT 1) AS newest"
)
_LAST_WORDS: Final = text(
    "SELECT DISTINCT ON (c.entity_id) c.entity_id, c.op FROM changes c "
    "WHERE c.ledger_id = :ledger AND c.entity = :entity AND c.entity_id > :after "
    "ORDER BY c.entity_id, c.version DESC, c.seq DESC LIMIT :rows"
)
_TABLES: Final = {
    "account": table(Account),
    "budget": table(Budget),
    "budgetItem": table(BudgetItem),
    "category": table(Category),
    "notification": table(Notification),
    "rate": table(Rate),
    "rule": table(Rule),
    "group": table(Group),
    "group_transaction": table(GroupTransaction),
    "invitation": table(Invitation),
    "member": table(GroupMember),
    "share": table(Share),
    "template": table(Template),
    "transaction": T,
    "upload": table(Upload),
}
_READ_ALONG: Final = frozenset({"category_kind", "items", "refunded"})
"""Read from other rows; those have their own entries when they change."""
_LINKS: Final = frozenset({"refund_of", "transfer_id"})
"""Emptied without an entry when the row they name leaves the trash for good."""


async def check_images(
    finder: Finder, entity: str, rows: Sequence[Stored], trash: Sequence[UUID] = ()
) -> None:
    """Compare opened living rows of one kind with their newest entries in the feed.

    Of rows in the trash the feed must know something, no more: what they say may change there.
    """
    wanted = [*(row.id for row in rows), *trash]
    if not wanted:
        return
    values = {"ledger": finder.ledger_id, "entity": entity, "ids": wanted}
    newest = {found.id: found for found in await finder.tx.rows(_NEWEST, values)}
    for one in wanted:
        if one not in newest:
            message = f"{named(entity, one)} is stored, but the feed knows nothing of it."
            finder.differs(Kind.ROW, entity, one, message)
    for row in rows:
        name = named(entity, row.id)
        found = newest.get(row.id)
        if found is None:
            continue
        said = _said(finder, row.id, found)
        if said is None:
            continue
        if "after" not in said:
            message = f"{name} is stored as living, but the feed says it was deleted."
            finder.differs(Kind.ROW, entity, row.id, message)
            continue
        wrong = await _differing(finder, row, said["after"])
        if wrong:
            message = f"{name} is not as its last change left it: {', '.join(wrong)}."
            finder.differs(Kind.ROW, entity, row.id, message)


def _said(finder: Finder, row_id: UUID, found: Row[Any]) -> dict[str, Any] | None:
    """The opened content; None for one that the walk along the chain has told already."""
    plaintext = finder.opened(
        content_place(found.version, found.seq), "change", row_id, found.content, tell=False
    )
    if plaintext is None:
        return None
    mac = content_mac(finder.chain_key, plaintext)
    if not hmac.compare_digest(mac, found.content_mac):
        return None
    return cast("dict[str, Any]", from_json(plaintext))


async def _differing(finder: Finder, row: Stored, said: dict[str, Any]) -> list[str]:
    """Names of the fields in which a row and its image differ."""
    stored = image_of(cast("Hashable", type(row))).dump_python(row, mode="json")
    wrong = []
    for name in stored.keys() - _READ_ALONG:
        if name not in said or agrees(said[name], stored[name]):
            continue
        if name in _LINKS and stored[name] is None and await _gone(finder, UUID(said[name])):
            continue
        wrong.append(name)
    return sorted(wrong)


def agrees(said: Any, stored: Any) -> bool:
    """Whether an image says the same; a field that came after the image was made says nothing."""
    if isinstance(said, dict) and isinstance(stored, dict):
        return all(agrees(said[name], stored[name]) for name in said.keys() & stored.keys())
    if isinstance(said, list) and isinstance(stored, list):
        pairs = zip(said, stored, strict=False)
        return len(said) == len(stored) and all(agrees(one, other) for one, other in pairs)
    return bool(said == stored)


async def _gone(finder: Finder, transaction_id: UUID) -> bool:
    mine = (T.c.ledger_id == finder.ledger_id, T.c.id == transaction_id)
    return await finder.tx.first(select(T.c.id).where(*mine)) is None


async def check_lost(finder: Finder, entity: str) -> None:
    """Tell objects that the feed left living and that are not there."""
    rows = _TABLES[entity]
    after = UUID(int=0)
    while True:
        values = {"ledger": finder.ledger_id, "entity": entity, "after": after, "rows": PAGE_ROWS}
        found = await finder.tx.rows(_LAST_WORDS, values)
        left = [row.entity_id for row in found if row.op != "DELETE"]
        # In a statement of its own: joined to the one above, it is quadratic on fresh tables.
        statement = select(rows.c.id).where(
            rows.c.ledger_id == finder.ledger_id, rows.c.id.in_(left)
        )
        if "deleted_at" in rows.c:
            statement = statement.where(rows.c.deleted_at.is_(None))
        there = {row.id for row in await finder.tx.rows(statement)}
        for one in left:
            if one not in there:
                message = f"{named(entity, one)} is missing: no change has deleted it."
                finder.differs(Kind.ROW, entity, one, message)
        if len(found) < PAGE_ROWS:
            return
        after = found[-1].entity_id
