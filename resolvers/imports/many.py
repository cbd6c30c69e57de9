"""Files that say themselves which accounts they fill: takeouts, and what other apps export."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from models.database import Transaction as Tx
from models.imports import ImportRunRow
from resolvers.imports.inputs import mapping_of
from resolvers.imports.takeout import accounts_here, bring_in, categories_here, keys_here, migrate
from resolvers.imports.takeout.batch import Key
from resolvers.imports.takeout.carry import Doer
from resolvers.statements import StatementError
from resolvers.statements.apps import read_export
from resolvers.statements.archives import is_takeout
from resolvers.statements.formats.xlsx import is_workbook
from resolvers.users import get_user


def of_many_accounts(run: ImportRunRow, data: bytes) -> bool:
    """Whether a file itself says which accounts it fills."""
    archive = data.startswith(b"PK") and not is_workbook(data)
    return archive or is_takeout(data) or run.account_id is None


async def loaded(
    doer: Doer, tx: Tx, run: ImportRunRow, data: bytes, key: Key
) -> Callable[[], Awaitable[None]]:
    """What brings in a takeout or another app's export, prepared with what is here.

    Raises ACCOUNT_REQUIRED for a file of one account that nobody has named.
    """
    if is_takeout(data):
        return partial(bring_in, doer, run, data, await keys_here(tx, run.ledger_id), key)
    mapping = mapping_of(run.mapping)
    home = (mapping.currency if mapping else None) or doer.actor.base_currency
    person = (await get_user(tx, doer.actor.user_id)).name
    export = await asyncio.to_thread(read_export, data, mapping, home, person, doer.bounds.rows)
    if export is None:
        message = "The file does not say which account it is of; import it again with an account."
        raise StatementError("ACCOUNT_REQUIRED", message)
    here = (
        await accounts_here(tx, run.ledger_id),
        await categories_here(tx, run.ledger_id),
    )
    return partial(migrate, doer, run, export, home, here, key)
