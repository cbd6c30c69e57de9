"""Starting an import, and going on with one that waits for a person."""

from uuid import UUID

from sqlalchemy import delete

from models.ids import encode, new_id
from models.imports import ImportRunRow
from resolvers.accounts import accounts_by_id
from resolvers.errors import Conflict, FieldError, Invalid
from resolvers.imports.answers import check_answers
from resolvers.imports.inputs import JOB_KIND, ImportCreate, ImportProcess, mapping_json, merged
from resolvers.imports.offers import mapping_from
from resolvers.imports.rows import L, get_import, insert_run, nothing_yet, update_run
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.uploads.rows import uploads_by_id
from resolvers.uploads.sniff import OF_ONE_ACCOUNT, STATEMENTS


async def start_import(write: LedgerWrite, data: ImportCreate) -> ImportRunRow:
    """Note an import and leave its work to a worker; one file may be imported again and again.

    Raises VALIDATION_ERROR for a file or account that is not there, and for a receipt.
    """
    wrong: list[FieldError] = []
    upload = (await uploads_by_id(write.tx, [(write.ledger_id, data.upload_id)]))[0]
    account = None
    if data.account_id is not None:
        account = (await accounts_by_id(write.tx, [(write.ledger_id, data.account_id)]))[0]
    if upload is None:
        wrong.append(FieldError("uploadId", "NOT_FOUND", "There is no such object."))
    elif upload.content_type not in STATEMENTS:
        message = f"A statement is wanted; this file is {upload.content_type}."
        wrong.append(FieldError("uploadId", "INVALID", message))
    if data.account_id is not None and account is None:
        wrong.append(FieldError("accountId", "NOT_FOUND", "There is no such object."))
    if data.account_id is None and upload is not None and upload.content_type in OF_ONE_ACCOUNT:
        message = "Say which account this file fills."
        wrong.append(FieldError("accountId", "REQUIRED", message))
    if wrong or upload is None:
        raise Invalid(wrong)
    mapping = mapping_json(data.mapping)
    mapping = await mapping_from(write.tx, write.actor, data.mapping_from, mapping)
    row = ImportRunRow(
        ledger_id=write.ledger_id, id=new_id(), upload_id=upload.id, account_id=data.account_id,
        status="PROCESSING", format=None, dry_run=data.dry_run, deleted_policy=data.deleted,
        confirmed=False, mapping=mapping, mapping_name=data.mapping_name or None, **nothing_yet(),
        accounts=[]
        if account is None
        else [{"currency": account.currency, "accountId": encode("acct", account.id)}],
        version=1, created_at=write.now, updated_at=write.now,
    )  # fmt: skip
    await insert_run(write, row)
    write.enqueue(JOB_KIND, row.id)
    return row


async def process_import(
    write: LedgerWrite,
    import_id: UUID | None,
    data: ImportProcess,
    *,
    expected_version: int | None = None,
) -> ImportRunRow:
    """Go on with a PENDING import; its shown rows are decided anew.

    Without a mapping the guess is accepted; a finished dry run is booked as it was shown.  With
    one, it is laid over the earlier mapping, and what it leaves open is asked again, since money
    is at stake; a dry run shows anew what it would do.  Raises CONFLICT for an import that waits
    for nobody, and VALIDATION_ERROR for columns that its file does not have.
    """
    old = await get_import(write.tx, write.actor, import_id)
    require_version(old, expected_version)
    shown = old.status == "COMPLETED" and old.dry_run
    if old.status != "PENDING" and not shown:
        raise Conflict(
            f"Only a PENDING import or a dry run can be processed; this one is {old.status}.",
            details={"status": old.status},
        )
    answers = await mapping_from(
        write.tx, write.actor, data.mapping_from, mapping_json(data.mapping)
    )
    check_answers(old, answers)
    await write.tx.run(delete(L).where(L.c.ledger_id == write.ledger_id, L.c.import_id == old.id))
    new = await update_run(
        write,
        old,
        earlier=None if answers is None else {"mapping": old.mapping},
        status="PROCESSING",
        dry_run=old.dry_run and not (shown and answers is None),
        confirmed=answers is None,
        mapping=merged(old.mapping, answers),
        mapping_name=data.mapping_name or old.mapping_name,
        **nothing_yet(),
    )
    write.enqueue(JOB_KIND, old.id)
    return new
