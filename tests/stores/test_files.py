"""One contract of stored files, held by the folder and by S3."""

import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from models.base import utc_now
from models.stores.aws import AwsAway
from models.stores.files import FileStore, LocalFiles
from models.stores.s3 import PART_BYTES, S3Files
from tests.stores.conftest import client_of

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["folder", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileStore]:
    """An empty store."""
    if request.param == "folder":
        yield LocalFiles(tmp_path / "files")
        return
    with client_of("s3", request.getfixturevalue("cloud_url")) as s3:
        bucket = f"pt-{uuid4()}"
        s3.client.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield S3Files(s3, bucket, prefix="files/")


async def pieces(content: bytes, size: int = 65_569) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def read(files: FileStore, *name: UUID) -> bytes:
    return b"".join([piece async for piece in files.get(*name)])


async def names(files: FileStore, hours: int = 1) -> set[tuple[UUID, UUID]]:
    return {one async for one in files.older_than(utc_now() + timedelta(hours=hours))}


@pytest.mark.parametrize("size", [0, 1, 65_569, PART_BYTES - 1, PART_BYTES, 2 * PART_BYTES + 7])
async def test_what_was_put_comes_back(files: FileStore, size: int) -> None:
    content, name = secrets.token_bytes(size), (uuid4(), uuid4())
    assert await files.put(*name, pieces(content)) == size
    assert await read(files, *name) == content
    assert await names(files) == {name}


async def test_what_is_put_again_replaces(files: FileStore) -> None:
    name = (uuid4(), uuid4())
    for content in (b"one", b"another"):
        await files.put(*name, pieces(content))
    assert await read(files, *name) == b"another"


async def test_what_is_not_there_says_so(files: FileStore) -> None:
    name = (uuid4(), uuid4())
    with pytest.raises(FileNotFoundError):
        await read(files, *name)
    await files.put(*name, pieces(b"x"))
    with pytest.raises(FileNotFoundError):
        await read(files, uuid4(), name[1])
    await files.delete(*name)
    await files.delete(*name)
    with pytest.raises(FileNotFoundError):
        await read(files, *name)
    assert await names(files) == set()


@pytest.mark.parametrize("size", [100, 2 * PART_BYTES])
async def test_a_stream_that_breaks_leaves_nothing(files: FileStore, size: int) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for piece in pieces(bytes(size)):
            yield piece
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await files.put(uuid4(), uuid4(), broken())
    assert await names(files) == set()
    if isinstance(files, S3Files):
        left = files._s3.client.list_multipart_uploads(Bucket=files._bucket)
        assert left.get("Uploads", []) == []


async def test_orphans_are_found_by_their_age(files: FileStore) -> None:
    made = {(uuid4(), uuid4()) for _ in range(3)}
    for name in made:
        await files.put(*name, pieces(b"x"))
    assert await names(files, hours=-1) == set()
    assert await names(files) == made


async def test_a_store_that_is_well_says_so(files: FileStore) -> None:
    await files.probe()


class TestS3:
    @pytest.mark.parametrize("files", ["s3"], indirect=True)
    async def test_more_objects_than_one_page_are_all_found(self, files: S3Files) -> None:
        made = {(uuid4(), uuid4()) for _ in range(7)}
        for name in made:
            await files.put(*name, pieces(b"x"))
        files._page = 3
        stray = {"Bucket": files._bucket, "Key": "files/readme.txt", "Body": b"x"}
        await files._s3.call("put_object", **stray)
        assert await names(files) == made

    @pytest.mark.parametrize("kms_key", [None, "alias/files"])
    async def test_every_object_is_encrypted_once_more(
        self, cloud_url: str, kms_key: str | None
    ) -> None:
        with client_of("s3", cloud_url) as s3:
            bucket = f"pt-{uuid4()}"
            where = {"LocationConstraint": "eu-central-1"}
            s3.client.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
            files = S3Files(s3, bucket, kms_key=kms_key)
            for size in (10, 2 * PART_BYTES):
                name = (uuid4(), uuid4())
                await files.put(*name, pieces(bytes(size)))
                head = s3.client.head_object(Bucket=bucket, Key=f"{name[0]}/{name[1]}")
                wanted = "AES256" if kms_key is None else "aws:kms"
                assert head["ServerSideEncryption"] == wanted

    async def test_a_server_that_is_away_or_refuses_is_away(self, cloud_url: str) -> None:
        for url in ("http://127.0.0.1:9", cloud_url):
            with client_of("s3", url) as s3:
                files = S3Files(s3, "pt-there-is-no-such-bucket")
                with pytest.raises((AwsAway, FileNotFoundError)) as told:
                    await files.put(uuid4(), uuid4(), pieces(b"canary"))
                assert "canary" not in str(told.value)
                with pytest.raises(OSError):
                    await files.probe()
