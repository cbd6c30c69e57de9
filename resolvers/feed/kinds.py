"""What the feed tells of: the name of an object's kind there, its row and its prefix on the wire."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, Final

from models.accounts import AccountRow
from models.budgets import BudgetItemRow, BudgetRow
from models.categories import CategoryRow
from models.groups import GroupRow, GroupTransactionRow, MemberRow, ShareRow
from models.imports import ImportRunRow
from models.invitations import InvitationRow
from models.notifications import NotificationRow
from models.rates import RateRow
from models.rules import RuleRow, RuleRunRow
from models.templates import TemplateRow
from models.transactions import TransactionRow
from models.uploads import UploadRow
from models.users import UserRow
from resolvers.events import image_of

LEDGER: Final = "ledger"
"""The one kind that is no object: a ledger that the reader may not see any more."""


@dataclass(frozen=True, slots=True)
class FeedKind:
    """One kind of object in the feed."""

    entity: str
    prefix: str
    row: type
    words: str
    """What it is, for the description of the graph's enum."""

    @property
    def name(self) -> str:
        """The entity as clients know it, in camel case like all words on the wire."""
        head, *tail = self.entity.split("_")
        return head + "".join(part.title() for part in tail)

    def open(self, image: Mapping[str, Any]) -> Any:
        """The row that an image was made of; a field that is younger than the image is null."""
        known = {**_absent(self.row), **image}
        return image_of(self.row).validate_python(known)


@cache
def _absent(row: type) -> dict[str, None]:
    """Fields without a default of their own."""
    bare = (f for f in fields(row) if f.default is MISSING and f.default_factory is MISSING)
    return dict.fromkeys(f.name for f in bare)


KINDS: Final[Mapping[str, FeedKind]] = {
    kind.entity: kind
    for kind in (
        FeedKind("account", "acct", AccountRow, "Accounts."),
        FeedKind("budget", "bdgt", BudgetRow, "Budgets; their items are told one by one."),
        FeedKind("budgetItem", "item", BudgetItemRow, "Items of budgets."),
        FeedKind("category", "cat", CategoryRow, "Categories."),
        FeedKind("group", "grp", GroupRow, "Groups."),
        FeedKind(
            "group_transaction", "gtxn", GroupTransactionRow, "What groups spent and settled."
        ),
        FeedKind("import", "imp", ImportRunRow, "Imports and how far they are."),
        FeedKind("notification", "notif", NotificationRow, "Notifications."),
        FeedKind("invitation", "inv", InvitationRow, "Invitations that groups sent."),
        FeedKind("member", "user", MemberRow, "Members of groups; the id is the person's."),
        FeedKind("rate", "rate", RateRow, "Own exchange rates."),
        FeedKind("rule", "rule", RuleRow, "Rules."),
        FeedKind("rule_run", "run", RuleRunRow, "Runs of rules and how far they are."),
        FeedKind("share", "gtxn", ShareRow, "Own shares of group transactions, by their ids."),
        FeedKind("template", "tmpl", TemplateRow, "Recurring templates."),
        FeedKind("transaction", "txn", TransactionRow, "Transactions, both sides of transfers."),
        FeedKind("upload", "file", UploadRow, "Uploaded files."),
        FeedKind("user", "user", UserRow, "The own profile."),
    )
}
ENTITIES: Final[Mapping[str, str]] = {kind.name: kind.entity for kind in KINDS.values()}
"""Kinds as clients name them."""
