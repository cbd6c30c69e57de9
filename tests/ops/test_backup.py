"""Backups: made while people write, whole or refused, and brought back to the last row and file."""

import io
import json
import os
import secrets
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from app import Running
from assembly import database_of, engine_of
from models.backup import BackupBroken, RestoreRefused, Server, find_tools, restore_backup
from models.backup.archive import Head, Writer, key_context, open_key
from models.embedded.parts import Endpoints
from models.migrate import newest_revision
from models.sealing import new_key
from models.stores.files import LocalFiles
from models.stores.keys import LocalKeys
from settings import Settings
from tests.doors import PASSWORD
from tests.ops.test_serve import ROOT, served

ROLES = ("pockettrend_owner", "pockettrend_app")


def command(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith("POCKETTREND_")}
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT,
        env={**kept, "POCKETTREND_DATA": str(data), "POCKETTREND_LOG_LEVEL": "error"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.serve
def test_a_backup_of_a_serving_product_comes_back_whole(tmp_path: Path) -> None:
    data, archive, place = tmp_path / "data", tmp_path / "one.backup", tmp_path / "place"
    with served(data) as product, httpx2.Client(base_url=f"{product.url}/v1") as client:
        body = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada"}
        session = client.post("/auth/register", json=body).json()["data"]
        client.headers["Authorization"] = f"Bearer {session['accessToken']}"
        account = client.post(
            "/accounts", json={"name": "Cash", "type": "CASH", "currency": "EUR"}
        ).json()["data"]["id"]
        row = {"accountId": account, "date": "2026-03-01", "amount": "-12.34", "description": "tea"}
        assert client.post("/transactions", json=row).status_code == 201
        receipt = b"\x89PNG\r\n\x1a\n" + secrets.token_bytes(100_000)
        kept = client.post(
            "/uploads",
            files={"file": ("tea.png", receipt, "image/png")},
            data={"purpose": "RECEIPT"},
        ).json()["data"]
        # Beside the server that goes on serving.
        made = command(data, "backup", str(archive))
        assert made.returncode == 0, made.stderr
        assert "master key" in made.stderr
        assert client.post("/transactions", json=row).status_code == 201
    assert (archive.stat().st_mode & 0o777) == 0o600
    content = archive.read_bytes()
    key = data / "keys/master.key"
    for told in (b"ada@example.org", b"tea.png", key.read_bytes().strip(), receipt[:64]):
        assert told not in content
    assert command(data, "backup", str(archive)).returncode == 2

    without = command(place, "restore", str(archive))
    assert (without.returncode, "--master-key" in without.stderr) == (2, True)
    restored = command(place, "restore", str(archive), "--master-key", str(key))
    assert restored.returncode == 0, restored.stderr
    assert "transactions: 1" in restored.stdout
    assert "differences: none" in restored.stdout
    again = command(place, "restore", str(archive))
    assert (again.returncode, "empty" in again.stderr) == (2, True)

    with served(place) as product, httpx2.Client(base_url=f"{product.url}/v1") as client:
        # Whoever was signed in is not any more.
        refresh = {"refreshToken": session["refreshToken"]}
        assert client.post("/auth/refresh", json=refresh).status_code == 401
        login = {"email": "ada@example.org", "password": PASSWORD}
        token = client.post("/auth/login", json=login).json()["data"]["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get(f"/accounts/{account}/balance").json()["data"]["balance"] == "-12.34"
        link = client.get(f"/uploads/{kept['id']}").json()["data"]
        assert link["sha256"] == kept["sha256"]
        path = link["downloadUrl"].partition("/v1")[2]
        assert client.get(path).content == receipt


@pytest.fixture
async def archive(tmp_path: Path) -> Path:
    """An archive with a file and something that is no dump."""
    return await written(tmp_path / "made.backup", {})


MASTER = LocalKeys(b"m" * 32)


async def written(path: Path, other: dict[str, Any]) -> Path:
    head = Head(
        **{
            "id": UUID(int=7),
            "revision": newest_revision(),
            "build": "test",
            "at": "2026-01-01T00:00:00Z",
            "owner": ROLES[0],
            "app": ROLES[1],
            **other,
        },
        wrapped=await MASTER.wrap(new_key(), key_context(UUID(int=7))),
    )
    with path.open("wb") as stream:
        writer = Writer(stream, head, await open_key(head, MASTER))
        writer.add("files/" + "/".join(["01a2041f-9b97-7680-8a02-a9a3f53802e8"] * 2), b"sealed")
        writer.add("database", b"no dump" * 20)
        writer.close()
    return path


@pytest.fixture
async def bring(
    running: Running, parts: Endpoints, settings: Settings, tmp_path: Path
) -> Iterator[Any]:
    owner = engine_of(settings, parts, owner=True)

    async def run(path: Path, keys: LocalKeys = MASTER) -> Head:
        return await restore_backup(
            path,
            owner=owner,
            server=Server(**database_of(settings, parts, "owner")),
            tools=find_tools(),
            files=LocalFiles(tmp_path / "files"),
            keys=keys,
            roles=ROLES,
            progress=lambda _what, _done: None,
        )

    yield run
    await owner.dispose()


@pytest.mark.anyio
class TestRefusals:
    async def test_a_full_database_is_left_alone(self, bring, archive: Path) -> None:
        with pytest.raises(RestoreRefused, match="empty one"):
            await bring(archive)

    async def test_another_master_key_is_named(self, bring, archive: Path) -> None:
        with pytest.raises(RestoreRefused, match="master key"):
            await bring(archive, LocalKeys(b"x" * 32))

    async def test_a_newer_build_and_other_roles_are_named(self, bring, tmp_path: Path) -> None:
        newer = await written(tmp_path / "newer", {"revision": "9999"})
        with pytest.raises(RestoreRefused, match="update first"):
            await bring(newer)
        other = await written(tmp_path / "other", {"app": "somebody"})
        with pytest.raises(RestoreRefused, match="somebody"):
            await bring(other)

    @pytest.mark.parametrize("where", ["file", "database", "head", "name"])
    async def test_a_changed_archive_is_refused(self, bring, archive: Path, where: str) -> None:
        content = bytes_of(archive)
        change = {
            "file": (b"sealed", b"seaIed"),
            "database": (b"no dump", b"mo dump"),
            "head": (b'"test"', b'"tost"'),
            "name": (b"01a2041f", b"01a2041e"),
        }[where]
        changed = content.replace(*change)
        assert changed != content
        if where == "name":
            # A tar's own checksum of each head is no secret.
            changed = _retarred(archive, *change)
        put(archive, changed)
        with pytest.raises(BackupBroken):
            await bring(archive)

    @pytest.mark.parametrize("kept", [0, 100, 1_024, 3_000, 3_600])
    async def test_a_cut_archive_is_refused(self, bring, archive: Path, kept: int) -> None:
        put(archive, bytes_of(archive)[:kept])
        with pytest.raises(BackupBroken):
            await bring(archive)

    async def test_something_else_is_refused(self, bring, tmp_path: Path) -> None:
        other = tmp_path / "other"
        with tarfile.open(other, "w") as tar:
            info = tarfile.TarInfo("head.json")
            text = json.dumps({"format": "another"}).encode()
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
        with pytest.raises(BackupBroken):
            await bring(other)
        other.write_bytes(b"\x00" * 2_000)
        with pytest.raises(BackupBroken):
            await bring(other)


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _retarred(path: Path, old: bytes, new: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(path) as source, tarfile.open(fileobj=out, mode="w") as target:
        for info in source:
            stream = source.extractfile(info)
            info.name = info.name.replace(old.decode(), new.decode())
            target.addfile(info, stream)
    return out.getvalue()


def test_no_program_is_a_clear_word(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="pg_dump is not there"):
        find_tools(tmp_path)
