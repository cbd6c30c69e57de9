"""Who may do what: every root field for nobody, a stranger and the owner; refusals change nothing."""

import json
from base64 import b64encode
from typing import Any

import pytest
from sqlalchemy import select

from graph.context import Services
from graph.schema import schema
from models import ids
from models.base import table
from models.ledgers import Ledger
from resolvers.notifications import add_notification
from resolvers.notifications.words import Words
from tests.doors import PASSWORD, GraphQLDoor, Person, Refused

pytestmark = [pytest.mark.anyio, pytest.mark.case("T01")]

ROW = '{accountId: "$account", date: "2026-01-01", amount: "-1", description: "x"}'
PLAN = (
    '{name: "x", period: MONTHLY, startDate: "2026-01-01", '
    'items: [{categoryId: "$category", amount: 1}]}'
)
PDF = b64encode(b"%PDF-1.7 receipt").decode()
SCHEDULE = (
    '{name: "x", accountId: "$account", amount: "-1", description: "x", frequency: MONTHLY, '
    'startDate: "2026-01-01"}'
)

RULE = (
    'conditions:[{field:TEXT,value:"x"},{field:ACCOUNT,accountIds:["$account"]}],'
    'actions:{categoryId:"$category"}'
)

# Root field -> a document that works for the owner of the ids in it, and what a stranger is told.
# OWN: the field has no id, so a stranger gets her own (and nobody else's) things.
MATRIX: dict[str, tuple[str, str]] = {
    "viewer": ("{viewer{id accounts(first:1){nodes{id}}}}", "OWN"),
    "node": ('{node(id:"$account"){id}}', "NULL"),
    "nodes": ('{nodes(ids:["$account","$transaction","$upload","$import","$budget","$item","$template","$rule","$run","$notification","$rate","$group","$entry","$invitation"]){id}}', "NULL"),
    "account": ('{account(id:"$account"){id}}', "NOT_FOUND"),
    "accounts": ("{accounts(first:1){nodes{id}}}", "OWN"),
    "accountBalance": ('{accountBalance(id:"$account"){balance}}', "NOT_FOUND"),
    "accountTransactions": ('{accountTransactions(id:"$account"){nodes{id}}}', "NOT_FOUND"),
    "category": ('{category(id:"$category"){id}}', "NOT_FOUND"),
    "categories": ("{categories(first:1){nodes{id}}}", "OWN"),
    "transaction": ('{transaction(id:"$transaction"){id}}', "NOT_FOUND"),
    "transactions": ("{transactions(first:1){nodes{id}}}", "OWN"),
    "upload": ('{upload(id:"$upload"){id}}', "NOT_FOUND"),
    "uploads": ("{uploads(first:1){nodes{id}}}", "OWN"),
    "import": ('{import(id:"$import"){id}}', "NOT_FOUND"),
    "imports": ("{imports(first:1){nodes{id}}}", "OWN"),
    "budget": ('{budget(id:"$budget"){id}}', "NOT_FOUND"),
    "budgets": ("{budgets(first:1){nodes{id}}}", "OWN"),
    "budgetItem": ('{budgetItem(id:"$item"){id}}', "NOT_FOUND"),
    "budgetItems": ('{budgetItems(budgetId:"$budget"){nodes{id}}}', "NOT_FOUND"),
    "budgetAnalysis": ('{budgetAnalysis(id:"$budget"){actual}}', "NOT_FOUND"),
    "explainBudgetAnalysis": ('{explainBudgetAnalysis(id:"$budget"){nodes{transactionId}}}', "NOT_FOUND"),
    "netWorth": ("{netWorth{points{netWorth rows{nodes{accountId}}}}}", "OWN"),
    "spendingTrends": ("{spendingTrends{series{key points{amount}}}}", "OWN"),
    "categoryBreakdown": ("{categoryBreakdown{total rows{nodes{transactionId}}}}", "OWN"),
    "monthlySummary": ("{monthlySummary{months{net rows{nodes{transactionId}}}}}", "OWN"),
    "budgetPerformance": ("{budgetPerformance{currency budgets{actual}}}", "OWN"),
    "explainNetWorth": ('{explainNetWorth(accountId:"$account"){nodes{balance}}}', "VALIDATION_ERROR"),
    "explainSpendingTrends": (
        '{explainSpendingTrends(series:"(none)",from:"2026-01-01"){nodes{transactionId}}}',
        "VALIDATION_ERROR",
    ),
    "explainCategoryBreakdown": (
        '{explainCategoryBreakdown(categoryId:"$category"){nodes{transactionId}}}',
        "VALIDATION_ERROR",
    ),
    "explainMonthlySummary": (
        '{explainMonthlySummary(month:"2026-01",accountId:"$account"){nodes{transactionId}}}',
        "VALIDATION_ERROR",
    ),
    "forecast": ("{forecast(months:2){months{net} points{netWorth}}}", "OWN"),
    "rates": ("{rates(first:1){nodes{id}}}", "OWN"),
    "exchangeRate": ('{exchangeRate(from:"EUR",to:"USD"){rate}}', "OWN"),
    "setRate": (
        'mutation{setRate(input:{from:"EUR",to:"RSD",date:"2026-01-01",rate:"117"}){rate{id}}}',
        "OWN",
    ),
    "deleteRate": ('mutation{deleteRate(id:"$rate"){id}}', "NOT_FOUND"),
    "template": ('{template(id:"$template"){id nextDate}}', "NOT_FOUND"),
    "templates": ("{templates(first:1){nodes{id}}}", "OWN"),
    "rule": ('{rule(id:"$rule"){id actions{category{id}}}}', "NOT_FOUND"),
    "rules": ("{rules(first:1){nodes{id}}}", "OWN"),
    "testRule": (
        f"{{testRule(rule:{{{RULE}}}){{matched changed rows{{nodes{{transaction{{id}}}}}}}}}}",
        "VALIDATION_ERROR",
    ),
    "reorderRules": (
        'mutation{reorderRules(ids:["$secondRule","$rule"]){rules{id}}}', "VALIDATION_ERROR",
    ),
    "createRule": (f'mutation{{createRule(input:{{name:"x",{RULE}}}){{rule{{id}}}}}}', "VALIDATION_ERROR"),
    "updateRule": ('mutation{updateRule(id:"$rule",input:{name:"N"}){rule{id}}}', "NOT_FOUND"),
    "deleteRule": ('mutation{deleteRule(id:"$rule"){id}}', "NOT_FOUND"),
    "ruleRun": ('{ruleRun(id:"$run"){id changes{nodes{transactionId}}}}', "NOT_FOUND"),
    "ruleRuns": ("{ruleRuns(first:1){nodes{id}}}", "OWN"),
    "runRules": ('mutation{runRules(input:{accountId:"$account"}){run{id}}}', "VALIDATION_ERROR"),
    "undoRuleRun": ('mutation{undoRuleRun(id:"$run"){run{id}}}', "NOT_FOUND"),
    "export": ("{export(format:CSV){downloadUrl}}", "OWN"),
    "requestTakeout": ("mutation{requestTakeout{export{downloadUrl}}}", "OWN"),
    "groups": ("{groups(first:1){nodes{id}}}", "OWN"),
    "group": ('{group(id:"$group"){id members{name} balances{balances{net}}}}', "NOT_FOUND"),
    "groupMembers": ('{groupMembers(groupId:"$group"){nodes{name}}}', "NOT_FOUND"),
    "groupMember": ('{groupMember(groupId:"$group",userId:"$user"){name}}', "NOT_FOUND"),
    "groupTransactions": ('{groupTransactions(groupId:"$group"){nodes{id}}}', "NOT_FOUND"),
    "groupTransaction": ('{groupTransaction(id:"$entry"){id myShare{owed}}}', "NOT_FOUND"),
    "groupBalances": ('{groupBalances(groupId:"$group"){debts{amount}}}', "NOT_FOUND"),
    "shares": ("{shares(first:1){nodes{owed}}}", "OWN"),
    "invitations": ("{invitations(box:SENT){nodes{id}}}", "OWN"),
    "invitation": ('{invitation(id:"$invitation"){id}}', "NOT_FOUND"),
    "changes": ("{changes(first:100){changes{id data node{id}}}}", "OWN"),
    "notification": ('{notification(id:"$notification"){id}}', "NOT_FOUND"),
    "notifications": ("{notifications(first:1){nodes{id}}}", "OWN"),
    "markNotificationRead": (
        'mutation{markNotificationRead(id:"$notification"){notification{id}}}', "NOT_FOUND",
    ),
    "markAllNotificationsRead": (
        "mutation{markAllNotificationsRead{marked unreadCount}}", "OWN",
    ),
    "deleteNotification": ('mutation{deleteNotification(id:"$notification"){id}}', "NOT_FOUND"),
    "updateProfile": ('mutation{updateProfile(input:{name:"N"}){user{id}}}', "OWN"),
    "revokeSession": ('mutation{revokeSession(id:"$session"){id}}', "NOT_FOUND"),
    "revokeOtherSessions": ("mutation{revokeOtherSessions{revoked}}", "OWN"),
    "setUpTwoFactor": (
        f'mutation{{setUpTwoFactor(input:{{password:"{PASSWORD}"}}){{uri}}}}', "OWN",
    ),
    "enableTwoFactor": (
        'mutation{enableTwoFactor(input:{code:"0"}){recoveryCodes}}', "VALIDATION_ERROR",
    ),
    "disableTwoFactor": (
        f'mutation{{disableTwoFactor(input:{{password:"{PASSWORD}",code:"0"}}){{user{{id}}}}}}', "CONFLICT",
    ),
    "renewRecoveryCodes": (
        f'mutation{{renewRecoveryCodes(input:{{password:"{PASSWORD}",code:"0"}}){{recoveryCodes}}}}',
        "CONFLICT",
    ),
    "createPersonalToken": (
        'mutation{createPersonalToken(input:{name:"x",scopes:["accounts:read"]}){personalToken{id}}}',
        "OWN",
    ),
    "revokePersonalToken": ('mutation{revokePersonalToken(id:"$token"){id}}', "NOT_FOUND"),
    "linkIdentity": (
        'mutation{linkIdentity(input:{verifier:"x",code:"x",state:"x",password:"x"}){identity{id}}}',
        "NOT_FOUND",
    ),
    "unlinkIdentity": (
        'mutation{unlinkIdentity(id:"018f0000-0000-7000-8000-000000000000"){id}}', "NOT_FOUND",
    ),
    "resendVerification": ("mutation{resendVerification{accepted}}", "OWN"),
    "changePassword": (
        f'mutation{{changePassword(input:{{current:"{PASSWORD}",new:"not {PASSWORD}"}}){{changed}}}}',
        "OWN",
    ),
    "createAccount": (
        'mutation{createAccount(input:{name:"x",type:CASH,currency:"EUR"}){account{id}}}', "OWN",
    ),
    "updateAccount": (
        'mutation{updateAccount(id:"$account",input:{name:"N"}){account{id}}}', "NOT_FOUND",
    ),
    "reconcileAccount": (
        'mutation{reconcileAccount(accountId:"$account",date:"2026-01-01",statementBalance:"9"){reconciliation{agrees}}}',
        "NOT_FOUND",
    ),
    "createCategory": (
        'mutation{createCategory(input:{name:"x",kind:INCOME}){category{id}}}', "OWN",
    ),
    "updateCategory": (
        'mutation{updateCategory(id:"$category",input:{name:"N"}){category{id}}}', "NOT_FOUND",
    ),
    "createTransaction": (
        f"mutation{{createTransaction(input:{ROW}){{transaction{{id}}}}}}", "VALIDATION_ERROR",
    ),
    "updateTransaction": (
        'mutation{updateTransaction(id:"$transaction",input:{amount:"5"}){transaction{id}}}',
        "NOT_FOUND",
    ),
    "createTransactions": (
        f"mutation{{createTransactions(transactions:[{ROW}]){{succeeded}}}}", "VALIDATION_ERROR",
    ),
    "updateTransactions": (
        'mutation{updateTransactions(transactions:[{id:"$transaction",amount:"6"}]){succeeded}}',
        "VALIDATION_ERROR",
    ),
    "createTemplate": (
        f"mutation{{createTemplate(input:{SCHEDULE}){{template{{id}}}}}}", "VALIDATION_ERROR",
    ),
    "updateTemplate": (
        'mutation{updateTemplate(id:"$template",input:{amount:"5"}){template{id}}}', "NOT_FOUND",
    ),
    "executeTemplate": (
        'mutation{executeTemplate(id:"$template",date:"2026-01-01"){transaction{id}}}',
        "NOT_FOUND",
    ),
    "deleteTemplate": ('mutation{deleteTemplate(id:"$template"){id}}', "NOT_FOUND"),
    "createUpload": (
        'mutation{createUpload(input:{filename:"a.csv",content:"YSxiCjEsMgo="}){upload{id}}}',
        "OWN",
    ),
    "attachReceipt": (
        'mutation{attachReceipt(uploadId:"$receipt",transactionId:"$transaction"){upload{id}}}',
        "NOT_FOUND",
    ),
    "createImport": (
        'mutation{createImport(input:{uploadId:"$upload",accountId:"$account"}){import{id}}}',
        "VALIDATION_ERROR",
    ),
    "processImport": ('mutation{processImport(id:"$import"){import{id}}}', "NOT_FOUND"),
    "overruleImportRows": (
        'mutation{overruleImportRows(id:"$import",rows:[{position:0,decision:SKIPPED}]){import{id}}}',
        "NOT_FOUND",
    ),
    "revertImport": ('mutation{revertImport(id:"$import"){import{id}}}', "NOT_FOUND"),
    "createGroup": ('mutation{createGroup(input:{name:"x"}){group{id}}}', "OWN"),
    "updateGroup": ('mutation{updateGroup(id:"$group",input:{name:"N"}){group{id}}}', "NOT_FOUND"),
    "addGroupMember": (
        'mutation{addGroupMember(groupId:"$group",input:{email:"z@example.org"}){invited}}',
        "NOT_FOUND",
    ),
    "updateGroupMember": (
        'mutation{updateGroupMember(groupId:"$group",userId:"$user",input:{role:OWNER}){member{role}}}',
        "NOT_FOUND",
    ),
    "createGroupTransaction": (
        'mutation{createGroupTransaction(groupId:"$group",input:{amount:3,description:"x"}){transaction{id}}}',
        "NOT_FOUND",
    ),
    "updateGroupTransaction": (
        'mutation{updateGroupTransaction(groupId:"$group",id:"$entry",input:{amount:4}){transaction{id}}}',
        "NOT_FOUND",
    ),
    "bookGroupLeg": (
        'mutation{bookGroupLeg(groupTransactionId:"$entry",accountId:"$account"){share{net}}}',
        "NOT_FOUND",
    ),
    "categoriseShare": (
        'mutation{categoriseShare(groupTransactionId:"$entry",categoryId:"$free"){share{net}}}',
        "NOT_FOUND",
    ),
    "deleteGroupTransaction": (
        'mutation{deleteGroupTransaction(groupId:"$group",id:"$entry"){id}}', "NOT_FOUND",
    ),
    "restoreGroupTransaction": (
        'mutation{restoreGroupTransaction(groupId:"$group",id:"$entry"){transaction{id}}}',
        "NOT_FOUND",
    ),
    "createInvitation": (
        'mutation{createInvitation(input:{groupId:"$group",email:"y@example.org"}){invitation{id}}}',
        "VALIDATION_ERROR",
    ),
    "acceptInvitation": ('mutation{acceptInvitation(id:"$invitation"){invitation{id}}}', "NOT_FOUND"),
    "declineInvitation": (
        'mutation{declineInvitation(id:"$invitation"){invitation{id}}}', "NOT_FOUND",
    ),
    "cancelInvitation": ('mutation{cancelInvitation(id:"$invitation"){id}}', "NOT_FOUND"),
    "removeGroupMember": (
        'mutation{removeGroupMember(groupId:"$group",userId:"$user"){id}}', "NOT_FOUND",
    ),
    "deleteGroup": ('mutation{deleteGroup(id:"$spareGroup"){id}}', "NOT_FOUND"),
    "createBudget": (
        f"mutation{{createBudget(input:{PLAN}){{budget{{id}}}}}}", "VALIDATION_ERROR",
    ),
    "updateBudget": ('mutation{updateBudget(id:"$budget",input:{name:"N"}){budget{id}}}', "NOT_FOUND"),
    "createBudgetItem": (
        'mutation{createBudgetItem(budgetId:"$budget",input:{categoryId:"$free",amount:1}){item{id}}}',
        "NOT_FOUND",
    ),
    "updateBudgetItem": (
        'mutation{updateBudgetItem(id:"$item",input:{amount:2}){item{id}}}', "NOT_FOUND",
    ),
    "deleteBudgetItem": ('mutation{deleteBudgetItem(id:"$item"){id}}', "NOT_FOUND"),
    "deleteBudget": ('mutation{deleteBudget(id:"$budget"){id}}', "NOT_FOUND"),
    "deleteTransactions": (
        'mutation{deleteTransactions(ids:["$transaction"]){succeeded}}', "VALIDATION_ERROR",
    ),
    "restoreTransaction": (
        'mutation{restoreTransaction(id:"$transaction"){transaction{id}}}', "NOT_FOUND",
    ),
    "deleteTransaction": ('mutation{deleteTransaction(id:"$transaction"){id}}', "NOT_FOUND"),
    "deleteCategory": ('mutation{deleteCategory(id:"$category",moveTo:"$free"){id}}', "NOT_FOUND"),
    "deleteUpload": ('mutation{deleteUpload(id:"$spare"){id}}', "NOT_FOUND"),
    "deleteAccount": ('mutation{deleteAccount(id:"$account",force:true){id}}', "NOT_FOUND"),
    "restoreAccount": ('mutation{restoreAccount(id:"$account"){account{id}}}', "NOT_FOUND"),
    # The end of all: after changePassword, and of everything else.
    "deleteUser": (
        f'mutation{{deleteUser(input:{{password:"not {PASSWORD}",confirm:"$email"}}){{receipt{{id}}}}}}',
        "VALIDATION_ERROR",
    ),
}  # fmt: skip
PUBLIC = {
    "register",
    "login",
    "refresh",
    "logout",
    "forgotPassword",
    "resetPassword",
    "verifyEmail",
    "beginSignIn",
    "finishSignIn",
}
# An import that waits for nobody cannot be processed, nor taken back while it is at work: right
# for its owner, too.
# Nobody answers an invitation that she sent; the last owner of a group cannot leave it.
# One-time codes are another test's: here none of them is right.
OWNER_REFUSED = {
    "enableTwoFactor": "VALIDATION_ERROR",
    "disableTwoFactor": "CONFLICT",
    "renewRecoveryCodes": "CONFLICT",
    # No provider is set.
    "linkIdentity": "NOT_FOUND",
    "unlinkIdentity": "NOT_FOUND",
    "processImport": "CONFLICT",
    # One run of rules at a time, and no worker runs here.
    "runRules": "CONFLICT",
    "undoRuleRun": "CONFLICT",
    "overruleImportRows": "CONFLICT",
    "revertImport": "CONFLICT",
    "acceptInvitation": "NOT_FOUND",
    "declineInvitation": "NOT_FOUND",
    "removeGroupMember": "CONFLICT",
}


def filled(document: str, things: dict[str, str]) -> str:
    for name, value in sorted(things.items(), key=lambda one: -len(one[0])):
        document = document.replace("$" + name, value)
    return document


async def owned(door: GraphQLDoor, services: Services) -> dict[str, str]:
    body = {"name": "Giro", "type": "CASH", "currency": "EUR"}
    account = (await door.call("CreateAccount", body))["id"]
    row = {"accountId": account, "date": "2026-01-01", "amount": "-1", "description": "x"}
    content = b64encode(b"Date,Text,Amount\n2026-01-01,x,-1.00\n").decode()
    files = [
        (await door.call("CreateUpload", {"filename": "a.csv", "content": content}))["id"]
        for _ in range(2)
    ]
    category, free = [
        (await door.call("CreateCategory", {"name": name, "kind": "EXPENSE"}))["id"]
        for name in ("x", "free")
    ]
    plan = {"name": "x", "period": "MONTHLY", "startDate": "2026-01-01"}
    items = [{"categoryId": category, "amount": "1"}]
    budget = await door.call("CreateBudget", {**plan, "items": items})
    assert door.person is not None
    group, spare = [
        (await door.call("CreateGroup", {"name": name}))["id"] for name in ("x", "spare")
    ]
    entry = await door.call("CreateGroupTransaction", {"amount": "2", "description": "x"}, id=group)
    asked = await door.call("CreateInvitation", {"groupId": group, "email": "w@example.org"})
    await door.as_person(None).call("Login", {"email": door.person.email, "password": PASSWORD})
    listed = await door.query("{viewer{sessions{id current}}}")
    owner = await services.auth.actor(door.person.token)
    told = await services.ledgers.write(
        owner, lambda write: add_notification(write, "SECURITY", Words("x", "x"), {})
    )
    assert told.value is not None
    rate = 'mutation{setRate(input:{from:"EUR",to:"ALL",date:"2026-01-01",rate:1}){rate{id}}}'
    token = MATRIX["createPersonalToken"][0]
    made = (await door.query(token))["data"]["createPersonalToken"]["personalToken"]
    rule = 'mutation{createRule(input:{name:"x",conditions:[{field:TEXT,value:"x"}],stop:true,actions:{}}){rule{id}}}'
    rules = [(await door.query(rule))["data"]["createRule"]["rule"]["id"] for _ in range(2)]
    return {
        "token": made["id"],
        "rule": rules[0],
        "secondRule": rules[1],
        "run": (await door.query("mutation{runRules{run{id}}}"))["data"]["runRules"]["run"]["id"],
        "notification": ids.encode("notif", told.value.id),
        "email": door.person.email,
        "rate": (await door.query(rate))["data"]["setRate"]["rate"]["id"],
        "session": next(s["id"] for s in listed["data"]["viewer"]["sessions"] if not s["current"]),
        "group": group,
        "spareGroup": spare,
        "entry": entry["id"],
        "invitation": asked["id"],
        "user": door.person.id,
        "account": account,
        "category": category,
        "free": free,
        "budget": budget["id"],
        "item": budget["items"][0]["id"],
        "template": (
            await door.call(
                "CreateTemplate",
                {
                    "name": "x",
                    "accountId": account,
                    "amount": "-1",
                    "description": "x",
                    "frequency": "MONTHLY",
                    "startDate": "2026-01-01",
                },
            )
        )["id"],
        "transaction": (await door.call("CreateTransaction", row))["id"],
        "upload": files[0],
        "receipt": (
            await door.call(
                "CreateUpload",
                {"filename": "a.pdf", "content": PDF, "purpose": "RECEIPT"},
            )
        )["id"],
        "spare": files[1],
        "import": (await door.call("CreateImport", {"uploadId": files[0], "accountId": account}))[
            "id"
        ],
    }


async def version(services: Services, person: Person) -> list[int]:
    """Versions of all that a person can see."""
    ledgers = table(Ledger)
    async with services.database.read(ids.decode("user", person.id)) as tx:
        rows = await tx.rows(select(ledgers.c.version).order_by(ledgers.c.id))
    return [row.version for row in rows]


def test_the_matrix_holds_every_root_field() -> None:
    graph = schema()._schema
    fields = {*graph.query_type.fields, *graph.mutation_type.fields}
    assert fields == {*MATRIX, *PUBLIC}


async def test_nobody_gets_nothing(client: Any, ada: Person, services: Services) -> None:
    things = await owned(GraphQLDoor(client, ada), services)
    before = await version(services, ada)
    for name, (document, _) in MATRIX.items():
        with pytest.raises(Refused) as refused:
            await GraphQLDoor(client, None).query(filled(document, things))
        assert refused.value.code == "UNAUTHENTICATED", name
    assert await version(services, ada) == before


async def test_a_stranger_gets_nothing_of_it(
    client: Any, ada: Person, bob: Person, services: Services
) -> None:
    things = await owned(GraphQLDoor(client, ada), services)
    before = await version(services, ada)
    door = GraphQLDoor(client, bob)
    for name, (document, told) in MATRIX.items():
        if told in {"OWN", "NULL"}:
            answer = json.dumps((await door.query(filled(document, things)))["data"])
            assert not any(thing in answer for thing in [*things.values(), ada.id]), name
        else:
            with pytest.raises(Refused) as refused:
                await door.query(filled(document, things))
            assert refused.value.code == told, name
            assert not any(thing in refused.value.message for thing in things.values()), name
    assert await version(services, ada) == before


async def test_the_owner_gets_it(client: Any, ada: Person, services: Services) -> None:
    door = GraphQLDoor(client, ada)
    things = await owned(door, services)
    for name, (document, _) in MATRIX.items():
        if name in OWNER_REFUSED:
            with pytest.raises(Refused) as refused:
                await door.query(filled(document, things))
            assert refused.value.code == OWNER_REFUSED[name]
            continue
        if name == "deleteCategory":
            await door.call("UpdateCategory", {"archived": True}, id=things["category"])
        answer = await door.query(filled(document, things))
        assert next(iter(answer["data"].values())), name


async def test_public_fields_need_no_token(client: Any, ada: Person) -> None:
    door = GraphQLDoor(client, None)
    login = "mutation($i: LoginInput!){login(input:$i){session{user{id}}}}"
    answer = await door.query(login, i={"email": ada.email, "password": PASSWORD})
    assert answer["data"]["login"]["session"]["user"]["id"] == ada.id
