"""Imports: statements turned into transactions, with a decision and a reason for every row."""

from resolvers.imports.inputs import (
    JOB_KIND,
    ImportCreate,
    ImportOverrule,
    ImportProcess,
    ImportRevert,
)
from resolvers.imports.offers import Offer, header_of, offers_by_import
from resolvers.imports.overrule import overrule_rows
from resolvers.imports.revert import revert_import
from resolvers.imports.rows import (
    count_import_rows,
    count_imports,
    get_import,
    imports_by_id,
    list_import_rows,
    list_imports,
    rows_by_import,
)
from resolvers.imports.run import BATCH_ROWS, abandon_import, run_import
from resolvers.imports.start import process_import, start_import
from resolvers.imports.targets import account_in
from resolvers.imports.work import import_handler, import_last_words

__all__ = [
    "BATCH_ROWS",
    "JOB_KIND",
    "ImportCreate",
    "ImportOverrule",
    "ImportProcess",
    "ImportRevert",
    "Offer",
    "abandon_import",
    "account_in",
    "count_import_rows",
    "count_imports",
    "get_import",
    "header_of",
    "import_handler",
    "import_last_words",
    "imports_by_id",
    "list_import_rows",
    "list_imports",
    "offers_by_import",
    "overrule_rows",
    "process_import",
    "revert_import",
    "rows_by_import",
    "run_import",
    "start_import",
]
