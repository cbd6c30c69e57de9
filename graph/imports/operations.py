"""Lists, single imports and the writes that start and answer them."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey
from graph.context import Info
from graph.edges import said
from graph.imports.types import (
    DeletedPolicy,
    EditedPolicy,
    Import,
    ImportConnection,
    ImportRuling,
    ImportStatus,
)
from graph.inputs import expected, parsed, raw_value
from graph.paging import After, Before, First, Last, connection
from graph.scalars import JSONObject, id_of, id_text
from models.imports import ImportRunRow
from resolvers.imports import (
    ImportCreate,
    ImportOverrule,
    ImportProcess,
    ImportRevert,
    count_imports,
    get_import,
    list_imports,
    overrule_rows,
    process_import,
    revert_import,
    start_import,
)
from resolvers.ledgers import LedgerWrite
from resolvers.uploads import UploadCreate, insert_upload


@strawberry.input(description="Which file goes into which account.")
class CreateImportInput:
    """Fields of a new import."""

    account_id: ID | None = strawberry.field(
        default=UNSET,
        description="The account that it fills; absent for a takeout and other files that name "
        "their accounts themselves.",
    )
    upload_id: ID | None = strawberry.field(
        default=UNSET, description="The file; absent when it comes with the request."
    )
    mapping: JSONObject | None = strawberry.field(
        default=UNSET,
        description="What is known about the file: delimiter, encoding, dateFormat, decimalMark, "
        "signRule, headerLine, currency, columns (role to header name or #n), includePending, "
        "account (one of a file that holds several), skipRows.",
    )
    mapping_from: ID | None = strawberry.field(
        default=UNSET, description="An import whose mapping is taken; mapping is laid over it."
    )
    mapping_name: str | None = strawberry.field(
        default=UNSET, description="What you call the mapping, for files to come."
    )
    dry_run: bool | None = strawberry.field(
        default=UNSET, description="Only show what it would do."
    )
    deleted: DeletedPolicy | None = strawberry.field(
        default=UNSET, description="What happens to rows that you deleted earlier (SKIP)."
    )


@strawberry.input(description="Answers to the questions of a pending import.")
class ProcessImportInput:
    """The answers."""

    mapping: JSONObject | None = strawberry.field(
        default=UNSET, description="Laid over the earlier mapping; absent accepts the guess."
    )
    mapping_from: ID | None = strawberry.field(
        default=UNSET, description="An import whose mapping is taken; mapping is laid over it."
    )
    mapping_name: str | None = strawberry.field(
        default=UNSET, description="What you call the mapping, for files to come."
    )


@strawberry.input(description="What you say about one row of an import.")
class ImportRulingInput:
    """A ruling."""

    position: int = strawberry.field(description="The row's place, from 0.")
    decision: ImportRuling | None = strawberry.field(
        default=UNSET,
        description="What it shall be; absent leaves it to the importer again, before it is booked.",
    )
    transaction_id: ID | None = strawberry.field(
        default=UNSET,
        description="Which transaction it is (DUPLICATE, MATCHED), or its other side (TRANSFER).",
    )


@strawberry.type(description="The import with your decisions.")
class OverruleImportRowsPayload:
    """Answer of overruleImportRows."""

    import_: Import = strawberry.field(name="import", description="The import.")


@strawberry.type(description="The import, whose work goes on.")
class CreateImportPayload:
    """Answer of createImport."""

    import_: Import = strawberry.field(name="import", description="The import.")


@strawberry.type(description="The import, whose work goes on.")
class ProcessImportPayload:
    """Answer of processImport."""

    import_: Import = strawberry.field(name="import", description="The import.")


@strawberry.type(description="The import, which is being taken back.")
class RevertImportPayload:
    """Answer of revertImport."""

    import_: Import = strawberry.field(name="import", description="The import.")


@strawberry.type
class ImportQueries:
    """Root fields of imports."""

    @strawberry.field(description="Your imports, newest first.", graphql_type=ImportConnection)
    async def imports(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        status: Annotated[ImportStatus | None, said("Only of this status.")] = None,
    ) -> Any:
        """A page of imports."""
        actor, word = info.context.actor, raw_value(status)
        return await connection(
            info,
            f"imports:{word}",
            lambda tx, page: list_imports(tx, actor, page, status=word),
            lambda tx: count_imports(tx, actor, status=word),
            first=first,
            after=after,
            last=last,
            before=before,
        )

    @strawberry.field(name="import", description="One import.", graphql_type=Import | None)
    async def import_(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Raises NOT_FOUND."""
        context = info.context
        return await get_import(await context.reader(), context.actor, id_of("imp", id))


@strawberry.type
class ImportMutations:
    """Writes of imports."""

    @strawberry.mutation(
        description="Import a file; a worker does it.", graphql_type=CreateImportPayload | None
    )
    async def create_import(
        self,
        info: Info,
        input: Annotated[CreateImportInput, said("File and account.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """A file that comes with the request is stored in the same write."""
        context = info.context
        raw = raw_value(input)
        received, context.received = context.received, None
        if received is not None:
            raw["uploadId"] = id_text("file", received.file_id)
        data = parsed(ImportCreate, raw)
        payload = {**raw, "uploadId": received.sha256} if received is not None else raw

        async def work(write: LedgerWrite) -> ImportRunRow:
            if received is not None:
                await insert_upload(write, received, parsed(UploadCreate, {}))
            return await start_import(write, data)

        row = await context.write(
            "createImport", work, answer=ImportRunRow, key=idempotency_key, payload=payload
        )
        return CreateImportPayload(import_=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Answer a pending import's questions and let it go on, or book what a dry run "
        "has shown.",
        graphql_type=ProcessImportPayload | None,
    )
    async def process_import(
        self,
        info: Info,
        id: Annotated[ID, said("The import.")],
        input: Annotated[ProcessImportInput | None, said("The answers.")] = None,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT for an import that waits for nobody."""
        data = parsed(ImportProcess, input)

        async def work(write: LedgerWrite) -> ImportRunRow:
            return await process_import(
                write, id_of("imp", id), data, expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "processImport",
            work,
            answer=ImportRunRow,
            key=idempotency_key,
            payload=[id, raw_value(input), expected_version],
        )
        return ProcessImportPayload(import_=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Decide about rows yourself. Before anything is booked (a dry run, a pending "
        "import) all rows are decided anew around what you say; afterwards what a row did is undone "
        "and what you say is done at once.",
        graphql_type=OverruleImportRowsPayload | None,
    )
    async def overrule_import_rows(
        self,
        info: Info,
        id: Annotated[ID, said("The import.")],
        rows: Annotated[list[ImportRulingInput], said("1 to 500 rows.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises VALIDATION_ERROR with every row that cannot be what is said."""
        context, raw = info.context, raw_value(rows)
        data, secret = parsed(ImportOverrule, {"rows": raw}), context.services.import_secret

        async def work(write: LedgerWrite) -> ImportRunRow:
            wanted = expected(expected_version)
            return await overrule_rows(
                write, id_of("imp", id), data, secret, expected_version=wanted
            )

        row = await context.write(
            "overruleImportRows",
            work,
            answer=ImportRunRow,
            key=idempotency_key,
            payload=[id, raw, expected_version],
        )
        return OverruleImportRowsPayload(import_=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Take an import back: what it has booked goes for good, what it has matched or "
        "linked is as it was before. A worker does it; the import ends as REVERTED.",
        graphql_type=RevertImportPayload | None,
    )
    async def revert_import(
        self,
        info: Info,
        id: Annotated[ID, said("The import.")],
        edited: Annotated[
            EditedPolicy | None, said("What happens to what was changed since (REFUSE).")
        ] = None,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT for an import that has booked nothing, and for changed transactions."""
        word = raw_value(edited)
        data = parsed(ImportRevert, {} if word is None else {"edited": word})

        async def work(write: LedgerWrite) -> ImportRunRow:
            return await revert_import(
                write, id_of("imp", id), data, expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "revertImport",
            work,
            answer=ImportRunRow,
            key=idempotency_key,
            payload=[id, word, expected_version],
        )
        return RevertImportPayload(import_=row)  # type: ignore[arg-type]
