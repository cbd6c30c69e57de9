"""Rules run over what is there, by a worker, and taken back to the letter."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import Running
from graph.context import Services
from graph.handlers import job_handlers
from models import ids
from resolvers.jobs import Worker
from resolvers.rules import patterns, runs
from resolvers.rules.runs import RUN_RULES
from resolvers.verify import verify_ledger
from tests.doors import GraphQLDoor, Person, Refused
from tests.rules.world import account, book, category, rule, says, trial
from tests.transactions.test_lists import counted

pytestmark = pytest.mark.anyio

RUN = "id status version rowsDone rowsTotal changed restored kept errorCode overwrite ruleIds"
START = f"mutation($i: RunRulesInput){{ runRules(input: $i) {{ run {{ {RUN} }} }} }}"
UNDO = f"mutation($id: ID!){{ undoRuleRun(id: $id) {{ run {{ {RUN} }} }} }}"
SHOW = f"""query($id: ID!, $n: Int, $o: RuleChangeOutcome){{ ruleRun(id: $id) {{ {RUN} changes(first: $n, outcome: $o) {{ totalCount
  nodes {{ transactionId changedFields outcome kept {{ field reason }} before {{ categoryId payee tags notes }} after {{ categoryId payee tags notes }} ruleIds }} }} }} }}"""
ROW = "id date amount description categoryId payee tags notes status lockedFields kind"
ROWS = f"{{ transactions(first: 100) {{ nodes {{ {ROW} version }} }} }}"


@pytest.fixture
def door(client: Any, ada: Person) -> GraphQLDoor:
    return GraphQLDoor(client, ada)


class _Silent:
    """Nobody signals: the worker is told to look."""

    work = asyncio.Event()


async def work(services: Services) -> None:
    """Let a worker do what waits: only runs of rules, whatever else lies there."""
    handler = {RUN_RULES: job_handlers(services)[RUN_RULES]}
    await Worker(services.database, _Silent(), handler).run_due()


async def ran(door: GraphQLDoor, services: Services, **raw: Any) -> dict[str, Any]:
    made = (await door.query(START, i=raw))["data"]["runRules"]["run"]
    assert (made["status"], made["rowsDone"], made["rowsTotal"]) == ("PROCESSING", 0, None)
    await work(services)
    found: dict[str, Any] = (await door.query(SHOW, id=made["id"]))["data"]["ruleRun"]
    return found


async def undone(door: GraphQLDoor, services: Services, run: str) -> dict[str, Any]:
    assert (await door.query(UNDO, id=run))["data"]["undoRuleRun"]["run"]["status"] == "UNDOING"
    await work(services)
    found: dict[str, Any] = (await door.query(SHOW, id=run))["data"]["ruleRun"]
    return found


async def rows(door: GraphQLDoor, *, version: bool = False) -> dict[str, dict[str, Any]]:
    listed = (await door.query(ROWS))["data"]["transactions"]["nodes"]
    for one in listed:
        if not version:
            one.pop("version")
    return {one["id"]: one for one in listed}


async def test_a_run_changes_what_is_free_and_is_taken_back(
    door: GraphQLDoor, services: Services, running: Running, ada: Person
) -> None:
    giro, food, other = await account(door), await category(door, "Food"), await category(door, "O")
    free = await book(door, giro, None, description="Edeka 1")
    held = await book(door, giro, None, description="Edeka 2", categoryId=other, notes="mine")
    settled = await book(door, giro, None, description="Edeka 3", status="RECONCILED")
    await book(door, giro, None, description="Rent")
    first = await rule(door, says("TEXT", "edeka"), actions={"categoryId": food, "payee": "Edeka"})
    second = await rule(door, says("PAYEE", "edeka"), actions={"tags": ["t"], "notes": "n"})
    await rule(door, says("TEXT", "rent"), active=False)
    before = await rows(door)
    run = await ran(door, services)
    assert {name: run[name] for name in ("status", "rowsDone", "rowsTotal", "changed")} == {
        "status": "COMPLETED", "rowsDone": 4, "rowsTotal": 4, "changed": 3,
    }  # fmt: skip
    assert run["ruleIds"] == [first["id"], second["id"]]
    after = await rows(door)
    set_by_rules = {"categoryId": food, "payee": "Edeka", "tags": ["t"], "notes": "n"}
    assert after[free] == {**before[free], **set_by_rules}
    assert after[settled] == {**before[settled], **set_by_rules}
    assert after[held] == {**before[held], "payee": "Edeka", "tags": ["t"]}
    told = {one["transactionId"]: one for one in run["changes"]["nodes"]}
    assert run["changes"]["totalCount"] == 3
    assert told[held]["changedFields"] == ["PAYEE", "TAGS"]
    assert (told[free]["after"], told[free]["ruleIds"]) == (set_by_rules, run["ruleIds"])
    # A second time there is nothing left to do.
    assert (await ran(door, services))["changed"] == 0
    back = await undone(door, services, run["id"])
    assert (back["status"], back["restored"], back["kept"]) == ("UNDONE", 3, 0)
    assert await rows(door) == before
    owner = await services.auth.actor(ada.token)
    report = await verify_ledger(
        services.database, running.chain_key, owner.ledger_id, owner.user_id
    )
    assert report.differences == ()


async def test_what_was_edited_since_is_told_and_stays(
    door: GraphQLDoor, services: Services
) -> None:
    giro, food, other = await account(door), await category(door, "Food"), await category(door, "O")
    names = ("a", "b", "c", "d", "e")
    made = {name: await book(door, giro, None, description=f"x {name}") for name in names}
    actions = {"categoryId": food, "payee": "P", "tags": ["t"]}
    await rule(door, says("TEXT", "x"), actions=actions)
    run = await ran(door, services)
    await door.call("UpdateTransaction", {"categoryId": other}, id=made["a"])
    await door.call("UpdateTransaction", {"payee": None, "tags": [], "categoryId": None}, id=made["b"])  # fmt: skip
    await door.call("UpdateTransaction", {"amount": "-7", "date": "2026-02-02"}, id=made["c"])
    await door.call("DeleteTransaction", id=made["d"])
    now = await rows(door)
    back = await undone(door, services, run["id"])
    assert (back["restored"], back["kept"], back["changed"]) == (2, 3, 5)
    told = {one["transactionId"]: one for one in back["changes"]["nodes"]}
    assert {name: told[made[name]]["outcome"] for name in names} == {
        "a": "PARTLY", "b": "KEPT", "c": "RESTORED", "d": "KEPT", "e": "RESTORED",
    }  # fmt: skip
    assert told[made["a"]]["kept"] == [{"field": "CATEGORY", "reason": "EDITED"}]
    assert [one["reason"] for one in told[made["d"]]["kept"]] == ["DELETED"] * 3
    after = await rows(door)
    assert after[made["a"]] == {**now[made["a"]], "payee": None, "tags": []}
    assert after[made["b"]] == now[made["b"]]
    emptied = {"categoryId": None, "payee": None, "tags": []}
    assert after[made["c"]] == {**now[made["c"]], **emptied}
    some = (await door.query(SHOW, id=run["id"], o="PARTLY"))["data"]["ruleRun"]["changes"]
    assert [one["transactionId"] for one in some["nodes"]] == [made["a"]]


async def test_categories_give_way_only_when_asked(door: GraphQLDoor, services: Services) -> None:
    giro, food, old = await account(door), await category(door, "Food"), await category(door, "Old")
    one = await book(door, giro, "x", categoryId=old)
    await door.query(f'mutation {{ updateTransaction(id: "{one}", input: {{lockedFields: []}}) {{ transaction {{ id }} }} }}')  # fmt: skip
    await rule(door, says("TEXT", "x"), actions={"categoryId": food})
    assert (await ran(door, services))["changed"] == 0
    run = await ran(door, services, overwrite=True)
    assert (await rows(door))[one]["categoryId"] == food
    await door.call("DeleteCategory", id=old)
    back = await undone(door, services, run["id"])
    assert back["changes"]["nodes"][0]["kept"] == [{"field": "CATEGORY", "reason": "GONE"}]
    assert (await rows(door))[one]["categoryId"] == food


async def test_a_run_is_of_some_days_an_account_and_some_rules(
    door: GraphQLDoor, services: Services
) -> None:
    giro, cash = await account(door), await account(door, name="Cash")
    for where, day in ((giro, 1), (giro, 2), (giro, 3), (cash, 2)):
        await book(door, where, None, description=f"{where} {day}", date=f"2026-01-0{day}")
    one = await rule(door, says("TEXT", "acct"), actions={"payee": "P"}, active=False)
    raw = {"from": "2026-01-02", "to": "2026-01-02", "accountId": giro, "ruleIds": [one["id"]]}
    run = await ran(door, services, **raw)
    assert (run["rowsTotal"], run["changed"]) == (1, 1)
    for wrong, path in (
        ({}, "ruleIds"), ({"ruleIds": []}, "ruleIds"), ({"ruleIds": ["rule_x"]}, "ruleIds"),
        ({"ruleIds": [one["id"]], "accountId": "acct_x"}, "accountId"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await door.query(START, i=wrong)
        assert set(refused.value.paths) == {path}


async def test_one_run_at_a_time_and_undone_once(door: GraphQLDoor, services: Services) -> None:
    await rule(door, says("TEXT", "x"))
    made = (await door.query(START))["data"]["runRules"]["run"]["id"]
    for document in (START, UNDO):
        with pytest.raises(Refused) as refused:
            await door.query(document, **({"id": made} if document is UNDO else {}))
        assert refused.value.code == "CONFLICT"
    await work(services)
    await undone(door, services, made)
    with pytest.raises(Refused) as refused:
        await door.query(UNDO, id=made)
    assert (refused.value.code, refused.value.details["status"]) == ("CONFLICT", "UNDONE")
    listed = await door.query("{ ruleRuns { totalCount nodes { id rules { name } } } }")
    assert listed["data"]["ruleRuns"] == {
        "totalCount": 1, "nodes": [{"id": made, "rules": [{"name": "Rule"}]}],
    }  # fmt: skip


async def test_a_killed_run_goes_on_with_the_rules_of_its_beginning(
    door: GraphQLDoor, services: Services, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BATCH_ROWS", 2)
    giro = await account(door)
    for index in range(5):
        await book(door, giro, None, description=f"x {index}")
    one = await rule(door, says("TEXT", "x"), actions={"payee": "then"})
    made = (await door.query(START))["data"]["runRules"]["run"]["id"]
    owner = await services.auth.actor(ada.token)
    run_id = ids.decode("run", made)
    assert run_id is not None
    await services.ledgers.write(owner, lambda write: runs.step_run(write, run_id))
    half = (await door.query(SHOW, id=made))["data"]["ruleRun"]
    assert (half["status"], half["rowsDone"], half["rowsTotal"]) == ("PROCESSING", 2, 5)
    new = f'mutation {{ updateRule(id: "{one["id"]}", input: {{actions: {{payee: "now"}}}}) {{ rule {{ id }} }} }}'
    await door.query(new)
    await work(services)
    whole = (await door.query(SHOW, id=made))["data"]["ruleRun"]
    assert (whole["status"], whole["rowsDone"], whole["changed"]) == ("COMPLETED", 5, 5)
    assert {row["payee"] for row in (await rows(door)).values()} == {"then"}
    await undone(door, services, made)
    assert {row["payee"] for row in (await rows(door)).values()} == {None}


async def test_a_run_that_is_given_up_can_be_taken_back(
    door: GraphQLDoor, services: Services, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BATCH_ROWS", 1)
    giro = await account(door)
    for index in range(3):
        await book(door, giro, None, description=f"x {index}")
    await rule(door, says("TEXT", "x"), actions={"payee": "P"})
    made = (await door.query(START))["data"]["runRules"]["run"]["id"]
    owner, run_id = await services.auth.actor(ada.token), ids.decode("run", made)
    assert run_id is not None
    await services.ledgers.write(owner, lambda write: runs.step_run(write, run_id))
    await services.ledgers.write(owner, lambda write: runs.fail_run(write, run_id))
    await work(services)
    failed = (await door.query(SHOW, id=made))["data"]["ruleRun"]
    assert (failed["status"], failed["errorCode"], failed["changed"]) == ("FAILED", "INTERNAL_ERROR", 1)  # fmt: skip
    back = await undone(door, services, made)
    assert (back["status"], back["restored"]) == ("UNDONE", 1)
    assert {row["payee"] for row in (await rows(door)).values()} == {None}


async def test_a_costly_pattern_ends_a_run_and_is_refused_in_a_trial(
    door: GraphQLDoor, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns, "MAX_REMEMBERED", 3)
    giro = await account(door)
    await book(door, giro, "abcdefgh")
    await rule(door, says("TEXT", "x.y", "MATCHES"), actions={"payee": "P"})
    run = await ran(door, services)
    assert (run["status"], run["errorCode"], run["changed"]) == ("FAILED", "PATTERN_TOO_COSTLY", 0)
    with pytest.raises(Refused) as refused:
        await trial(door, says("TEXT", "x.y", "MATCHES"))
    assert set(refused.value.paths) == {"rule.conditions"}


WORDS = st.sampled_from(["edeka", "rent", "x y", "", "Édeka"])


@given(data=st.data())
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_forth_and_back_is_where_it_began(
    data: st.DataObject, door: GraphQLDoor, services: Services
) -> None:
    """Whatever the rules and the rows are: what is locked never changes, and undoing is exact."""
    giro, food = await account(door), await category(door, "Food")
    wanted = data.draw(st.lists(st.tuples(WORDS, st.booleans(), WORDS), min_size=1, max_size=5))
    for payee, named, notes in wanted:
        more = {"categoryId": food} if named else {}
        await book(door, giro, payee or None, notes=notes or None, **more)
    made = []
    for word, stop in data.draw(st.lists(st.tuples(WORDS, st.booleans()), min_size=1, max_size=3)):
        actions = data.draw(
            st.fixed_dictionaries(
                {"tags": st.just(["t"])},
                optional={"categoryId": st.just(food), "payee": WORDS.filter(bool), "notes": WORDS.filter(bool)},
            )
        )  # fmt: skip
        condition = says("TEXT", word or "card")
        made.append((await rule(door, condition, stop=stop, actions=actions))["id"])
    before = await rows(door)
    run = await ran(door, services, ruleIds=made)
    after = await rows(door)
    names = {"CATEGORY": "categoryId", "PAYEE": "payee", "TAGS": "tags", "NOTES": "notes"}
    for one, row in before.items():
        for field in row["lockedFields"]:
            assert after[one][names[field]] == row[names[field]]
        changed = {name for name in row if after[one][name] != row[name]}
        assert changed <= {*names.values(), "kind"}
    back = await undone(door, services, run["id"])
    assert (back["restored"], back["kept"]) == (run["changed"], 0)
    assert await rows(door) == before


async def test_statements_of_a_run_do_not_grow_with_rows(
    client: Any, ada: Person, bob: Person, services: Services
) -> None:
    counts = []
    for person, size in ((ada, 2), (bob, 20)):
        door = GraphQLDoor(client, person)
        giro, food = await account(door), await category(door, "Food")
        for _ in range(size):
            await book(door, giro, None, description="x")
        await rule(door, says("TEXT", "x"), actions={"categoryId": food, "payee": "P"})
        made = (await door.query(START))["data"]["runRules"]["run"]["id"]
        with counted(services.database) as forth:
            await work(services)
        await door.query(UNDO, id=made)
        with counted(services.database) as back:
            await work(services)
        with counted(services.database) as shown:
            await door.query(SHOW, id=made)
        counts.append((len(forth), len(back), len(shown)))
    assert counts[0] == counts[1]
