"""Which account the rows of a currency go to: the target itself or a sibling in that currency."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from sqlalchemy import select

from models.accounts import AccountRow
from models.base import table
from models.categories import Category
from models.database import Transaction as Tx
from models.ids import decode, encode
from models.imports import ImportRunRow
from resolvers.accounts import AccountCreate, accounts_by_id, create_account
from resolvers.imports.rows import M
from resolvers.inputs import parse
from resolvers.ledgers import LedgerWrite

_C: Final = table(Category)
_MAX_NAME: Final = 200

Accounts = dict[str, UUID]
"""Account by currency."""


def told(accounts: Accounts) -> list[dict[str, str]]:
    """Accounts as an import keeps and shows them."""
    return [
        {"currency": currency, "accountId": encode("acct", account_id)}
        for currency, account_id in accounts.items()
    ]


def accounts_of(run: ImportRunRow) -> Accounts:
    """The accounts that an import has settled on."""
    return _read(run.accounts)


def account_in(run: ImportRunRow, currency: str) -> UUID:
    """The account of a currency; of one that is yet to be opened, no account's id."""
    return accounts_of(run).get(currency, UUID(int=0))


def _read(kept: Iterable[dict[str, str]]) -> Accounts:
    found = {one["currency"]: decode("acct", one["accountId"]) for one in kept}
    return {currency: one for currency, one in found.items() if one is not None}


async def settle_accounts(
    write: LedgerWrite, run: ImportRunRow, target: AccountRow, currencies: set[str], *, book: bool
) -> tuple[Accounts, tuple[str, ...]]:
    """The account of each currency, and the missing siblings opened when rows are to be booked.

    A sibling is reused only where an earlier import into the same target names it: an account
    that merely has a fitting name and currency is somebody's own and stays untouched.
    """
    earlier = await _siblings(write.tx, run)
    accounts: Accounts = {target.currency: target.id}
    opened: list[str] = []
    for currency in sorted(currencies - {target.currency}):
        if currency in earlier:
            accounts[currency] = earlier[currency]
        elif book:
            ending = f" ({currency})"
            raw = {
                "name": target.name[: _MAX_NAME - len(ending)].rstrip() + ending,
                "type": target.type,
                "currency": currency,
                "institution": target.institution,
            }
            accounts[currency] = (await create_account(write, parse(AccountCreate, raw))).id
            opened.append(encode("acct", accounts[currency]))
    return accounts, tuple(opened)


async def _siblings(tx: Tx, run: ImportRunRow) -> Accounts:
    """Living siblings that earlier imports into the same target have used, the newest first."""
    kept = await tx.rows(
        select(M.c.accounts)
        .where(
            M.c.ledger_id == run.ledger_id,
            M.c.account_id == run.account_id,
            M.c.dry_run.is_(False),
            M.c.id != run.id,
        )
        .order_by(M.c.id.desc())
    )
    named: list[tuple[str, UUID]] = []
    for row in kept:
        named += [pair for pair in _read(row.accounts).items() if pair not in named]
    found = await accounts_by_id(tx, [(run.ledger_id, one) for _, one in named])
    living = {row.id: row.currency for row in found if row is not None}
    siblings: Accounts = {}
    for currency, account_id in named:
        if account_id != run.account_id and living.get(account_id) == currency:
            siblings.setdefault(currency, account_id)
    return siblings


class CategoryNames:
    """A ledger's categories by name and key, for files that bring names of categories."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[bool, UUID, str]]] = {}

    @classmethod
    async def load(cls, tx: Tx, ledger_id: UUID) -> "CategoryNames":
        """Read all categories of a ledger in one statement."""
        names = cls()
        rows = await tx.rows(
            select(_C.c.id, _C.c.name, _C.c.key, _C.c.kind, _C.c.archived)
            .where(_C.c.ledger_id == ledger_id)
            .order_by(_C.c.id)
        )
        for row in rows:
            for word in {row.name.casefold(), row.key or ""} - {""}:
                names._found.setdefault(word, []).append((row.archived, row.id, row.kind))
        return names

    def find(self, name: str | None, minor: int) -> tuple[UUID, str] | None:
        """Id and kind of the category that a file names; of several, one that fits the sign.

        A name such as ``Food:Groceries`` is a path, whose end names the category.
        """
        if name is None:
            return None
        wanted = "INCOME" if minor > 0 else "EXPENSE"
        word = name.casefold()
        found = self._found.get(word) or self._found.get(word.rpartition(":")[2].strip(), [])
        ranked = [
            (archived, kind != wanted, category_id, kind) for archived, category_id, kind in found
        ]
        if not ranked:
            return None
        _, _, category_id, kind = min(ranked)
        return category_id, kind
