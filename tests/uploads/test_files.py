"""Files on a real database: stored sealed, given out whole or not at all, removed with their row."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from models.base import utc_now
from models.ids import encode, new_id
from models.sealed_files import CHUNK_BYTES, OVERHEAD_BYTES
from models.sealing import SealBroken, new_key
from models.uploads import UploadRow
from resolvers.bounds import DEFAULTS
from resolvers.errors import AppError, ErrorCode, Gone, Invalid, NotFound, TooLarge
from resolvers.inputs import parse
from resolvers.paging import PageRequest
from resolvers.uploads import (
    Bearer,
    UploadCreate,
    count_uploads,
    delete_upload,
    get_upload,
    keep_upload,
    link_path,
    list_uploads,
    open_upload,
    read_signed_file,
    receive_file,
    sign_link,
    store_upload,
    sweep_orphans,
    uploads_by_id,
)
from tests.imports.world import World, pieces, stored

pytestmark = pytest.mark.anyio

SEALED = CHUNK_BYTES + OVERHEAD_BYTES
ROW = b"2024-01-02,Coffee 73194682,-3.20\n"
LONG = b"Date,Description,Amount\n" + ROW * 6_000  # three chunks and a bit
STATEMENT = UploadCreate(purpose="STATEMENT")


async def read(world: World, row: UploadRow) -> bytes:
    async with world.database.read(world.actor.user_id) as tx:
        chunks = await open_upload(tx, world.files, row)
    return b"".join([chunk async for chunk in chunks])


async def test_a_file_comes_back_as_it_went_in(world: World, tmp_path: Path) -> None:
    row = await world.upload(LONG)
    assert (row.size, row.content_type, row.purpose) == (len(LONG), "text/csv", "STATEMENT")
    assert await read(world, row) == LONG
    (path,) = stored(tmp_path)
    assert b"Coffee" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "size", [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, CHUNK_BYTES * 2]
)
async def test_every_length_round_trips(world: World, size: int) -> None:
    data = (ROW * (size // len(ROW) + 1))[:size]
    row = await world.upload(data)
    assert (row.size, await read(world, row)) == (size, data)


@pytest.mark.case("E01")
@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[:-1],
        lambda data: data[:SEALED],
        lambda data: data[: SEALED * 2],
        lambda data: data[:0],
        lambda data: data[SEALED : SEALED * 2] + data[:SEALED] + data[SEALED * 2 :],
        lambda data: data[:SEALED] + data[SEALED * 2 :],
        lambda data: data[:SEALED] + data,
        lambda data: data + data[-100:],
        lambda data: data[: SEALED + 40] + bytes([data[SEALED + 40] ^ 1]) + data[SEALED + 41 :],
        lambda data: b"\x02" + data[1:],
    ],
)
async def test_a_harmed_file_does_not_open(world: World, tmp_path: Path, harm) -> None:
    row = await world.upload(LONG)
    (path,) = stored(tmp_path)
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(SealBroken):
        await read(world, row)


async def test_a_file_in_the_place_of_another_does_not_open(world: World, tmp_path: Path) -> None:
    first = await world.upload(LONG)
    (path,) = stored(tmp_path)
    content = path.read_bytes()
    second = await world.upload(LONG.replace(b"Coffee", b"Teacup"))
    (other,) = set(stored(tmp_path)) - {path}
    path.write_bytes(other.read_bytes())
    with pytest.raises(SealBroken):
        await read(world, first)
    path.write_bytes(content)
    assert await read(world, first) == LONG
    assert await read(world, second) != LONG


@pytest.mark.case("F01")
async def test_the_limit_is_to_the_byte_and_leaves_nothing(world: World, tmp_path: Path) -> None:
    async def zeros(size: int):
        yield b"a,b\n" * 20_000
        for _ in range((size - 80_000) // 1_000_000):
            yield b"1" * 1_000_000
        yield b"1" * ((size - 80_000) % 1_000_000)

    async def send(size: int):
        return await store_upload(
            world.ledgers, world.files, world.actor, zeros(size), STATEMENT,
            filename="a.csv", declared="text/csv",
        )  # fmt: skip

    with pytest.raises(TooLarge):
        await send(DEFAULTS.file_bytes + 1)
    assert stored(tmp_path) == []
    assert (await send(DEFAULTS.file_bytes)).value.size == DEFAULTS.file_bytes


async def test_a_refused_write_removes_the_file(world: World, tmp_path: Path) -> None:
    data = parse(UploadCreate, {"purpose": "RECEIPT", "transactionId": encode("txn", new_id())})
    with pytest.raises(Invalid) as caught:
        await store_upload(
            world.ledgers, world.files, world.actor, pieces(b"%PDF-1.7 receipt"), data,
            filename="a.pdf", declared=None,
        )  # fmt: skip
    assert caught.value.fields[0].path == "transactionId"
    assert stored(tmp_path) == []


async def test_a_purpose_told_after_the_file_is_checked_too(world: World, tmp_path: Path) -> None:
    received = await receive_file(
        world.database, world.files, world.actor, pieces(LONG), filename="a.csv", declared=None
    )
    with pytest.raises(AppError) as caught:
        await keep_upload(
            world.ledgers, world.files, world.actor, received, UploadCreate(purpose="RECEIPT")
        )
    assert caught.value.code == ErrorCode.UNSUPPORTED_MEDIA_TYPE
    assert stored(tmp_path) == []


async def test_a_repeated_upload_is_the_first_one(world: World, tmp_path: Path) -> None:
    first = await world.upload(LONG, key="k1")
    again = await world.upload(LONG, key="k1")
    assert again == first
    assert len(stored(tmp_path)) == 1
    with pytest.raises(AppError) as caught:
        await world.upload(LONG + ROW, key="k1")
    assert caught.value.code == ErrorCode.IDEMPOTENCY_KEY_REUSED
    assert len(stored(tmp_path)) == 1


async def test_lists_and_ids(world: World) -> None:
    rows = [await world.upload(ROW * n, f"{n}.csv") for n in (1, 2, 3)]
    await world.person()
    stranger = world.actors[1]
    async with world.database.read(world.actor.user_id) as tx:
        page = await list_uploads(tx, world.actor, PageRequest(first=2))
        assert [row.filename for row in page.items] == ["3.csv", "2.csv"]
        assert page.has_next
        assert await count_uploads(tx, world.actor, purpose="STATEMENT") == 3
        assert await count_uploads(tx, world.actor, purpose="RECEIPT") == 0
        keys = [(world.actor.ledger_id, one) for one in (rows[1].id, new_id())]
        assert await uploads_by_id(tx, keys) == [rows[1], None]
    async with world.database.read(stranger.user_id) as tx:
        with pytest.raises(NotFound):
            await get_upload(tx, stranger, rows[0].id)
        assert await uploads_by_id(tx, keys) == [None, None]


@pytest.mark.case("F09")
async def test_deleting_takes_row_and_object_and_links_end(world: World, tmp_path: Path) -> None:
    row = await world.upload(LONG)
    key, now = new_key(), utc_now()
    bearer = Bearer(row.ledger_id, world.actor.user_id)
    path = link_path(key, bearer, row.id, now)
    assert path == link_path(key, bearer, row.id, now)
    query = dict(pair.split("=", 1) for pair in path.partition("?")[2].split("&"))
    name = path.partition("?")[0].rpartition("/")[2]

    async def get(**changed: str) -> bytes:
        told = {"expires": query["exp"], "signature": query["sig"], "reference": name} | changed
        found = await read_signed_file(
            world.database, world.files, key, told.pop("reference"), **told, now=now
        )
        assert found.row.id == row.id
        return b"".join([chunk async for chunk in found.chunks])

    assert await get() == LONG
    for wrong in (
        {"expires": str(int(query["exp"]) + 1)},
        {"expires": "x"},
        {"signature": query["sig"][::-1]},
        {"signature": "é"},
        {"reference": encode("file", new_id())},
        {"reference": "file_1"},
    ):
        with pytest.raises(NotFound):
            await get(**wrong)
    old = str(int((now - timedelta(seconds=1)).timestamp()))
    with pytest.raises(Gone):
        await get(expires=old, signature=sign_link(key, bearer, row.id, int(old)))
    await delete_upload(world.ledgers, world.files, world.actor, row.id)
    assert stored(tmp_path) == []
    with pytest.raises(Gone):
        await get()
    with pytest.raises(NotFound):
        await delete_upload(world.ledgers, world.files, world.actor, row.id)


@pytest.mark.case("F09")
async def test_an_object_that_is_gone_is_gone(world: World, tmp_path: Path) -> None:
    row = await world.upload(LONG)
    (path,) = stored(tmp_path)
    path.unlink()
    with pytest.raises(Gone):
        await read(world, row)


@pytest.mark.case("F09")
async def test_orphans_are_swept_and_living_files_stay(world: World, tmp_path: Path) -> None:
    row = await world.upload(LONG)
    orphan = await receive_file(
        world.database, world.files, world.actor, pieces(LONG), filename="a.csv", declared=None
    )
    await world.files.put(new_id(), new_id(), pieces(b"of a ledger that is gone"))
    (tmp_path / "files" / "00").mkdir(exist_ok=True)
    (tmp_path / "files" / "00" / "killed.part").write_bytes(b"half")
    day = timedelta(days=1)
    assert await sweep_orphans(world.database, world.files, utc_now() - day) == 0
    assert await sweep_orphans(world.database, world.files, utc_now() + day) == 2
    (left,) = stored(tmp_path)
    assert left.name.startswith(str(row.id))
    assert not left.name.startswith(str(orphan.file_id))
    assert await read(world, row) == LONG


async def test_a_sender_that_goes_away_leaves_nothing(world: World, tmp_path: Path) -> None:
    async def broken():
        yield LONG[:100_000]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await store_upload(
            world.ledgers,
            world.files,
            world.actor,
            broken(),
            STATEMENT,
            filename="a",
            declared=None,
        )
    assert stored(tmp_path) == []


async def test_a_write_that_the_database_refuses_removes_the_file(
    world: World, tmp_path: Path
) -> None:
    received = await receive_file(
        world.database, world.files, world.actor, pieces(LONG), filename="a.csv", declared=None
    )
    data = UploadCreate(purpose="STATEMENT")
    await keep_upload(world.ledgers, world.files, world.actor, received, data)
    with pytest.raises(DBAPIError):
        await keep_upload(world.ledgers, world.files, world.actor, received, data)
    assert stored(tmp_path) == []
