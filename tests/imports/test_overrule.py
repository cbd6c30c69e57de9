"""Decisions of an import overruled by a person: before anything is booked, and after."""

from typing import Any
from uuid import UUID

import pytest

from models.ids import encode
from resolvers.errors import Conflict, Invalid
from resolvers.imports import ImportOverrule, overrule_rows
from resolvers.inputs import parse
from tests.imports.test_matching import HEAD, SIGNED, counts, edit, enter
from tests.imports.test_revert import books, content, found_by_verify, revert
from tests.imports.world import World

pytestmark = pytest.mark.anyio


async def overrule(
    world: World, import_id: UUID, *rows: tuple[int, str | None, UUID | None]
) -> Any:
    """What a person says, and the worker's answer to it."""
    told = [
        {"position": position}
        | ({"decision": word} if word else {})
        | ({"transactionId": encode("txn", one)} if one else {})
        for position, word, one in rows
    ]
    data = parse(ImportOverrule, {"rows": told})
    await world.write(lambda write: overrule_rows(write, import_id, data, world.secret))
    return await world.work(import_id)


async def decided(world: World, import_id: UUID) -> list[str]:
    return [line.decision for line in await world.lines(import_id)]


async def test_a_dry_run_is_overruled_shown_anew_and_booked_as_shown(world: World) -> None:
    account = await world.account()
    lunch = await enter(world, account, "2024-01-05", "-9.00", "Lunch")
    body = HEAD + "2024-01-05,Lunch,-9.00\n2024-01-06,Lunch,-9.00\n2024-01-07,Bus,-2.00\n"
    dry = await world.bring_in(body, account, dryRun=True)
    assert await decided(world, dry.id) == ["MATCHED", "NEW", "NEW"]
    ended = await overrule(world, dry.id, (0, "NEW", None), (2, "SKIPPED", None))
    assert (ended.status, ended.dry_run) == ("COMPLETED", True)
    # What the first row let go of is there for the second one.
    assert await decided(world, dry.id) == ["NEW", "MATCHED", "SKIPPED"]
    shown = [(o.decision, o.code, o.reason, o.overruled) for o in await world.lines(dry.id)]
    assert shown[0] == ("NEW", "OVERRULED", "You said that it is new.", True)
    assert len(await world.booked()) == 1
    done = await world.process(dry.id)
    assert (done.status, done.dry_run) == ("COMPLETED", False)
    assert [(o.decision, o.code, o.reason, o.overruled) for o in await world.lines(dry.id)] == shown
    assert counts(done) == {"rows": 3, "new": 1, "matched": 1, "skipped": 1}
    assert [line.transaction_id for line in await world.lines(dry.id)][1] == lunch.id
    # The next file with the same rows is decided alike.
    again = await world.bring_in(body, account)
    assert await decided(world, again.id) == ["DUPLICATE", "DUPLICATE", "SKIPPED"]
    assert (await world.lines(again.id))[2].code == "LEFT_OUT_EARLIER"
    with pytest.raises(Conflict):
        await world.process(dry.id)


async def test_a_ruling_is_taken_back(world: World) -> None:
    account = await world.account()
    dry = await world.bring_in(HEAD + "2024-01-07,Bus,-2.00\n", account, dryRun=True)
    await overrule(world, dry.id, (0, "SKIPPED", None))
    assert await decided(world, dry.id) == ["SKIPPED"]
    await overrule(world, dry.id, (0, None, None))
    assert await decided(world, dry.id) == ["NEW"]


async def test_a_waiting_import_is_overruled_and_goes_on(world: World) -> None:
    account = await world.account()
    body = "Date,Description,Amount\n02/01/2024,A,-5.00\n03/01/2024,B,-6.00\n"
    run = await world.bring_in(body, account)
    assert run.status == "PENDING"
    assert (await overrule(world, run.id, (1, "SKIPPED", None))).status == "PENDING"
    done = await world.process(run.id)
    assert (done.status, counts(done)) == ("COMPLETED", {"rows": 2, "new": 1, "skipped": 1})


async def test_a_duplicate_that_is_none_is_booked_and_undone(world: World) -> None:
    account = await world.account()
    body = HEAD + "2024-01-05,Coffee,-3.00\n"
    await world.bring_in(body, account)
    before = await books(world)
    run = await world.bring_in(body, account)
    ended = await overrule(world, run.id, (0, "NEW", None))
    assert (ended.status, counts(ended)) == ("COMPLETED", {"rows": 1, "new": 1})
    assert len(await world.booked()) == 2
    # Both are known from now on, and no third one.
    assert counts(await world.bring_in(body, account)) == {"rows": 1, "duplicate": 1}
    back = await overrule(world, run.id, (0, "DUPLICATE", (await world.booked())[0].id))
    assert counts(back) == {"rows": 1, "duplicate": 1}
    assert await books(world) == before
    assert await found_by_verify(world) == ()


async def test_a_match_is_made_by_hand_and_taken_apart_for_good(world: World) -> None:
    account = await world.account()
    body = HEAD + "2024-01-05,Coffee,-3.00\n"
    mine = await enter(world, account, "2024-01-05", "-3.00", "Cake")
    before = await books(world)
    run = await world.bring_in(body, account)
    assert await decided(world, run.id) == ["MATCHED"]
    await overrule(world, run.id, (0, "NEW", None))
    assert len(await world.booked()) == 2
    await revert(world, run.id)
    assert await books(world) == before
    # Never offered again, whichever import brings it.
    again = await world.bring_in(body, account)
    assert await decided(world, again.id) == ["NEW"]
    await overrule(world, again.id, (0, "MATCHED", mine.id))
    (row,) = await world.booked()
    assert (row.id, row.description) == (mine.id, "Cake")
    await revert(world, again.id)
    assert await books(world) == before
    assert await decided(world, (await world.bring_in(body, account)).id) == ["MATCHED"]


async def test_a_transfer_is_taken_apart_and_made_by_hand(world: World) -> None:
    giro, savings = await world.account(), await world.account("Savings")
    await world.bring_in(HEAD + "2024-01-05,Shop,-100.00\n", giro)
    out = (await world.booked(giro))[0]
    body = HEAD + "2024-01-06,Cashback,100.00\n"
    run = await world.bring_in(body, savings, **SIGNED)
    assert await decided(world, run.id) == ["TRANSFER"]
    apart = await overrule(world, run.id, (0, "NEW", None))
    assert counts(apart) == {"rows": 1, "new": 1}
    assert {row.transfer_id for row in await world.booked()} == {None}
    await revert(world, run.id)
    again = await world.bring_in(body, savings, **SIGNED)
    assert await decided(world, again.id) == ["NEW"]
    # The other file does not offer the pair either.
    await world.throw_away(out)
    other = await world.bring_in(HEAD + "2024-01-05,Shop,-100.00\n", giro, deleted="RESTORE")
    assert counts(other) == {"rows": 1, "new": 1}
    await overrule(world, again.id, (0, "TRANSFER", out.id))
    assert {row.transfer_id for row in await world.booked()} == {
        row.id for row in await world.booked()
    }
    assert await found_by_verify(world) == ()


async def test_the_category_of_the_other_side_comes_back_with_a_revert(world: World) -> None:
    giro, savings = await world.account(), await world.account("Savings")
    body = "Date,Description,Amount,Category\n2024-01-05,Save,-100.00,Groceries\n"
    await world.bring_in(body, giro)
    (out,) = await world.booked()
    assert out.category_id is not None
    before = await books(world)
    run = await world.bring_in(HEAD + "2024-01-06,Save,100.00\n", savings, **SIGNED)
    assert await decided(world, run.id) == ["NEW"]
    await overrule(world, run.id, (0, "TRANSFER", out.id))
    (out,) = await world.booked(giro)
    assert (out.category_id, out.transfer_id) == (None, (await world.booked(savings))[0].id)
    await revert(world, run.id)
    assert await books(world) == before
    assert await found_by_verify(world) == ()


async def test_a_row_changed_since_is_not_lost(world: World) -> None:
    account = await world.account()
    run = await world.bring_in(HEAD + "2024-01-05,Coffee,-3.00\n", account)
    (row,) = await world.booked()
    await edit(world, row.id, notes="with Bob")
    with pytest.raises(Conflict):
        await overrule(world, run.id, (0, "SKIPPED", None))
    assert len(await world.booked()) == 1


async def test_every_ruling_that_cannot_be_is_named(world: World) -> None:
    account, other = await world.account(), await world.account("Other")
    away = await enter(world, other, "2024-01-05", "-3.00", "Coffee")
    dear = await enter(world, account, "2024-02-05", "-4.00", "Coffee")
    body = HEAD + "2024-01-05,A,-3.00\n2024-01-05,B,-3.00\n2024-01-05,C,-3.00\nx,D,-3.00\n"
    run = await world.bring_in(body, account)
    first = (await world.lines(run.id))[0].transaction_id
    rows: list[tuple[int, str | None, UUID | None]] = [
        (9, "NEW", None), (0, "MATCHED", None), (1, "MATCHED", away.id), (2, "MATCHED", dear.id),
        (1, "NEW", dear.id), (2, "DUPLICATE", first), (0, None, None), (0, "TRANSFER", run.id),
        (3, "MATCHED", away.id),
    ]  # fmt: skip
    with pytest.raises(Invalid) as caught:
        await overrule(world, run.id, *rows)
    found = {one["path"]: one["code"] for one in caught.value.details["fields"]}
    assert set(found) == {
        "rows.0.position", "rows.1.transactionId", "rows.2.transactionId", "rows.3.transactionId",
        "rows.4.position", "rows.5.position", "rows.6.position", "rows.7.position",
        "rows.8.position",
    }  # fmt: skip
    with pytest.raises(Invalid):
        await overrule(world, run.id, (3, "NEW", None))
    with pytest.raises(Invalid) as caught:
        await overrule(world, run.id, (0, "TRANSFER", run.id))
    assert caught.value.details["fields"][0]["code"] == "NOT_FOUND"
    assert await decided(world, run.id) == ["NEW", "NEW", "NEW", "FAILED"]
    assert (await content(world))[0] is not None


@pytest.mark.parametrize("state", ["reverted", "failed"])
async def test_what_is_over_is_not_overruled(world: World, state: str) -> None:
    account = await world.account()
    body = "Name,Colour\nA,red\n" if state == "failed" else HEAD + "2024-01-05,A,-3.00\n"
    run = await world.bring_in(body, account)
    if state == "reverted":
        await revert(world, run.id)
    with pytest.raises(Conflict):
        await overrule(world, run.id, (0, "NEW", None))
