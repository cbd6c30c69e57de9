"""A lint of row-level security: what the catalog of a database says that it should not."""

import re
from typing import Any, Final

import asyncpg

APP: Final = "pockettrend_app"
_CALL: Final = re.compile(r"\b([a-z_][a-z_0-9]*)\(")
_ONCE: Final = re.compile(r"ARRAY\(\s*SELECT [^()]*\([^()]*\)[^()]*\)")
"""An array of what a function returns: asked once for a statement and not once for a row."""

_TABLES: Final = """
    SELECT c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS enabled,
      c.relforcerowsecurity AS forced, pg_get_userbyid(c.relowner) AS owner, c.reloptions AS options,
      (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL) AS columns
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"""
_GRANTS: Final = """
    SELECT c.relname AS name, c.relkind::text AS kind, g.privilege_type AS word, g.is_grantable,
      CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END AS who
    FROM pg_class c, aclexplode(c.relacl) g WHERE c.relnamespace = 'public'::regnamespace"""
_FUNCTIONS: Final = """
    SELECT p.proname AS name, p.prosecdef AS definer, p.provolatile::text AS volatility,
      p.proconfig AS config, p.proacl::text AS acl, pg_get_userbyid(p.proowner) AS owner,
      l.lanname AS language
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'public'::regnamespace"""
_ROLES: Final = """
    SELECT r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb, r.rolreplication,
      EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) AS belongs,
      has_schema_privilege(r.oid, 'public', 'CREATE') AS creates,
      has_database_privilege(r.oid, current_database(), 'TEMP') AS temporary,
      has_database_privilege(r.oid, current_database(), 'CREATE') AS schemas
    FROM pg_roles r WHERE r.rolname = $1"""


async def complaints(
    database: asyncpg.Connection, *, outside: set[str], not_forced: set[str]
) -> set[str]:
    """Everything that is wrong, as ``what: name``; ``outside`` has no fence, knowingly."""
    tables = await database.fetch(_TABLES)
    grants = await database.fetch(_GRANTS)
    functions = {row["name"]: row for row in await database.fetch(_FUNCTIONS)}
    policies = await database.fetch("SELECT * FROM pg_policies WHERE schemaname = 'public'")
    found = set()
    for table in tables:
        found |= {f"{wrong}: {table['name']}" for wrong in _table(table, outside, not_forced)}
    for grant in grants:
        found |= {f"{wrong}: {grant['name']}" for wrong in _grant(grant)}
    for function in functions.values():
        found |= {f"{wrong}: {function['name']}" for wrong in _function(function)}
    for policy in policies:
        name = f"{policy['tablename']}.{policy['policyname']}"
        found |= {f"{wrong}: {name}" for wrong in _policy(policy, functions)}
    found |= _uncovered(grants, policies, outside)
    role = await database.fetchrow(_ROLES, APP)
    found |= {f"the role may: {name}" for name, value in role.items() if value}
    return found


def _table(row: Any, outside: set[str], not_forced: set[str]) -> list[str]:
    wrong = []
    name, fenced = row["name"], row["name"] not in outside
    if row["owner"] == APP:
        wrong.append("owned by the application")
    if row["columns"]:
        wrong.append("grants on columns")
    if row["kind"] in "rp" and fenced:
        if not row["enabled"]:
            wrong.append("no fence")
        if not row["forced"] and name not in not_forced:
            wrong.append("fence not forced")
    if row["kind"] == "v" and "security_invoker=true" not in (row["options"] or []):
        wrong.append("view of its owner")
    if row["kind"] in "mf":
        wrong.append("rows beside the fence")
    return wrong


def _grant(row: Any) -> list[str]:
    wrong = []
    if row["who"] == "PUBLIC":
        wrong.append("open to everyone")
    if row["who"] == APP:
        if row["word"] not in {"SELECT", "INSERT", "UPDATE", "DELETE", "USAGE"}:
            wrong.append(f"may {row['word']}")
        if row["is_grantable"]:
            wrong.append("may be passed on")
    return wrong


def _function(row: Any) -> list[str]:
    wrong = []
    if row["acl"] is None or re.search(r"[{,]=", row["acl"]):
        wrong.append("open to everyone")
    if row["owner"] == APP:
        wrong.append("owned by the application")
    path = next((one for one in row["config"] or () if one.startswith("search_path=")), None)
    # What is looked up first in pg_temp is whatever the caller has put there.
    if row["definer"] and path != "search_path=pg_catalog, pg_temp":
        wrong.append("definer without a path")
    return wrong


def _policy(row: Any, functions: dict[str, Any]) -> list[str]:
    wrong = []
    if "public" in row["roles"]:
        wrong.append("policy for everyone")
    clauses = [one for one in (row["qual"], row["with_check"]) if one is not None]
    if APP in row["roles"]:
        if row["cmd"] == "ALL":
            wrong.append("one policy for all commands")
        if row["cmd"] == "UPDATE" and len(clauses) < 2:
            wrong.append("what a change leaves is not looked at")
        if any(clause.strip("() ") == "true" for clause in clauses):
            wrong.append("nothing is asked")
    for clause in clauses:
        for name in _CALL.findall(clause):
            known = functions.get(name)
            if known is not None and known["volatility"] == "v":
                wrong.append("asks a volatile function")
        for name in _CALL.findall(_ONCE.sub("", clause)):
            known = functions.get(name)
            plain = known is not None and known["language"] == "sql" and not known["definer"]
            # A plain function in SQL is part of the statement; any other is called for each row.
            if known is not None and not (plain and not known["config"]):
                wrong.append("asks a function for each row")
    return wrong


def _uncovered(grants: list[Any], policies: list[Any], outside: set[str]) -> set[str]:
    """Rights without a policy, and policies without a right."""
    granted = {
        (row["name"], row["word"])
        for row in grants
        if row["who"] == APP and row["kind"] in "rp" and row["name"] not in outside
    }
    decided = {(row["tablename"], row["cmd"]) for row in policies if APP in row["roles"]}
    return {f"no policy: {name} {word}" for name, word in granted - decided} | {
        f"no right: {name} {word}" for name, word in decided - granted
    }
