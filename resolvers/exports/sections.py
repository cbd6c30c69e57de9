"""The sections of a takeout: every table that holds something of a person, or why it does not.

A section gives pages of plain objects.  References go by id; a transfer's sides and a category's
parent may come after what refers to them, so that who reads a takeout links in a second step.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sqlalchemy import select

from models import ids
from models.accounts import Account
from models.base import table
from models.changes import Change
from models.database import Transaction as Tx
from models.templates import Template
from resolvers.access import Actor
from resolvers.accounts import list_accounts, open_accounts
from resolvers.audit import list_audit
from resolvers.budgets import list_budgets
from resolvers.categories import list_categories
from resolvers.exports.every import Pages, pages
from resolvers.exports.groups import group_transactions, groups, invitations, shares
from resolvers.exports.kept import kept
from resolvers.imports import list_import_rows, list_imports
from resolvers.notifications import list_notifications
from resolvers.oidc import list_identities
from resolvers.paging import Order, Page, PageRequest, fetch_page
from resolvers.personal_tokens import list_personal_tokens
from resolvers.rates import list_rates
from resolvers.rules import list_changes, list_rules, list_runs
from resolvers.sessions import list_sessions
from resolvers.templates import list_templates
from resolvers.transactions import TransactionFilter, walk_transactions
from resolvers.uploads import list_uploads
from resolvers.wire import instant

Section = Callable[[Tx, Actor, TransactionFilter], Pages]
_A: Final = table(Account)
_C: Final = table(Change)
_M: Final = table(Template)


def _listed(listing: Callable[[Tx, Actor, PageRequest], Awaitable[Page[Any]]]) -> Section:
    """A section that is a noun's own list."""

    async def section(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
        async for rows in pages(lambda page: listing(tx, actor, page)):
            yield [kept(row) for row in rows]

    return section


async def _transactions(tx: Tx, actor: Actor, wanted: TransactionFilter) -> Pages:
    async for rows in walk_transactions(tx, actor, wanted):
        yield [kept(row) for row in rows]


async def _categories(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    async for rows in pages(lambda page: list_categories(tx, actor.ledger_id, page)):
        yield [kept(row) for row in rows]


async def _templates(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    """Templates with the dates that are not asked for again."""
    async for rows in pages(lambda page: list_templates(tx, actor, page)):
        spent = {
            row.id: row.spent_dates
            for row in await tx.rows(
                select(_M.c.id, _M.c.spent_dates).where(
                    _M.c.ledger_id == actor.ledger_id, _M.c.id.in_([row.id for row in rows])
                )
            )
        }
        yield [
            {**kept(row), "spentDates": [day.isoformat() for day in spent[row.id]]} for row in rows
        ]


async def _import_rows(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    async for runs in pages(lambda page: list_imports(tx, actor, page)):
        for run in runs:

            async def lines(page: PageRequest, run: Any = run) -> Page[Any]:
                return await list_import_rows(tx, run.ledger_id, run.id, page)

            async for rows in pages(lines):
                yield [kept(row) for row in rows]


async def _rule_changes(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    async for runs in pages(lambda page: list_runs(tx, actor, page)):
        for run in runs:

            async def changes(page: PageRequest, run: Any = run) -> Page[Any]:
                return await list_changes(tx, run.ledger_id, run.id, page)

            async for rows in pages(changes):
                yield [kept(row) for row in rows]


async def _trashed_accounts(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    gone = select(_A).where(_A.c.ledger_id == actor.ledger_id, _A.c.deleted_at.is_not(None))

    async def fetch(page: PageRequest) -> Page[Any]:
        return await fetch_page(tx, gone, Order((_A.c.id,)), page)

    async for found in pages(fetch):
        opened = await open_accounts(tx, found)
        when = {row.id: row.deleted_at for row in found}
        yield [{**kept(row), "deletedAt": instant(when[row.id])} for row in opened]


async def _trashed_transactions(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    async for rows in walk_transactions(tx, actor, TransactionFilter(deleted=True)):
        yield [kept(row) for row in rows]


async def _sessions(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    yield [kept(row) for row in await list_sessions(tx, actor)]


async def _personal_tokens(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    yield [kept(row) for row in await list_personal_tokens(tx, actor)]


async def _identities(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    yield [kept(row) for row in await list_identities(tx, actor)]


async def _changes(tx: Tx, actor: Actor, _: TransactionFilter) -> Pages:
    """Who changed what and when, without what it was: the present state stands above."""
    columns = (_C.c.version, _C.c.seq, _C.c.entity, _C.c.entity_id, _C.c.op, _C.c.actor_id, _C.c.at)
    feed = select(*columns).where(_C.c.ledger_id == actor.ledger_id)

    async def fetch(page: PageRequest) -> Page[Any]:
        return await fetch_page(tx, feed, Order((_C.c.version, _C.c.seq)), page)

    async for rows in pages(fetch):
        yield [
            {
                "version": row.version,
                "seq": row.seq,
                "entity": row.entity,
                "uuid": str(row.entity_id),
                "op": row.op,
                "actorId": ids.encode("user", row.actor_id),
                "at": instant(row.at),
            }
            for row in rows
        ]


CORE: Final[Mapping[str, Section]] = {
    "categories": _categories,
    "accounts": _listed(list_accounts),
    "transactions": _transactions,
}
"""What every JSON export holds: the transactions that a filter leaves, and what they refer to."""

REST: Final[Mapping[str, Section]] = {
    "budgets": _listed(list_budgets),
    "templates": _templates,
    "rules": _listed(list_rules),
    "ruleRuns": _listed(list_runs),
    "ruleChanges": _rule_changes,
    "uploads": _listed(list_uploads),
    "imports": _listed(list_imports),
    "importRows": _import_rows,
    "rates": _listed(list_rates),
    "groups": groups,
    "groupTransactions": group_transactions,
    "shares": shares,
    "invitations": invitations,
    "notifications": _listed(list_notifications),
    "trashedAccounts": _trashed_accounts,
    "trashedTransactions": _trashed_transactions,
    "sessions": _sessions,
    "personalTokens": _personal_tokens,
    "identities": _identities,
    "audit": _listed(list_audit),
    "changes": _changes,
}
"""What an export without a filter adds, so that nothing is lost."""

TABLES: Final[Mapping[str, str]] = {
    "users": "profile",
    "categories": "categories",
    "accounts": "accounts",
    "transactions": "transactions",
    "splits": "transactions",
    "budgets": "budgets",
    "budget_items": "budgets",
    "templates": "templates",
    "rules": "rules",
    "rule_runs": "ruleRuns",
    "rule_changes": "ruleChanges",
    "uploads": "uploads",
    "imports": "imports",
    "import_rows": "importRows",
    "rates": "rates",
    "groups": "groups",
    "group_members": "groups",
    "group_transactions": "groupTransactions",
    "group_parts": "groupTransactions",
    "shares": "shares",
    "invitations": "invitations",
    "notifications": "notifications",
    "sessions": "sessions",
    "changes": "changes",
    "personal_tokens": "personalTokens",
    "identities": "identities",
    "audit_entries": "audit",
}
"""The section that tells what a table holds of a person."""

NOT_TOLD: Final[Mapping[str, str]] = {
    "ledgers": "only where the ledger's history stands",
    "ledger_keys": "keys never leave the server",
    "system_keys": "keys never leave the server",
    "memberships": "a personal ledger has one member: the profile",
    "refresh_tokens": "hashes of secrets that open nothing elsewhere",
    "second_factors": "a secret that your authenticator has",
    "recovery_codes": "hashes of secrets that open nothing elsewhere",
    "audit_heads": "only where the audit ends",
    "sign_in_failures": "counters under keyed hashes of addresses",
    "mailed_tokens": "hashes of secrets that open nothing elsewhere",
    "idempotency_keys": "answers to repeats, kept for a day",
    "import_memories": "hashes under a key that never leaves the server",
    "budget_marks": "which thresholds were told of: the notifications say so",
    "learned_categories": "computed from the transactions",
    "segments": "computed from the transactions",
    "group_nets": "computed from the transactions of groups",
    "group_debts": "computed from the transactions of groups",
    "farewells": "who is about to leave a group",
    "inboxes": "counters of changes under hashed addresses",
    "registrations": "people who are not there yet",
    "limit_hits": "counters of requests under keyed hashes",
    "erasures": "people who are gone",
    "jobs": "work of ours, by ids only",
    "published_rates": "what a bank publishes for everybody",
    "rate_sources": "when the bank was last asked",
}
"""Tables that no section tells of, and why."""
