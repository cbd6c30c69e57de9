"""Uploads in the graph."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import UNSET, Parent
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey
from graph.context import Context, Info
from graph.edges import edge, own_ledger, plain, said
from graph.inputs import expected, parsed, raw_value
from graph.nodes import Stored, node_kind
from graph.paging import After, Before, Connection, First, Last, connection
from graph.scalars import id_of, id_text
from graph.transactions import Transaction
from models.sealing import derive
from models.uploads import UploadRow
from resolvers.errors import invalid
from resolvers.ledgers import LedgerWrite
from resolvers.repeats import repeat_of
from resolvers.transactions import transactions_by_id
from resolvers.uploads import (
    Bearer,
    Received,
    UploadCreate,
    attach_receipt,
    count_uploads,
    delete_upload,
    get_upload,
    keep_upload,
    link_path,
    list_uploads,
    receive_file,
    uploads_by_id,
)

node_kind("file", uploads_by_id)


@strawberry.enum(description="What a file was given for.")
class UploadPurpose(Enum):
    """Purposes of uploads."""

    STATEMENT = strawberry.enum_value("STATEMENT", description="To be imported.")
    RECEIPT = strawberry.enum_value("RECEIPT", description="To prove a transaction.")


def link_key(cursor_key: bytes) -> bytes:
    """The key that signs links to files."""
    return derive(cursor_key, "file links")


@strawberry.type(description="A file that you gave us; it rests sealed.")
class Upload(Stored):
    """A view over UploadRow."""

    filename: str = plain("The name it came with, made safe.")
    content_type: str = plain("Told by its bytes, whatever its name says.")
    size: int = plain("Bytes.")
    sha256: str = plain("SHA-256 of its bytes, hexadecimal.")
    purpose: UploadPurpose = plain("What it was given for.")
    transaction: Transaction | None = edge(
        transactions_by_id,
        own_ledger("transaction_id"),
        "What a receipt proves; null while that lies in the trash.",
    )

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is an upload."""
        return isinstance(obj, UploadRow)

    @strawberry.field(description="What a receipt proves.")
    def transaction_id(row: Parent[UploadRow]) -> ID | None:
        """Wire id."""
        return id_text("txn", row.transaction_id)

    @strawberry.field(description="Opens the file for an hour, for whoever holds the link.")
    def download_url(row: Parent[UploadRow], info: Info) -> str:
        """A signed link; its signature is its authentication."""
        services, actor = info.context.services, info.context.actor
        bearer = Bearer(row.ledger_id, actor.user_id)
        path = link_path(link_key(services.cursor_key), bearer, row.id, datetime.now(UTC))
        return services.files_url + path


UploadConnection = Connection[Upload]


@strawberry.input(
    description="A file as base64 text; the REST path takes larger ones as multipart."
)
class CreateUploadInput:
    """Fields of a new upload."""

    purpose: UploadPurpose | None = strawberry.field(
        default=UNSET, description="What it is given for (STATEMENT; RECEIPT with transactionId)."
    )
    transaction_id: ID | None = strawberry.field(
        default=UNSET, description="What a receipt proves."
    )
    filename: str | None = strawberry.field(default=UNSET, description="Its name, with content.")
    content_type: str | None = strawberry.field(
        default=UNSET, description="Its declared type, with content; told by its bytes if absent."
    )
    content: str | None = strawberry.field(
        default=UNSET,
        description="Its bytes in base64; larger files are sent to the REST path as multipart.",
    )


@strawberry.type(description="The file that was stored.")
class CreateUploadPayload:
    """Answer of createUpload."""

    upload: Upload = plain("The file.")


@strawberry.type(description="The receipt, and what it proves now.")
class AttachReceiptPayload:
    """Answer of attachReceipt."""

    upload: Upload = plain("The file.")


@strawberry.type(description="The file that is gone.")
class DeleteUploadPayload:
    """Answer of deleteUpload."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


async def received_file(context: Context, raw: dict[str, Any]) -> Received:
    """The file of the request: already stored (multipart), or in the input as base64."""
    if context.received is not None:
        return context.received
    content = raw.pop("content", None)
    if content is None:
        raise invalid("content", "Give the file's bytes in base64.", "REQUIRED")
    try:
        data = b64decode(content, validate=True)
    except (Base64Error, ValueError) as error:
        raise invalid("content", "Not base64.") from error

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    services = context.services
    return await receive_file(
        services.database,
        services.files,
        context.actor,
        chunks(),
        filename=raw.get("filename"),
        declared=raw.get("contentType"),
        purpose=raw.get("purpose"),
        bounds=services.bounds,
    )


@strawberry.type
class UploadQueries:
    """Root fields of uploads."""

    @strawberry.field(description="Your files, newest first.", graphql_type=UploadConnection)
    async def uploads(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        purpose: Annotated[UploadPurpose | None, said("Only of this purpose.")] = None,
    ) -> Any:
        """A page of files."""
        actor, word = info.context.actor, raw_value(purpose)
        return await connection(
            info,
            f"uploads:{word}",
            lambda tx, page: list_uploads(tx, actor, page, purpose=word),
            lambda tx: count_uploads(tx, actor, purpose=word),
            first=first,
            after=after,
            last=last,
            before=before,
        )

    @strawberry.field(description="One file.", graphql_type=Upload | None)
    async def upload(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Raises NOT_FOUND."""
        context = info.context
        return await get_upload(await context.reader(), context.actor, id_of("file", id))


@strawberry.type
class UploadMutations:
    """Writes of uploads."""

    @strawberry.mutation(description="Store a file.", graphql_type=CreateUploadPayload | None)
    async def create_upload(
        self,
        info: Info,
        input: Annotated[CreateUploadInput, said("The file.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises UNSUPPORTED_MEDIA_TYPE naming what was found."""
        context = info.context
        raw = raw_value(input)
        about = {name: raw[name] for name in ("purpose", "transactionId") if name in raw}
        data = parsed(UploadCreate, about)
        received = await received_file(context, raw)
        context.received = None
        services, actor = context.services, context.actor
        row = await context.told(
            lambda: keep_upload(
                services.ledgers, services.files, actor, received, data, key=idempotency_key
            )
        )
        return CreateUploadPayload(upload=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Attach a receipt to a transaction, or take it off with null.",
        graphql_type=AttachReceiptPayload | None,
    )
    async def attach_receipt(
        self,
        info: Info,
        upload_id: Annotated[ID, said("The receipt.")],
        transaction_id: Annotated[ID | None, said("What it proves; null: nothing.")] = UNSET,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises NOT_FOUND for the file and VALIDATION_ERROR for the transaction."""

        async def work(write: LedgerWrite) -> UploadRow:
            wanted = None
            if transaction_id is UNSET:
                raise invalid("transactionId", "Name a transaction, or null.", "REQUIRED")
            if transaction_id is not None:
                wanted = id_of("txn", transaction_id)
                if wanted is None:
                    raise invalid("transactionId", "There is no such object.", "NOT_FOUND")
            return await attach_receipt(
                write,
                id_of("file", upload_id),
                wanted,
                expected_version=expected(expected_version),
            )

        row = await info.context.write(
            "attachReceipt",
            work,
            answer=UploadRow,
            key=idempotency_key,
            payload=[upload_id, transaction_id, expected_version],
        )
        return AttachReceiptPayload(upload=row)  # type: ignore[arg-type]

    @strawberry.mutation(description="Remove a file.", graphql_type=DeleteUploadPayload | None)
    async def delete_upload(
        self,
        info: Info,
        id: Annotated[ID, said("The file.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Raises CONFLICT while an import reads it."""
        context = info.context
        services, actor = context.services, context.actor
        row = await context.told(
            lambda: delete_upload(
                services.ledgers,
                services.files,
                actor,
                id_of("file", id),
                expected_version=expected(expected_version),
                repeat=repeat_of(idempotency_key, "deleteUpload", [id, expected_version]),
            )
        )
        return DeleteUploadPayload(id=ID(id_text("file", row.id) or ""), deleted=True)
