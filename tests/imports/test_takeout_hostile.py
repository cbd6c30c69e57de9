"""Takeouts that are damaged, huge, contradictory or interrupted."""

import io
import json
import zipfile
from typing import Any

import pytest

from models.ids import encode, new_id
from resolvers.errors import UnsupportedMediaType
from resolvers.imports.takeout import document
from resolvers.imports.takeout.document import MEMBER, pieces
from resolvers.statements import StatementError
from tests.imports.world import World

pytestmark = pytest.mark.anyio

AT = {"createdAt": "2026-01-01T10:00:00Z", "updatedAt": "2026-01-02T10:00:00.123456Z"}
HEAD = {"format": "pocket-trend-takeout", "formatVersion": 1, "complete": True}


def account(**more: Any) -> dict[str, Any]:
    return {"id": encode("acct", new_id()), **AT, "name": "Giro", "type": "CHECKING", "currency": "EUR", **more}  # fmt: skip


def category(**more: Any) -> dict[str, Any]:
    return {"id": encode("cat", new_id()), **AT, "name": "C", "kind": "EXPENSE", **more}


def row(of: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": encode("txn", new_id()), **AT, "accountId": of["id"], "date": "2026-01-05", "amount": "-1.00", "description": "x", **more}  # fmt: skip


def text(**sections: Any) -> bytes:
    return json.dumps({**HEAD, **sections}).encode()


def archive(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name.replace("__", "."), content)
    return made.getvalue()


async def bring(world: World, data: bytes, **raw: Any) -> Any:
    return await world.work(await begin(world, data, **raw))


async def begin(world: World, data: bytes, **raw: Any) -> Any:
    upload = await world.upload(data, "takeout.zip" if data.startswith(b"PK") else "data.json")
    return await world.start(upload, None, **raw)


def read(data: bytes) -> list[Any]:
    return [(one.section, one.number, one.value) for one in pieces(io.BytesIO(data))]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 65_536])
def test_a_document_is_read_in_pieces_of_any_size(monkeypatch: Any, size: int) -> None:
    monkeypatch.setattr(document, "_PIECE", size)
    data = ' {"a": 12, "b" : [ {"x": "é\\"]}"}, {"x": [1]} ] , "c":[], "d": {"e": "ü"}, "n": -1.5e3 }\n'
    assert read(data.encode()) == [
        ("a", MEMBER, 12),
        ("b", 0, {"x": 'é"]}'}),
        ("b", 1, {"x": [1]}),
        ("d", MEMBER, {"e": "ü"}),
        ("n", MEMBER, -1500.0),
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "breaks off"),
        (b"[1]", "no JSON"),
        (b'{"a": [1', "breaks off"),
        (b'{"a": [1,]}', "no JSON"),
        (b'{"a": 1', "breaks off"),
        (b'{"a" 1}', "no JSON"),
        (b"{1: 2}", "no JSON"),
        (b'{"a": 1} x', "follows its end"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": ' + b"[" * 1 + b'{"b":' * 200_000, "nested without end"),
        (b"{" + b",".join(b'"m%d": 1' % n for n in range(300)) + b"}", "members"),
    ],
)  # fmt: skip
def test_a_damaged_document_says_what_is_wrong(data: bytes, says: str) -> None:
    with pytest.raises(StatementError) as refused:
        read(data)
    assert refused.value.code == "DAMAGED_FILE"
    assert says in refused.value.message


def test_one_object_has_its_limit() -> None:
    with pytest.raises(StatementError) as refused:
        read(b'{"a": [{"b": "' + b"x" * 5_000_000 + b'"}]}')
    assert "4,000,000 characters" in refused.value.message


async def test_a_bomb_is_not_unpacked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_UNPACKED", 3_000_000)
    bomb = text(notes=[{"x": "x" * 60_000}] * 100)
    run = await bring(world, archive(data__json=bomb))
    assert (run.status, run.error_code) == ("FAILED", "TOO_LARGE")
    assert "3 MB" in run.error_message


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (text(formatVersion=2), "UNSUPPORTED_FORMAT"),
        (text(transactions=[1]), "DAMAGED_FILE"),
        (text()[:-5], "DAMAGED_FILE"),
        (archive(data__json=text())[:-30], "DAMAGED_FILE"),
        (archive(data__json=b'{"format": "other"}'), "NO_TABLE"),
        (text(transactions={"txn_1": {}}), "DAMAGED_FILE"),
        (text(rules="none"), "DAMAGED_FILE"),
        (text(groups={"grp_1": {}}), "DAMAGED_FILE"),
    ],
    ids=[
        "version",
        "no-object",
        "cut",
        "cut-archive",
        "other",
        "rows-by-id",
        "plain",
        "stays",
    ],
)
async def test_what_is_no_takeout_fails_before_anything_is_stored(
    world: World, data: bytes, code: str
) -> None:
    run = await bring(world, data)
    assert (run.status, run.error_code) == ("FAILED", code)
    assert run.rows_total is None


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"data": []}', "a JSON document"),
        (b'[{"a": 1}]', "a JSON document"),
        (archive(x__txt=b"1"), "a zip archive"),
    ],
    ids=["object", "list", "zip"],
)
async def test_other_documents_and_archives_are_refused_at_the_door(
    world: World, data: bytes, found: str
) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        await world.upload(data, "x")
    assert refused.value.details["found"] == found


async def test_a_list_that_is_none_names_its_member(world: World) -> None:
    run = await bring(world, text(transactions={"a": {}}))
    says = "The takeout is damaged: transactions: must be a list of objects and is an object."
    assert run.error_message == says


async def test_what_is_wrong_is_left_out_and_told(world: World) -> None:
    giro = account()
    lost = account(openingBalance="1.234")
    loop, knot = category(), category(name="D")
    loop["parentId"], knot["parentId"] = knot["id"], loop["id"]
    good = row(giro, categoryId=loop["id"], externalId="e", transferId=encode("txn", new_id()))
    wrong = [
        (good, "twice"),
        (row(giro, externalId="e"), "twice"),
        (row(lost), "no such account"),
        (row(giro, categoryId=encode("cat", new_id())), "no such category"),
        (row(giro, amount="1.234"), "amount"),
        (row(giro, amount="1e5"), "amount"),
        (row(giro, date="2026-02-30"), "date"),
        (row(giro, currency="USD"), "currency: The amount is in USD, but its account is in EUR."),
        (row(giro, splits=[{"categoryId": knot["id"], "amount": "-0.40"}]), "-0.40"),
        (row(giro, description="\x00"), "description"),
        ({}, "Required"),
    ]
    data = text(
        accounts=[giro, lost],
        categories=[loop, knot],
        transactions=[good, *(one for one, _ in wrong)],
        somethingNew=[{}],
        profile={"baseCurrency": "XXQ"},
    )
    run = await bring(world, data)
    assert run.status == "COMPLETED", run.error_message
    lines = await world.lines(run.id)
    failed = [one.reason for one in lines if one.decision == "FAILED"]
    assert failed[0].startswith("accounts: openingBalance")
    assert len(failed) == len(wrong) + 1
    for reason, (_, says) in zip(failed[1:], wrong, strict=True):
        assert says in reason
    assert run.counts["new"] == 1
    (kept,) = await world.booked()
    assert (kept.amount_minor, kept.transfer_id, kept.external_id) == (-100, None, "e")
    assert run.warnings == [
        "Not known here, so left out: somethingNew.",
        "The settings in the takeout are not valid here, so yours stay as they are.",
        "12 objects could not be brought in; the rows say why.",
    ]


async def test_there_is_no_half_of_a_transfer(world: World) -> None:
    giro, other = account(), account(name="Other")
    named, silent = row(giro, amount="-5.00"), row(other, amount="5.00")
    named["transferId"] = silent["id"]
    first, second = row(giro, amount="-1.00"), row(giro, amount="-2.00")
    first["transferId"], second["transferId"] = second["id"], first["id"]
    own = row(giro, amount="-3.00")
    own["transferId"] = own["id"]
    less, more = row(giro, amount="-4.00"), row(other, amount="4.50")
    less["transferId"], more["transferId"] = more["id"], less["id"]
    third = row(other, amount="5.00")
    third["transferId"] = named["id"]
    every = [named, silent, first, second, own, less, more, third]
    run = await bring(world, text(accounts=[giro, other], transactions=every))
    assert (run.status, run.counts["new"]) == ("COMPLETED", 8)
    booked = {one.id: one for one in await world.booked()}
    linked = {
        one.amount_minor: booked[one.transfer_id].amount_minor
        for one in booked.values()
        if one.transfer_id
    }
    assert linked == {-500: 500, 500: -500}


class _Killed(Exception):
    """The worker is gone."""


@pytest.mark.parametrize("writes", [1, 2, 3, 4, 5, 6, 7])
async def test_a_killed_worker_leaves_whole_batches_and_the_next_goes_on(
    world: World, writes: int
) -> None:
    giro, other = account(), account(name="Other")
    rows = [row(giro, amount=f"-{n}.00", externalId=str(n)) for n in range(1, 700)]
    a, b = row(giro, amount="-5.00"), row(other, amount="5.00")
    a["transferId"], b["transferId"] = b["id"], a["id"]
    data = text(categories=[category()], accounts=[giro, other], transactions=[a, *rows, b])
    run_id = await begin(world, data)
    left = writes

    async def fence(tx: Any, job: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Killed

    with pytest.raises(_Killed):
        await world.work(run_id, fence)
    run = await world.work(run_id)
    assert run.status == "COMPLETED"
    assert (run.counts["rows"], run.counts["new"], run.counts["failed"]) == (701, 701, 0)
    booked = await world.booked()
    assert len(booked) == 701
    assert sum(one.amount_minor for one in booked) == -100 * sum(range(1, 700))
    sides = {one.id: one.transfer_id for one in booked if one.transfer_id}
    assert {sides[one] for one in sides} == set(sides)
    assert len(sides) == 2
