"""The lint of the fence finds nothing in the product, and finds what is broken on purpose."""

import asyncpg
import pytest

from app import Running
from tests.ledger.policies import complaints
from tests.ledger.test_catalog import NOT_FORCED, OUTSIDE, superuser

__all__ = ["superuser"]
pytestmark = [pytest.mark.anyio, pytest.mark.case("T06")]


async def test_the_fence_has_no_hole(superuser: asyncpg.Connection) -> None:
    assert await complaints(superuser, outside=OUTSIDE, not_forced=NOT_FORCED) == set()


FENCED = "CREATE TABLE bad (ledger_id uuid); ALTER TABLE bad ENABLE ROW LEVEL SECURITY; ALTER TABLE bad FORCE ROW LEVEL SECURITY;"
MINE = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
HIDDEN = "REVOKE ALL ON FUNCTION bad_one(uuid) FROM PUBLIC;"
BROKEN = {
    "a table without a fence": ("CREATE TABLE bad (ledger_id uuid)", "no fence: bad"),
    "a fence that its owner passes": (
        "CREATE TABLE bad (ledger_id uuid); ALTER TABLE bad ENABLE ROW LEVEL SECURITY",
        "fence not forced: bad",
    ),
    "a fence that is lowered": (
        "ALTER TABLE transactions DISABLE ROW LEVEL SECURITY", "no fence: transactions",
    ),
    "a view of its owner": (
        "CREATE VIEW bad AS SELECT * FROM accounts", "view of its owner: bad",
    ),
    "a copy": (
        "CREATE MATERIALIZED VIEW bad AS SELECT * FROM accounts", "rows beside the fence: bad",
    ),
    "truncate": ("GRANT TRUNCATE ON accounts TO pockettrend_app", "may TRUNCATE: accounts"),
    "passed on": (
        "GRANT SELECT ON accounts TO pockettrend_app WITH GRANT OPTION", "may be passed on: accounts",
    ),
    "a grant to everyone": ("GRANT SELECT ON jobs TO PUBLIC", "open to everyone: jobs"),
    "a grant on columns": (
        "GRANT UPDATE (role) ON memberships TO pockettrend_app", "grants on columns: memberships",
    ),
    "a right without a policy": (
        "GRANT DELETE ON changes TO pockettrend_app", "no policy: changes DELETE",
    ),
    "a policy without a right": (
        f"CREATE POLICY bad ON changes FOR DELETE TO pockettrend_app USING ({MINE})",
        "no right: changes DELETE",
    ),
    "a policy for everyone": (
        f"{FENCED} CREATE POLICY p ON bad FOR SELECT USING ({MINE})", "policy for everyone: bad.p",
    ),
    "a policy of all commands": (
        f"{FENCED} CREATE POLICY p ON bad TO pockettrend_app USING ({MINE})",
        "one policy for all commands: bad.p",
    ),
    "a policy that asks nothing": (
        f"{FENCED} CREATE POLICY p ON bad FOR SELECT TO pockettrend_app USING (true)",
        "nothing is asked: bad.p",
    ),
    "a change that moves rows": (
        f"{FENCED} CREATE POLICY p ON bad FOR UPDATE TO pockettrend_app USING ({MINE})",
        "what a change leaves is not looked at: bad.p",
    ),
    "a volatile question": (
        ("CREATE FUNCTION bad_one(uuid) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT true';"
        f"{HIDDEN} {FENCED} CREATE POLICY p ON bad FOR SELECT TO pockettrend_app USING (bad_one(ledger_id))"),
        "asks a volatile function: bad.p",
    ),
    "a question for each row": (
        ("CREATE FUNCTION bad_one(uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER "
        f"SET search_path = pg_catalog, pg_temp AS 'SELECT true'; {HIDDEN} {FENCED}"
        "CREATE POLICY p ON bad FOR SELECT TO pockettrend_app USING ((SELECT bad_one(ledger_id)))"),
        "asks a function for each row: bad.p",
    ),
    "a gate without a path": (
        ("CREATE FUNCTION bad_one(uuid) RETURNS boolean LANGUAGE sql SECURITY DEFINER "
        f"AS 'SELECT true'; {HIDDEN}"),
        "definer without a path: bad_one",
    ),
    "a gate for everyone": (
        "CREATE FUNCTION bad_one(uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "open to everyone: bad_one",
    ),
    "an owner": ("ALTER TABLE jobs OWNER TO pockettrend_app", "owned by the application: jobs"),
    "a role that passes": ("ALTER ROLE pockettrend_app BYPASSRLS", "the role may: rolbypassrls"),
    "a role that is another": (
        "GRANT pockettrend_owner TO pockettrend_app", "the role may: belongs",
    ),
    "a role that creates": (
        "GRANT CREATE ON SCHEMA public TO pockettrend_app", "the role may: creates",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
async def test_a_hole_is_found(superuser: asyncpg.Connection, running: Running, name: str) -> None:
    statement, complaint = BROKEN[name]
    change = superuser.transaction()
    await change.start()
    try:
        await superuser.execute("SET LOCAL lock_timeout = '10s'")
        await superuser.execute(statement)
        found = await complaints(superuser, outside=OUTSIDE, not_forced=NOT_FORCED)
    finally:
        await change.rollback()
    assert complaint in found
