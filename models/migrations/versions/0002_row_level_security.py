"""Fence every tenant table with row-level security and list the gates through the fence.

A gate is a definer function for an actor without an identity; each returns ids only.  The list of
gates and the one table that is not FORCEd (memberships, or the policy would recurse into itself)
is known to the catalog test: whoever adds one changes both.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

GRANTS = {
    "ledgers": "SELECT, UPDATE",
    "ledger_keys": "SELECT, INSERT, DELETE",
    "changes": "SELECT, INSERT",
    "idempotency_keys": "SELECT, INSERT, UPDATE, DELETE",
    "users": "SELECT, INSERT, UPDATE",
    "sessions": "SELECT, INSERT, UPDATE, DELETE",
    "refresh_tokens": "SELECT, INSERT, UPDATE, DELETE",
    "categories": "SELECT, INSERT, UPDATE, DELETE",
    "accounts": "SELECT, INSERT, UPDATE, DELETE",
    "transactions": "SELECT, INSERT, UPDATE, DELETE",
    "splits": "SELECT, INSERT, UPDATE, DELETE",
    "uploads": "SELECT, INSERT, UPDATE, DELETE",
    "imports": "SELECT, INSERT, UPDATE, DELETE",
    "import_rows": "SELECT, INSERT, UPDATE, DELETE",
}
OUTSIDE = {"jobs": "SELECT, INSERT, UPDATE, DELETE", "system_keys": "SELECT"}
COLUMN = {"ledgers": "id"}

GATE_POLICIES = (
    ("users", "SELECT", "USING (true)"),
    ("refresh_tokens", "SELECT", "USING (true)"),
    ("transactions", "SELECT", "USING (true)"),
    ("accounts", "SELECT", "USING (true)"),
    ("ledgers", "SELECT", "USING (true)"),
    ("ledgers", "INSERT", "WITH CHECK (true)"),
)

FUNCTIONS = (
    """
    CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$
    """,
    """
    CREATE FUNCTION my_ledgers() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
      SELECT ledger_id FROM public.memberships WHERE user_id = public.app_user()
    $$
    """,
    """
    CREATE FUNCTION my_writable_ledgers() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
      SELECT ledger_id FROM public.memberships
      WHERE user_id = public.app_user() AND role IN ('OWNER', 'MEMBER')
    $$
    """,
    """
    CREATE FUNCTION visible_versions(who uuid)
    RETURNS TABLE (ledger_id uuid, version bigint, books bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT l.id, l.version, l.books
      FROM public.memberships m JOIN public.ledgers l ON l.id = m.ledger_id
      WHERE m.user_id = who
    $$
    """,
    """
    CREATE FUNCTION open_personal_ledger(new_ledger uuid) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      IF public.app_user() IS NULL OR EXISTS (
        SELECT 1 FROM public.memberships WHERE user_id = public.app_user()
      ) THEN
        RAISE EXCEPTION 'a personal ledger is opened once, by its owner';
      END IF;
      INSERT INTO public.ledgers (id, kind, created_at) VALUES (new_ledger, 'PERSONAL', now());
      INSERT INTO public.memberships (ledger_id, user_id, role, joined_at)
      VALUES (new_ledger, public.app_user(), 'OWNER', now());
      RETURN new_ledger;
    END $$
    """,
    """
    CREATE FUNCTION user_by_email(wanted text) RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
      SELECT id FROM public.users WHERE email_key = wanted
    $$
    """,
    """
    CREATE FUNCTION session_by_refresh(wanted bytea)
    RETURNS TABLE (user_id uuid, ledger_id uuid, session_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT u.id, t.ledger_id, t.session_id
      FROM public.refresh_tokens t JOIN public.users u ON u.ledger_id = t.ledger_id
      WHERE t.hash = wanted
    $$
    """,
    """
    CREATE FUNCTION due_trash(before timestamptz)
    RETURNS TABLE (ledger_id uuid, user_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT m.ledger_id, min(m.user_id::text)::uuid
      FROM public.memberships m
      WHERE m.role = 'OWNER' AND m.ledger_id IN (
        SELECT t.ledger_id FROM public.transactions t WHERE t.deleted_at < before
        UNION
        SELECT a.ledger_id FROM public.accounts a WHERE a.deleted_at < before
      )
      GROUP BY m.ledger_id
    $$
    """,
    """
    CREATE FUNCTION ledgers_to_verify()
    RETURNS TABLE (ledger_id uuid, user_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT m.ledger_id, min(m.user_id::text)::uuid FROM public.memberships m
      GROUP BY m.ledger_id ORDER BY m.ledger_id
    $$
    """,
)
GATES = (
    "app_user()",
    "my_ledgers()",
    "my_writable_ledgers()",
    "visible_versions(uuid)",
    "open_personal_ledger(uuid)",
    "user_by_email(text)",
    "session_by_refresh(bytea)",
    "due_trash(timestamptz)",
    "ledgers_to_verify()",
)


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    role = config.attributes["app_role"]
    app = '"' + role.replace('"', '""') + '"'
    op.execute(f"GRANT USAGE ON SCHEMA public TO {app}")
    for statement in FUNCTIONS:
        op.execute(statement)
    for gate in GATES:
        op.execute(f"REVOKE ALL ON FUNCTION {gate} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {gate} TO {app}")
    for name, grant in GRANTS.items():
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT {grant} ON {name} TO {app}")
        if name == "users":
            _policies(name, app, grant, "id = app_user()", "id = app_user()")
        else:
            column = COLUMN.get(name, "ledger_id")
            _policies(
                name,
                app,
                grant,
                f"{column} = ANY (ARRAY(SELECT my_ledgers()))",
                f"{column} = ANY (ARRAY(SELECT my_writable_ledgers()))",
            )
    for name, command, clause in GATE_POLICIES:
        gate = f"gate_{command.lower()}"
        op.execute(f"CREATE POLICY {gate} ON {name} FOR {command} TO CURRENT_USER {clause}")
    # Not forced: the definer functions above read it as its owner, and a forced policy that
    # calls them would recurse.  The application reads its own rows and changes none.
    op.execute("ALTER TABLE memberships ENABLE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT ON memberships TO {app}")
    op.execute(f"CREATE POLICY own ON memberships FOR SELECT TO {app} USING (user_id = app_user())")
    for name, grant in OUTSIDE.items():
        op.execute(f"GRANT {grant} ON {name} TO {app}")
    op.execute(f"GRANT SELECT ON alembic_version TO {app}")
    op.execute("ALTER TABLE import_rows ALTER COLUMN content SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE changes ALTER COLUMN content SET STORAGE EXTERNAL")


def _policies(name: str, app: str, grant: str, seen: str, written: str) -> None:
    """One policy for each command that the role was granted."""
    op.execute(f"CREATE POLICY seen ON {name} FOR SELECT TO {app} USING ({seen})")
    if "INSERT" in grant:
        op.execute(f"CREATE POLICY added ON {name} FOR INSERT TO {app} WITH CHECK ({written})")
    if "UPDATE" in grant:
        op.execute(
            f"CREATE POLICY changed ON {name} FOR UPDATE TO {app} "
            f"USING ({written}) WITH CHECK ({written})"
        )
    if "DELETE" in grant:
        op.execute(f"CREATE POLICY removed ON {name} FOR DELETE TO {app} USING ({written})")
