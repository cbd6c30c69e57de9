"""Rows of banks joined to what was entered before: by hand, from templates, and as transfers."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.ids import encode, new_id
from resolvers.categories import list_categories
from resolvers.imports import booking
from resolvers.inputs import parse
from resolvers.paging import PageRequest
from resolvers.transactions import (
    TransactionCreate,
    create_transactions,
    update_transactions,
)
from resolvers.transactions.inputs import TransactionUpdate
from resolvers.transactions.writes import Patch
from tests.imports.world import World
from tests.statements import counted

pytestmark = pytest.mark.anyio

HEAD = "Date,Description,Amount\n"
SIGNED: dict[str, Any] = {"mapping": {"signRule": "SIGNED"}}
"""For files of incoming money alone, of which a person is asked otherwise."""


def counts(run: Any) -> dict[str, int]:
    return {name: count for name, count in run.counts.items() if count}


async def enter(world: World, account: UUID, day: str, amount: str, words: str, **more: Any) -> Any:
    """A transaction entered by hand."""
    raw = {"accountId": encode("acct", account), "date": day, "amount": amount, "description": words, **more}  # fmt: skip
    (row,) = await world.write(
        lambda write: create_transactions(write, [parse(TransactionCreate, raw)])
    )
    return row


async def edit(world: World, row: UUID, **raw: Any) -> None:
    patch = Patch(row, TransactionUpdate.model_validate(raw))
    await world.write(lambda write: update_transactions(write, [patch]))


def said(lines: list[Any]) -> list[tuple[Any, ...]]:
    return [(one.decision, one.code, one.score) for one in lines]


async def test_a_row_entered_by_hand_is_joined_and_keeps_its_words(world: World) -> None:
    account = await world.account()
    row = await enter(world, account, "2024-01-01", "-3.20", "Coffee with Bob", status="PENDING")
    run = await world.bring_in(
        "Date,Description,Payee,Amount\n2024-01-03,CARD 4411 COFFEE BAR,Coffee Bar,-3.20\n", account
    )
    assert counts(run) == {"rows": 1, "matched": 1}
    (line,) = await world.lines(run.id)
    assert (line.decision, line.code, line.transaction_id) == ("MATCHED", "BY_HAND", row.id)
    assert line.reason == "It is what was entered by hand for 2024-01-01."
    assert line.score == 100 - 12 - 40 + round(40 / 3)
    (after,) = await world.booked(account)
    assert (after.description, after.payee, after.date.isoformat(), after.status) == (
        "Coffee with Bob", "Coffee Bar", "2024-01-01", "POSTED",
    )  # fmt: skip
    assert after.import_id is None
    again = await world.bring_in(
        "Date,Description,Payee,Amount\n2024-01-03,CARD 4411 COFFEE BAR,Coffee Bar,-3.20\n", account
    )
    assert counts(again) == {"rows": 1, "duplicate": 1}


@pytest.mark.parametrize(
    ("day", "words", "joined"),
    [
        ("2024-01-05", "Coffee", True),
        ("2024-01-12", "Coffee", True),
        ("2024-01-13", "Coffee", False),
        ("2024-01-08", "Something else", True),
        ("2024-01-09", "Something else", False),
    ],
    ids=["same-day", "last-day", "too-late", "other-words-near", "other-words-far"],
)
async def test_the_window_and_the_words_decide(
    world: World, day: str, words: str, joined: bool
) -> None:
    account = await world.account()
    await enter(world, account, "2024-01-05", "-3.20", "Coffee")
    run = await world.bring_in(f"{HEAD}{day},{words},-3.20\n", account)
    assert counts(run) == {"rows": 1, "matched" if joined else "new": 1}


async def test_each_entered_row_is_claimed_once_and_by_the_best(world: World) -> None:
    account = await world.account()
    near = await enter(world, account, "2024-01-05", "-9.00", "Lunch")
    far = await enter(world, account, "2024-01-02", "-9.00", "Cinema")
    body = HEAD + "2024-01-05,Cinema City,-9.00\n2024-01-05,Lunch,-9.00\n2024-01-05,Bus,-9.00\n"
    run = await world.bring_in(body, account)
    lines = await world.lines(run.id)
    assert [line.transaction_id for line in lines[:2]] == [far.id, near.id]
    assert [line.decision for line in lines] == ["MATCHED", "MATCHED", "NEW"]
    assert len(await world.booked(account)) == 3


async def test_what_a_hand_has_emptied_stays_empty(world: World) -> None:
    account = await world.account()
    row = await enter(world, account, "2024-01-05", "-9.00", "Lunch", payee="Somebody")
    await edit(world, row.id, payee=None)
    body = "Date,Description,Payee,Amount\n2024-01-05,Lunch,Diner,-9.00\n"
    assert counts(await world.bring_in(body, account)) == {"rows": 1, "matched": 1}
    assert [one.payee for one in await world.booked()] == [None]


async def test_what_must_not_be_touched_is_not(world: World) -> None:
    account, other = await world.account(), await world.account("Other")
    locked = await enter(world, account, "2024-01-05", "-9.00", "Lunch", status="RECONCILED")
    moved = await enter(world, other, "2024-01-05", "-9.00", "Lunch")
    named = await enter(world, account, "2024-01-05", "-9.00", "Lunch", externalId="AX1")
    body = "Date,Description,Amount,Transaction ID\n2024-01-05,Lunch,-9.00,AX2\n"
    run = await world.bring_in(body, account)
    assert counts(run) == {"rows": 1, "new": 1}
    kept = {row.id: row.version for row in await world.booked()}
    assert [kept[one.id] for one in (locked, moved, named)] == [1, 1, 1]


async def test_a_leg_of_a_transfer_entered_by_hand_is_not_doubled(world: World) -> None:
    giro, savings = await world.account(), await world.account("Savings")
    await enter(
        world, giro, "2024-01-05", "-100.00", "Save", transferAccountId=encode("acct", savings)
    )
    for account, amount in ((giro, "-100.00"), (savings, "100.00")):
        run = await world.bring_in(f"{HEAD}2024-01-06,Transfer,{amount}\n", account, **SIGNED)
        assert counts(run) == {"rows": 1, "matched": 1}
    rows = await world.booked()
    assert sorted(row.amount_minor for row in rows) == [-10000, 10000]
    assert {row.transfer_id for row in rows} == {row.id for row in rows}


async def test_both_sides_of_a_transfer_find_each_other(world: World) -> None:
    giro, savings = await world.account(), await world.account("Savings")
    first = await world.bring_in(HEAD + "2024-01-05,To my savings,-100.00\n", giro)
    assert counts(first) == {"rows": 1, "new": 1}
    run = await world.bring_in(
        HEAD + "2024-01-07,From giro,100.00\n2024-01-07,Fee,-1.00\n", savings
    )
    assert counts(run) == {"rows": 2, "new": 2}
    (out,) = await world.booked(giro)
    into = (await world.booked(savings))[0]
    assert (out.transfer_id, into.transfer_id) == (into.id, out.id)
    line = (await world.lines(run.id))[0]
    assert (line.decision, line.code, line.score) == ("TRANSFER", "OPPOSITE_AMOUNT", 74)
    assert (line.transaction_id, line.other_id) == (into.id, out.id)
    assert line.reason == "Another account has the opposite amount on 2024-01-05."


@pytest.mark.parametrize(
    "obstacle", ["category", "too-far", "same-account", "same-sign", "reconciled"]
)
async def test_what_is_no_transfer_is_left_alone(world: World, obstacle: str) -> None:
    giro, savings = await world.account(), await world.account("Savings")
    account = savings if obstacle == "same-account" else giro
    day = "2024-01-01" if obstacle == "too-far" else "2024-01-05"
    amount = "100.00" if obstacle == "same-sign" else "-100.00"
    row = await enter(world, account, day, amount, "Something")
    if obstacle == "category":
        async with world.database.read(world.actor.user_id) as tx:
            page = await list_categories(tx, world.actor.ledger_id, PageRequest(first=1))
        await edit(world, row.id, categoryId=encode("cat", page.items[0].id))
    if obstacle == "reconciled":
        await edit(world, row.id, status="RECONCILED")
    run = await world.bring_in(HEAD + "2024-01-06,Else,100.00\n", savings, **SIGNED)
    decisions = [line.decision for line in await world.lines(run.id)]
    assert decisions == ["NEW"]


async def test_a_transfer_between_currencies_goes_by_the_days_rate(world: World) -> None:
    giro, dollars = await world.account(), await world.account("Dollars", "USD")
    # On 2024-01-05 a euro was 1.0921 dollars.
    await world.bring_in(HEAD + "2024-01-05,Exchange,-100.00\n", giro)
    run = await world.bring_in(
        HEAD + "2024-01-05,Something,95.00\n2024-01-05,Exchange,108.50\n", dollars, **SIGNED
    )
    lines = await world.lines(run.id)
    assert [line.decision for line in lines] == ["NEW", "TRANSFER"]
    assert (lines[1].code, lines[1].score) == ("OPPOSITE_BY_RATE", 87)


@st.composite
def files(draw: st.DrawFn) -> tuple[list[tuple[int, int, int, int]], list[str], str]:
    """What is in the books (which account, day, amount, how) and lines of a file."""
    days, amounts = st.integers(1, 9), st.sampled_from([-300, -200, 200, 300])
    books = draw(
        st.lists(st.tuples(st.integers(0, 1), days, amounts, st.integers(0, 3)), max_size=8)
    )
    rows = draw(
        st.lists(
            st.builds(
                lambda day, word, minor, name: f"2024-01-0{day},{word},{minor / 100:.2f},{name}",
                days, st.sampled_from(["Tea", "Save", "Bus"]), amounts,
                st.sampled_from(["", "AX1", "AX2", "AX3"]),
            ),
            min_size=1, max_size=8,
        )
    )  # fmt: skip
    return books, rows, draw(st.sampled_from(["SKIP", "RESTORE"]))


@given(files())
@settings(
    max_examples=6, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@pytest.mark.parametrize("size", [2, 500])
async def test_a_dry_run_is_the_real_run_row_for_row(
    world: World, monkeypatch: pytest.MonkeyPatch, size: int, drawn: Any
) -> None:
    books, rows, policy = drawn
    monkeypatch.setattr("resolvers.imports.run.BATCH_ROWS", size)
    names = [f"A{new_id()}", f"B{new_id()}"]
    accounts = [await world.account(name) for name in names]
    head = "Date,Description,Amount,Transaction ID\n"
    for which, day, minor, how in books:
        when, amount = f"2024-01-0{day}", f"{minor / 100:.2f}"
        if how == 0:
            await enter(world, accounts[which], when, amount, "Tea")
        else:
            name = "AX1" if how == 2 else ""
            run = await world.bring_in(
                f"{head}{when},Save,{amount},{name}\n", accounts[which], **SIGNED
            )
            (line,) = await world.lines(run.id)
            if how == 3 and line.decision in {"NEW", "TRANSFER"}:
                await world.throw_away(
                    *[r for r in await world.booked(accounts[which]) if r.id == line.transaction_id]
                )
    body = head + "\n".join(rows) + "\n"
    dry = await world.bring_in(body, accounts[0], dryRun=True, deleted=policy, **SIGNED)
    before = {row.id: row.version for row in await world.booked()}
    real = await world.bring_in(body, accounts[0], deleted=policy, **SIGNED)
    blank = {"id": None, "import_id": None, "undo": None, "left_version": None}
    shown = [replace(one, **blank) for one in await world.lines(dry.id)]
    made = [replace(one, **blank) for one in await world.lines(real.id)]
    for one, other in zip(shown, made, strict=True):
        new = other.decision in {"NEW", "TRANSFER"} and one.transaction_id is None
        assert replace(other, transaction_id=None if new else other.transaction_id) == one
        if new:
            assert other.transaction_id not in before
    assert dry.counts == real.counts
    again = await world.bring_in(body, accounts[0], deleted=policy, **SIGNED)
    assert (again.counts["new"], again.counts["matched"]) == (0, 0)


class Killed(Exception):
    """The worker dies here."""


MIXED = (
    HEAD + "2024-01-02,Coffee,-3.20\n2024-01-03,Lunch,-9.00\n2024-01-04,To savings,-100.00\n"
    "2024-01-05,Gone,-5.00\n2024-01-06,Lunch,-9.00\n2024-01-06,New,-7.00\n2024-01-06,New,-7.00\n"
)
FOUND = ["DUPLICATE", "MATCHED", "TRANSFER", "SKIPPED", "MATCHED", "NEW", "NEW"]


@pytest.mark.case("F08")
@pytest.mark.parametrize(
    ("place", "dry"),
    [("load_books", True), ("load_books", False), ("insert_lines", False), ("update_rows", False)],
    ids=["dry", "reading", "noting", "changing"],
)
async def test_a_worker_killed_anywhere_in_a_batch_loses_and_doubles_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, dry: bool
) -> None:
    monkeypatch.setattr("resolvers.imports.run.BATCH_ROWS", 2)
    giro, savings = await world.account(), await world.account("Savings")
    await world.bring_in(HEAD + "2024-01-02,Coffee,-3.20\n2024-01-05,Gone,-5.00\n", giro)
    await world.throw_away((await world.booked(giro))[1])
    await world.bring_in(HEAD + "2024-01-03,From giro,100.00\n", savings, **SIGNED)
    lunches = [await enter(world, giro, f"2024-01-0{n}", "-9.00", "Lunch") for n in (2, 7)]
    import_id = await world.start(await world.upload(MIXED), giro, dryRun=dry)
    module, calls = booking, 0
    real = getattr(module, place)

    async def dies(*words: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        done = await real(*words, **more)
        # The first call of a worker comes through, the second one kills it.
        if calls == 2:
            raise Killed
        return done

    monkeypatch.setattr(module, place, dies)
    killed = 0
    for _ in range(9):
        calls = 0
        try:
            run = await world.work(import_id)
        except Killed:
            killed += 1
            continue
        break
    monkeypatch.setattr(module, place, real)
    assert killed > 0
    assert run.status == "COMPLETED"
    lines = await world.lines(import_id)
    assert [line.decision for line in lines] == FOUND
    assert [line.transaction_id for line in lines if line.decision == "MATCHED"] == [
        row.id for row in lunches
    ]
    assert len(await world.booked()) == (4 if dry else 7)
    again = await world.bring_in(MIXED, giro)
    assert [line.decision for line in await world.lines(again.id)] == (
        FOUND if dry else ["DUPLICATE"] * 3 + ["SKIPPED"] + ["DUPLICATE"] * 3
    )


async def test_a_batch_takes_as_many_statements_whatever_its_rows_are(world: World) -> None:
    taken = []
    for size in (3, 30):
        giro, savings = await world.account(f"G{size}"), await world.account(f"S{size}")
        for n in range(size):
            await enter(world, giro, "2024-01-02", f"-{n + 1}.11", f"Entered {size}")
        sides = [f"2024-01-03,Side {size},{n + 1}.22" for n in range(size)]
        await world.bring_in(HEAD + "\n".join(sides) + "\n", savings, **SIGNED)
        rows = [f"2024-01-03,Entered {size},-{n + 1}.11" for n in range(size)]
        rows += [f"2024-01-03,Side {size},-{n + 1}.22" for n in range(size)]
        import_id = await world.start(await world.upload(HEAD + "\n".join(rows) + "\n"), giro)
        with counted(world.database) as seen:
            run = await world.work(import_id)
        assert counts(run) == {"rows": 2 * size, "matched": size, "new": size}
        taken.append(len(seen))
    assert taken[0] == taken[1]
