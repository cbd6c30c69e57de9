"""Carrying an erasure out: files, then rows, then the mailed receipt; each step may be repeated."""

from dataclasses import fields, replace
from email.message import EmailMessage
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select, text, update

from models.base import table, utc_now
from models.database import Database, Transaction
from models.erasures import Erasure, ErasureRow
from models.stores.files import FileStore
from models.stores.mail import Mailer
from resolvers.erasure.asking import Erasures
from resolvers.erasure.receipt import Receipt
from resolvers.jobs import Handler, Job, fence
from resolvers.mails import compose, deliver

_E: Final = table(Erasure)
_COLUMNS: Final = tuple(_E.c[one.name] for one in fields(ErasureRow))
_FILES: Final = text("SELECT ledger_id, file_id FROM files_to_erase(:erasure)")
_ERASE: Final = text("SELECT erase_ledger(:erasure) AS done")
_log: Final = structlog.get_logger("erasure")
_LETTER: Final = """\
Your account with Pocket Trend is deleted.

The keys of your figures were destroyed at {shredded}: nobody can read
them any more, we included. The last row and file was removed at {erased}.

What was deleted:

{counts}

This is the receipt. Its signature can be checked with the keys at
{url}/.well-known/jwks.json

{statement}
"""


def erase_handler(
    erasures: Erasures, files: FileStore, mailer: Mailer, public_url: str, sender: str
) -> Handler:
    """The handler that removes what an erased person left behind."""
    database = erasures.database

    async def erase(job: Job) -> None:
        row = await _row(database, job.subject_id)
        if row is None:
            return
        if row.erased_at is None:
            # Files first: their names are known by the rows alone.
            for file in await database.call(_FILES, {"erasure": row.id}):
                await files.delete(file.ledger_id, file.file_id)
            await database.call(_ERASE, {"erasure": row.id})
            row = await _done(database, job, row)
            _log.info("person.erased", erasure=str(row.id))
        address = erasures.address_of(row)
        if address is not None:
            letter = _message(address, erasures.receipt(row), public_url, sender)
            await deliver(mailer, letter, job)
            await _mark(database, job, row.id, address=None)

    return erase


def erase_last_words(erasures: Erasures) -> Handler:
    """What is done when the mail can never be delivered: its address goes all the same."""

    async def give_up(job: Job) -> None:
        await _mark(erasures.database, job, job.subject_id, address=None)

    return give_up


async def _row(database: Database, erasure_id: UUID) -> ErasureRow | None:
    async with database.read(None) as tx:
        found = await tx.first(select(*_COLUMNS).where(_E.c.id == erasure_id))
    return None if found is None else ErasureRow(**found._asdict())


async def _done(database: Database, job: Job, row: ErasureRow) -> ErasureRow:
    now = utc_now()
    await _mark(database, job, row.id, erased_at=now)
    return replace(row, erased_at=now)


async def _mark(database: Database, job: Job, erasure_id: UUID, **values: object) -> None:
    async def work(tx: Transaction) -> None:
        await fence(tx, job)
        await tx.run(update(_E).where(_E.c.id == erasure_id).values(**values))

    await database.change(None, work)


def _message(to: str, receipt: Receipt, public_url: str, sender: str) -> EmailMessage:
    counts = "\n".join(f"  {name}: {count}" for name, count in receipt.deleted.items())
    told = _LETTER.format(
        shredded=receipt.shredded_at.isoformat(timespec="seconds"),
        erased=receipt.erased_at.isoformat(timespec="seconds") if receipt.erased_at else "",
        counts=counts,
        url=public_url,
        statement=receipt.statement,
    )
    return compose(to, "Your account is deleted", told, public_url, sender)
