"""A person with files and statements: what tests of uploads and imports do in one line each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, text

from models.base import table, utc_now
from models.database import Database, Transaction, key_context
from models.ids import encode, new_id
from models.jobs import Job
from models.ledgers import LedgerKey
from models.sealing import new_key
from models.stores.files import LocalFiles
from models.transactions import TransactionRow
from models.uploads import UploadRow
from models.users import User
from resolvers.access import Actor
from resolvers.accounts import AccountCreate, create_account
from resolvers.categories import create_starter_set
from resolvers.imports import (
    ImportCreate,
    ImportProcess,
    get_import,
    list_import_rows,
    process_import,
    run_import,
    start_import,
)
from resolvers.inputs import parse
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.paging import PageRequest
from resolvers.transactions import TransactionFilter, delete_transactions, list_transactions
from resolvers.uploads import UploadCreate, store_upload


async def pieces(data: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    """Bytes as the network gives them."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def no_fence(tx: Transaction, job: "Work") -> None:
    """A job that nobody else claims."""


def stored(folder: Path) -> list[Path]:
    """The objects that a file store has under a folder."""
    return [path for path in (folder / "files").rglob("*") if path.is_file()]


@dataclass(frozen=True)
class Work:
    """A claimed job."""

    subject_id: UUID


@dataclass
class World:
    """Parts of one test and what a person does with them."""

    database: Database
    ledgers: Ledgers
    files: LocalFiles
    secret: bytes
    actors: list[Actor] = field(default_factory=list)

    @property
    def actor(self) -> Actor:
        return self.actors[0]

    async def write(self, work: Callable[[LedgerWrite], Awaitable[Any]], **more: Any) -> Any:
        return (await self.ledgers.write(self.actor, work, **more)).value

    async def person(self) -> Actor:
        actor = Actor(new_id(), new_id(), None, "EUR", "en", "UTC")

        async def found(tx: Transaction) -> None:
            await tx.run(text("SELECT open_personal_ledger(:l)"), {"l": actor.ledger_id})
            context = key_context(actor.ledger_id, 1)
            wrapped = await self.database.keys.wrap(new_key(), context)
            now = utc_now()
            await tx.run(
                insert(table(LedgerKey)).values(
                    ledger_id=actor.ledger_id, key_no=1, wrapped=wrapped, created_at=now
                )
            )
            await tx.run(
                insert(table(User)).values(
                    id=actor.user_id, ledger_id=actor.ledger_id, email="a@example.org",
                    email_key=str(actor.user_id), name="A", base_currency="EUR", locale="en",
                    time_zone="UTC", version=1, created_at=now, updated_at=now,
                )
            )  # fmt: skip

        await self.ledgers.write(actor, create_starter_set, first=found)
        self.actors.append(actor)
        return actor

    async def account(self, name: str = "Giro", currency: str = "EUR", **more: Any) -> UUID:
        raw = {"name": name, "type": "CHECKING", "currency": currency, **more}
        made = await self.write(lambda write: create_account(write, parse(AccountCreate, raw)))
        return made.id

    async def upload(self, data: bytes | str, filename: str = "bank.csv", **more: Any) -> UploadRow:
        body = data.encode() if isinstance(data, str) else data
        outcome = await store_upload(
            self.ledgers, self.files, self.actor, pieces(body), UploadCreate(purpose="STATEMENT"),
            filename=filename, declared=None, **more,
        )  # fmt: skip
        return outcome.value

    async def start(self, upload: UploadRow, account: UUID | None, **raw: Any) -> UUID:
        told = {
            "uploadId": encode("file", upload.id),
            "accountId": None if account is None else encode("acct", account),
            **raw,
        }
        run = await self.write(lambda write: start_import(write, parse(ImportCreate, told)))
        return run.id

    async def work(self, import_id: UUID, fence: Any = no_fence) -> Any:
        await run_import(
            self.ledgers, self.database, self.files, Work(import_id), actor=self.actor,
            fence=fence, secret=self.secret,
        )  # fmt: skip
        return await self.run(import_id)

    async def run(self, import_id: UUID) -> Any:
        async with self.database.read(self.actor.user_id) as tx:
            return await get_import(tx, self.actor, import_id)

    async def bring_in(self, data: bytes | str, account: UUID, **raw: Any) -> Any:
        """Upload, start and run at once."""
        return await self.work(await self.start(await self.upload(data), account, **raw))

    async def process(self, import_id: UUID, **raw: Any) -> Any:
        data = parse(ImportProcess, raw)
        await self.write(lambda write: process_import(write, import_id, data))
        return await self.work(import_id)

    async def lines(self, import_id: UUID) -> list[Any]:
        found: list[Any] = []
        async with self.database.read(self.actor.user_id) as tx:
            after = None
            while True:
                page = await list_import_rows(
                    tx, self.actor.ledger_id, import_id, PageRequest(first=100, after=after)
                )
                found += page.items
                if not page.has_next:
                    return found
                after = page.keys[-1]

    async def booked(self, account: UUID | None = None, **more: Any) -> list[TransactionRow]:
        """Living transactions, oldest first."""
        wanted = TransactionFilter.model_construct(account_id=account, **more)
        found: list[TransactionRow] = []
        async with self.database.read(self.actor.user_id) as tx:
            after = None
            while True:
                page = await list_transactions(
                    tx, self.actor, wanted, sort="DATE_ASC",
                    request=PageRequest(first=100, after=after),
                )  # fmt: skip
                found += page.items
                if not page.has_next:
                    return found
                after = page.keys[-1]

    async def throw_away(self, *rows: TransactionRow) -> None:
        await self.write(lambda write: delete_transactions(write, [(r.id, None) for r in rows]))

    async def jobs(self) -> list[tuple[str, UUID]]:
        jobs = table(Job)
        mine = jobs.c.ledger_id == self.actor.ledger_id
        found = await self.database.call(select(jobs.c.kind, jobs.c.subject_id).where(mine))
        await self.database.call(delete(jobs).where(mine).returning(jobs.c.id))
        return [(row.kind, row.subject_id) for row in found]
