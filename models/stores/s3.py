"""Stored files in S3: sealed by us, encrypted once more by the server, in parts while they stream."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from botocore.exceptions import ClientError

from models.stores.aws import Aws, AwsAway, told

PART_BYTES: Final = 5 * 1024 * 1024
"""S3 takes no smaller part but the last."""
_PIECE_BYTES: Final = 262_144
_PAGE: Final = 1_000
_GONE: Final = frozenset({"NoSuchKey", "404", "NotFound"})


class S3Files:
    """Objects called ``PREFIX LEDGER/FILE`` in one bucket.

    An object appears whole or not at all: one request, or parts that are put together at the end.
    ``kms_key`` has S3 encrypt under a KMS key, else under its own.
    """

    def __init__(
        self, s3: Aws, bucket: str, *, prefix: str = "", kms_key: str | None = None
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._page = _PAGE
        self._prefix = prefix
        self._sealed = {"ServerSideEncryption": "AES256"}
        if kms_key is not None:
            self._sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}

    def _place(self, ledger_id: UUID, file_id: UUID) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{ledger_id}/{file_id}"}

    async def _call(self, name: str, **values: Any) -> Any:
        try:
            return await self._s3.call(name, **values)
        except ClientError as error:
            if told(error) in _GONE:
                raise FileNotFoundError("There is no such object.") from error
            raise AwsAway(f"s3 {name}: {told(error)}") from error

    async def put(self, ledger_id: UUID, file_id: UUID, chunks: AsyncIterator[bytes]) -> int:
        """Store sealed chunks under a name; all or nothing.  Returns the stored size."""
        place = self._place(ledger_id, file_id)
        buffer = bytearray()
        async for chunk in chunks:
            buffer += chunk
            if len(buffer) >= PART_BYTES:
                return await self._in_parts(place, buffer, chunks)
        await self._call("put_object", **place, **self._sealed, Body=bytes(buffer))
        return len(buffer)

    async def _in_parts(
        self, place: dict[str, str], buffer: bytearray, chunks: AsyncIterator[bytes]
    ) -> int:
        begun = await self._call("create_multipart_upload", **place, **self._sealed)
        upload = {**place, "UploadId": begun["UploadId"]}
        parts: list[dict[str, Any]] = []
        size = 0

        async def send() -> None:
            nonlocal size
            number = len(parts) + 1
            done = await self._call("upload_part", **upload, PartNumber=number, Body=bytes(buffer))
            parts.append({"PartNumber": number, "ETag": done["ETag"]})
            size += len(buffer)
            buffer.clear()

        try:
            async for chunk in chunks:
                if len(buffer) >= PART_BYTES:
                    await send()
                buffer += chunk
            if buffer:
                await send()
            await self._call(
                "complete_multipart_upload", **upload, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            # Parts of an upload that was given up would lie there, and cost, for ever.
            await asyncio.shield(self._drop(upload))
            raise
        return size

    async def _drop(self, upload: dict[str, str]) -> None:
        try:
            await self._call("abort_multipart_upload", **upload)
        except OSError:
            # The bucket's lifecycle rule removes what we could not.
            return

    async def get(self, ledger_id: UUID, file_id: UUID) -> AsyncIterator[bytes]:
        """The sealed bytes in pieces; raises FileNotFoundError, AwsAway."""
        answer = await self._call("get_object", **self._place(ledger_id, file_id))
        body = answer["Body"]
        left = int(answer["ContentLength"])
        try:
            while piece := await self._read(body):
                left -= len(piece)
                yield piece
        finally:
            body.close()
        if left:
            raise AwsAway("s3 get_object: the answer ended too soon")

    async def _read(self, body: Any) -> bytes:
        try:
            piece: bytes = await self._s3.run(body.read, _PIECE_BYTES)
        except OSError:
            raise
        except Exception as error:
            # The HTTP library below has failures of its own, in the middle of a body.
            raise AwsAway(f"s3 get_object: {type(error).__name__}") from error
        return piece

    async def delete(self, ledger_id: UUID, file_id: UUID) -> None:
        """Remove; absent is fine."""
        await self._call("delete_object", **self._place(ledger_id, file_id))

    async def older_than(self, before: datetime) -> AsyncIterator[tuple[UUID, UUID]]:
        """Ledger and id of every object stored before an instant, for finding orphans."""
        token: dict[str, str] = {}
        while True:
            page = await self._call(
                "list_objects_v2",
                Bucket=self._bucket,
                Prefix=self._prefix,
                MaxKeys=self._page,
                **token,
            )
            for one in page.get("Contents", ()):
                name = _name(one["Key"].removeprefix(self._prefix))
                if name is not None and one["LastModified"] < before:
                    yield name
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    async def probe(self) -> None:
        """Whether the bucket answers."""
        await self._call("head_bucket", Bucket=self._bucket)


def _name(key: str) -> tuple[UUID, UUID] | None:
    ledger, _, file = key.partition("/")
    try:
        return UUID(ledger), UUID(file)
    except ValueError:
        return None
