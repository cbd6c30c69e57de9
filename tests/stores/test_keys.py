"""One contract of master keys, held by the key file and by KMS."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import assembly
from models.sealing import SealBroken
from models.stores.aws import Aws, AwsAway
from models.stores.keys import KeyProvider, LocalKeys
from models.stores.kms import KmsKeys
from settings import Settings, SettingsError
from tests.stores.conftest import client_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def kms(kms_url: str) -> Iterator[Aws]:
    with client_of("kms", kms_url) as found:
        yield found


def made(kms: Aws) -> str:
    found: str = kms.client.create_key()["KeyMetadata"]["KeyId"]
    return found


@pytest.fixture(params=["file", "kms"])
def pair(request: pytest.FixtureRequest) -> Any:
    """A provider, the one after a rotation, and a stranger."""
    if request.param == "file":
        old, new = os.urandom(32), os.urandom(32)
        return LocalKeys(old), LocalKeys(new, old), LocalKeys(os.urandom(32))
    kms = request.getfixturevalue("kms")
    old, new, other = made(kms), made(kms), made(kms)
    return KmsKeys(kms, [old]), KmsKeys(kms, [new, old]), KmsKeys(kms, [other])


@pytest.mark.parametrize("size", [32, 241])
async def test_a_key_comes_back_in_its_place_alone(pair: Any, size: int) -> None:
    keys: KeyProvider = pair[0]
    key = os.urandom(size)
    wrapped = await keys.wrap(key, b"ledger one")
    assert key not in wrapped
    assert await keys.unwrap(wrapped, b"ledger one") == key
    for place in (b"ledger two", b"", b"ledger one "):
        with pytest.raises(SealBroken):
            await keys.unwrap(wrapped, place)


@pytest.mark.parametrize("at", [0, 8, 30, -1])
async def test_a_changed_byte_does_not_open(pair: Any, at: int) -> None:
    wrapped = bytearray(await pair[0].wrap(os.urandom(32), b"here"))
    wrapped[at] ^= 1
    with pytest.raises(SealBroken):
        await pair[0].unwrap(bytes(wrapped), b"here")


async def test_two_wrappings_are_never_alike(pair: Any) -> None:
    key = os.urandom(32)
    assert await pair[0].wrap(key, b"here") != await pair[0].wrap(key, b"here")


async def test_after_a_rotation_both_open_and_the_new_one_wraps(pair: Any) -> None:
    before, after, stranger = pair
    key = os.urandom(32)
    old = await before.wrap(key, b"here")
    assert (before.is_current(old), after.is_current(old)) == (True, False)
    assert await after.unwrap(old, b"here") == key
    new = await after.wrap(key, b"here")
    assert after.is_current(new)
    assert await after.unwrap(new, b"here") == key
    for keys, wrapped in ((before, new), (stranger, old), (stranger, new)):
        with pytest.raises(SealBroken):
            await keys.unwrap(wrapped, b"here")


async def test_an_installation_moves_from_a_file_to_kms(kms: Aws) -> None:
    file = LocalKeys(os.urandom(32))
    wrapped = await file.wrap(b"k" * 32, b"here")
    moved = KmsKeys(kms, [made(kms)], before=file)
    assert moved.is_current(wrapped) is False
    assert await moved.unwrap(wrapped, b"here") == b"k" * 32
    assert moved.is_current(await moved.wrap(b"k" * 32, b"here"))
    with pytest.raises(SealBroken):
        await KmsKeys(kms, [made(kms)]).unwrap(wrapped, b"here")


async def test_kms_that_is_away_is_away_and_not_broken(kms: Aws) -> None:
    key_id = made(kms)
    wrapped = await KmsKeys(kms, [key_id]).wrap(b"k" * 32, b"x")
    with client_of("kms", "http://127.0.0.1:9") as nowhere:
        keys = KmsKeys(nowhere, [key_id])
        with pytest.raises(AwsAway):
            await keys.unwrap(wrapped, b"x")
        with pytest.raises(AwsAway) as told:
            await keys.wrap(b"canary" * 5, b"x")
    assert "canary" not in str(told.value)


def test_a_service_without_a_region_is_a_wrong_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assembly._aws.cache_clear()
    with pytest.raises(SettingsError, match="AWS_REGION: must name the region of KMS"):
        assembly.master_keys(Settings(data=tmp_path, kms_keys=("alias/x",)))
