"""How large a file may be: settings with defaults, and no archive that costs more than it weighs."""

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from resolvers.bounds import DEFAULTS, Bounds
from resolvers.errors import TooLarge
from resolvers.imports import import_handler, run_import
from resolvers.imports.takeout.document import pieces
from resolvers.statements import StatementError
from resolvers.statements.archives import opened
from resolvers.uploads import UploadCreate, store_upload
from settings import Settings
from tests.imports.test_takeout_hostile import HEAD
from tests.imports.world import Work, World, no_fence
from tests.imports.world import pieces as sent

pytestmark = pytest.mark.anyio
SMALL = Bounds(file_bytes=2_000, takeout_bytes=9_000, rows=3, columns=4)


def zipped(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


async def upload(world: World, data: bytes, name: str, bounds: Bounds) -> Any:
    told = UploadCreate(purpose="STATEMENT")
    outcome = await store_upload(
        world.ledgers, world.files, world.actor, sent(data, 500), told, filename=name,
        declared=None, bounds=bounds,
    )  # fmt: skip
    return outcome.value


async def run(world: World, data: bytes, name: str, bounds: Bounds, account: Any) -> Any:
    import_id = await world.start(await upload(world, data, name, DEFAULTS), account)
    await run_import(
        world.ledgers, world.database, world.files, Work(import_id), actor=world.actor,
        fence=no_fence, secret=world.secret, bounds=bounds,
    )  # fmt: skip
    return await world.run(import_id)


def test_the_defaults_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (DEFAULTS.file_bytes, DEFAULTS.rows, DEFAULTS.columns) == (25 * 2**20, 200_000, 64)
    assert DEFAULTS.takeout_bytes > DEFAULTS.file_bytes
    found = Settings()
    assert Bounds(found.import_bytes, found.takeout_bytes, found.import_rows, found.import_columns) == DEFAULTS  # fmt: skip
    monkeypatch.setenv("POCKETTREND_IMPORT_ROWS", "7")
    assert Settings().import_rows == 7


async def test_a_takeout_may_be_larger_than_a_statement(world: World) -> None:
    table = b"Date,Text,Amount\n" + b"2026-01-05,Rent,-500.00\n" * 100
    with pytest.raises(TooLarge) as refused:
        await upload(world, table, "a.csv", SMALL)
    assert refused.value.details["allowed"] == 2_000
    document = json.dumps({**HEAD, "notes": "x" * 6_000}).encode()
    assert (await upload(world, document, "data.json", SMALL)).size == len(document)
    with pytest.raises(TooLarge) as refused:
        await upload(world, document + b" " * 9_000, "data.json", SMALL)
    assert refused.value.details["allowed"] == 9_000


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"Date,Text,Amount\n" + b"2026-01-05,Rent,-5.00\n" * 4, "TOO_MANY_ROWS", "more than 3"),
        (b"Date,Text,Amount,A,B\n2026-01-05,Rent,-5.00,a,b\n", "TOO_MANY_COLUMNS", "more than 4"),
        (
            b":20:A\n:25:1/2\n:60F:C260101EUR0,\n" + b":61:2601020102D1,NMSC\n" * 4,
            "TOO_MANY_ROWS",
            "more than 3",
        ),
    ],
    ids=["rows", "columns", "records"],
)
async def test_rows_and_columns_are_bounded_by_the_settings(
    world: World, data: bytes, code: str, says: str
) -> None:
    ended = await run(world, data, "a.txt", SMALL, await world.account())
    assert (ended.status, ended.error_code) == ("FAILED", code)
    assert says in ended.error_message
    wide = replace(SMALL, rows=4, columns=5)
    assert (await run(world, data, "a.txt", wide, await world.account("B"))).status == "COMPLETED"


async def test_the_bounds_reach_the_worker(world: World) -> None:
    assert import_handler(world.ledgers, world.files, world.secret, SMALL) is not None


def test_blanks_without_end_are_given_up_at_once() -> None:
    class Blanks(io.RawIOBase):
        """As many blanks as anybody wants; what is read is counted."""

        given = 0

        def readinto(self, buffer: Any) -> int:
            data = b'{"a":' if self.given == 0 else b" " * len(buffer)
            buffer[: len(data)] = data
            self.given += len(data)
            return len(data)

    stream = Blanks()
    with pytest.raises(StatementError) as refused:
        list(pieces(stream))  # type: ignore[arg-type]
    assert "100,000 blanks in a row" in refused.value.message
    assert stream.given < 400_000


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"data.json": b"{" + b" " * 30_000_000}, "UNSAFE_FILE"),
        ({"Register.csv": b"\n" * 30_000_000}, "UNSAFE_FILE"),
        ({f"files/{n}": b"" for n in range(3)}, None),
    ],
    ids=["document", "table", "small"],
)
def test_an_archive_that_grows_beyond_measure_is_not_opened(
    members: dict[str, bytes], code: str | None
) -> None:
    data = zipped(**members)
    if code is None:
        with opened(data) as archive:
            assert len(archive.namelist()) == 3
        return
    with pytest.raises(StatementError) as refused, opened(data):
        pass
    assert refused.value.code == code
    assert "200 times" in refused.value.message
