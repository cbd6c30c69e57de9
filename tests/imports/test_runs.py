"""Imports on a real database: what is booked, what is left out, and that it happens once."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from models.ids import encode
from models.stores.broker import LocalBroker
from resolvers.errors import Conflict, Invalid
from resolvers.imports import BATCH_ROWS, abandon_import, import_handler, import_last_words
from resolvers.jobs import MAX_ATTEMPTS, Job, Worker
from resolvers.transactions import update_transactions
from resolvers.transactions.inputs import TransactionUpdate
from resolvers.transactions.writes import Patch
from resolvers.uploads import delete_upload
from tests.imports.world import Work, World, stored

pytestmark = pytest.mark.anyio

HEAD = "Date,Description,Amount\n"
JANUARY = HEAD + "2024-01-02,Coffee,-3.20\n2024-01-03,Rent,-800.00\n2024-01-25,Wages,2500.00\n"


def counts(run: Any) -> dict[str, int]:
    return {name: count for name, count in run.counts.items() if count}


def many(number: int, start: int = 0) -> str:
    rows = [
        f"2024-{1 + i % 12:02}-{1 + i % 28:02},Shop {i},-{i % 90 + 1}.{i % 100:02}"
        for i in range(start, start + number)
    ]
    return HEAD + "\n".join(rows) + "\n"


async def test_a_file_is_booked_with_its_facts(world: World) -> None:
    account = await world.account()
    upload = await world.upload(JANUARY)
    import_id = await world.start(upload, account)
    assert (await world.run(import_id)).status == "PROCESSING"
    assert await world.jobs() == [("import", import_id)]
    run = await world.work(import_id)
    assert (run.status, run.format, run.rows_done, run.rows_total) == ("COMPLETED", "CSV", 3, 3)
    assert counts(run) == {"rows": 3, "new": 3}
    assert run.detected["columns"] == {
        "date": "Date", "description": "Description", "amount": "Amount"
    }  # fmt: skip
    assert run.accounts == [{"currency": "EUR", "accountId": encode("acct", account)}]
    assert run.started_at is not None
    assert run.finished_at is not None
    rows = await world.booked(account)
    assert [(r.date.isoformat(), r.description, r.amount_minor) for r in rows] == [
        ("2024-01-02", "Coffee", -320),
        ("2024-01-03", "Rent", -80000),
        ("2024-01-25", "Wages", 250000),
    ]
    assert {row.import_id for row in rows} == {import_id}
    lines = await world.lines(import_id)
    assert [(line.line, line.decision, line.amount) for line in lines] == [
        (2, "NEW", "-3.20"), (3, "NEW", "-800.00"), (4, "NEW", "2500.00"),
    ]  # fmt: skip
    assert [line.transaction_id for line in lines] == [row.id for row in rows]


@pytest.mark.case("F08")
async def test_the_same_file_twice_adds_nothing(world: World) -> None:
    account = await world.account()
    await world.bring_in(JANUARY, account)
    again = await world.bring_in(JANUARY, account)
    assert counts(again) == {"rows": 3, "duplicate": 3}
    assert len(await world.booked(account)) == 3
    assert [line.transaction_id for line in await world.lines(again.id)] == [
        row.id for row in await world.booked(account)
    ]


async def test_three_equal_coffees_stay_three(world: World) -> None:
    account = await world.account()
    coffees = HEAD + "2024-01-02,Coffee,-3.20\n" * 3
    assert counts(await world.bring_in(coffees, account)) == {"rows": 3, "new": 3}
    assert counts(await world.bring_in(coffees, account)) == {"rows": 3, "duplicate": 3}
    four = HEAD + "2024-01-02,COFFEE ,-3.20\n" * 4
    assert counts(await world.bring_in(four, account)) == {"rows": 4, "duplicate": 3, "new": 1}
    assert len(await world.booked(account)) == 4


async def test_overlapping_files_add_what_is_new(world: World) -> None:
    account = await world.account()
    await world.bring_in(many(60), account)
    run = await world.bring_in(many(60, start=30), account)
    assert counts(run) == {"rows": 60, "duplicate": 30, "new": 30}
    assert len(await world.booked(account)) == 90


async def test_an_edited_or_moved_row_is_still_known(world: World) -> None:
    account, other = await world.account(), await world.account("Other")
    await world.bring_in(JANUARY, account)
    first, second, _ = await world.booked(account)
    patches = [
        Patch(first.id, TransactionUpdate.model_validate({"amount": "-4.00"})),
        Patch(second.id, TransactionUpdate.model_validate({"accountId": encode("acct", other)})),
    ]
    made = await world.write(lambda write: update_transactions(write, patches))
    assert [row.version for row in made] == [2, 2]
    assert counts(await world.bring_in(JANUARY, account)) == {"rows": 3, "duplicate": 3}


async def test_what_was_deleted_stays_deleted_or_comes_back(world: World) -> None:
    account = await world.account()
    await world.bring_in(JANUARY, account)
    coffee = (await world.booked(account))[0]
    await world.throw_away(coffee)
    run = await world.bring_in(JANUARY, account)
    assert counts(run) == {"rows": 3, "duplicate": 2, "skipped": 1}
    skipped = (await world.lines(run.id))[0]
    assert (skipped.decision, skipped.reason) == ("SKIPPED", "Deleted earlier.")
    run = await world.bring_in(JANUARY, account, deleted="RESTORE")
    assert counts(run) == {"rows": 3, "duplicate": 2, "new": 1}
    assert (await world.booked(account))[0].id == coffee.id
    assert len(await world.booked(account)) == 3


async def test_one_of_three_equal_rows_deleted(world: World) -> None:
    account = await world.account()
    coffees = HEAD + "2024-01-02,Coffee,-3.20\n" * 3
    await world.bring_in(coffees, account)
    await world.throw_away((await world.booked(account))[1])
    for policy, expected in (
        ("SKIP", {"rows": 4, "duplicate": 2, "skipped": 1, "new": 1}),
        ("SKIP", {"rows": 4, "duplicate": 3, "skipped": 1}),
        ("RESTORE", {"rows": 4, "duplicate": 3, "new": 1}),
        ("RESTORE", {"rows": 4, "duplicate": 4}),
    ):
        run = await world.bring_in(coffees + "2024-01-02,Coffee,-3.20\n", account, deleted=policy)
        assert counts(run) == expected


IDS = "Date,Description,Amount,Transaction ID\n"


async def test_ids_of_the_bank_decide_first(world: World) -> None:
    account = await world.account()
    first = IDS + "2024-01-02,Coffee,-3.20,AX91\n2024-01-02,Coffee,-3.20,AX92\n"
    second = IDS + "2024-01-02,COFFEE BAR 17,-3.20,AX92\n2024-01-02,Coffee,-3.20,AX93\n"
    assert counts(await world.bring_in(first, account)) == {"rows": 2, "new": 2}
    assert counts(await world.bring_in(first, account)) == {"rows": 2, "duplicate": 2}
    run = await world.bring_in(second, account)
    assert counts(run) == {"rows": 2, "duplicate": 1, "new": 1}
    rows = await world.booked(account)
    assert sorted(row.external_id for row in rows) == ["AX91", "AX92", "AX93"]
    bare = HEAD + "2024-01-02,Coffee,-3.20\n" * 3
    assert counts(await world.bring_in(bare, account)) == {"rows": 3, "duplicate": 3}


async def test_rows_booked_without_ids_are_known_when_ids_come(world: World) -> None:
    account = await world.account()
    await world.bring_in(HEAD + "2024-01-02,Coffee,-3.20\n", account)
    named = IDS + "2024-01-02,Coffee,-3.20,AX91\n2024-01-02,Coffee,-3.20,AX92\n"
    run = await world.bring_in(named, account)
    assert counts(run) == {"rows": 2, "duplicate": 1, "new": 1}


async def test_an_id_that_names_something_else_is_not_believed(world: World) -> None:
    account = await world.account()
    await world.bring_in(IDS + "2024-01-02,Coffee,-3.20,C501\n2024-01-03,Tea,-1.00,C502\n", account)
    later = IDS + "2024-03-02,Shoes,-99.00,C501\n2024-03-03,Hat,-20.00,C509\n"
    run = await world.bring_in(later, account)
    assert counts(run) == {"rows": 2, "new": 2}
    assert "not used" in (await world.lines(run.id))[0].reason
    shoes = next(row for row in await world.booked(account) if row.description == "Shoes")
    assert shoes.external_id is None


CURRENCIES = (
    "Date,Description,Amount,Currency\n"
    "2024-01-02,Coffee,-3.20,EUR\n2024-01-03,Sushi,-1500,JPY\n2024-01-04,Bagel,-4.50,USD\n"
)


async def test_other_currencies_go_to_siblings_of_the_target(world: World) -> None:
    account = await world.account("Karte")
    own = await world.account("Karte (USD)", "USD")
    run = await world.bring_in(CURRENCIES, account)
    assert [one["currency"] for one in run.accounts] == ["EUR", "JPY", "USD"]
    rows = await world.booked()
    assert [(r.currency, r.amount_minor) for r in rows] == [
        ("EUR", -320), ("JPY", -1500), ("USD", -450),
    ]  # fmt: skip
    assert rows[2].account_id not in {account, own}
    again = await world.bring_in(CURRENCIES, account)
    assert again.accounts == run.accounts
    assert counts(again) == {"rows": 3, "duplicate": 3}
    elsewhere = await world.bring_in(CURRENCIES, await world.account("Karte"))
    assert not {a["accountId"] for a in elsewhere.accounts} & {a["accountId"] for a in run.accounts}


async def test_a_symbol_opens_no_sibling(world: World) -> None:
    account = await world.account()
    run = await world.bring_in(HEAD + "2024-01-02,Coffee,$-3.20\n2024-01-03,Tea,$-2.00\n", account)
    assert (run.status, [one["field"] for one in run.questions]) == ("PENDING", ["currency"])
    run = await world.process(run.id)
    assert [one["currency"] for one in run.accounts] == ["EUR"]
    assert len(await world.booked(account)) == 2


async def test_amounts_are_rounded_half_even_and_bounded(world: World) -> None:
    account = await world.account(currency="JPY")
    body = "2024-01-02,A,-10.5\n2024-01-03,B,-11.5\n2024-01-04,C,99999999999999999\n"
    run = await world.bring_in(HEAD + body, account)
    assert counts(run) == {"rows": 3, "new": 2, "failed": 1}
    assert [row.amount_minor for row in await world.booked(account)] == [-10, -12]
    assert "half to even" in run.warnings[-1]
    lines = await world.lines(run.id)
    assert [line.decision for line in lines] == ["NEW", "NEW", "FAILED"]
    assert lines[0].reason == "Rounded half to even from -10.5."
    assert "limit" in lines[2].reason


async def test_categories_are_taken_by_name_or_key_and_never_made(world: World) -> None:
    account = await world.account()
    body = (
        "Date,Description,Amount,Category\n2024-01-02,A,-1.00,groceries\n"
        "2024-01-03,B,-2.00,RESTAURANTS AND COFFEE\n2024-01-04,C,-3.00,Unheard of\n"
    )
    await world.bring_in(body, account)
    rows = await world.booked(account)
    assert [row.category_kind for row in rows] == ["EXPENSE", "EXPENSE", None]
    assert rows[0].category_id != rows[1].category_id


OPEN = HEAD + "02/01/2024,Coffee,-3.20\n03/01/2024,Tea,-2.00\n05/02/2024,Cake,-4.00\n"


async def test_an_open_question_waits_for_a_person(world: World) -> None:
    account = await world.account()
    run = await world.bring_in(OPEN, account)
    assert run.status == "PENDING"
    assert run.finished_at is None
    assert [question["field"] for question in run.questions] == ["dateFormat"]
    assert await world.booked() == []
    assert len(await world.lines(run.id)) == 3
    done = await world.process(run.id, mapping={"dateFormat": "DD/MM/YYYY"})
    assert (done.status, done.questions) == ("COMPLETED", [])
    assert [r.date.isoformat() for r in await world.booked(account)] == [
        "2024-01-02", "2024-01-03", "2024-02-05",
    ]  # fmt: skip
    assert len(await world.lines(run.id)) == 3
    with pytest.raises(Conflict):
        await world.process(run.id)


async def test_an_empty_answer_accepts_the_guess_and_another_one_asks_again(world: World) -> None:
    account = await world.account()
    run = await world.bring_in(OPEN, account)
    asked = await world.process(run.id, mapping={"delimiter": ","})
    assert asked.status == "PENDING"
    shown = [line.date for line in await world.lines(run.id)]
    done = await world.process(run.id)
    assert done.status == "COMPLETED"
    assert [row.date.isoformat() for row in await world.booked(account)] == sorted(shown)


async def test_a_dry_run_decides_the_same_and_books_nothing(world: World) -> None:
    account = await world.account("Karte")
    await world.bring_in(HEAD + "2024-01-02,Coffee,-3.20\n", account)
    await world.throw_away(*await world.booked(account))
    body = CURRENCIES + "2024-01-04,Bagel,-4.50,USD\nnot a date,X,-1.00,EUR\n"
    for policy in ("SKIP", "RESTORE"):
        dry = await world.bring_in(body, account, dryRun=True, deleted=policy)
        assert (dry.status, dry.dry_run) == ("COMPLETED", True)
        assert [one["currency"] for one in dry.accounts][:1] == ["EUR"]
        real = await world.bring_in(body, account, deleted=policy)
        assert counts(dry) == counts(real)
        both = [await world.lines(dry.id), await world.lines(real.id)]
        said = [
            [(o.line, o.decision, o.reason, o.date, o.amount, o.currency) for o in lines]
            for lines in both
        ]
        assert said[0] == said[1]
    assert len(await world.booked()) == 4


async def test_a_file_that_is_no_table_fails_with_its_reason(world: World) -> None:
    account = await world.account()
    run = await world.bring_in("Name,Colour,Amount\nA,red,1.00\nB,blue,2.00\n", account)
    assert (run.status, run.error_code) == ("FAILED", "NO_DATE_COLUMN")
    assert run.headers == ["Name", "Colour", "Amount"]
    assert run.error_message


async def test_a_file_in_use_is_not_deleted_and_a_deleted_one_not_imported(world: World) -> None:
    account = await world.account()
    upload = await world.upload(JANUARY)
    import_id = await world.start(upload, account)
    with pytest.raises(Conflict):
        await delete_upload(world.ledgers, world.files, world.actor, upload.id)
    await world.work(import_id)
    await delete_upload(world.ledgers, world.files, world.actor, upload.id)
    with pytest.raises(Invalid) as caught:
        await world.start(upload, account)
    assert caught.value.details["fields"][0]["code"] == "NOT_FOUND"
    assert (await world.run(import_id)).upload_id == upload.id


class Killed(Exception):
    """The worker dies here."""


@pytest.mark.case("F08")
async def test_a_worker_killed_between_batches_books_each_row_once(world: World) -> None:
    account = await world.account()
    total = 2 * BATCH_ROWS + 200
    # Equal rows on both sides of the break are the hard part.
    body = many(total - 3) + "2024-01-01,Twin,-7.00\n" * 3
    body = body.replace(HEAD, HEAD + "2024-01-01,Twin,-7.00\n" * 2, 1)
    import_id = await world.start(await world.upload(body), account)
    writes = 0

    async def dies(tx: Any, job: Work) -> None:
        nonlocal writes
        writes += 1
        if writes == 3:
            raise Killed

    for expected in (BATCH_ROWS, 2 * BATCH_ROWS):
        with pytest.raises(Killed):
            await world.work(import_id, fence=dies)
        stopped = await world.run(import_id)
        assert (stopped.status, stopped.rows_done) == ("PROCESSING", expected)
        assert len(await world.booked(account)) == expected
        writes = 0
    done = await world.work(import_id)
    assert counts(done) == {"rows": total + 2, "new": total + 2}
    rows = await world.booked(account)
    assert len(rows) == total + 2
    assert Counter(row.description for row in rows)["Twin"] == 5
    assert counts(await world.bring_in(body, account)) == {
        "rows": total + 2, "duplicate": total + 2
    }  # fmt: skip


@pytest.mark.case("F08")
async def test_two_imports_of_one_file_at_once_add_it_once(world: World) -> None:
    account = await world.account()
    body = many(3 * BATCH_ROWS - 40) + "2024-01-01,Twin,-7.00\n" * 30
    body = body.replace(HEAD, HEAD + "2024-01-01,Twin,-7.00\n" * 10, 1)
    upload = await world.upload(body)
    both = [await world.start(upload, account) for _ in range(2)]
    runs = await asyncio.gather(*(world.work(one) for one in both))
    assert {run.status for run in runs} == {"COMPLETED"}
    assert sum(run.counts["new"] for run in runs) == 3 * BATCH_ROWS
    assert len(await world.booked(account)) == 3 * BATCH_ROWS


async def test_a_job_without_hope_ends_its_import(world: World) -> None:
    import_id = await world.start(await world.upload(JANUARY), await world.account())
    await world.write(lambda write: abandon_import(write, import_id))
    run = await world.work(import_id)
    assert (run.status, run.error_code) == ("FAILED", "INTERNAL_ERROR")
    assert await world.booked() == []


async def test_the_worker_runs_what_was_started(world: World) -> None:
    account = await world.account()
    import_id = await world.start(await world.upload(JANUARY), account)
    handler = import_handler(world.ledgers, world.files, world.secret)
    worker = Worker(world.database, LocalBroker(), {"import": handler})
    while await worker.run_due():
        pass
    run = await world.run(import_id)
    assert (run.status, counts(run)) == ("COMPLETED", {"rows": 3, "new": 3})


async def spend(world: World, import_id: UUID, attempts: int) -> None:
    """Have workers vanish with a job: its lease ran out, that many attempts are gone.

    Its kind becomes one of its own, so that what other tests left behind stays out of the way.
    """
    lost = text(
        "UPDATE jobs SET kind = 'import-alone', attempts = :attempts, state = 'RUNNING', "
        "run_at = clock_timestamp(), "
        "lease_until = clock_timestamp() - interval '1 second' WHERE subject_id = :subject "
        "RETURNING id"
    )
    assert await world.database.call(lost, {"attempts": attempts, "subject": import_id})


@pytest.mark.parametrize("attempts", [MAX_ATTEMPTS, MAX_ATTEMPTS - 1])
async def test_an_import_never_outlives_its_job(world: World, attempts: int) -> None:
    # With all attempts spent the workers died with it; with one left its last one fails.
    import_id = await world.start(await world.upload(JANUARY), await world.account())
    words, tried = import_last_words(world.ledgers), list[UUID]()

    async def fails(job: Job) -> None:
        raise OSError(job.kind)

    async def busy_at_first(job: Job) -> None:
        tried.append(job.subject_id)
        if tried.count(job.subject_id) == 1:
            raise Conflict("Another write is running.")
        await words(job)

    worker = Worker(
        world.database,
        LocalBroker(),
        {"import-alone": fails},
        last_words={"import-alone": busy_at_first},
    )
    await spend(world, import_id, attempts)
    await worker.run_due()
    assert (await world.run(import_id)).status == "PROCESSING"
    await spend(world, import_id, MAX_ATTEMPTS)
    await worker.run_due()
    run = await world.run(import_id)
    assert (run.status, run.error_code) == ("FAILED", "INTERNAL_ERROR")
    state = text("SELECT state FROM jobs WHERE subject_id = :subject")
    assert [one.state for one in await world.database.call(state, {"subject": import_id})] == [
        "DEAD"
    ]


async def test_a_tampered_file_ends_its_import(world: World, tmp_path: Path) -> None:
    import_id = await world.start(await world.upload(JANUARY), await world.account())
    (path,) = stored(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    run = await world.work(import_id)
    assert (run.status, run.error_code) == ("FAILED", "DATA_INTEGRITY")


async def test_a_real_file_of_806_rows(world: World, shared_folder: Path) -> None:
    folder = shared_folder / "bank-data" / "Predictive-Spending-Tracker"
    data = (folder / "personal_transactions.csv").read_bytes()
    account = await world.account("All", "USD")
    run = await world.bring_in(data, account)
    assert (run.status, counts(run)) == ("COMPLETED", {"rows": 806, "new": 806})
    again = await world.bring_in(data, account)
    assert counts(again) == {"rows": 806, "duplicate": 806}
    assert len(await world.booked(account)) == 806
