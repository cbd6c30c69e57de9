"""Create mailed tokens, fenced as every table of a ledger, and the gate to their owner."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

SEEN = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
WRITTEN = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
POLICIES = (
    ("seen", "SELECT", f"USING ({SEEN})"),
    ("added", "INSERT", f"WITH CHECK ({WRITTEN})"),
    ("changed", "UPDATE", f"USING ({WRITTEN}) WITH CHECK ({WRITTEN})"),
    ("removed", "DELETE", f"USING ({WRITTEN})"),
)
GATE = """
    CREATE FUNCTION mailed_token(wanted bytea) RETURNS TABLE (user_id uuid, ledger_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT t.user_id, t.ledger_id FROM public.mailed_tokens t WHERE t.hash = wanted
    $$
"""


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    _table()
    op.execute("ALTER TABLE mailed_tokens ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE mailed_tokens FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON mailed_tokens TO {app}")
    for policy, command, clause in POLICIES:
        op.execute(f"CREATE POLICY {policy} ON mailed_tokens FOR {command} TO {app} {clause}")
    op.execute("CREATE POLICY gate_select ON mailed_tokens FOR SELECT TO CURRENT_USER USING (true)")
    op.execute(GATE)
    op.execute("REVOKE ALL ON FUNCTION mailed_token(bytea) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION mailed_token(bytea) TO {app}")


def _table() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "mailed_tokens",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.String(collation="C"), nullable=False),
        sa.Column("issued_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("used_at", instant, nullable=True),
        sa.CheckConstraint("purpose IN ('RESET', 'VERIFY')", name=op.f("ck_mailed_tokens_purpose")),
        sa.ForeignKeyConstraint(
            ["ledger_id"],
            ["ledgers.id"],
            name=op.f("fk_mailed_tokens_ledger_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_mailed_tokens")),
    )
    op.create_index(
        op.f("ix_mailed_tokens_ledger_id_user_id"), "mailed_tokens", ["ledger_id", "user_id"]
    )
    op.create_index("uq_mailed_tokens_hash", "mailed_tokens", ["hash"], unique=True)
