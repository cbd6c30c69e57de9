"""What YNAB, Mint, Firefly III, Actual and Splitwise export, brought in account by account."""

import io
import sqlite3
import zipfile
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from models.ids import decode
from resolvers.accounts import accounts_by_id, list_accounts
from resolvers.budgets import list_budgets
from resolvers.categories import categories_by_id
from resolvers.errors import Invalid
from resolvers.imports.inputs import ImportRevert
from resolvers.imports.revert import revert_import
from resolvers.inputs import parse
from resolvers.paging import PageRequest
from resolvers.statements.apps.model import Movement, pair_sides
from tests.imports.world import World

pytestmark = pytest.mark.anyio

YNAB = """\ufeff"Account","Flag","Date","Payee","Category Group/Category","Category Group","Category","Memo","Outflow","Inflow","Cleared"
"Checking","","01/25/2026","Starting Balance","Inflow: Ready to Assign","Inflow","Ready to Assign","",€0.00,€1000.00,"Reconciled"
"Checking","Red","01/26/2026","Landlord","Housing: Rent","Housing","Rent","January",€500.00,€0.00,"Cleared"
"Checking","","01/26/2026","Café","Fun: Eating Out","Fun","Eating Out","",€3.20,€0.00,"Uncleared"
"Checking","","01/26/2026","Café","Fun: Eating Out","Fun","Eating Out","",€3.20,€0.00,"Uncleared"
"Checking","","01/27/2026","Transfer : Savings","","","","put by",€200.00,€0.00,"Cleared"
"Savings","","01/27/2026","Transfer : Checking","","","","put by",€0.00,€200.00,"Cleared"
"Savings","","01/28/2026","Transfer : Old house","","","","",€1.00,€0.00,"Cleared"
"""
PLAN = """"Month","Category Group/Category","Category Group","Category","Assigned","Activity","Available"
"Dec 2025","Housing: Rent","Housing","Rent",€450.00,€0.00,€0.00
"Jan 2026","Housing: Rent","Housing","Rent",€500.00,-€500.00,€0.00
"Jan 2026","Fun: Eating Out","Fun","Eating Out",€60.00,-€6.40,€53.60
"Jan 2026","Fun: Games","Fun","Games",€0.00,€0.00,€0.00
"""
MINT = """"Date","Description","Original Description","Amount","Transaction Type","Category","Account Name","Labels","Notes"
"1/25/2023","Safeway","SAFEWAY #1234","78.32","debit","Groceries","Checking","Tax Related","milk"
"1/26/2023","Employer","ACME PAYROLL","2500.00","credit","Paycheck","Checking","",""
"1/27/2023","Payment","ONLINE PAYMENT","300.00","debit","Credit Card Payment","Checking","",""
"1/28/2023","Payment","PAYMENT THANK YOU","300.00","credit","Credit Card Payment","Visa Card","",""
"1/28/2023","Mystery","X","12.00","debit","Transfer","Checking","",""
"""
FIREFLY = """user_id,group_id,journal_id,created_at,updated_at,group_title,type,amount,foreign_amount,currency_code,foreign_currency_code,description,date,source_name,source_iban,source_type,destination_name,destination_iban,destination_type,reconciled,category,budget,bill,tags,notes,external_id
1,1,1,2026-01-01T00:00:00+01:00,2026-01-01T00:00:00+01:00,,Withdrawal,-12.50,,EUR,,Groceries,2026-01-05T00:00:00+01:00,Giro,,Asset account,Spar,,Expense account,1,Food,Household,,"a,b",note,x1
1,2,2,2026-01-01T00:00:00+01:00,2026-01-01T00:00:00+01:00,,Deposit,2000.00,,EUR,,Salary,2026-01-06T00:00:00+01:00,Acme,,Revenue account,Giro,,Asset account,,Wages,,,,,
1,3,3,2026-01-01T00:00:00+01:00,2026-01-01T00:00:00+01:00,,Transfer,-100.00,110.00,EUR,USD,To dollars,2026-01-07T00:00:00+01:00,Giro,,Asset account,Dollars,,Asset account,,,,,,,
1,4,4,2026-01-01T00:00:00+01:00,2026-01-01T00:00:00+01:00,,Opening balance,50.00,,EUR,,Opening,2026-01-01T00:00:00+01:00,Initial,,Initial balance account,Giro,,Asset account,,,,,,,
1,5,5,2026-01-01T00:00:00+01:00,2026-01-01T00:00:00+01:00,,Withdrawal,oops,,EUR,,Bad,2026-01-07T00:00:00+01:00,Giro,,Asset account,Spar,,Expense account,,,,,,,
"""
SPLITWISE = """Date,Description,Category,Cost,Currency,Ada Lovelace,Bob

2026-01-05,Dinner,Dining out,30.00,EUR,15.00,-15.00
2026-01-06,Taxi,Taxi,10.00,EUR,-5.00,5.00
2026-01-07,Theirs,General,9.00,EUR,0.00,0.00
2026-01-08,Bob paid Ada,Payment,10.00,EUR,-10.00,10.00
2026-01-09,Hotel,Hotel,100.00,USD,-50.00,50.00

2026-01-31,Total balance, , ,EUR,0.00,0.00
"""


def zipped(**members: bytes | str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return made.getvalue()


def actual(**more: str) -> bytes:
    with sqlite3.connect(":memory:") as base:
        base.executescript("""
            CREATE TABLE accounts (id TEXT PRIMARY KEY, name TEXT, offbudget INT, closed INT, tombstone INT);
            INSERT INTO accounts VALUES ('a1','Giro',0,0,0), ('a2','Old savings',0,1,0), ('a3','Dead',0,0,1);
            CREATE TABLE category_groups (id TEXT PRIMARY KEY, name TEXT, is_income INT, tombstone INT);
            INSERT INTO category_groups VALUES ('g1','Usual',0,0), ('g2','Income',1,0);
            CREATE TABLE categories (id TEXT PRIMARY KEY, name TEXT, is_income INT, cat_group TEXT, tombstone INT);
            INSERT INTO categories VALUES ('c1','Food',0,'g1',0), ('c2','Fun',0,'g1',0), ('c3','Wages',1,'g2',0);
            CREATE TABLE category_mapping (id TEXT PRIMARY KEY, transferId TEXT);
            INSERT INTO category_mapping VALUES ('c9','c1'), ('c1','c1');
            CREATE TABLE payees (id TEXT PRIMARY KEY, name TEXT, transfer_acct TEXT, tombstone INT);
            INSERT INTO payees VALUES ('p1','Spar',NULL,0), ('p2','',  'a2',0), ('p3','','a1',0), ('p4','Acme',NULL,0);
            CREATE TABLE payee_mapping (id TEXT PRIMARY KEY, targetId TEXT);
            INSERT INTO payee_mapping VALUES ('p8','p1');
            CREATE TABLE transactions (id TEXT PRIMARY KEY, isParent INT, isChild INT, acct TEXT, category TEXT, amount INT,
              description TEXT, notes TEXT, date INT, financial_id TEXT, transferred_id TEXT, cleared INT, reconciled INT, tombstone INT, parent_id TEXT);
            INSERT INTO transactions VALUES
             ('t1',0,0,'a1','c9',-1250,'p8','weekly #shop',20260105,'bank-1',NULL,1,1,0,NULL),
             ('t2',0,0,'a1','c3',200000,'p4',NULL,20260106,NULL,NULL,0,0,0,NULL),
             ('t3',0,0,'a1',NULL,-5000,'p2',NULL,20260107,NULL,'t4',1,0,0,NULL),
             ('t4',0,0,'a2',NULL,5000,'p3',NULL,20260107,NULL,'t3',1,0,0,NULL),
             ('t5',1,0,'a1',NULL,-3000,'p1','both',20260108,NULL,NULL,1,0,0,NULL),
             ('t5/1',0,1,'a1','c1',-1000,NULL,'bread',20260108,NULL,NULL,1,0,0,'t5'),
             ('t5/2',0,1,'a1','c2',-2000,NULL,NULL,20260108,NULL,NULL,1,0,0,'t5'),
             ('t6',0,0,'a1','c1',-1,'p1',NULL,20260108,NULL,NULL,1,0,1,NULL);
            CREATE TABLE zero_budgets (id TEXT, month INT, category TEXT, amount INT);
            INSERT INTO zero_budgets VALUES ('x',202512,'c1',100), ('y',202601,'c1',30000), ('z',202601,'c2',0);
        """)
        for statement in more.values():
            base.executescript(statement)
        return base.serialize()


async def bring(world: World, data: bytes | str, name: str = "export.csv", **raw: Any) -> Any:
    body = data.encode() if isinstance(data, str) else data
    return await world.work(await world.start(await world.upload(body, name), None, **raw))


async def told(world: World) -> list[tuple[Any, ...]]:
    """All transactions in few words, by day, account and amount."""
    rows = await world.booked()
    ledger = world.actor.ledger_id
    async with world.database.read(world.actor.user_id) as tx:
        accounts = {r.id: r.name for r in await accounts_by_id(tx, [(ledger, one.account_id) for one in rows]) if r}  # fmt: skip
        wanted = [one.category_id for one in rows if one.category_id]
        names = {r.id: r.name for r in await categories_by_id(tx, [(ledger, one) for one in wanted]) if r}  # fmt: skip
    made = [
        (
            one.date.isoformat()[5:],
            accounts[one.account_id],
            one.amount_minor,
            one.currency,
            one.payee,
            names.get(one.category_id) if one.category_id else None,
            one.status,
            one.transfer_id is not None,
        )
        for one in rows
    ]
    return sorted(made, key=lambda one: (one[0], one[1], -one[2]))


YNAB_ROWS = [
    ("01-25", "Checking", 100000, "EUR", "Starting Balance", None, "RECONCILED", False),
    ("01-26", "Checking", -320, "EUR", "Café", "Eating Out", "PENDING", False),
    ("01-26", "Checking", -320, "EUR", "Café", "Eating Out", "PENDING", False),
    ("01-26", "Checking", -50000, "EUR", "Landlord", "Rent", "POSTED", False),
    ("01-27", "Checking", -20000, "EUR", None, None, "POSTED", True),
    ("01-27", "Savings", 20000, "EUR", None, None, "POSTED", True),
    ("01-28", "Savings", -100, "EUR", None, None, "POSTED", False),
]


async def test_a_register_of_ynab_fills_its_accounts_once(world: World) -> None:
    run = await bring(world, YNAB)
    assert (run.status, run.format) == ("COMPLETED", "YNAB"), run.error_message
    assert run.counts == {"rows": 7, "new": 7, "duplicate": 0, "matched": 0, "skipped": 0, "failed": 0}  # fmt: skip
    assert await told(world) == YNAB_ROWS
    assert run.detected["accounts"] == ["Checking", "Savings"]
    assert run.detected["transfers"] == 1
    assert run.warnings == ["1 transfers have no other side in the file; they are not linked."]
    rent = next(one for one in await world.booked() if one.payee == "Landlord")
    assert (rent.notes, rent.tags, rent.description) == ("January", ("Red",), "January")
    again = await bring(world, YNAB)
    assert (again.counts["new"], again.counts["duplicate"]) == (0, 7)
    later = (
        YNAB
        + '"Savings","","01/29/2026","Bank","Inflow: Interest","Inflow","Interest","",€0.00,€0.50,"Cleared"\n'
    )
    more = await bring(world, later)
    assert (more.counts["new"], more.counts["duplicate"]) == (1, 7)
    assert more.accounts == run.accounts
    await world.throw_away(rent)
    gone = await bring(world, later)
    assert (gone.counts["duplicate"], gone.counts["skipped"]) == (7, 1)


async def test_an_archive_of_ynab_brings_the_plan(world: World) -> None:
    names = {"My Budget as of 2026-02-01 - Register.csv": YNAB, "My Budget as of 2026-02-01 - Plan.csv": PLAN}  # fmt: skip
    run = await bring(world, zipped(**names), "ynab.zip")
    assert run.status == "COMPLETED", run.error_message
    assert await told(world) == YNAB_ROWS
    async with world.database.read(world.actor.user_id) as tx:
        (budget,) = (await list_budgets(tx, world.actor, PageRequest(10, None))).items
    assert (budget.name, budget.period, budget.start_date.isoformat()) == ("YNAB", "MONTHLY", "2026-01-01")  # fmt: skip
    assert sorted(one.amount_minor for one in budget.items) == [6000, 50000]
    assert "those of 2026-01 were taken" in run.warnings[0]


async def test_names_that_are_here_are_used_and_nothing_else_is_touched(world: World) -> None:
    mine = await world.account("checking", institution="Bank")
    run = await bring(world, YNAB)
    assert {decode("acct", one["accountId"]) for one in run.accounts} > {mine}
    assert len(await world.booked(mine)) == 5
    async with world.database.read(world.actor.user_id) as tx:
        row = (await accounts_by_id(tx, [(world.actor.ledger_id, mine)]))[0]
    assert row is not None
    assert (row.name, row.institution, row.version) == ("checking", "Bank", 1)


async def test_an_order_of_days_that_nobody_can_tell_is_asked(world: World) -> None:
    data = YNAB.replace("01/25", "01/05").replace("01/26", "01/06").replace("01/27", "01/07").replace("01/28", "01/08").replace("€", "")  # fmt: skip
    run = await bring(world, data)
    assert (run.status, [one["field"] for one in run.questions]) == ("PENDING", ["dateFormat"])
    assert await world.booked() == []
    run = await world.process(run.id, mapping={"dateFormat": "DD/MM/YYYY"})
    assert run.status == "COMPLETED"
    days = {one.date.isoformat() for one in await world.booked()}
    assert days == {"2026-05-01", "2026-06-01", "2026-07-01", "2026-08-01"}


async def test_a_dry_run_says_what_the_real_one_does(world: World) -> None:
    shown = await bring(world, YNAB, dryRun=True)
    assert await world.booked() == []
    real = await bring(world, YNAB)
    assert (real.counts, real.warnings, real.detected) == (shown.counts, shown.warnings, shown.detected)  # fmt: skip


async def test_mint_in_one_table_of_all_accounts(world: World) -> None:
    run = await bring(world, MINT)
    assert (run.status, run.format) == ("COMPLETED", "MINT"), run.error_message
    assert await told(world) == [
        ("01-25", "Checking", -7832, "EUR", "Safeway", "Groceries", "POSTED", False),
        ("01-26", "Checking", 250000, "EUR", "Employer", "Paycheck", "POSTED", False),
        ("01-27", "Checking", -30000, "EUR", "Payment", None, "POSTED", True),
        ("01-28", "Checking", -1200, "EUR", "Mystery", None, "POSTED", False),
        ("01-28", "Visa Card", 30000, "EUR", "Payment", None, "POSTED", True),
    ]
    first = min(await world.booked(), key=lambda one: one.date)
    assert (first.description, first.notes, first.tags) == ("SAFEWAY #1234", "milk", ("Tax Related",))  # fmt: skip
    again = await bring(world, MINT)
    assert (again.counts["new"], again.counts["duplicate"]) == (0, 5)


async def test_firefly_with_two_currencies_and_opening_balances(world: World) -> None:
    run = await bring(world, FIREFLY)
    assert (run.status, run.format) == ("COMPLETED", "FIREFLY"), run.error_message
    assert await told(world) == [
        ("01-01", "Giro", 5000, "EUR", None, None, "POSTED", False),
        ("01-05", "Giro", -1250, "EUR", "Spar", "Food", "RECONCILED", False),
        ("01-06", "Giro", 200000, "EUR", "Acme", "Wages", "POSTED", False),
        ("01-07", "Dollars", 11000, "USD", None, None, "POSTED", True),
        ("01-07", "Giro", -10000, "EUR", None, None, "POSTED", True),
    ]
    assert (run.counts["new"], run.counts["failed"]) == (5, 1)
    lines = await world.lines(run.id)
    assert (lines[-1].line, lines[-1].decision) == (6, "FAILED")
    spar = next(one for one in await world.booked() if one.payee == "Spar")
    assert (spar.tags, spar.notes, spar.external_id) == (("a", "b", "Household"), "note", "x1")


async def test_actual_with_splits_transfers_and_merged_payees(world: World) -> None:
    run = await bring(world, zipped(**{"db.sqlite": actual(), "metadata.json": "{}"}), "actual.zip")
    assert (run.status, run.format) == ("COMPLETED", "ACTUAL"), run.error_message
    assert await told(world) == [
        ("01-05", "Giro", -1250, "EUR", "Spar", "Food", "RECONCILED", False),
        ("01-06", "Giro", 200000, "EUR", "Acme", "Wages", "PENDING", False),
        ("01-07", "Giro", -5000, "EUR", None, None, "POSTED", True),
        ("01-07", "Old savings", 5000, "EUR", None, None, "POSTED", True),
        ("01-08", "Giro", -3000, "EUR", "Spar", None, "POSTED", False),
    ]
    rows = {one.external_id or one.notes: one for one in await world.booked()}
    assert rows["bank-1"].tags == ("shop",)
    assert [(part.amount_minor, part.notes) for part in rows["both"].splits] == [(-1000, "bread"), (-2000, None)]  # fmt: skip
    async with world.database.read(world.actor.user_id) as tx:
        (budget,) = (await list_budgets(tx, world.actor, PageRequest(10, None))).items
    assert [one.amount_minor for one in budget.items] == [30000]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"SQLite format 3\x00" + b"\x00" * 200, "DAMAGED_FILE"),
        (b"no database", "DAMAGED_FILE"),
        (
            actual(
                x="DROP TABLE transactions; CREATE VIEW transactions AS WITH RECURSIVE n(i) AS "
                "(SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i AS id FROM n"
            ),
            None,
        ),
        (actual(x="ALTER TABLE accounts ADD x; DROP TABLE payees"), None),
    ],
    ids=["empty", "text", "view", "missing"],
)
async def test_a_hostile_database_ends_in_order(
    world: World, data: bytes, code: str | None
) -> None:
    run = await bring(world, zipped(**{"db.sqlite": data}), "actual.zip")
    assert (run.status, run.error_code) == ("FAILED" if code else "COMPLETED", code)


async def test_a_bank_joins_what_an_app_has_brought_like_what_a_hand_entered(
    world: World,
) -> None:
    first = await bring(world, YNAB)
    checking = next(row for row in await world.booked() if row.payee == "Landlord").account_id
    before = len(await world.booked())
    bank = (
        "Date,Text,Amount\n2026-01-27,LANDLORD RENT 01,-500.00\n2026-01-26,CAFE 4711,-3.20\n"
        "2026-01-28,CAFE 4712,-3.20\n2026-01-29,CAFE 4713,-3.20\n"
    )
    run = await world.bring_in(bank, checking)
    assert {name: count for name, count in run.counts.items() if count} == {
        "rows": 4, "matched": 3, "new": 1,
    }  # fmt: skip
    assert len(await world.booked()) == before + 1
    again = await world.bring_in(bank, checking)
    assert again.counts["duplicate"] == 4
    # The app's export once more adds nothing either, and each of them can be taken back.
    second = await bring(world, YNAB)
    assert second.counts["new"] == 0
    left = []
    for one in (again, run, second, first):
        told = parse(ImportRevert, {})
        await world.write(lambda write, one=one, told=told: revert_import(write, one.id, told))
        assert (await world.work(one.id)).kept == 0
        left.append(len(await world.booked()))
    assert left == [before + 1, before, before, 0]


async def test_a_name_that_is_not_in_the_group_is_refused_at_once(world: World) -> None:
    run = await bring(world, SPLITWISE)
    with pytest.raises(Invalid) as refused:
        await world.process(run.id, mapping={"account": "Adda"})
    (field,) = refused.value.details["fields"]
    assert (field["path"], field["message"]) == (
        "mapping.account", "The file has no 'Adda'; it has Ada Lovelace, Bob.",
    )  # fmt: skip
    assert (await world.run(run.id)).status == "PENDING"
    assert (await world.process(run.id, mapping={"account": "bob"})).status == "COMPLETED"
    # Said before the file was read, it is asked again: the file is good.
    run = await bring(world, SPLITWISE, mapping={"account": "Adda"})
    assert (run.status, run.error_message) == ("PENDING", None)
    (asked,) = run.questions
    assert asked["message"] == "The export has no person 'Adda'. Which of these people are you?"


async def test_splitwise_is_one_persons_balance_with_the_others(world: World) -> None:
    run = await bring(world, SPLITWISE)
    assert (run.status, [one["choices"] for one in run.questions]) == ("PENDING", [["Ada Lovelace", "Bob"]])  # fmt: skip
    run = await world.process(run.id, mapping={"account": "Ada Lovelace"})
    assert (run.status, run.format) == ("COMPLETED", "SPLITWISE"), run.error_message
    assert await told(world) == [
        ("01-05", "Splitwise", 1500, "EUR", None, "Dining out", "POSTED", False),
        ("01-06", "Splitwise", -500, "EUR", None, "Taxi", "POSTED", False),
        ("01-08", "Splitwise", -1000, "EUR", None, None, "POSTED", False),
        ("01-09", "Splitwise (USD)", -5000, "USD", None, "Hotel", "POSTED", False),
    ]
    assert (run.counts["new"], run.counts["skipped"]) == (4, 2)


async def test_a_statement_of_a_bank_needs_its_account(world: World) -> None:
    run = await bring(world, "Date,Text,Amount\n2026-01-25,x,-1.00\n")
    assert (run.status, run.error_code) == ("FAILED", "ACCOUNT_REQUIRED")


async def test_an_export_is_taken_back_with_the_accounts_that_it_opened(world: World) -> None:
    mine = await world.account("Savings")
    run = await bring(world, YNAB)
    assert len(run.opened) == 1
    await world.write(lambda write: revert_import(write, run.id, parse(ImportRevert, {})))
    back = await world.work(run.id)
    assert (back.status, back.kept) == ("REVERTED", 0)
    assert await world.booked() == []
    async with world.database.read(world.actor.user_id) as tx:
        left = (await list_accounts(tx, world.actor, PageRequest(10, None))).items
    assert [one.id for one in left] == [mine]
    again = await bring(world, YNAB)
    assert again.counts["new"] == 7
    assert await told(world) == YNAB_ROWS


def test_many_equal_sides_of_transfers_cost_linear_work() -> None:
    day = date(2026, 1, 1)
    rows = [Movement(n, "A" if n < 40_000 else "B", day, Decimal(-1 if n < 40_000 else 1), "x", transfer="B" if n < 40_000 else "A") for n in range(80_000)]  # fmt: skip
    pair_sides(rows)
    assert all(rows[one.pair].pair == at for at, one in enumerate(rows) if one.pair is not None)
    assert [one.pair for one in rows[:3]] == [40_000, 40_001, 40_002]


async def test_more_accounts_than_anybody_has_are_refused(world: World) -> None:
    head, *_ = YNAB.splitlines()
    rows = (f'"Account {n}","","01/25/2026","x","","","","",€1.00,€0.00,"Cleared"' for n in range(600))  # fmt: skip
    run = await bring(world, "\n".join((head, *rows)))
    assert (run.status, run.error_code) == ("FAILED", "TOO_MANY_ROWS")
