"""The work of an import: read the file, decide its rows, and book them batch by batch.

Each batch is one ledger write: decisions, transactions, totals and how far the import has come
commit together.  A worker that is killed leaves whole batches, and the next one goes on behind
the last of them; no row is booked twice or left out.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from models.accounts import AccountRow
from models.database import Database
from models.database import Transaction as Tx
from models.ids import new_id
from models.imports import ImportRunRow
from models.sealing import SealBroken
from models.stores.files import FileStore
from resolvers.access import Actor
from resolvers.accounts import accounts_by_id
from resolvers.bounds import DEFAULTS, Bounds
from resolvers.errors import AppError, ErrorCode, Gone
from resolvers.imports.booking import book_batch
from resolvers.imports.decide import CODE_BACK, Claims, content_key, ledger_secret
from resolvers.imports.inputs import mapping_of
from resolvers.imports.many import loaded, of_many_accounts
from resolvers.imports.pool import Pool, load_pool
from resolvers.imports.revert import revert_step
from resolvers.imports.rows import NO_COUNTS, earlier_mapping, imports_by_id, update_run, walk_lines
from resolvers.imports.rulings import Ruling, load_rulings
from resolvers.imports.targets import Accounts, accounts_of, settle_accounts, told
from resolvers.ledgers import Ledgers, LedgerWrite
from resolvers.statements import StatementError
from resolvers.statements.apart import read_anywhere
from resolvers.statements.lines import Line, Lines
from resolvers.statements.prepare import Asked, Reading
from resolvers.uploads.reading import open_upload
from resolvers.uploads.rows import uploads_by_id

BATCH_ROWS: Final = 500


class ImportJob(Protocol):
    """What a claimed job tells the import."""

    @property
    def subject_id(self) -> UUID:
        """The import."""


J = TypeVar("J", bound=ImportJob)
T = TypeVar("T")
Fence = Callable[[Tx, J], Awaitable[None]]
"""Raises inside a write when the job has been given to another worker."""


class _Failure(Exception):
    """The import as a whole cannot go on; it ends as FAILED and is not tried again."""

    def __init__(self, code: str, message: str, headers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers


@dataclass(slots=True)
class Plan:
    """A file that has been read: its rows and everything that stays the same over batches."""

    read: Reading
    warnings: list[str]
    book: bool
    """Whether rows are booked: not in a dry run, not while a question is open."""
    waits: bool
    """Whether the import ends as PENDING."""
    mapping: dict[str, Any] | None
    """What the file was read with."""
    accounts: Accounts = field(default_factory=dict)
    claims: Claims = field(default_factory=Claims)
    rulings: dict[int, Ruling] = field(default_factory=dict)
    pool: Pool | None = None
    secret: bytes = b""
    """Keys the hashes of the ledger's contents."""

    @property
    def lines(self) -> Lines:
        """The file's rows."""
        return self.read.lines


@dataclass(slots=True)
class _Run(Generic[J]):
    ledgers: Ledgers
    database: Database
    files: FileStore
    job: J
    actor: Actor
    fence: Fence[J]
    secret: bytes
    bounds: Bounds

    async def current(self, tx: Tx) -> ImportRunRow | None:
        """The import as it is now, unless somebody else has brought it to an end."""
        found = (await imports_by_id(tx, [(self.actor.ledger_id, self.job.subject_id)]))[0]
        return found if found is not None and found.status == "PROCESSING" else None

    async def write(self, work: Callable[[LedgerWrite, ImportRunRow], Awaitable[T]]) -> T | None:
        """One write as long as the job is ours and the import goes on; None when it does not."""

        async def fenced(write: LedgerWrite) -> T | None:
            await self.fence(write.tx, self.job)
            run = await self.current(write.tx)
            return None if run is None else await work(write, run)

        return (await self.ledgers.write(self.actor, fenced)).value

    async def fail(self, code: str, message: str, headers: tuple[str, ...] = ()) -> None:
        """End the import as FAILED."""
        await self.write(lambda write, run: _fail(write, run, code, message, headers))


async def run_import(
    ledgers: Ledgers,
    database: Database,
    files: FileStore,
    job: J,
    *,
    actor: Actor,
    fence: Fence[J],
    secret: bytes,
    bounds: Bounds = DEFAULTS,
) -> None:
    """Bring an import to its end, from wherever an earlier worker stopped.

    ``secret`` keys the hashes of contents; it must stay the same for the life of the
    installation.  A file that cannot be read ends the import as FAILED; what may pass when it is
    tried again (a busy ledger, a lost connection) is raised.
    """
    doer = _Run(ledgers, database, files, job, actor, fence, secret, bounds)
    try:
        await _go(doer)
    except _Failure as failure:
        await doer.fail(failure.code, failure.message, failure.headers)
    except StatementError as error:
        await doer.fail(error.code, error.message, error.headers)
    except SealBroken:
        message = "The stored file failed its authenticity check."
        await doer.fail(ErrorCode.DATA_INTEGRITY, message)
    except AppError as error:
        if error.code != ErrorCode.OVERFLOW:
            raise
        await doer.fail(error.code, error.message)


async def _go(doer: _Run[J]) -> None:
    async with doer.database.read(doer.actor.user_id) as tx:
        run = await doer.current(tx)
    if run is not None and run.reverting is not None:
        while await doer.write(revert_step) == "PROCESSING":
            pass
    elif run is not None:
        await _import(doer)


async def _import(doer: _Run[J]) -> None:
    async with doer.database.read(doer.actor.user_id) as tx:
        run = await doer.current(tx)
        if run is None:
            return
        data = await _file(tx, doer.files, run)
        if of_many_accounts(run, data):
            secret = ledger_secret(doer.secret, run.ledger_id)
            load = await loaded(doer, tx, run, data, partial(content_key, secret))
        else:
            target = await _target(tx, run)
        claims = await _claims(tx, run)
        rulings = await load_rulings(tx, run)
        earlier = await earlier_mapping(tx, run)
    if of_many_accounts(run, data):
        await load()
        return
    plan = await _plan(run, target, data, earlier, doer.bounds)
    del data
    plan.claims, plan.rulings = claims, rulings
    # What a person has given to a row is not for others to find.
    plan.claims.used |= {one.claimed for one in rulings.values() if one.claimed is not None}
    plan.secret = ledger_secret(doer.secret, run.ledger_id)
    begun = await doer.write(lambda write, current: _begin(write, current, plan))
    if begun is None:
        return
    plan.accounts = accounts_of(begun)
    for currency in plan.lines.currencies:
        # Only where nothing is booked may an account be missing: its rows are all new.
        plan.accounts.setdefault(currency, new_id())
    status = begun.status
    while status == "PROCESSING":
        stepped = await doer.write(lambda write, current: _step(write, current, plan))
        if stepped is None:
            return
        # What a batch used up counts only now that it is committed.
        status, plan.claims, plan.pool = stepped


async def _target(tx: Tx, run: ImportRunRow) -> AccountRow:
    if run.account_id is None:
        raise AssertionError("only a file of many accounts goes without one")
    account = (await accounts_by_id(tx, [(run.ledger_id, run.account_id)]))[0]
    if account is None:
        raise _Failure("ACCOUNT_GONE", "The account has been deleted meanwhile.")
    return account


async def _file(tx: Tx, files: FileStore, run: ImportRunRow) -> bytes:
    upload = (await uploads_by_id(tx, [(run.ledger_id, run.upload_id)]))[0]
    if upload is None:
        raise _Failure("UPLOAD_GONE", "The file has been removed meanwhile.")
    try:
        chunks = await open_upload(tx, files, upload)
    except Gone as error:
        raise _Failure("UPLOAD_GONE", error.message) from error
    return b"".join([chunk async for chunk in chunks])


async def _claims(tx: Tx, run: ImportRunRow) -> Claims:
    """What rows of this import have used up, for a worker that goes on behind another one."""
    claims = Claims()
    accounts = accounts_of(run)
    async for lines in walk_lines(tx, run):
        for line in lines:
            back = line.code == CODE_BACK
            mine = {line.transaction_id} if back else {line.transaction_id, line.other_id}
            mine.add(UUID(line.memory) if line.memory else None)
            claims.used |= {one for one in mine if one is not None}
            if back and line.other_id is not None:
                claims.revived.add(line.other_id)
            account_id = accounts.get(line.currency or "")
            if line.external_id is not None and account_id is not None:
                claims.taken.add((account_id, line.external_id))
    return claims


async def _plan(
    run: ImportRunRow,
    target: AccountRow,
    data: bytes,
    earlier: dict[str, Any] | None,
    bounds: Bounds,
) -> Plan:
    """Read the file; answers that do not fit it leave the import waiting as it did before them."""
    used, refused = run.mapping, list[str]()
    try:
        read = await _read(used, target, data, bounds)
    except _Failure as failure:
        if earlier is None:
            raise
        used = earlier["mapping"]
        read = await _read(used, target, data, bounds)
        refused = [f"The last answers were not used: {failure.message}"]
    waits = bool(refused) or (bool(read.questions) and not run.confirmed)
    return Plan(
        read=read,
        warnings=[*refused, *read.warnings],
        book=not run.dry_run and not waits,
        waits=waits,
        mapping=used,
    )


async def _read(
    given: dict[str, Any] | None, target: AccountRow, data: bytes, bounds: Bounds
) -> Reading:
    try:
        mapping_of(given)
        asked = Asked(
            target.type, target.number, target.currency, given, bounds.rows, bounds.columns
        )
        return await read_anywhere(data, asked)
    except StatementError as error:
        raise _Failure(error.code, error.message, error.headers) from error


def _keyed(plan: Plan, start: int, end: int) -> list[tuple[Line, bytes | None]]:
    """Some rows with the keys of their contents, where the ledger decides them."""
    return [
        (
            line,
            content_key(plan.secret, plan.accounts[line.currency], line)
            if line.decision is None
            else None,
        )
        for line in plan.lines.batch(start, end)
    ]


async def _begin(write: LedgerWrite, run: ImportRunRow, plan: Plan) -> ImportRunRow:
    """Note how the file was read, and open the siblings that its currencies need."""
    if run.rows_total is not None:
        return run
    target = await _target(write.tx, run)
    currencies = set(plan.lines.currencies)
    accounts, opened = await settle_accounts(write, run, target, currencies, book=plan.book)
    return await update_run(
        write,
        run,
        format=plan.read.format,
        mapping=plan.mapping,
        detected=plan.read.detected,
        questions=list(plan.read.questions),
        warnings=plan.warnings,
        headers=list(plan.read.headers),
        accounts=told(accounts),
        opened=opened,
        counts={**NO_COUNTS, "rows": len(plan.lines)},
        rows_total=len(plan.lines),
        started_at=run.started_at or write.now,
    )


async def _step(write: LedgerWrite, run: ImportRunRow, plan: Plan) -> tuple[str, Claims, Pool]:
    """Decide and book the next rows, and note how far that is; the last step ends the import.

    Returns the status, what rows have used up by now, and what the next ones may be joined to.
    """
    await _target(write.tx, run)
    claims = plan.claims.copy()
    pool = plan.pool
    if pool is None or pool.version != write.version - 1:
        # The first batch, or somebody else has written meanwhile.
        pool = await load_pool(
            write.tx, write.ledger_id, write.version, run.id, plan.accounts, plan.lines
        )
    end = min(run.rows_done + BATCH_ROWS, len(plan.lines))
    made = await book_batch(
        write,
        run,
        _keyed(plan, run.rows_done, end),
        plan.accounts,
        claims=claims,
        pool=pool,
        rulings=plan.rulings,
        secret=plan.secret,
        book=plan.book,
    )
    counts = {name: run.counts.get(name, 0) + made.get(name, 0) for name in NO_COUNTS}
    changes: dict[str, Any] = {"rows_done": end, "counts": counts}
    if end == len(plan.lines):
        changes["status"] = "PENDING" if plan.waits else "COMPLETED"
        changes["finished_at"] = None if plan.waits else write.now
    status = (await update_run(write, run, **changes)).status
    return status, claims, replace(pool, version=write.version)


async def _fail(
    write: LedgerWrite, run: ImportRunRow, code: str, message: str, headers: tuple[str, ...] = ()
) -> None:
    await update_run(
        write,
        run,
        status="FAILED",
        error_code=str(code),
        error_message=message,
        headers=list(headers) or run.headers,
        started_at=run.started_at or write.now,
        finished_at=write.now,
        reverting=None,
    )


async def abandon_import(write: LedgerWrite, import_id: UUID) -> None:
    """End an import whose job will not be tried again; batches that were booked stay."""
    run = (await imports_by_id(write.tx, [(write.ledger_id, import_id)]))[0]
    if run is not None and run.status == "PROCESSING":
        what = "import" if run.reverting is None else "revert"
        message = f"The {what} was given up after several attempts."
        await _fail(write, run, ErrorCode.INTERNAL_ERROR, message)
