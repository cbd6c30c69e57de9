"""Accounts through both doors: opening, changing, balances, trash."""

import pytest

from tests.doors import Door, Refused

pytestmark = pytest.mark.anyio


async def open_account(door: Door, **more: object) -> dict:
    body = {"name": "Giro", "type": "CHECKING", "currency": "EUR", **more}
    return await door.call("CreateAccount", body)


async def test_an_opened_account_is_listed_with_its_balance(door: Door) -> None:
    made = await open_account(door, openingBalance="100.50", number="DE02 1203 0000 0000 2020 51")
    assert (made["balance"], made["openingBalance"]) == ("100.50", "100.50")
    assert made["number"] == "••••0 51"
    assert made["version"] == 1
    assert await door.call("GetAccount", id=made["id"]) == made
    assert (await door.call("ListAccounts"))["items"] == [made]


async def test_numbers_and_text_are_the_same_amount(door: Door) -> None:
    made = await open_account(door, openingBalance=100.5)
    assert made["openingBalance"] == "100.50"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "INVALID"),
        ("name", "x" * 201, "TOO_LONG"),
        ("name", "a\u0000b", None),
        ("currency", "XXX", "INVALID"),
        ("currency", "EURO", "INVALID"),
        ("type", "PIGGY", "INVALID"),
        ("openingBalance", "1e5", "INVALID"),
        ("openingBalance", "1.001", "INVALID"),
        ("openingBalance", "1000000000000.01", "INVALID"),
        ("openingDate", "2026-02-30", "INVALID"),
        ("openingDate", "1899-12-31", "INVALID"),
    ],
)
async def test_wrong_fields_are_named_and_change_nothing(
    door: Door, field: str, value: object, code: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        await open_account(door, **{field: value})
    assert refused.value.code == "VALIDATION_ERROR"
    if code is not None:
        assert refused.value.paths == {field: code}
    assert (await door.call("ListAccounts"))["items"] == []


@pytest.mark.case("A12")
async def test_unknown_fields_are_refused_by_name(door: Door) -> None:
    with pytest.raises(Refused) as refused:
        await open_account(door, colour="red")
    assert refused.value.paths == {"colour": "UNKNOWN_FIELD"}


async def test_a_stale_change_is_refused_with_the_current_object(door: Door) -> None:
    made = await open_account(door)
    changed = await door.call("UpdateAccount", {"name": "Neu"}, id=made["id"], version=1)
    assert (changed["name"], changed["version"]) == ("Neu", 2)
    with pytest.raises(Refused) as refused:
        await door.call("UpdateAccount", {"name": "Alt"}, id=made["id"], version=1)
    assert refused.value.code == "STALE_OBJECT"
    assert refused.value.details["current"]["name"] == "Neu"
    assert (await door.call("GetAccount", id=made["id"]))["name"] == "Neu"


async def test_absent_stays_and_null_clears(door: Door) -> None:
    made = await open_account(door, institution="Bank", number="12345678")
    kept = await door.call("UpdateAccount", {"name": "Neu"}, id=made["id"])
    assert (kept["institution"], kept["number"]) == ("Bank", "••••5678")
    cleared = await door.call("UpdateAccount", {"institution": None}, id=made["id"])
    assert (cleared["institution"], cleared["number"]) == (None, "••••5678")


async def test_a_change_that_changes_nothing_keeps_the_version(door: Door) -> None:
    made = await open_account(door)
    assert await door.call("UpdateAccount", {"name": "Giro"}, id=made["id"]) == made


async def test_the_currency_is_fixed_once_used(door: Door) -> None:
    made = await open_account(door)
    moved = await door.call("UpdateAccount", {"currency": "USD"}, id=made["id"])
    assert moved["currency"] == "USD"
    await door.call(
        "CreateTransaction",
        {"accountId": made["id"], "date": "2026-01-01", "amount": "1", "description": "x"},
    )
    with pytest.raises(Refused) as refused:
        await door.call("UpdateAccount", {"currency": "EUR"}, id=made["id"])
    assert (refused.value.code, refused.value.paths) == ("READ_ONLY", {"currency": "READ_ONLY"})


async def test_balances_are_of_the_day_that_is_asked_for(door: Door) -> None:
    made = await open_account(door, openingBalance="10", openingDate="2026-01-10")
    for day, amount, status in (
        ("2026-01-05", "1", "POSTED"),
        ("2026-01-15", "-2.50", "PENDING"),
        ("2199-01-01", "1000", "POSTED"),
    ):
        await door.call(
            "CreateTransaction",
            {
                "accountId": made["id"],
                "date": day,
                "amount": amount,
                "description": "x",
                "status": status,
            },
        )
    seen = []
    for day in ("2026-01-04", "2026-01-05", "2026-01-10", "2026-01-15", "2199-01-01"):
        found = await door.call("GetAccountBalance", id=made["id"], asOf=day)
        seen.append((found["balance"], found["posted"], found["pending"]))
    assert seen == [
        ("0.00", "0.00", "0.00"),
        ("1.00", "1.00", "0.00"),
        ("11.00", "11.00", "0.00"),
        ("8.50", "11.00", "-2.50"),
        ("1008.50", "1011.00", "-2.50"),
    ]
    assert (await door.call("GetAccount", id=made["id"]))["balance"] == "8.50"


async def test_an_account_in_use_goes_to_the_trash_only_by_force(door: Door) -> None:
    giro, spar = await open_account(door), await open_account(door, name="Spar")
    await door.call(
        "CreateTransaction",
        {
            "accountId": giro["id"],
            "date": "2026-01-01",
            "amount": "-5",
            "description": "save",
            "transferAccountId": spar["id"],
        },
    )
    with pytest.raises(Refused) as refused:
        await door.call("DeleteAccount", id=giro["id"])
    assert (refused.value.code, refused.value.details) == ("CONFLICT", {"transactions": 1})
    gone = await door.call("DeleteAccount", id=giro["id"], force=True)
    assert gone == {"id": giro["id"], "deleted": True}
    left = (await door.call("ListTransactions"))["items"]
    assert [(row["accountId"], row["kind"], row["transferId"]) for row in left] == [
        (spar["id"], "INCOME", None)
    ]
    back = await door.call("RestoreAccount", id=giro["id"])
    assert back["balance"] == "-5.00"
    sides = (await door.call("ListTransactions"))["items"]
    assert {row["id"]: row["transferId"] for row in sides} == {
        sides[0]["id"]: sides[1]["id"],
        sides[1]["id"]: sides[0]["id"],
    }


async def test_a_side_that_changed_meanwhile_is_not_joined_again(door: Door) -> None:
    giro, spar = await open_account(door), await open_account(door, name="Spar")
    body = {"accountId": giro["id"], "date": "2026-01-01", "amount": "-5", "description": "save"}
    made = await door.call("CreateTransaction", {**body, "transferAccountId": spar["id"]})
    await door.call("DeleteAccount", id=giro["id"], force=True)
    await door.call("UpdateTransaction", {"amount": "6"}, id=made["transferId"])
    await door.call("RestoreAccount", id=giro["id"])
    sides = (await door.call("ListTransactions"))["items"]
    assert [(row["amount"], row["transferId"]) for row in sides] == [
        ("6.00", None),
        ("-5.00", None),
    ]


@pytest.mark.parametrize("wrong", ["acct_00000000000000000000000000", "acct_x", "nonsense"])
async def test_an_unknown_id_is_not_found(door: Door, wrong: str) -> None:
    for operation in ("GetAccount", "GetAccountBalance", "ListAccountTransactions"):
        with pytest.raises(Refused) as refused:
            await door.call(operation, id=wrong)
        assert refused.value.code == "NOT_FOUND"


async def test_a_number_that_was_shown_is_never_stored(door: Door) -> None:
    made = await open_account(door, number="DE00 3201")
    await door.call("UpdateAccount", {"number": "DE99 8888"}, id=made["id"])
    kept = await door.call("UpdateAccount", {"number": made["number"]}, id=made["id"])
    assert kept["number"] == "••••8888"
    assert (await open_account(door, number="••••1234"))["number"] is None
