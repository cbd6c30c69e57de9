"""Imports and their rows read from and written to the database."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Row, Uuid, cast, column, func, insert, literal, select, update

from models.base import table
from models.database import Transaction as Tx
from models.imports import Import, ImportLineRow, ImportRow, ImportRunRow
from models.sealing import LedgerRing
from models.statements import Inserted
from resolvers.access import Actor
from resolvers.errors import NotFound
from resolvers.ledgers import LedgerWrite
from resolvers.paging import Order, Page, PageRequest, fetch_page

M: Final = table(Import)
L: Final = table(ImportRow)
Key = tuple[UUID, UUID]

NO_COUNTS: Final = {
    "rows": 0, "new": 0, "duplicate": 0, "matched": 0, "skipped": 0, "failed": 0,
}  # fmt: skip
_REPORTED: Final = (
    "mapping", "detected", "questions", "warnings", "headers", "error_message", "opened", "kept",
    "mapping_name",
)  # fmt: skip
_PLAIN: Final = tuple(f.name for f in fields(ImportRunRow) if f.name not in _REPORTED)
IMPORT_COLUMNS: Final = tuple(M.c[name] for name in (*_PLAIN, "report"))
_CLEAR: Final = (
    "id", "ledger_id", "import_id", "position", "line", "decision", "transaction_id", "other_id",
    "left_version",
)  # fmt: skip
_TOLD: Final = tuple(f.name for f in fields(ImportLineRow) if f.name not in _CLEAR)
_told_of: Final = attrgetter(*_TOLD)
_clear_of: Final = attrgetter(*_CLEAR)
_SHOWN: Final = ("date", "amount", "currency", "description", "reason")
_ADD_LINES: Final = Inserted(L, (*_CLEAR, "content"))
LINE_COLUMNS: Final = tuple(L.c[name] for name in (*_CLEAR, "content"))


async def open_imports(tx: Tx, rows: Iterable[Row[Any]]) -> list[ImportRunRow]:
    """Database rows with their sealed reports opened."""
    found = list(rows)
    await tx.unlock(row.ledger_id for row in found)
    opened = []
    for row in found:
        sealed = tx.ring(row.ledger_id).unseal("imports.report", row.id, row.report)
        report = json.loads(sealed)
        plain = {name: getattr(row, name) for name in _PLAIN}
        told = {name: report[name] for name in _REPORTED if name in report}
        told["opened"] = tuple(told.get("opened", ()))
        opened.append(ImportRunRow(**plain, **told))
    return opened


def _cells(
    ring: LedgerRing, row: ImportRunRow, earlier: dict[str, Any] | None = None
) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in _REPORTED}
    if earlier is not None:
        told["earlier"] = earlier
    report = json.dumps(told).encode()
    cells = {name: getattr(row, name) for name in _PLAIN}
    cells["report"] = ring.seal("imports.report", row.id, report)
    return cells


def nothing_yet() -> dict[str, Any]:
    """What an import knows before its file is read."""
    return {
        "detected": None,
        "questions": [],
        "warnings": [],
        "headers": [],
        "counts": dict(NO_COUNTS),
        "error_code": None,
        "error_message": None,
        "rows_done": 0,
        "rows_total": None,
        "started_at": None,
        "finished_at": None,
    }


async def insert_run(write: LedgerWrite, row: ImportRunRow) -> None:
    """Store a new import."""
    await write.tx.run(insert(M).values(_cells(write.ring, row)))
    write.record("import", "CREATE", None, row)


async def earlier_mapping(tx: Tx, run: ImportRunRow) -> dict[str, Any] | None:
    """The ``earlier`` of the last ``update_run``: ``{"mapping": …}``, or None."""
    where = (M.c.ledger_id == run.ledger_id, M.c.id == run.id)
    (row,) = await tx.rows(select(M.c.report).where(*where))
    await tx.unlock([run.ledger_id])
    report = json.loads(tx.ring(run.ledger_id).unseal("imports.report", run.id, row.report))
    found: dict[str, Any] | None = report.get("earlier")
    return found


async def update_run(
    write: LedgerWrite,
    old: ImportRunRow,
    *,
    earlier: dict[str, Any] | None = None,
    **changes: Any,
) -> ImportRunRow:
    """Store a changed import; every change is a version and an entry in the feed.

    ``earlier`` holds the mapping to go back to if the new one does not fit the file.  It is kept
    until the next change only, which is when the file has been read.
    """
    new = replace(old, **changes, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(M)
        .where(M.c.ledger_id == write.ledger_id, M.c.id == old.id)
        .values(_cells(write.ring, new, earlier))
    )
    write.record("import", "UPDATE", old, new)
    return new


async def list_imports(
    tx: Tx,
    actor: Actor,
    request: PageRequest,
    *,
    status: str | None = None,
    account_id: UUID | None = None,
) -> Page[ImportRunRow]:
    """A page of the person's imports, newest first."""
    statement = select(*IMPORT_COLUMNS).where(M.c.ledger_id == actor.ledger_id)
    if status is not None:
        statement = statement.where(M.c.status == status)
    if account_id is not None:
        statement = statement.where(M.c.account_id == account_id)
    page = await fetch_page(tx, statement, Order((M.c.id,), descending=True), request)
    rows = await open_imports(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_imports(
    tx: Tx, actor: Actor, *, status: str | None = None, account_id: UUID | None = None
) -> int:
    """How many imports the person has made."""
    statement = select(func.count()).select_from(M).where(M.c.ledger_id == actor.ledger_id)
    if status is not None:
        statement = statement.where(M.c.status == status)
    if account_id is not None:
        statement = statement.where(M.c.account_id == account_id)
    return int(await tx.scalar(statement))


async def imports_by_id(tx: Tx, keys: Sequence[Key]) -> list[ImportRunRow | None]:
    """Imports in the order of their keys (ledger, id); None for what is not there."""
    found: dict[Key, ImportRunRow] = {}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        rows = await tx.rows(
            select(*IMPORT_COLUMNS).where(M.c.ledger_id == ledger_id, M.c.id.in_(wanted))
        )
        for row in await open_imports(tx, rows):
            found[ledger_id, row.id] = row
    return [found.get(key) for key in keys]


async def get_import(tx: Tx, actor: Actor, import_id: UUID | None) -> ImportRunRow:
    """One import of the person; raises NOT_FOUND."""
    if import_id is not None:
        row = (await imports_by_id(tx, [(actor.ledger_id, import_id)]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such import.")


async def insert_lines(write: LedgerWrite, lines: Sequence[ImportLineRow]) -> None:
    """Store decided rows with their contents sealed."""
    if not lines:
        return
    await write.tx.run(_ADD_LINES, [_line_cells(write, line) for line in lines])


def _line_cells(write: LedgerWrite, line: ImportLineRow) -> dict[str, Any]:
    said = {
        name: value
        for name, value in zip(_TOLD, _told_of(line), strict=True)
        if (value is not None and value is not False) or name in _SHOWN
    }
    content = orjson.dumps(said)
    cells = dict(zip(_CLEAR, _clear_of(line), strict=True))
    cells["content"] = write.ring.seal("import_rows.content", line.id, content)
    return cells


async def update_lines(write: LedgerWrite, lines: Sequence[ImportLineRow]) -> None:
    """Store rows whose decision or effect has changed."""
    if not lines:
        return
    cells = [_line_cells(write, line) for line in lines]
    names = ("id", "decision", "transaction_id", "other_id", "left_version", "content")
    arrays = [cast([one[name] for one in cells], ARRAY(L.c[name].type)) for name in names]
    said = func.unnest(*arrays).table_valued(
        *(column(f"new_{name}", L.c[name].type) for name in names)
    )
    said = said.render_derived()
    # One statement for all: each of its own would cost the fence anew.
    await write.tx.run(
        update(L)
        .where(L.c.ledger_id == write.ledger_id, L.c.id == said.c.new_id)
        .values({name: said.c[f"new_{name}"] for name in names[1:]})
    )


async def open_lines(tx: Tx, rows: Iterable[Row[Any]]) -> list[ImportLineRow]:
    """Database rows, read as ``LINE_COLUMNS``, with their contents opened."""
    found = list(rows)
    await tx.unlock(row.ledger_id for row in found)
    opened = []
    for row in found:
        content = tx.ring(row.ledger_id).unseal("import_rows.content", row.id, row.content)
        told = json.loads(content)
        plain = {name: getattr(row, name) for name in _CLEAR}
        opened.append(ImportLineRow(**plain, **told))
    return opened


async def walk_lines(
    tx: Tx, run: ImportRunRow, *, after: int = -1, size: int = 5_000
) -> AsyncIterator[list[ImportLineRow]]:
    """All decided rows of an import behind a position, page by page in the order of the file."""
    while True:
        page = await tx.rows(
            select(*LINE_COLUMNS)
            .where(
                L.c.ledger_id == run.ledger_id,
                L.c.import_id == run.id,
                L.c.position > after,
            )
            .order_by(L.c.position)
            .limit(size)
        )
        if page:
            yield await open_lines(tx, page)
        if len(page) < size:
            return
        after = page[-1].position


async def list_import_rows(
    tx: Tx,
    ledger_id: UUID,
    import_id: UUID,
    request: PageRequest,
    *,
    decision: str | None = None,
) -> Page[ImportLineRow]:
    """A page of an import's decided rows in the order of the file."""
    statement = select(*LINE_COLUMNS).where(L.c.ledger_id == ledger_id, L.c.import_id == import_id)
    if decision is not None:
        statement = statement.where(L.c.decision == decision)
    page = await fetch_page(tx, statement, Order((L.c.position,)), request)
    rows = await open_lines(tx, page.items)
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_import_rows(
    tx: Tx, ledger_id: UUID, import_id: UUID, *, decision: str | None = None
) -> int:
    """How many rows of an import are decided."""
    statement = (
        select(func.count())
        .select_from(L)
        .where(L.c.ledger_id == ledger_id, L.c.import_id == import_id)
    )
    if decision is not None:
        statement = statement.where(L.c.decision == decision)
    return int(await tx.scalar(statement))


async def rows_by_import(
    tx: Tx, keys: Sequence[tuple[UUID, UUID, int]]
) -> list[Page[ImportLineRow]]:
    """The first rows of several imports in one statement; each key ends with how many."""
    pages: dict[tuple[UUID, UUID, int], Page[ImportLineRow]] = {}
    for ledger_id, size in {(key[0], key[2]) for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id and key[2] == size]
        which = func.unnest(cast(wanted, ARRAY(Uuid))).table_valued("import_id").render_derived()
        top = (
            select(*LINE_COLUMNS)
            .where(L.c.ledger_id == ledger_id, L.c.import_id == which.c.import_id)
            .order_by(L.c.position)
            .limit(size + 1)
            .lateral()
        )
        found = await tx.rows(select(top).select_from(which.join(top, literal(True))))
        groups: dict[UUID, list[ImportLineRow]] = {}
        for line in sorted(await open_lines(tx, found), key=lambda line: line.position):
            groups.setdefault(line.import_id, []).append(line)
        for import_id in wanted:
            lines = groups.get(import_id, [])
            shown = lines[:size]
            pages[ledger_id, import_id, size] = Page(
                shown, [(one.position,) for one in shown], len(lines) > size, has_previous=False
            )
    return [pages[key] for key in keys]
