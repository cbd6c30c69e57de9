"""Single transactions and transfers through both doors."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.doors import Door, Refused

pytestmark = pytest.mark.anyio


async def account(door: Door, currency: str = "EUR", name: str = "Giro") -> str:
    body = {"name": name, "type": "CHECKING", "currency": currency}
    return (await door.call("CreateAccount", body))["id"]


async def balance(door: Door, account_id: str) -> str:
    found = await door.call("GetAccountBalance", id=account_id, asOf="2200-12-31")
    return found["balance"]


async def book(door: Door, account_id: str, amount: object, **more: Any) -> dict[str, Any]:
    body = {"accountId": account_id, "date": "2026-01-15", "amount": amount, "description": "Tea"}
    return await door.call("CreateTransaction", {**body, **more})


async def categories(door: Door) -> dict[str, str]:
    found = await door.pages("ListCategories", limit=100)
    return {row["key"]: row["id"] for row in found}


async def test_everything_said_comes_back(door: Door) -> None:
    giro, known = await account(door), await categories(door)
    said = {
        "categoryId": known["groceries"],
        "payee": "Μπακάλικο",
        "notes": "two lines\nof notes",
        "tags": ["weekly", "köln", "weekly"],
        "status": "PENDING",
        "externalId": "bank-1",
    }
    made = await book(door, giro, "-4.50", **said)
    assert {name: made[name] for name in said} == {**said, "tags": ["weekly", "köln"]}
    assert (made["amount"], made["currency"], made["kind"]) == ("-4.50", "EUR", "EXPENSE")
    assert await door.call("GetTransaction", id=made["id"]) == made


@pytest.mark.parametrize(
    ("currency", "amount", "told"),
    [
        ("JPY", "10", "10"),
        ("JPY", "10.5", None),
        ("KWD", "1.234", "1.234"),
        ("USD", "1.234", None),
        ("EUR", "1000000000000.00", "1000000000000.00"),
        ("EUR", "1000000000000.01", None),
        ("EUR", "0", "0.00"),
        ("EUR", "-0.00", "0.00"),
        ("DEM", "1.10", "1.10"),
    ],
)
@pytest.mark.case("M03")
async def test_digits_follow_the_currency(
    door: Door, currency: str, amount: str, told: str | None
) -> None:
    where = await account(door, currency)
    if told is None:
        with pytest.raises(Refused) as refused:
            await book(door, where, amount)
        assert refused.value.paths == {"amount": "INVALID"}
        assert await balance(door, where) in {"0", "0.00", "0.000"}
    else:
        assert (await book(door, where, amount))["amount"] == told


@pytest.mark.parametrize(
    "amount",
    ["1e2000000", "NaN", "Infinity", "1_000", "１２", "٣", " 1", "1 ", "+1", "0x10", "", "1,5", "." , "1." , ".5", "--1", "9" * 100_000],
)  # fmt: skip
@pytest.mark.case("M01", "M02")
async def test_what_is_no_plain_number_is_no_amount(door: Door, amount: str) -> None:
    where = await account(door)
    with pytest.raises(Refused) as refused:
        await book(door, where, amount)
    assert refused.value.paths == {"amount": "INVALID"}


@pytest.mark.case("T04")
@pytest.mark.parametrize("field", ["accountId", "categoryId", "transferAccountId", "refundOf"])
async def test_foreign_and_unknown_ids_are_told_alike(door: Door, bob: Any, field: str) -> None:
    other = door.as_person(bob)
    foreign = {
        "accountId": await account(other),
        "transferAccountId": await account(other, name="Spar"),
        "categoryId": (await categories(other))["food"],
        "refundOf": (await book(other, await account(other), "1"))["id"],
    }[field]
    mine = await account(door)
    answers = []
    for wrong in (foreign, foreign[:-5] + "00000", "nonsense"):
        with pytest.raises(Refused) as refused:
            await book(door, mine, "1", **{field: wrong})
        answers.append((refused.value.code, refused.value.message, refused.value.details))
    assert answers[0][0] == "VALIDATION_ERROR"
    assert answers[0][2]["fields"][0] == {
        "path": field, "code": "NOT_FOUND", "message": "There is no such object.",
    }  # fmt: skip
    assert answers == [answers[0]] * 3


async def test_a_transfer_has_both_sides_or_none(door: Door) -> None:
    giro, spar = await account(door), await account(door, name="Spar")
    made = await book(door, giro, "-20", transferAccountId=spar)
    other = await door.call("GetTransaction", id=made["transferId"])
    assert (made["kind"], made["amount"], made["accountId"]) == ("TRANSFER", "-20.00", giro)
    assert (other["kind"], other["amount"], other["accountId"]) == ("TRANSFER", "20.00", spar)
    assert other["transferId"] == made["id"]
    assert (await balance(door, giro), await balance(door, spar)) == ("-20.00", "20.00")
    with pytest.raises(Refused):
        await book(door, giro, "-20", transferAccountId=giro)
    assert (await balance(door, giro), await balance(door, spar)) == ("-20.00", "20.00")


async def test_both_sides_change_together_whichever_is_edited(door: Door) -> None:
    giro, spar = await account(door), await account(door, name="Spar")
    made = await book(door, giro, "-20", transferAccountId=spar)
    await door.call(
        "UpdateTransaction", {"amount": "35", "date": "2026-02-01"}, id=made["transferId"]
    )
    first = await door.call("GetTransaction", id=made["id"])
    assert (first["amount"], first["date"], first["version"]) == ("-35.00", "2026-02-01", 2)
    await door.call("DeleteTransaction", id=made["id"])
    assert (await balance(door, giro), await balance(door, spar)) == ("0.00", "0.00")
    await door.call("RestoreTransaction", id=made["transferId"])
    assert (await balance(door, giro), await balance(door, spar)) == ("-35.00", "35.00")


async def test_currencies_of_a_transfer_need_both_amounts(door: Door) -> None:
    giro, usd = await account(door), await account(door, "USD", "Dollars")
    with pytest.raises(Refused) as refused:
        await book(door, giro, "-10", transferAccountId=usd)
    assert refused.value.paths == {"transferAmount": "REQUIRED"}
    made = await book(door, giro, "-10", transferAccountId=usd, transferAmount="11.50")
    assert (await balance(door, giro), await balance(door, usd)) == ("-10.00", "11.50")
    await door.call("UpdateTransaction", {"transferAmount": "12"}, id=made["id"])
    assert (await balance(door, giro), await balance(door, usd)) == ("-10.00", "12.00")


@pytest.mark.case("M04")
async def test_split_parts_sum_to_the_amount_or_the_error_says_by_how_much(door: Door) -> None:
    giro, known = await account(door), await categories(door)
    parts = [
        {"categoryId": known["groceries"], "amount": "-30"},
        {"categoryId": known["health"], "amount": "-15.5", "notes": "soap"},
        {"categoryId": known["groceries"], "amount": "2.50"},
    ]
    with pytest.raises(Refused) as refused:
        await book(door, giro, "-44", splits=parts)
    assert refused.value.paths == {"splits": "SPLIT_SUM"}
    assert refused.value.details["splits"] == {
        "sum": "-43.00", "expected": "-44.00", "difference": "-1.00",
    }  # fmt: skip
    made = await book(door, giro, "-43", splits=parts)
    assert [(one["amount"], one["notes"]) for one in made["splits"]] == [
        ("-30.00", None),
        ("-15.50", "soap"),
        ("2.50", None),
    ]
    assert (made["categoryId"], made["kind"]) == (None, "EXPENSE")
    found = await door.call("ListTransactions", categoryId=known["food"])
    assert [row["id"] for row in found["items"]] == [made["id"]]
    plain = await door.call(
        "UpdateTransaction", {"splits": [], "categoryId": known["health"]}, id=made["id"]
    )
    assert (plain["splits"], plain["categoryId"]) == ([], known["health"])


async def test_a_refund_stays_an_expense_and_nets(door: Door) -> None:
    giro, known = await account(door), await categories(door)
    bought = await book(door, giro, "-50", categoryId=known["shopping"])
    refund = await book(door, giro, "50", categoryId=known["shopping"], refundOf=bought["id"])
    assert (refund["kind"], refund["refundOf"]) == ("EXPENSE", bought["id"])


async def test_an_external_id_names_one_living_row_of_an_account(door: Door) -> None:
    giro = await account(door)
    first = await book(door, giro, "1", externalId="b-1")
    with pytest.raises(Refused) as refused:
        await book(door, giro, "2", externalId="b-1")
    assert (refused.value.code, refused.value.details["id"]) == ("CONFLICT", first["id"])
    await door.call("DeleteTransaction", id=first["id"])
    await book(door, giro, "2", externalId="b-1")
    with pytest.raises(Refused) as refused:
        await door.call("RestoreTransaction", id=first["id"])
    assert refused.value.code == "CONFLICT"
    assert await balance(door, giro) == "2.00"


async def test_a_deleted_row_rests_in_the_trash_and_comes_back(door: Door) -> None:
    giro = await account(door)
    made = await book(door, giro, "5")
    assert await door.call("DeleteTransaction", id=made["id"]) == {
        "id": made["id"],
        "deleted": True,
    }
    for operation in ("GetTransaction", "DeleteTransaction"):
        with pytest.raises(Refused) as refused:
            await door.call(operation, id=made["id"])
        assert refused.value.code == "NOT_FOUND"
    assert (await door.call("ListTransactions"))["items"] == []
    back = await door.call("RestoreTransaction", id=made["id"])
    assert (back["amount"], back["version"]) == ("5.00", 3)
    assert await balance(door, giro) == "5.00"


@pytest.mark.parametrize(
    "bad", [{"amount": None}, {"date": None}, {"description": None}, {"accountId": None}]
)
async def test_what_must_be_there_cannot_be_cleared(door: Door, bad: dict[str, None]) -> None:
    made = await book(door, await account(door), "5")
    with pytest.raises(Refused) as refused:
        await door.call("UpdateTransaction", bad, id=made["id"])
    assert refused.value.paths == {next(iter(bad)): "REQUIRED"}


async def test_a_row_moves_to_another_account_with_its_money(door: Door) -> None:
    giro, spar = await account(door), await account(door, name="Spar")
    usd = await account(door, "USD", "Dollars")
    made = await book(door, giro, "5")
    await door.call("UpdateTransaction", {"accountId": spar}, id=made["id"])
    assert (await balance(door, giro), await balance(door, spar)) == ("0.00", "5.00")
    with pytest.raises(Refused) as refused:
        await door.call("UpdateTransaction", {"accountId": usd}, id=made["id"])
    assert refused.value.paths == {"accountId": "INVALID"}


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["create", "update", "delete", "restore"]),
            st.integers(0, 7),
            st.integers(-(10**14), 10**14),
        ),
        min_size=1,
        max_size=8,
    )
)
@pytest.mark.case("M05")
async def test_transfers_keep_what_all_accounts_hold(
    door_kind: Any, client: Any, ada: Any, steps: list[tuple[str, int, int]]
) -> None:
    door = door_kind(client, ada)
    giro, spar = await account(door), await account(door, name="Spar")
    alive: dict[str, int] = {}
    dead: dict[str, int] = {}
    for step, which, minor in steps:
        amount = f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"
        pool = dead if step == "restore" else alive
        chosen = sorted(pool)[which % len(pool)] if pool else None
        if step == "create":
            made = await book(door, giro, amount, transferAccountId=spar)
            alive[made["id"]] = minor
        elif chosen is None:
            continue
        elif step == "update":
            await door.call("UpdateTransaction", {"amount": amount}, id=chosen)
            alive[chosen] = minor
        elif step == "delete":
            await door.call("DeleteTransaction", id=chosen)
            dead[chosen] = alive.pop(chosen)
        else:
            await door.call("RestoreTransaction", id=chosen)
            alive[chosen] = dead.pop(chosen)
    total = sum(alive.values())
    sign = "-" if total < 0 else ""
    expected = f"{sign}{abs(total) // 100}.{abs(total) % 100:02d}"
    mirrored = expected if total == 0 else expected[1:] if sign else f"-{expected}"
    assert (await balance(door, giro), await balance(door, spar)) == (expected, mirrored)
