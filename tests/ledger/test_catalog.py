"""The catalog of the database: nothing stands outside row-level security but what is listed."""

import asyncpg
import pytest

from app import Running
from models.embedded.parts import Endpoints
from models.tables import metadata

pytestmark = [pytest.mark.anyio, pytest.mark.case("T06")]

GATES = {
    "app_user", "my_ledgers", "my_writable_ledgers", "visible_versions", "open_personal_ledger",
    "user_by_email", "session_by_refresh", "due_trash", "ledgers_to_verify", "due_templates",
    "mailed_token", "personal_token", "identity_owner", "take_limit", "due_reminders", "live_versions", "ended_sessions", "due_pruning", "prune_changes", "due_rotation", "activity",
    "forget_person", "files_to_erase", "erase_ledger",
    # groups: the ways in and out, and the last look of who left
    "open_group_ledger", "lock_group", "take_pen", "add_member", "change_role", "remove_member",
    "close_group", "end_farewell", "roles_in",
    # a write in one statement
    "write_at",
    # invitations
    "my_inbox", "bump_inbox", "invitation_by_token", "due_invitations", "admit_invitee", "withdraw",
}  # fmt: skip
OUTSIDE = {
    "jobs", "registrations", "sign_in_failures", "system_keys", "erasures", "limit_hits", "alembic_version",
    "published_rates", "rate_sources",
}  # fmt: skip
NOT_FORCED = {"memberships"}
# No gates: the fence holds them as it holds whoever calls them.
CALLERS = {"app_user", "write_at"}


@pytest.fixture
async def superuser(parts: Endpoints, running: Running):
    connection = await asyncpg.connect(
        host=parts.database_host,
        port=parts.database_port,
        database=parts.database_name,
        user="postgres",
        password=parts.superuser_password,
    )
    yield connection
    await connection.close()


async def test_every_table_is_fenced_and_forced(superuser: asyncpg.Connection) -> None:
    rows = await superuser.fetch(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    )
    found = {row["relname"]: (row["relrowsecurity"], row["relforcerowsecurity"]) for row in rows}
    assert set(found) == {*metadata.tables, "alembic_version"}
    for name, (enabled, forced) in found.items():
        if name in OUTSIDE:
            assert (enabled, forced) == (False, False), name
        else:
            assert (enabled, forced) == (True, name not in NOT_FORCED), name


async def test_the_application_role_owns_nothing_and_cannot_pass_the_fence(
    superuser: asyncpg.Connection,
) -> None:
    role = await superuser.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, oid FROM pg_roles "
        "WHERE rolname = 'pockettrend_app'"
    )
    assert tuple(role)[:4] == (False, False, False, False)
    owned = await superuser.fetchval(
        "SELECT count(*) FROM pg_class WHERE relowner = $1", role["oid"]
    )
    assert owned == 0
    granted = await superuser.fetch(
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants "
        "WHERE grantee = 'pockettrend_app'"
    )
    kinds = {row["privilege_type"] for row in granted}
    assert kinds == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    members = {r["privilege_type"] for r in granted if r["table_name"] == "memberships"}
    assert members == {"SELECT"}
    feed = {r["privilege_type"] for r in granted if r["table_name"] == "changes"}
    assert feed == {"SELECT", "INSERT"}


async def test_definer_functions_are_the_listed_gates(superuser: asyncpg.Connection) -> None:
    rows = await superuser.fetch(
        "SELECT proname, prosecdef, proconfig, proacl::text AS acl FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace"
    )
    assert {row["proname"] for row in rows} == GATES
    for row in rows:
        if row["proname"] in CALLERS:
            assert not row["prosecdef"], row["proname"]
        else:
            assert row["prosecdef"], row["proname"]
            assert any("search_path" in one for one in row["proconfig"]), row["proname"]
        assert not row["acl"].startswith("{=X"), f"{row['proname']} is open to everyone"


async def test_no_view_and_no_leaky_key_stands_beside_the_fence(
    superuser: asyncpg.Connection,
) -> None:
    views = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('v', 'm')"
    )
    assert [row["relname"] for row in views] == []
    keys = await superuser.fetch(
        "SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent, "
        "(SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute "
        " WHERE attrelid = conrelid AND attnum = ANY(conkey)) AS columns "
        "FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    )
    for row in keys:
        if row["parent"] != "ledgers":
            assert "ledger_id" in row["columns"], (row["child"], row["columns"])


async def test_a_ledger_goes_with_everything_in_it_by_one_cascade(
    superuser: asyncpg.Connection,
) -> None:
    """What refers to a row of its ledger without a rule also refers to the ledger itself."""
    keys = await superuser.fetch(
        "SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent, "
        "confdeltype::text AS rule FROM pg_constraint "
        "WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    )
    bound = {row["child"] for row in keys if (row["parent"], row["rule"]) == ("ledgers", "c")}
    loose = {row["child"] for row in keys if row["rule"] == "a" and row["child"] != "users"}
    assert loose - bound == set()


async def test_policies_compare_the_ledger_with_an_array_read_once(
    superuser: asyncpg.Connection,
) -> None:
    rows = await superuser.fetch(
        "SELECT tablename, policyname, cmd, qual, with_check, roles::text AS roles FROM pg_policies"
    )
    for row in rows:
        if row["roles"] != "{pockettrend_app}" or row["tablename"] in {"users", "memberships"}:
            continue
        for clause in (row["qual"], row["with_check"]):
            if clause is not None:
                if (row["tablename"], row["policyname"]) == ("invitations", "received"):
                    assert "ANY (ARRAY( SELECT my_inbox" in clause
                    continue
                wanted = "my_ledgers" if row["cmd"] == "SELECT" else "my_writable_ledgers"
                assert "ANY (ARRAY( SELECT " in clause, row
                assert wanted in clause, row
