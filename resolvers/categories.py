"""Categories: a tree for each ledger, with a starter set for everyone."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update

from models.base import among, maker, table
from models.budgets import BudgetItem
from models.categories import Category, CategoryRow
from models.cuts import Cell
from models.database import Transaction as Tx
from models.groups import GroupTransaction, Share
from models.ids import new_id
from models.rules import Rule
from models.templates import Template
from models.transactions import Split, Transaction
from resolvers.errors import Conflict, FieldError, Invalid, NotFound, invalid
from resolvers.inputs import CategoryRef, Input, Name, matching, not_null, require_unchanged
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.paging import Order, Page, PageRequest, fetch_page
from resolvers.shown import ByIds, Key, RowKind
from resolvers.wire import wire

_C: Final = table(Category)
_T: Final = table(Transaction)
_S: Final = table(Split)
_I: Final = table(BudgetItem)
_M: Final = table(Template)
_U: Final = table(Rule)
_X: Final = table(GroupTransaction)
_H: Final = table(Share)

Kind = Literal["INCOME", "EXPENSE"]
MAX_DEPTH: Final = 5
DERIVED: Final = frozenset({"createdAt", "updatedAt"})
STORED: Final = frozenset({"id"})

STARTER: Final = (
    # key, name, kind, parent key, colour, icon
    ("salary", "Salary", "INCOME", None, "#2e7d32", "briefcase"),
    ("interest", "Interest and dividends", "INCOME", None, "#558b2f", "percent"),
    ("gifts_received", "Gifts received", "INCOME", None, "#9e9d24", "gift"),
    ("other_income", "Other income", "INCOME", None, "#827717", "plus"),
    ("housing", "Housing", "EXPENSE", None, "#5d4037", "home"),
    ("rent", "Rent and mortgage", "EXPENSE", "housing", "#6d4c41", "key"),
    ("utilities", "Utilities", "EXPENSE", "housing", "#8d6e63", "bolt"),
    ("food", "Food", "EXPENSE", None, "#ef6c00", "utensils"),
    ("groceries", "Groceries", "EXPENSE", "food", "#f57c00", "basket"),
    ("restaurants", "Restaurants and coffee", "EXPENSE", "food", "#fb8c00", "cup"),
    ("transport", "Transport", "EXPENSE", None, "#1565c0", "bus"),
    ("health", "Health", "EXPENSE", None, "#c62828", "heart"),
    ("shopping", "Shopping", "EXPENSE", None, "#6a1b9a", "bag"),
    ("leisure", "Leisure", "EXPENSE", None, "#00838f", "ticket"),
    ("travel", "Travel", "EXPENSE", None, "#0277bd", "plane"),
    ("insurance", "Insurance", "EXPENSE", None, "#455a64", "shield"),
    ("fees", "Fees and taxes", "EXPENSE", None, "#37474f", "receipt"),
    ("other_expense", "Other expenses", "EXPENSE", None, "#616161", "dots"),
)


StableKey = Annotated[
    str, matching(r"[a-z0-9_]{1,40}", "A key is 1 to 40 of a-z, 0-9 and underscore.")
]
Color = Annotated[str, matching(r"#[0-9a-fA-F]{6}", "A colour is #rrggbb.")]
Icon = Annotated[str, matching(r"[a-z0-9_-]{1,40}", "An icon is 1 to 40 of a-z, 0-9, _ and -.")]


class CategoryCreate(Input):
    """What makes a category."""

    name: Name
    kind: Kind
    parent_id: CategoryRef | None = None
    key: StableKey | None = None
    color: Color | None = None
    icon: Icon | None = None
    archived: bool = False


class CategoryUpdate(Input):
    """What changes a category: absent stays, null clears."""

    name: Name | None = None
    kind: Kind | None = None
    parent_id: CategoryRef | None = None
    key: StableKey | None = None
    color: Color | None = None
    icon: Icon | None = None
    archived: bool | None = None


_COLUMNS: Final = tuple(_C.c[f.name] for f in fields(CategoryRow))


_make: Final = maker(CategoryRow)


def _row(found: Row[Any]) -> CategoryRow:
    """A row that begins with the columns in their order."""
    return _make(*found[: len(_COLUMNS)])


CATEGORIES: Final = RowKind(
    CategoryRow, lambda c: {one.name: Cell(c.c[one.name]) for one in fields(CategoryRow)}
)
_BY_ID: Final = ByIds(CATEGORIES, _C)


async def list_categories(
    tx: Tx,
    ledger_id: UUID,
    request: PageRequest,
    *,
    kind: str | None = None,
    archived: bool | None = None,
) -> Page[CategoryRow]:
    """A page of a ledger's categories by name."""
    statement = select(*_COLUMNS).where(_C.c.ledger_id == ledger_id)
    if kind is not None:
        statement = statement.where(_C.c.kind == kind)
    if archived is not None:
        statement = statement.where(_C.c.archived.is_(archived))
    page = await fetch_page(tx, statement, Order((_C.c.name.collate("C"), _C.c.id)), request)
    rows = [_row(found) for found in page.items]
    return Page(rows, page.keys, page.has_next, page.has_previous)


async def count_categories(
    tx: Tx, ledger_id: UUID, *, kind: str | None = None, archived: bool | None = None
) -> int:
    """How many categories a ledger has."""
    statement = select(func.count()).select_from(_C).where(_C.c.ledger_id == ledger_id)
    if kind is not None:
        statement = statement.where(_C.c.kind == kind)
    if archived is not None:
        statement = statement.where(_C.c.archived.is_(archived))
    return int(await tx.scalar(statement))


async def page_by_ledger(tx: Tx, keys: Sequence[tuple[UUID, int]]) -> list[Page[CategoryRow]]:
    """First categories by name of several ledgers in one statement; keys end with how many."""
    pages: dict[tuple[UUID, int], Page[CategoryRow]] = {}
    for size in {key[1] for key in keys}:
        wanted = [key[0] for key in keys if key[1] == size]
        order = (_C.c.name.collate("C"), _C.c.id)
        place = func.row_number().over(partition_by=_C.c.ledger_id, order_by=order)
        ranked = (
            select(*_COLUMNS, place.label("place")).where(among(_C.c.ledger_id, wanted)).subquery()
        )
        rows = await tx.rows(
            select(ranked)
            .where(ranked.c.place <= size + 1)
            .order_by(ranked.c.ledger_id, ranked.c.place)
        )
        found: dict[UUID, list[CategoryRow]] = {}
        for row in rows:
            found.setdefault(row.ledger_id, []).append(_row(row))
        for ledger_id in wanted:
            mine = found.get(ledger_id, [])
            shown = mine[:size]
            pages[ledger_id, size] = Page(
                shown, [(row.name, row.id) for row in shown], len(mine) > size, has_previous=False
            )
    return [pages[key] for key in keys]


async def categories_by_id(
    tx: Tx, keys: Sequence[Key], *, attributes: frozenset[str] | None = None
) -> list[CategoryRow | None]:
    """Categories in the order of their keys; None for what is not there.

    ``attributes`` names what is looked at of them; absent: all.
    """
    return await _BY_ID.load(tx, keys, attributes)


async def categories_anywhere(tx: Tx, keys: Sequence[Key]) -> list[CategoryRow | None]:
    """Categories of the person's own ledger or of a group of hers, whichever has the id."""
    ids = {key[1] for key in keys}
    rows = await tx.rows(select(*_COLUMNS).where(among(_C.c.id, ids)))
    found: dict[UUID, dict[UUID, CategoryRow]] = {}
    for row in rows:
        found.setdefault(row.id, {})[row.ledger_id] = _row(row)
    places = [found.get(category_id, {}) for _, category_id in keys]
    return [
        place.get(key[0]) or next(iter(place.values()), None)
        for key, place in zip(keys, places, strict=True)
    ]


async def children_by_parent(tx: Tx, keys: Sequence[Key]) -> list[list[CategoryRow]]:
    """Direct children by name, for each parent."""
    found: dict[Key, list[CategoryRow]] = {key: [] for key in keys}
    for ledger_id in {key[0] for key in keys}:
        wanted = [key[1] for key in keys if key[0] == ledger_id]
        rows = await tx.rows(
            select(*_COLUMNS)
            .where(_C.c.ledger_id == ledger_id, among(_C.c.parent_id, wanted))
            .order_by(_C.c.name.collate("C"), _C.c.id)
        )
        for row in rows:
            found[ledger_id, row.parent_id].append(_row(row))
    return [found[key] for key in keys]


async def get_category(tx: Tx, ledger_id: UUID, category_id: UUID | None) -> CategoryRow:
    """One category of a ledger; raises NOT_FOUND."""
    if category_id is not None:
        row = (await categories_by_id(tx, [(ledger_id, category_id)]))[0]
        if row is not None:
            return row
    raise NotFound("There is no such category.")


async def descendants(tx: Tx, ledger_id: UUID, root: UUID) -> list[UUID]:
    """A category and everything below it."""
    tree = select(_C.c.id).where(_C.c.ledger_id == ledger_id, _C.c.id == root).cte(recursive=True)
    tree = tree.union(
        select(_C.c.id).where(_C.c.ledger_id == ledger_id, _C.c.parent_id == tree.c.id)
    )
    return [row.id for row in await tx.rows(select(tree.c.id))]


async def _check_place(
    write: LedgerWrite, parent_id: UUID | None, kind: str, moved: UUID | None
) -> None:
    """A parent exists, is of the same kind, is not below, and the tree stays shallow."""
    if parent_id is None:
        return
    above = 0
    step: UUID | None = parent_id
    while step is not None:
        row = (await categories_by_id(write.tx, [(write.ledger_id, step)]))[0]
        if row is None:
            raise invalid("parentId", "There is no such object.", "NOT_FOUND")
        if row.id == moved:
            raise invalid("parentId", "A category cannot lie below itself.")
        if row.kind != kind:
            raise invalid("parentId", f"The parent is of kind {row.kind}; both must be the same.")
        above += 1
        step = row.parent_id
    below = 1 if moved is None else await _height(write, moved)
    if above + below > MAX_DEPTH:
        raise invalid("parentId", f"Categories nest at most {MAX_DEPTH} levels deep.")


async def _height(write: LedgerWrite, root: UUID) -> int:
    level, height = [root], 0
    while level:
        height += 1
        keys = [(write.ledger_id, one) for one in level]
        level = [row.id for kids in await children_by_parent(write.tx, keys) for row in kids]
    return height


async def _check_key(write: LedgerWrite, key: str | None, own: UUID | None) -> None:
    if key is None:
        return
    taken = await write.tx.first(
        select(_C.c.id).where(_C.c.ledger_id == write.ledger_id, _C.c.key == key)
    )
    if taken is not None and taken.id != own:
        raise Conflict(f'Another category has the key "{key}".', details={"field": "key"})


async def create_category(write: LedgerWrite, data: CategoryCreate) -> CategoryRow:
    """Make a category."""
    await _check_place(write, data.parent_id, data.kind, None)
    await _check_key(write, data.key, None)
    row = CategoryRow(
        ledger_id=write.ledger_id,
        id=new_id(),
        parent_id=data.parent_id,
        name=data.name,
        kind=data.kind,
        key=data.key,
        color=data.color,
        icon=data.icon,
        archived=data.archived,
        version=1,
        created_at=write.now,
        updated_at=write.now,
    )
    await write.tx.run(insert(_C).values(**_cells(row)))
    write.record("category", "CREATE", None, row)
    return row


def _cells(row: CategoryRow) -> dict[str, Any]:
    return {f.name: getattr(row, f.name) for f in fields(row)}


async def create_starter_set(write: LedgerWrite, *, kind: str | None = None) -> None:
    """Give a new ledger its first categories, of one kind or both, with keys that all share."""
    made: dict[str, UUID] = {}
    rows = []
    chosen = [one for one in STARTER if kind in {None, one[2]}]
    for key, name, kind_of_one, parent, color, icon in chosen:
        made[key] = new_id()
        rows.append(
            CategoryRow(
                write.ledger_id, made[key], made[parent] if parent else None, name,
                kind_of_one, key, color, icon, False, 1, write.now, write.now,
            )
        )  # fmt: skip
    await write.tx.run(insert(_C), [_cells(row) for row in rows])
    for row in rows:
        write.record("category", "CREATE", None, row)


async def update_category(
    write: LedgerWrite,
    category_id: UUID | None,
    data: CategoryUpdate,
    *,
    expected_version: int | None = None,
    unchanged: dict[str, Any] | None = None,
) -> CategoryRow:
    """Change a category; its kind may change only while it has neither parent nor children."""
    old = await get_category(write.tx, write.ledger_id, category_id)
    require_version(old, expected_version)
    require_unchanged(unchanged, wire(old))
    wrong = not_null(data, "name", "kind", "archived")
    if wrong:
        raise Invalid(wrong)
    kind = data.kind or old.kind
    parent_id = data.parent_id if data.given("parent_id") else old.parent_id
    if parent_id != old.parent_id or kind != old.kind:
        await _check_place(write, parent_id, kind, old.id)
    if kind != old.kind and (await children_by_parent(write.tx, [(old.ledger_id, old.id)]))[0]:
        raise Invalid([FieldError("kind", "INVALID", "Its subcategories are of the other kind.")])
    key = data.key if data.given("key") else old.key
    await _check_key(write, key, old.id)
    new = replace(
        old,
        name=data.name or old.name,
        kind=kind,
        parent_id=parent_id,
        key=key,
        color=data.color if data.given("color") else old.color,
        icon=data.icon if data.given("icon") else old.icon,
        archived=old.archived if data.archived is None else data.archived,
    )
    if new == old:
        return old
    new = replace(new, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(_C).where(_C.c.ledger_id == old.ledger_id, _C.c.id == old.id).values(**_cells(new))
    )
    write.figures = True
    write.record("category", "UPDATE", old, new)
    return new


async def uses_of(tx: Tx, row: CategoryRow) -> dict[str, int]:
    """How much hangs on a category, trash included."""
    counts = {}
    for name, where in (
        ("transactions", (_T.c.ledger_id == row.ledger_id, _T.c.category_id == row.id)),
        ("splits", (_S.c.ledger_id == row.ledger_id, _S.c.category_id == row.id)),
        ("budgetItems", (_I.c.ledger_id == row.ledger_id, _I.c.category_id == row.id)),
        ("templates", (_M.c.ledger_id == row.ledger_id, _M.c.category_id == row.id)),
        ("rules", (_U.c.ledger_id == row.ledger_id, _U.c.category_id == row.id)),
        ("groupTransactions", (_X.c.ledger_id == row.ledger_id, _X.c.category_id == row.id)),
        ("shares", (_H.c.ledger_id == row.ledger_id, _H.c.category_id == row.id)),
        ("subcategories", (_C.c.ledger_id == row.ledger_id, _C.c.parent_id == row.id)),
    ):
        counts[name] = int(await tx.scalar(select(func.count()).where(*where)))
    return counts


async def remove_category(write: LedgerWrite, row: CategoryRow) -> None:
    """Delete a category on which nothing hangs any more."""
    await write.tx.run(delete(_C).where(_C.c.ledger_id == write.ledger_id, _C.c.id == row.id))
    write.figures = True
    write.record("category", "DELETE", row, None)
