"""Reads a statement of any format, told by what the file holds and never by its name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from resolvers.statements.decode import declared_encoding, decode
from resolvers.statements.formats import camt, litas, mt940, ofx, qif
from resolvers.statements.formats.entries import MAX_ROWS, Draft
from resolvers.statements.formats.settle import settle
from resolvers.statements.formats.xlsx import is_workbook, read_xlsx
from resolvers.statements.model import CsvMapping, Statement, StatementError
from resolvers.statements.reader import read_csv
from resolvers.statements.recognise import TextFormat, format_of_bytes
from resolvers.statements.table import normal_lines

# Parts of a mapping that only a table has; elsewhere they are told to be of no use.
_OF_TABLES: Final = {
    "delimiter": "delimiter", "header_line": "headerLine", "columns": "columns",
    "skip_rows": "skipRows",
}  # fmt: skip
_READERS: Final[Mapping[str, tuple[Callable[[str, Draft], None], str, Mapping[str, str]]]] = {
    "OFX": (ofx.read_ofx, "YYYYMMDD", ofx.COLUMNS),
    "CAMT": (camt.read_camt, "YYYY-MM-DD", camt.COLUMNS),
    "MT940": (mt940.read_mt940, "YYMMDD", mt940.COLUMNS),
    "LITAS-ESIS": (litas.read_litas, "YYYYMMDD", litas.COLUMNS),
}
_LITAS_ENCODING: Final = "cp1257"


def read_file(
    data: bytes,
    mapping: CsvMapping | None = None,
    *,
    account_type: str | None = None,
    account_number: str | None = None,
    home_currency: str | None = None,
    max_rows: int = MAX_ROWS,
    max_columns: int = 64,
) -> Statement:
    """Reads the bytes of a statement in any format that is known.

    The account's type, number and currency only help where the file leaves something open: a
    number chooses among several accounts of one file.  A record that cannot be read is a row
    with a problem, never a lost one.  Raises `StatementError` for a file that cannot be read as
    a whole, naming what was found.
    """
    mapping = mapping or CsvMapping()
    workbook = is_workbook(data)
    found: TextFormat = "CSV" if workbook else _text_format(data, mapping.encoding)
    if found == "CSV":
        read = read_xlsx if workbook else read_csv
        table = read(
            data,
            mapping,
            account_type=account_type,
            home_currency=home_currency,
            max_rows=max_rows,
            max_columns=max_columns,
        )
        if mapping.account is None:
            return table
        message = "A table is not parted by accounts, so account was not used."
        return replace(table, warnings=(*table.warnings, message))
    if found == "MARKUP":
        message = "The file is a page or an XML document, but no statement in OFX or CAMT."
        raise StatementError("UNSUPPORTED_FORMAT", message)
    # The rules of LITAS name its encoding, and a few words are too little to tell it by.
    declared = _LITAS_ENCODING if found == "LITAS-ESIS" else declared_encoding(data)
    text, encoding, warnings = decode(data, mapping.encoding, declared=declared)
    text = normal_lines(text)
    draft = _draft(found, mapping, encoding, max_rows)
    draft.warnings += warnings
    if found == "QIF":
        qif.read_qif(text, draft, home_currency)
    else:
        _READERS[found][0](text, draft)
    return settle(draft, account_number)


def _text_format(data: bytes, encoding: str | None) -> TextFormat:
    """The format by the head of a file; raises what `decode` raises for what is no text."""
    try:
        return format_of_bytes(data, encoding)
    except StatementError as error:
        if error.code == "EMPTY_FILE":
            # Only its head may be; the reader of tables looks at all of it.
            return "CSV"
        raise


def _draft(found: TextFormat, mapping: CsvMapping, encoding: str, max_rows: int) -> Draft:
    _, date_format, columns = _READERS.get(found, (None, "YYYY-MM-DD", qif.COLUMNS))
    draft = Draft(found, mapping, encoding, date_format, columns, max_rows)
    unused = [name for field, name in _OF_TABLES.items() if field in mapping.model_fields_set]
    if unused:
        names = " and ".join(unused)
        draft.warnings.append(f"The file is {found}, not a table, so {names} were not used.")
    return draft
