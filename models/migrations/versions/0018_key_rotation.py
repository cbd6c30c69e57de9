"""Let keys grow old: which ledgers' newest key is due, and the owner's way to wrap keys anew."""

from alembic import op

revision = "0018"
down_revision = "0017"

GATE = "due_rotation(timestamptz)"
FUNCTION = """
    CREATE FUNCTION due_rotation(before timestamptz) RETURNS TABLE (ledger_id uuid, user_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT m.ledger_id, min(m.user_id::text)::uuid
      FROM public.memberships m
      JOIN (
        SELECT k.ledger_id FROM public.ledger_keys k
        GROUP BY k.ledger_id HAVING max(k.created_at) < before
      ) old ON old.ledger_id = m.ledger_id
      WHERE m.role = 'OWNER'
      GROUP BY m.ledger_id ORDER BY m.ledger_id LIMIT 1000
    $$
"""


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    # The gate reads, and `pockettrend rotate-keys --master` wraps anew, as the owner.
    op.execute("CREATE POLICY gate_select ON ledger_keys FOR SELECT TO CURRENT_USER USING (true)")
    op.execute(
        "CREATE POLICY gate_update ON ledger_keys FOR UPDATE TO CURRENT_USER "
        "USING (true) WITH CHECK (true)"
    )
    op.execute(FUNCTION)
    op.execute(f"REVOKE ALL ON FUNCTION {GATE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {GATE} TO {app}")
