"""Exports of other apps: told by what they hold, read into movements of the accounts they name."""

from resolvers.statements.apps.actual import MAX_BYTES, read_actual, read_actual_table
from resolvers.statements.apps.firefly import read_firefly
from resolvers.statements.apps.mint import read_mint
from resolvers.statements.apps.model import Export, Ledger, Movement, Part, Path, Plan
from resolvers.statements.apps.splitwise import chosen, read_splitwise
from resolvers.statements.apps.tables import APPS, sheet_of
from resolvers.statements.apps.ynab import read_plan, read_register
from resolvers.statements.archives import is_takeout, opened
from resolvers.statements.formats.xlsx import is_workbook
from resolvers.statements.model import CsvMapping, StatementError

__all__ = [
    "Export",
    "Ledger",
    "Movement",
    "Part",
    "Path",
    "Plan",
    "chosen",
    "names_accounts",
    "read_export",
]

APP_FORMATS = tuple(APPS)
"""What imports of other apps' exports are called."""
_REGISTER = ("register.csv",)
_PLAN = ("plan.csv", "budget.csv")
_DATABASE = "db.sqlite"
_MAX_TABLE = 100_000_000


def read_export(
    data: bytes, mapping: CsvMapping | None, home: str, person: str, max_rows: int = 200_000
) -> Export | None:
    """What another app has exported, or None for what is of no app that we know.

    ``home`` is the currency where the app tells none, and ``person`` who it is about.  Raises
    `StatementError` for an archive or a database that is damaged or unsafe.
    """
    if data.startswith(b"PK"):
        return _archive(data, mapping, home, max_rows)
    if data.startswith(b"SQLite format 3"):
        return None
    try:
        sheet = sheet_of(data, max_rows=max_rows)
    except StatementError as error:
        if error.code == "TOO_MANY_ROWS":
            raise
        return None
    match sheet.app:
        case "YNAB":
            return read_register(data, sheet, mapping, home)
        case "MINT":
            return read_mint(data, sheet, mapping, home)
        case "FIREFLY":
            return read_firefly(sheet)
        case "SPLITWISE":
            return read_splitwise(sheet, mapping, person)
        case "ACTUAL":
            return read_actual_table(data, sheet, mapping, home)
        case _:
            return None


def names_accounts(data: bytes) -> bool:
    """Whether a file itself says which accounts it fills: a takeout, or another app's export."""
    if is_takeout(data) or (data.startswith(b"PK") and not is_workbook(data)):
        return True
    try:
        return not data.startswith(b"PK") and sheet_of(data).app is not None
    except StatementError:
        return False


def _archive(data: bytes, mapping: CsvMapping | None, home: str, max_rows: int) -> Export:
    with opened(data) as archive:
        names = {name.rpartition("/")[2].casefold(): name for name in archive.namelist()}
        if _DATABASE in names:
            with archive.open(names[_DATABASE]) as stream:
                return read_actual(_bounded(stream.read(MAX_BYTES + 1), MAX_BYTES))
        register = next((names[one] for one in names if one.endswith(_REGISTER)), None)
        plan = next((names[one] for one in names if one.endswith(_PLAN)), None)
        if register is None:
            message = (
                "The zip archive holds no takeout, no register of YNAB and no budget of Actual."
            )
            raise StatementError("NO_TABLE", message)
        with archive.open(register) as stream:
            table = _bounded(stream.read(_MAX_TABLE + 1), _MAX_TABLE)
        found = read_register(table, sheet_of(table, max_rows=max_rows), mapping, home)
        if plan is not None:
            with archive.open(plan) as stream:
                read_plan(_bounded(stream.read(_MAX_TABLE + 1), _MAX_TABLE), found)
        return found


def _bounded(data: bytes, most: int) -> bytes:
    if len(data) > most:
        message = f"A file in the archive unpacks to more than {most // 10**6} MB."
        raise StatementError("TOO_LARGE", message)
    return data
