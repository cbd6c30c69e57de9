"""Multipart forms: the file streams sealed into the store, the fields become the input."""

from collections.abc import AsyncIterator
from typing import Any

from graph.context import Context
from graph.http.multipart import read_multipart, typed_fields
from resolvers.errors import FieldError, Invalid
from resolvers.uploads import Received, drop_received, receive_file


async def read_form(
    context: Context, stream: AsyncIterator[bytes], content_type: str
) -> dict[str, Any]:
    """The fields of a form; its file waits in the context until the operation names it."""
    services = context.services

    async def on_file(
        filename: str | None, declared: str | None, chunks: AsyncIterator[bytes]
    ) -> Received:
        return await receive_file(
            services.database,
            services.files,
            context.actor,
            chunks,
            filename=filename,
            declared=declared,
            bounds=services.bounds,
        )

    async def undo(received: Received) -> None:
        await drop_received(services.files, received)

    form = await read_multipart(
        stream, content_type, on_file, most=services.bounds.largest, undo=undo
    )
    context.received = form.file
    try:
        fields = typed_fields(form.fields)
        if form.file is not None and "uploadId" in fields:
            raise Invalid(
                [FieldError("uploadId", "INVALID", "Send a file or an uploadId, not both.")]
            )
        if form.file is None and "uploadId" not in fields:
            raise Invalid([FieldError("file", "REQUIRED", "Send the file in a part named file.")])
    except BaseException:
        await drop_unused(context)
        raise
    return fields


async def drop_unused(context: Context) -> None:
    """Remove a file that came with a request that did not come to store it."""
    received, context.received = context.received, None
    if received is not None:
        await drop_received(context.services.files, received)
