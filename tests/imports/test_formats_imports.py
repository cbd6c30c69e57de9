"""Files of every format through an import: booked once, overlapping ones for their new rows."""

from decimal import Decimal

import pytest

from tests.imports import test_formats_camt as camt
from tests.imports import test_formats_mt940 as mt
from tests.imports import test_formats_ofx as ofx
from tests.imports import test_formats_others as others
from tests.imports import test_formats_qif as qif
from tests.imports.world import World

pytestmark = pytest.mark.anyio


def _ofx(*numbers: int) -> bytes:
    rows = (ofx.row(f"-{n}.00", f"202401{n:02d}", FITID=f"F{n}0001", NAME="Shop") for n in numbers)
    return ofx.sgml(*rows).encode()


def _qif(*numbers: int) -> bytes:
    rows = "".join(f"D2024-01-{n:02d}\nT-{n}.00\nPShop\n^\n" for n in numbers)
    return f"!Type:Bank\n{rows}".encode()


def _mt940(*numbers: int) -> bytes:
    return mt.mt(*(f":61:2401{n:02d}D{n},00NMSCX//REF0000{n:04d}" for n in numbers)).encode()


def _camt(*numbers: int) -> bytes:
    day = "<BookgDt><Dt>2024-01-{:02d}</Dt></BookgDt>"
    return camt.camt(*(camt.entry(f"{n}.00", day=day.format(n)) for n in numbers)).encode()


def _litas(*numbers: int) -> bytes:
    head = others.LITAS.partition("\r\n")[0].replace("LTL", "EUR")
    rows = (f"010\t1\t202401{n:02d}\t\t{n}00\t{n}00\tD\t\t\t{n}\tL{n:08d}" for n in numbers)
    return "\n".join([head, *rows, "999\t1", ""]).encode()


MAKERS = {"OFX": _ofx, "QIF": _qif, "MT940": _mt940, "CAMT.053": _camt, "LITAS-ESIS": _litas}


@pytest.mark.parametrize("format_", MAKERS)
async def test_the_same_file_adds_nothing_and_an_overlapping_one_its_new_rows(
    world: World, format_: str
) -> None:
    account = await world.account()
    make = MAKERS[format_]
    for numbers, new, duplicate in (((3, 4, 4), 3, 0), ((3, 4, 4), 0, 3), ((4, 4, 5, 6), 2, 2)):
        run = await world.bring_in(make(*numbers), account)
        assert (run.status, run.format, run.error_message) == ("COMPLETED", format_, None)
        assert (run.counts["new"], run.counts["duplicate"]) == (new, duplicate)
    booked = await world.booked(account)
    assert [row.amount_minor for row in booked] == [-300, -400, -400, -500, -600]
    assert [row.date.day for row in booked] == [3, 4, 4, 5, 6]


@pytest.mark.parametrize("name", ["statement.csv", "statement.txt", "statement.xls", "statement"])
async def test_a_name_says_nothing_about_a_format(world: World, name: str) -> None:
    account = await world.account()
    upload = await world.upload(_mt940(3), filename=name)
    run = await world.work(await world.start(upload, account))
    assert (run.status, run.format, upload.content_type) == (
        "COMPLETED",
        "MT940",
        "application/x-mt940",
    )


async def test_currencies_of_one_file_fill_siblings(world: World) -> None:
    account = await world.account(currency="EUR")
    text = camt.camt(camt.entry("1.00"), camt.entry("2.00", currency="CHF"))
    run = await world.bring_in(text, account)
    assert sorted(one["currency"] for one in run.accounts) == ["CHF", "EUR"]
    assert [row.amount_minor for row in await world.booked(account)] == [-100]
    assert run.counts["new"] == 2


async def test_the_number_of_an_account_chooses_its_part_of_a_file(world: World) -> None:
    account = await world.account(number="DE89 3704 0044 0532 0130 00")
    mine = camt.camt(camt.entry("1.00"))
    other = camt.camt(camt.entry("2.00"), account="NL26VAYB8060476890")
    part = other.partition("<Stmt>")[2].partition("</Stmt>")[0]
    run = await world.bring_in(mine.replace("</Stmt>", f"</Stmt><Stmt>{part}</Stmt>"), account)
    assert (run.counts["new"], run.counts["skipped"]) == (1, 1)
    skipped = [line for line in await world.lines(run.id) if line.decision == "SKIPPED"]
    assert [line.reason for line in skipped] == [
        "The row is of another account of the file, NL26VAYB8060476890."
    ]


async def test_balances_that_do_not_agree_are_told_and_the_rows_are_booked(world: World) -> None:
    text = camt.camt(camt.balance("OPBD", "10"), camt.balance("CLBD", "1"), camt.entry("5.00"))
    run = await world.bring_in(text, await world.account())
    assert run.counts["new"] == 1
    assert run.detected["statements"] == [
        {
            "line": 3, "account": "DE89370400440532013000", "bank": "COBADEFF", "currency": "EUR",
            "opening": "10", "closing": "1", "rows": 1, "total": "-5.00", "proven": False,
        }
    ]  # fmt: skip
    assert run.warnings[0].startswith("The balances of DE89370400440532013000 on line 3 do not")


async def test_pending_and_broken_records_stay_out_and_are_told(world: World) -> None:
    text = camt.camt(
        camt.entry("1.00"), camt.entry("2.00", status="<Sts>PDNG</Sts>"), camt.entry("bad")
    )
    run = await world.bring_in(text, await world.account())
    counts = run.counts
    assert (counts["new"], counts["skipped"], counts["failed"]) == (1, 1, 1)
    assert [(line.line, line.decision) for line in await world.lines(run.id)] == [
        (4, "NEW"),
        (5, "SKIPPED"),
        (6, "FAILED"),
    ]


async def test_dates_that_nothing_tells_are_asked_for_and_answered(world: World) -> None:
    account = await world.account()
    run = await world.bring_in(qif.qif("3/4/24", "5/6/24"), account)
    assert run.status == "PENDING"
    assert [one["field"] for one in run.questions] == ["dateFormat"]
    done = await world.process(run.id, mapping={"dateFormat": "M/D/YY"})
    assert (done.status, done.detected["dateFormat"]) == ("COMPLETED", "M/D/YY")
    assert [row.date.isoformat() for row in await world.booked(account)] == [
        "2024-03-04",
        "2024-05-06",
    ]


async def test_a_category_may_be_named_by_its_path(world: World) -> None:
    account = await world.account()
    text = "!Type:Bank\nD2024-01-31\nT-5.00\nPShop\nLFood:Groceries\n^\n"
    await world.bring_in(text, account)
    (row,) = await world.booked(account)
    assert row.category_id is not None


async def test_files_made_to_do_harm_end_the_import_with_a_word(world: World) -> None:
    account = await world.account()
    bomb = "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'aaaa'>]>" + camt.camt(camt.entry("1"))
    run = await world.bring_in(bomb.replace("?><?xml version='1.0' encoding='UTF-8'", ""), account)
    assert (run.status, run.error_code) == ("FAILED", "UNSAFE_FILE")
    sheet = others.book('<row r="1"><c r="XFD1048576"><v>1</v></c></row>')
    run = await world.bring_in(sheet, account)
    assert (run.status, run.error_code) == ("FAILED", "TOO_MANY_ROWS")
    assert await world.booked(account) == []


async def test_amounts_finer_than_the_currency_are_rounded_and_told(world: World) -> None:
    account = await world.account()
    run = await world.bring_in(ofx.sgml(ofx.row("1303.7355652284177")), account)
    (row,) = await world.booked(account)
    assert Decimal(row.amount_minor).scaleb(-2) == Decimal("1303.74")
    assert "1 amounts have more than the 2 digits of EUR" in run.warnings[0]
