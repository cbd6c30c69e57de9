"""Open the gates of live updates: where the books of connected people stand, whose sessions ended."""

from alembic import op

revision = "0008"
down_revision = "0007"

GATES = {
    "live_versions(uuid[])": """
    CREATE FUNCTION live_versions(people uuid[])
    RETURNS TABLE (user_id uuid, ledger_id uuid, version bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT m.user_id, l.id, l.version
      FROM public.memberships m JOIN public.ledgers l ON l.id = m.ledger_id
      WHERE m.user_id = ANY (people)
    $$
    """,
    "ended_sessions(uuid[])": """
    CREATE FUNCTION ended_sessions(wanted uuid[]) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT w.id FROM unnest(wanted) AS w (id) WHERE NOT EXISTS (
        SELECT 1 FROM public.sessions s
        WHERE s.id = w.id AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
      )
    $$
    """,
}


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    op.execute("CREATE POLICY gate_select ON sessions FOR SELECT TO CURRENT_USER USING (true)")
    # Sessions lead with their ledger, and the gate knows their ids only.
    op.create_index("ix_sessions_id", "sessions", ["id"])
    for name, statement in GATES.items():
        op.execute(statement)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {app}")
