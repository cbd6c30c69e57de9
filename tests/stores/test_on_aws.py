"""The product on S3 and KMS by settings alone: files up and down, keys moved over from the file."""

import asyncio
import secrets
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

import assembly
from app import create_app, migrate_all, start
from assembly import engine_of, master_keys
from models.embedded.parts import Endpoints, temporary_parts
from models.rewrapping import rewrap_all
from models.stores.aws import Aws
from resolvers.verify import verify_all
from settings import Settings
from tests.doors import register
from tests.stores.conftest import LOGIN, REGION, client_of


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, kms_url: str, cloud_url: str) -> Any:
    """AWS' own settings, a bucket and two keys."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": LOGIN[0],
        "AWS_SECRET_ACCESS_KEY": LOGIN[1],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_KMS": kms_url,
        "AWS_ENDPOINT_URL_S3": cloud_url,
    }.items():
        monkeypatch.setenv(name, value)
    assembly._aws.cache_clear()
    bucket = f"pt-{uuid4()}"
    with client_of("s3", cloud_url) as s3, client_of("kms", kms_url) as kms:
        where = {"LocationConstraint": REGION}
        s3.client.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        ids = [kms.client.create_key()["KeyMetadata"]["KeyId"] for _ in range(2)]
    yield bucket, ids
    assembly._aws.cache_clear()


def test_files_lie_in_s3_and_keys_move_to_kms(
    cloud: Any, tmp_path: Path, settings: Settings
) -> None:
    bucket, ids = cloud
    on_file = settings.model_copy(update={"data": tmp_path, "files_url": "https://cdn.example.org"})
    on_s3 = on_file.model_copy(update={"s3_bucket": bucket, "s3_prefix": "files/"})
    moving = {"kms_keys": tuple(ids[:1]), "master_key_file": on_file.key_file}
    on_both = on_s3.model_copy(update=moving)
    on_kms = on_s3.model_copy(update={"kms_keys": tuple(ids[:1])})
    receipt = b"\x89PNG\r\n\x1a\n" + secrets.token_bytes(200_000)
    with temporary_parts() as ends:
        person = asyncio.run(upload(on_s3, ends, receipt))
        assert asyncio.run(rewrapped(on_both, ends)) == 1 + 3
        assert asyncio.run(rewrapped(on_both, ends)) == 0
        # From here on there is no key file.
        assert "differences: none" in asyncio.run(download(on_kms, ends, person, receipt))
        turned = on_s3.model_copy(update={"kms_keys": tuple(reversed(ids))})
        assert asyncio.run(rewrapped(turned, ends)) == 1 + 3
        only = on_s3.model_copy(update={"kms_keys": (ids[1],)})
        assert "differences: none" in asyncio.run(download(only, ends, person, receipt))
    assert not (tmp_path / "files").exists()


async def rewrapped(settings: Settings, ends: Endpoints) -> int:
    owner = engine_of(settings, ends, owner=True)
    keys = master_keys(settings)
    done = await rewrap_all(owner, keys, progress=lambda _done: None, settle_seconds=0)
    await owner.dispose()
    return done


async def upload(settings: Settings, ends: Endpoints, receipt: bytes) -> tuple[str, str]:
    await migrate_all(settings, ends)
    running = await start(settings, ends)
    app = create_app(running.services, settings, running)
    transport = httpx2.ASGITransport(app=app, client=("10.8.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver/v1") as client:
        ada = await register_at(client)
        done = await client.post(
            "/uploads",
            files={"file": ("tea.png", receipt, "image/png")},
            data={"purpose": "RECEIPT"},
            headers=ada,
        )
        assert done.status_code == 201, done.text
        data = done.json()["data"]
        assert data["downloadUrl"].startswith("https://cdn.example.org/v1/files/")
        health = (await client.get("/health/detailed")).json()["data"]["parts"]
        assert health["storage"]["status"] == "ok"
    await running.close()
    return ada["Authorization"], data["id"]


async def register_at(client: httpx2.AsyncClient) -> dict[str, str]:
    transport = client._transport
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as root:
        return (await register(root)).headers


async def download(
    settings: Settings, ends: Endpoints, person: tuple[str, str], receipt: bytes
) -> str:
    running = await start(settings, ends)
    app = create_app(running.services, settings, running)
    transport = httpx2.ASGITransport(app=app, client=("10.8.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver/v1") as client:
        found = await client.get(f"/uploads/{person[1]}", headers={"Authorization": person[0]})
        link = found.json()["data"]["downloadUrl"].partition("/v1")[2]
        assert (await client.get(link)).content == receipt
    report = await verify_all(running.services.database, running.chain_key)
    await running.close()
    return report.lines()[0]


def test_the_region_is_what_aws_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    aws = Aws("sqs", login=("test", "test"))
    assert aws.client.meta.region_name == "eu-north-1"
    aws.close()
