"""Let the feed forget: where each ledger's begins, and the one way to remove what is superseded."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

GATES = {
    "due_pruning(timestamptz)": """
    CREATE FUNCTION due_pruning(before timestamptz) RETURNS TABLE (ledger_id uuid, user_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT m.ledger_id, min(m.user_id::text)::uuid
      FROM public.memberships m JOIN public.ledgers l ON l.id = m.ledger_id
      WHERE m.role = 'OWNER' AND EXISTS (
        SELECT 1 FROM public.changes c
        WHERE c.ledger_id = l.id AND c.version = l.pruned_version + 1 AND c.seq = 0
          AND c.at < before
      )
      GROUP BY m.ledger_id
    $$
    """,
    # Whatever asks: nothing younger goes, nor the last word about anything that is there.
    "prune_changes(uuid, bigint)": """
    CREATE FUNCTION prune_changes(wanted uuid, until bigint) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      WITH gone AS (
        DELETE FROM public.changes c
        WHERE c.ledger_id = wanted AND c.version <= until
          AND c.at < clock_timestamp() - interval '400 days'
          AND c.ledger_id = ANY (ARRAY(SELECT public.my_writable_ledgers()))
          AND (c.op = 'DELETE' OR EXISTS (
            SELECT 1 FROM public.changes n
            WHERE n.ledger_id = c.ledger_id AND n.entity_id = c.entity_id
              AND n.entity = c.entity AND (n.version, n.seq) > (c.version, c.seq)
          ))
        RETURNING 1
      )
      SELECT count(*) FROM gone
    $$
    """,
}


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    op.add_column(
        "ledgers",
        sa.Column("pruned_version", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.add_column("ledgers", sa.Column("pruned_hash", sa.LargeBinary(), nullable=True))
    for command in ("SELECT", "DELETE"):
        op.execute(
            f"CREATE POLICY gate_{command.lower()} ON changes FOR {command} TO CURRENT_USER "
            "USING (true)"
        )
    for name, statement in GATES.items():
        op.execute(statement)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {app}")
