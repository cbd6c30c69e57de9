"""Imports taken back: the books as they were before, to the row, and importing again."""

from dataclasses import asdict
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.ids import encode
from resolvers.errors import Conflict
from resolvers.imports import ImportRevert, abandon_import, revert_import
from resolvers.inputs import parse
from resolvers.rules import RunInput, delete_rule, start_run, start_undo
from resolvers.rules.runs import step_run
from resolvers.transactions import delete_transactions
from resolvers.verify import verify_ledger
from tests.imports.test_matching import HEAD, SIGNED, counts, edit, enter
from tests.imports.world import Work, World
from tests.rules.world import rule_in, says

pytestmark = pytest.mark.anyio

JANUARY = HEAD + "2024-01-02,Coffee,-3.20\n2024-01-03,Rent,-800.00\n2024-01-25,Wages,2500.00\n"
OVERLAP = HEAD + "2024-01-25,Wages,2500.00\n2024-01-25,Wages,2500.00\n2024-02-01,Rent,-800.00\n"


async def revert(world: World, import_id: UUID, **raw: Any) -> Any:
    data = parse(ImportRevert, raw)
    await world.write(lambda write: revert_import(write, import_id, data))
    return await world.work(import_id)


async def books(world: World) -> list[dict[str, Any]]:
    """Every transaction in full, living or in the trash, but for its version and time."""
    rows = [*await world.booked(), *await world.booked(deleted=True)]
    found = []
    for row in sorted(rows, key=lambda row: row.id):
        told = asdict(row)
        for name in ("version", "updated_at"):
            told.pop(name)
        found.append(told)
    return found


async def found_by_verify(world: World) -> tuple[Any, ...]:
    """What is wrong with the ledger: totals, transfers, seals, the feed."""
    chain = world.ledgers._chain_key
    actor = world.actor
    return (await verify_ledger(world.database, chain, actor.ledger_id, actor.user_id)).differences


async def content(world: World) -> list[tuple[Any, ...]]:
    """What the living rows say, whatever their ids are, and to what they are linked."""
    rows = await world.booked()
    said = {
        row.id: (row.account_id.hex, row.date, row.amount_minor, row.description, row.payee or "")
        for row in rows
    }
    return sorted((said[row.id], said.get(row.transfer_id, ())) for row in rows)


async def test_the_same_file_twice_an_overlapping_one_a_revert_and_again(world: World) -> None:
    account = await world.account()
    empty = await books(world)
    first = await world.bring_in(JANUARY, account)
    january = await books(world)
    twice = await world.bring_in(JANUARY, account)
    assert counts(twice) == {"rows": 3, "duplicate": 3}
    over = await world.bring_in(OVERLAP, account)
    assert counts(over) == {"rows": 3, "duplicate": 1, "new": 2}
    both = await content(world)
    run = await revert(world, over.id)
    assert (run.status, run.kept, run.rows_done) == ("REVERTED", 0, 3)
    assert await books(world) == january
    again = await world.bring_in(OVERLAP, account)
    assert counts(again) == {"rows": 3, "duplicate": 1, "new": 2}
    assert await content(world) == both
    # What another file holds as well stays with that one, and goes with the last that holds it.
    run = await revert(world, first.id)
    assert (run.status, run.kept) == ("REVERTED", 3)
    assert await content(world) == both
    heir = (await world.run(twice.id)).counts
    assert {name: number for name, number in heir.items() if number} == {"rows": 3, "new": 3}
    assert (await revert(world, twice.id)).kept == 1
    left = await world.booked()
    assert len(left) == 3
    assert {row.import_id for row in left} == {again.id}
    assert counts(await world.bring_in(JANUARY, account)) == {"rows": 3, "duplicate": 1, "new": 2}
    assert await content(world) == both
    assert empty == []


async def test_the_books_are_what_the_files_say_that_are_left(world: World) -> None:
    account = await world.account()
    one = "Date,Text,Amount\n2026-01-15,Coffee,-3.00\n2026-01-15,Bun,-1.00\n"
    two = (
        "Date,Text,Amount\n2026-01-15,Coffee,-3.00\n2026-01-15,Coffee,-3.00\n2026-01-16,Tea,-2.00\n"
    )

    async def total() -> int:
        return sum(row.amount_minor for row in await world.booked())

    first = await world.bring_in(one, account)
    second = await world.bring_in(two, account)
    assert await total() == -900
    await revert(world, first.id)
    assert await total() == -800
    await world.bring_in(one, account)
    assert await total() == -900
    await revert(world, second.id)
    assert await total() == -400


async def test_matched_rows_and_transfers_are_as_before(world: World) -> None:
    giro, savings = await world.account(), await world.account("Savings")
    await enter(world, giro, "2024-01-01", "-3.20", "Coffee with Bob", status="PENDING")
    await world.bring_in(HEAD + "2024-01-05,To savings,-100.00\n", giro)
    before = await books(world)
    total = (await world.booked(savings), await world.booked(giro))
    matched = await world.bring_in(
        "Date,Description,Payee,Amount,Transaction ID\n2024-01-02,Coffee,Bar,-3.20,AX1\n", giro
    )
    paired = await world.bring_in(HEAD + "2024-01-06,From giro,100.00\n", savings, **SIGNED)
    assert (counts(matched)["matched"], counts(paired)["new"]) == (1, 1)
    after = await content(world)
    assert await books(world) != before
    for run in (matched, paired):
        assert (await revert(world, run.id)).status == "REVERTED"
    assert await books(world) == before
    assert [len(rows) for rows in total] == [0, 2]
    await world.bring_in(
        "Date,Description,Payee,Amount,Transaction ID\n2024-01-02,Coffee,Bar,-3.20,AX1\n", giro
    )
    await world.bring_in(HEAD + "2024-01-06,From giro,100.00\n", savings, **SIGNED)
    assert await content(world) == after


async def test_what_came_back_from_the_trash_returns_there(world: World) -> None:
    account = await world.account()
    await world.bring_in(JANUARY, account)
    await world.throw_away((await world.booked())[0])
    before = await books(world)
    run = await world.bring_in(JANUARY, account, deleted="RESTORE")
    assert len(await world.booked()) == 3
    await revert(world, run.id)
    assert await books(world) == before


async def test_a_row_deleted_by_its_owner_stays_deleted(world: World) -> None:
    account = await world.account()
    first = await world.bring_in(JANUARY, account)
    await world.throw_away((await world.booked())[0])
    assert (await revert(world, first.id)).kept == 0
    assert await world.booked() == []
    again = await world.bring_in(JANUARY, account)
    assert counts(again) == {"rows": 3, "new": 2, "skipped": 1}


async def test_changed_rows_are_told_kept_or_removed(world: World) -> None:
    account = await world.account()
    run = await world.bring_in(JANUARY, account)
    coffee, rent, wages = await world.booked()
    await edit(world, coffee.id, description="Espresso")
    await edit(world, rent.id, status="RECONCILED")
    with pytest.raises(Conflict) as caught:
        await revert(world, run.id)
    assert caught.value.details == {
        "edited": 2, "transactions": [encode("txn", coffee.id), encode("txn", rent.id)]
    }  # fmt: skip
    assert len(await world.booked()) == 3
    kept = await revert(world, run.id, edited="KEEP")
    assert (kept.status, kept.kept) == ("REVERTED", 2)
    assert [row.id for row in await world.booked()] == [coffee.id, rent.id]
    again = await world.bring_in(JANUARY, account)
    assert counts(again) == {"rows": 3, "duplicate": 2, "new": 1}
    assert [row.description for row in await world.booked()] == ["Espresso", "Rent", "Wages"]
    assert wages.id not in {row.id for row in await world.booked()}


async def test_reconciled_rows_stay_whatever_is_said(world: World) -> None:
    account = await world.account()
    run = await world.bring_in(JANUARY, account)
    coffee, rent, _ = await world.booked()
    await edit(world, coffee.id, description="Espresso")
    await edit(world, rent.id, status="RECONCILED")
    ended = await revert(world, run.id, edited="REMOVE")
    assert ended.kept == 1
    assert [row.id for row in await world.booked()] == [rent.id]


async def test_what_somebody_wrote_into_a_matched_row_stays(world: World) -> None:
    account = await world.account()
    await enter(world, account, "2024-01-01", "-3.20", "Coffee")
    run = await world.bring_in(
        "Date,Description,Payee,Amount,Transaction ID\n2024-01-02,Coffee,Bar,-3.20,AX1\n", account
    )
    (row,) = await world.booked()
    await edit(world, row.id, payee="Coffee Bar")
    ended = await revert(world, run.id)
    assert (ended.status, ended.kept) == ("REVERTED", 1)
    (row,) = await world.booked()
    assert (row.payee, row.external_id, row.content_key) == ("Coffee Bar", None, None)


async def test_siblings_that_the_import_opened_are_closed(world: World) -> None:
    account = await world.account("Karte")
    body = "Date,Description,Amount,Currency\n2024-01-02,A,-1.00,EUR\n2024-01-03,B,-2.00,USD\n"
    run = await world.bring_in(body, account)
    assert len(run.opened) == 1
    await revert(world, run.id)
    again = await world.bring_in(body, account)
    assert (counts(again), len(again.opened)) == ({"rows": 2, "new": 2}, 1)
    assert again.opened != run.opened


@pytest.mark.parametrize("state", ["dry", "reverted", "waiting"])
async def test_only_what_was_booked_can_be_taken_back(world: World, state: str) -> None:
    account = await world.account()
    body = HEAD + "2024-01-02,A,5.00\n2024-01-03,B,2.00\n" if state == "waiting" else JANUARY
    run = await world.bring_in(body, account, dryRun=state == "dry")
    if state == "reverted":
        await revert(world, run.id)
    with pytest.raises(Conflict):
        await revert(world, run.id)


class Killed(Exception):
    """The worker dies here."""


@pytest.mark.case("F08")
async def test_a_worker_killed_in_a_revert_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.imports.run.BATCH_ROWS", 2)
    monkeypatch.setattr("resolvers.imports.revert.STEP_ROWS", 2)
    account = await world.account()
    await enter(world, account, "2024-01-03", "-800.00", "Rent")
    before = await books(world)
    run = await world.bring_in(JANUARY + OVERLAP.removeprefix(HEAD), account)
    writes = 0

    async def dies(tx: Any, job: Work) -> None:
        nonlocal writes
        writes += 1
        if writes == 2:
            raise Killed

    data = parse(ImportRevert, {})
    await world.write(lambda write: revert_import(write, run.id, data))
    for done in (2, 4):
        writes = 0
        with pytest.raises(Killed):
            await world.work(run.id, fence=dies)
        stopped = await world.run(run.id)
        assert (stopped.status, stopped.rows_done, stopped.rows_total) == ("PROCESSING", done, 6)
    assert (await world.work(run.id)).status == "REVERTED"
    assert await books(world) == before


async def test_a_revert_that_was_given_up_can_be_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await world.account()
    run = await world.bring_in(JANUARY, account)
    data = parse(ImportRevert, {})
    await world.write(lambda write: revert_import(write, run.id, data))
    await world.write(lambda write: abandon_import(write, run.id))
    lost = await world.run(run.id)
    assert (lost.status, lost.reverting) == ("FAILED", None)
    assert "revert" in (lost.error_message or "")
    assert (await revert(world, run.id)).status == "REVERTED"
    assert await books(world) == []


ROW = st.tuples(
    st.integers(0, 1), st.integers(1, 9), st.sampled_from([-300, 300]),
    st.sampled_from(["Tea", "Save"]), st.sampled_from(["", "AX1", "AX2"]),
)  # fmt: skip
FILES = st.lists(st.lists(ROW, min_size=1, max_size=5), min_size=1, max_size=4)


@given(st.lists(ROW, max_size=4), FILES, st.integers(0, 2), st.sampled_from(["SKIP", "RESTORE"]))
@settings(
    max_examples=6, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
async def test_reverting_the_newest_first_is_the_way_back(
    world: World, entered: Any, files: Any, thrown: int, policy: str
) -> None:
    accounts = [await world.account(name) for name in "AB"]
    for which, day, minor, words, _ in entered:
        await enter(world, accounts[which], f"2024-01-0{day}", f"{minor / 100:.2f}", words)
    living = await world.booked()
    if thrown and living:
        await world.write(
            lambda write: delete_transactions(write, [(row.id, None) for row in living[:thrown]])
        )
    moments, runs, contents = [await books(world)], [], [await content(world)]
    for rows in files:
        account = accounts[rows[0][0]]
        head = "Date,Description,Amount,Transaction ID\n"
        lines = [f"2024-01-0{d},{w},{m / 100:.2f},{name}" for _, d, m, w, name in rows]
        body = head + "\n".join(lines) + "\n"
        runs.append((account, body, await world.bring_in(body, account, deleted=policy, **SIGNED)))
        moments.append(await books(world))
        contents.append(await content(world))
    for (_, _, run), moment in zip(reversed(runs), list(reversed(moments))[1:], strict=True):
        ended = await revert(world, run.id)
        assert (ended.status, ended.kept) == ("REVERTED", 0)
        assert await books(world) == moment
    assert await found_by_verify(world) == ()
    for (account, body, run), (before, after) in zip(runs, pairwise(contents), strict=True):
        assert await content(world) == before
        again = await world.bring_in(body, account, deleted=policy, **SIGNED)
        assert again.counts == run.counts
        assert await content(world) == after
    assert await found_by_verify(world) == ()


async def run_the_rules(world: World, **raw: Any) -> Any:
    run = await world.write(lambda write: start_run(write, parse(RunInput, raw)))
    while await world.write(lambda write: step_run(write, run.id)):
        pass
    return run


async def test_a_run_of_rules_keeps_no_row_but_a_hand_does(world: World) -> None:
    account = await world.account()
    run = await world.bring_in(JANUARY, account)
    first = await content(world)
    made = [
        await rule_in(world, says("TEXT", "coffee"), actions={"payee": "Café", "tags": ["fun"]}),
        await rule_in(world, says("TEXT", "rent"), actions={"notes": "flat", "tags": ["home"]}),
    ]
    await run_the_rules(world)
    assert {row.tags for row in await world.booked()} == {("fun",), ("home",), ()}
    assert (await revert(world, run.id)).kept == 0
    assert await world.booked() == []
    # Taken back or run twice, rules are nobody's hand either.
    for one in made:
        await world.write(lambda write, one=one: delete_rule(write, one.id))
    run = await world.bring_in(JANUARY, account)
    assert await content(world) == first
    await rule_in(world, says("TEXT", "coffee"), actions={"payee": "Bar", "tags": ["fun"]})
    ran = await run_the_rules(world)
    await world.write(lambda write: start_undo(write, ran.id))
    while await world.write(lambda write: step_run(write, ran.id)):
        pass
    await run_the_rules(world)
    coffee = next(row for row in await world.booked() if row.payee == "Bar")
    await edit(world, coffee.id, notes="with Bob")
    with pytest.raises(Conflict) as refused:
        await revert(world, run.id)
    assert refused.value.details["edited"] == 1
    assert (await revert(world, run.id, edited="KEEP")).kept == 1
    assert [row.id for row in await world.booked()] == [coffee.id]
