"""What testers found by attacking imports, each finding on a real database."""

from pathlib import Path
from typing import Any

import pytest

from resolvers.errors import Conflict, Invalid
from tests.imports.world import World

pytestmark = pytest.mark.anyio

HEAD = "Date,Description,Amount\n"


def counts(run: Any) -> dict[str, int]:
    return {name: count for name, count in run.counts.items() if count}


async def test_money_of_no_known_currency_is_never_booked(world: World) -> None:
    account = await world.account()
    body = "Date,Description,Amount,Currency\n" + "".join(
        f"2024-01-{n + 10},row {n},-1.00,{code}\n"
        for n, code in enumerate(["eur", "usd", "BTC", "XAU", "€", "$", "DEM"])
    )
    run = await world.bring_in(body, account)
    assert counts(run) == {"rows": 7, "new": 4, "failed": 3}
    assert [one["currency"] for one in run.accounts] == ["EUR", "DEM", "USD"]
    assert [row.currency for row in await world.booked()] == ["EUR", "USD", "EUR", "DEM"]
    lines = await world.lines(run.id)
    assert [(line.currency, line.amount) for line in lines if line.decision == "FAILED"] == [
        (None, "-1.00")
    ] * 3
    assert "'BTC'" in lines[2].reason
    assert run.warnings == ["3 of 7 rows could not be read."]


async def test_the_warning_counts_what_failed(world: World) -> None:
    body = HEAD + "2024-01-02,A,-1.00\n2024-01-03,B,99999999999999999\n9999-01-01,C,-1.00\n"
    run = await world.bring_in(body, await world.account())
    assert counts(run) == {"rows": 3, "new": 1, "failed": 2}
    assert run.warnings == ["2 of 3 rows could not be read."]
    reason = (await world.lines(run.id))[2].reason
    assert reason == "The date '9999-01-01' lies outside the years 1900 to 2200."


OPEN = HEAD + "02/01/2024,Coffee,-3.20\n03/01/2024,Tea,-2.00\n05/02/2024,Cake,-4.00\n"


@pytest.mark.parametrize(
    ("mapping", "path"),
    [
        ({"columns": {"date": "Nope"}}, "mapping.columns.date"),
        ({"columns": {"amount": "#4"}}, "mapping.columns.amount"),
        ({"dateFormat": "foo"}, "mapping.dateFormat"),
        ({"encoding": "utf-99"}, "mapping.encoding"),
    ],
)
async def test_an_answer_that_cannot_fit_is_refused_at_once(
    world: World, mapping: dict[str, Any], path: str
) -> None:
    run = await world.bring_in(OPEN, await world.account())
    with pytest.raises(Invalid) as caught:
        await world.process(run.id, mapping=mapping)
    assert [one["path"] for one in caught.value.details["fields"]] == [path]
    assert await world.run(run.id) == run
    assert len(await world.lines(run.id)) == 3
    done = await world.process(run.id, mapping={"dateFormat": "DD/MM/YYYY"})
    assert done.status == "COMPLETED"


@pytest.mark.parametrize(
    "mapping",
    [
        {"headerLine": 99},
        {"signRule": "DEBIT_CREDIT_COLUMNS"},
        {"delimiter": ";"},
        {"skipRows": 1, "columns": {"date": "Nope"}},
        {"columns": {"amount": "Description"}, "headerLine": 50},
    ],
)
async def test_an_answer_found_wrong_while_reading_is_asked_again(
    world: World, mapping: dict[str, Any]
) -> None:
    account = await world.account()
    run = await world.bring_in(OPEN, account, mapping={"columns": {"date": "Date"}})
    shown = [(line.date, line.amount) for line in await world.lines(run.id)]
    again = await world.process(run.id, mapping=mapping)
    assert (again.status, again.error_code, again.finished_at) == ("PENDING", None, None)
    assert again.warnings[0].startswith("The last answers were not used: ")
    assert (again.questions, again.headers) == (run.questions, run.headers)
    assert again.mapping == {"columns": {"date": "Date"}}
    assert [(line.date, line.amount) for line in await world.lines(run.id)] == shown
    assert await world.booked() == []
    done = await world.process(run.id, mapping={"dateFormat": "DD/MM/YYYY"})
    assert (done.status, done.warnings) == ("COMPLETED", [])
    assert len(await world.booked(account)) == 3
    with pytest.raises(Conflict):
        await world.process(run.id)


async def test_a_put_back_import_can_still_be_taken_as_guessed(world: World) -> None:
    account = await world.account()
    run = await world.bring_in(OPEN, account)
    await world.process(run.id, mapping={"headerLine": 99})
    done = await world.process(run.id)
    assert (done.status, done.mapping) == ("COMPLETED", None)
    assert len(await world.booked(account)) == 3


async def test_a_first_mapping_of_nonsense_is_refused_or_fails(world: World) -> None:
    account, upload = await world.account(), await world.upload(OPEN)
    for mapping, path in (
        ({"dateFormat": "foo"}, "mapping.dateFormat"),
        ({"encoding": "utf-99"}, "mapping.encoding"),
    ):
        with pytest.raises(Invalid) as caught:
            await world.start(upload, account, mapping=mapping)
        assert [one["path"] for one in caught.value.details["fields"]] == [path]
    run = await world.bring_in(OPEN, account, mapping={"columns": {"date": "Nope"}})
    assert (run.status, run.error_code) == ("FAILED", "BAD_MAPPING")


async def test_columns_are_named_whole_or_counted(world: World) -> None:
    names = ["Date", "Amount", *(f"Kategória számláló {n}" for n in range(30))]
    body = ",".join(names) + "\n2024-01-02,-1.00" + ",x" * 30 + "\n"
    run = await world.bring_in(body, await world.account(), mapping={"columns": {"date": "Nope"}})
    told, _, more = run.error_message.rpartition(" and ")
    listed = told.rpartition("its columns are ")[2].split(", ")
    assert listed == names[: len(listed)]
    assert more == f"{len(names) - len(listed)} more."


async def test_a_record_file_of_another_format_is_read_as_what_it_is(
    world: World, shared_folder: Path
) -> None:
    path = shared_folder / "bank-data/ofxstatement-lithuanian/litas_esis.acc"
    run = await world.bring_in(path.read_bytes(), await world.account(currency="LTL"))
    assert (run.status, run.format, run.counts["new"]) == ("COMPLETED", "LITAS-ESIS", 7)
    path = shared_folder / "bank-data/hledger/csvamountparse.csv"
    run = await world.bring_in(path.read_bytes(), await world.account(currency="USD"))
    assert counts(run) == {"rows": 3, "new": 2, "failed": 1}
