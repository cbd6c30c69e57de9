"""Every mutation, killed at every kind of point and repeated: it is as if it had been sent once.

Two people own the same things and do the same.  One of them is killed on the way, again and again,
and repeats what she asked under its key; after each mutation both have the same number of rows in
every table and the same versions, and at the end ``verify`` finds no difference with either.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2
import pytest

from app import Running
from graph.context import Services
from graph.handlers import job_handlers
from graph.schema import schema
from models import ids
from models.embedded.parts import Endpoints
from models.tables import metadata
from resolvers.jobs import Worker
from resolvers.verify.walk import verify_ledger
from settings import Settings
from tests.contract.test_access import MATRIX, OWNER_REFUSED, filled, owned
from tests.doors import GraphQLDoor, Person, register
from tests.security.killed import KILLED

pytestmark = [pytest.mark.anyio, pytest.mark.case("X03", "X01", "M05")]
ROOT: Final = Path(__file__).resolve().parents[2]
OWN: Final = sorted(name for name, table in metadata.tables.items() if "ledger_id" in table.c)
# What background work may have left or taken in the meantime, whoever was killed.
PASSING: Final = {"segments", "segment_pages", "sessions", "refresh_tokens"}

EARLY: Final = {"commit 1"}
"""What dies here has left nothing."""
WORK: Final = "work"
"""Not a mutation: what waits is done."""
GUESTS: Final = [
    ("acceptInvitation", 'mutation{acceptInvitation(id:"$asked"){invitation{id}}}'),
    ("declineInvitation", 'mutation{declineInvitation(id:"$declined"){invitation{id}}}'),
    ("removeGroupMember", 'mutation{removeGroupMember(groupId:"$hosts",userId:"$user"){id}}'),
]
RULED: Final = [
    (WORK, ""),
    ("runRules", 'mutation{runRules(input:{accountId:"$account"}){run{id}}}'),
    (WORK, ""),
    ("revertImport", 'mutation{revertImport(id:"$import"){import{id}}}'),
    (WORK, ""),
]
ELSEWHERE: Final = {
    # One-time codes and accounts elsewhere want a clock or a provider; changed sessions a rest.
    "enableTwoFactor", "disableTwoFactor", "renewRecoveryCodes", "linkIdentity", "unlinkIdentity",
    # Answered with CONFLICT unless a worker stands at a certain row.
    "undoRuleRun", "processImport", "overruleImportRows",
}  # fmt: skip


def mutations() -> list[tuple[str, str]]:
    """Names and documents in an order in which all of them work."""
    kind = schema()._schema.mutation_type
    assert kind is not None
    plain = [
        (name, document)
        for name, (document, _) in MATRIX.items()
        if name in kind.fields and name not in OWNER_REFUSED
    ]
    return [*GUESTS, *RULED, *plain]


STEPS: Final = mutations()
PARTS: Final = 6
EVERY: Final = [number for number, (name, _) in enumerate(STEPS) if name != WORK]


def test_every_mutation_with_a_key_is_killed_somewhere() -> None:
    kind = schema()._schema.mutation_type
    assert kind is not None
    keyed = {name for name, field in kind.fields.items() if "idempotencyKey" in field.args}
    assert keyed - {name for name, _ in STEPS} == {*ELSEWHERE, "logout"}


def keyed(document: str, key: str) -> str:
    """A mutation with its idempotency key."""
    found = re.fullmatch(r"mutation\{(\w+)(\(?)(.*)\}", document, re.DOTALL)
    assert found is not None, document
    name, opened, rest = found.groups()
    word = f'idempotencyKey:"{key}"'
    return f"mutation{{{name}({word},{rest}}}" if opened else f"mutation{{{name}({word}){rest}}}"


class Twins:
    """Two people with the same things, of whom one is killed."""

    def __init__(self, services: Services, running: Running, root: asyncpg.Connection) -> None:
        self.services, self.running, self.root = services, running, root
        self.people: list[Person] = []
        self.things: list[dict[str, str]] = []
        self.child: asyncio.subprocess.Process | None = None
        self.errors = Path()

    async def add(self, client: httpx2.AsyncClient, host: Person) -> None:
        """One more person with everything."""
        person = await register(client, name="Twin")
        door = GraphQLDoor(client, person)
        things = await owned(door, self.services)
        await door.call("UpdateCategory", {"archived": True}, id=things["category"])
        inviting = GraphQLDoor(client, host)
        for name in ("asked", "declined"):
            group = (await inviting.call("CreateGroup", {"name": name}))["id"]
            body = {"groupId": group, "email": person.email}
            things[name] = (await inviting.call("CreateInvitation", body))["id"]
            things["hosts"] = things.get("hosts", group)
        self.people.append(person)
        self.things.append(things)

    async def ledgers(self, number: int) -> list[Any]:
        """The ledgers of a person and of her groups."""
        user = ids.decode("user", self.people[number].id)
        mine = "SELECT DISTINCT ledger_id FROM memberships WHERE user_id = $1"
        return [row["ledger_id"] for row in await self.root.fetch(mine, user)]

    async def census(self, number: int, ledgers: list[Any] | None = None) -> dict[str, Any]:
        """Rows of each table and versions in a person's ledgers, or in some."""
        ledgers = await self.ledgers(number) if ledgers is None else ledgers
        found = {"ledgers": len(ledgers)}
        for name in OWN:
            if name not in PASSING:
                found[name] = await self.root.fetchval(
                    f"SELECT count(*) FROM {name} WHERE ledger_id = ANY($1)", ledgers
                )
        versions = await self.root.fetch(
            "SELECT version FROM ledgers WHERE id = ANY($1) ORDER BY 1", ledgers
        )
        return {**found, "versions": [row["version"] for row in versions]}

    async def die(self, request: Any, point: str) -> int:
        """Send a request in a process that dies at a point; how it ended."""
        assert self.child is not None
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(json.dumps([request, point]).encode() + b"\n")
        await self.child.stdin.drain()
        while not (line := await self.child.stdout.readline()).startswith(b"code "):
            assert line, self.errors.read_text()[-3_000:]
        return int(line[5:])

    async def plain(self, client: httpx2.AsyncClient, number: int, step: int) -> tuple[int, int]:
        """A mutation without any accident; how many statements and commits it takes."""
        seen, commits = 0, 0
        whole = asyncpg.Connection.execute

        def statement(*_: Any) -> None:
            nonlocal seen
            seen += 1

        async def execute(one: Any, query: str, *words: Any, **more: Any) -> Any:
            nonlocal commits
            commits += query == "COMMIT"
            return await whole(one, query, *words, **more)

        name, document = STEPS[step]
        text = keyed(filled(document, self.things[number]), f"{name} {step}")
        self.services.database.watch = statement
        asyncpg.Connection.execute = execute
        try:
            answer = await client.post(
                "/graphql", json={"query": text}, headers=self.people[number].headers
            )
        finally:
            self.services.database.watch = None
            asyncpg.Connection.execute = whole
        assert answer.status_code == 200, (name, answer.text)
        assert "errors" not in answer.json(), (name, answer.text)
        return seen, commits

    async def killed(self, number: int, step: int, points: list[str]) -> None:
        """The same mutation, killed at each point, then repeated until it is answered."""
        name, document = STEPS[step]
        person = self.people[number]
        text = keyed(filled(document, self.things[number]), f"{name} {step}")
        request = {
            "method": "POST", "path": "/graphql", "body": {"query": text}, "headers": person.headers
        }  # fmt: skip
        before = await self.census(number)
        for point in points:
            code = await self.die(request, point)
            # Later points may lie behind what a repeat still does; who is gone is not known again.
            gone = {1} if name == "deleteUser" and point not in EARLY else set()
            fine = {0} if point == "none" else {KILLED} if point in EARLY else {KILLED, 0}
            assert code in fine | gone, (name, point, code, self.errors.read_text()[-2_000:])
            if point in EARLY or (point.startswith("statement") and code == KILLED):
                assert await self.census(number) == before, (name, point)
            elif code == 0:
                before = await self.census(number)

    async def work(self) -> None:
        """Do what waits."""
        worker = Worker(self.services.database, self.running.broker, job_handlers(self.services))
        while await worker.run_due():
            pass

    async def verify(self) -> None:
        """No difference in the books of either."""
        for person in self.people:
            user = ids.decode("user", person.id)
            for ledger in await self.ledgers(self.people.index(person)):
                report = await verify_ledger(
                    self.services.database, self.running.chain_key, ledger, user
                )
                assert report.differences == ()


@pytest.fixture
async def twins(
    services: Services, running: Running, parts: Endpoints, settings: Settings, tmp_path: Path
) -> AsyncIterator[Twins]:
    root = await asyncpg.connect(
        host=parts.database_host, port=parts.database_port, database=parts.database_name,
        user="postgres", password=parts.superuser_password,
    )  # fmt: skip
    twins = Twins(services, running, root)
    twins.errors = tmp_path / "errors"
    with twins.errors.open("wb") as errors:
        twins.child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.security.killed", cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    assert twins.child.stdin is not None
    told = {"parts": asdict(parts), "data": str(settings.data)}
    twins.child.stdin.write(json.dumps(told).encode() + b"\n")
    yield twins
    twins.child.stdin.close()
    await twins.child.wait()
    await root.close()


async def live(twins: Twins, client: httpx2.AsyncClient, mortal: set[int], last: int) -> int:
    """Both do all steps up to the last; of the mortal ones one is killed on the way."""
    host = await register(client, name="Host")
    for _ in range(2):
        await twins.add(client, host)
    tried = 0
    for step in range(last + 1):
        name = STEPS[step][0]
        if name == WORK:
            await twins.work()
            continue
        ledgers = [await twins.ledgers(number) for number in (0, 1)]
        if name == "deleteUser":
            await twins.verify()
        statements, commits = await twins.plain(client, 1, step)
        if step in mortal:
            assert commits, name
            more = [f"commit {one}" for one in range(2, commits + 1)]
            middle = f"statement {max(1, statements // 2)}"
            await twins.killed(0, step, [middle, "commit 1", *more, "committed", "answer", "none"])
            tried += 1
        else:
            await twins.plain(client, 0, step)
        if name == "deleteUser":
            # The rest is done by a worker, whoever was killed before.
            await twins.work()
        of_one, of_other = [await twins.census(number, ledgers[number]) for number in (0, 1)]
        assert of_one == of_other, name
    await twins.verify()
    return tried


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("part", range(PARTS))
async def test_a_mutation_that_is_killed_is_as_if_sent_once(
    twins: Twins, eager: httpx2.AsyncClient, part: int
) -> None:
    mortal = {*EVERY[part::PARTS]}
    assert await live(twins, eager, mortal, max(mortal)) == len(mortal)


async def test_a_booking_that_is_killed_is_booked_once(
    twins: Twins, client: httpx2.AsyncClient
) -> None:
    host = await register(client, name="Host")
    for _ in range(2):
        await twins.add(client, host)
    step = [name for name, _ in STEPS].index("createTransaction")
    await twins.plain(client, 1, step)
    await twins.killed(0, step, ["commit 1", "committed", "none"])
    assert await twins.census(0) == await twins.census(1)
    await twins.verify()
