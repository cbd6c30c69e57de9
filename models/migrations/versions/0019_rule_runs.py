"""Add runs of rules over what is there, and what each changed, so that it can be taken back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    _runs()
    _changes()
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    seen = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
    written = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
    for table in ("rule_runs", "rule_changes"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {app}")
        for policy, command, clause in (
            ("seen", "SELECT", f"USING ({seen})"),
            ("added", "INSERT", f"WITH CHECK ({written})"),
            ("changed", "UPDATE", f"USING ({written}) WITH CHECK ({written})"),
            ("removed", "DELETE", f"USING ({written})"),
        ):
            op.execute(f"CREATE POLICY {policy} ON {table} FOR {command} TO {app} {clause}")


def _runs() -> None:
    key_text = sa.String(collation="C")
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "rule_runs",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("status", key_text, nullable=False),
        sa.Column("rule_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("rules", sa.LargeBinary(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("overwrite", sa.Boolean(), nullable=False),
        sa.Column("rows_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=True),
        sa.Column("changed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("restored", sa.Integer(), server_default="0", nullable=False),
        sa.Column("kept", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_id", sa.Uuid(), nullable=True),
        sa.Column("error_code", key_text, nullable=True),
        sa.Column("started_at", instant, nullable=True),
        sa.Column("finished_at", instant, nullable=True),
        sa.CheckConstraint(
            "status IN ('PROCESSING', 'COMPLETED', 'FAILED', 'UNDOING', 'UNDONE')",
            name=op.f("ck_rule_runs_status"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_rule_runs_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_rule_runs")),
    )
    op.create_index(
        "uq_rule_runs_working",
        "rule_runs",
        ["ledger_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('PROCESSING', 'UNDOING')"),
    )


def _changes() -> None:
    key_text = sa.String(collation="C")
    op.create_table(
        "rule_changes",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", key_text, nullable=True),
        sa.Column("kept", postgresql.ARRAY(key_text), server_default="{}", nullable=False),
        sa.CheckConstraint(
            "outcome IN ('RESTORED', 'PARTLY', 'KEPT')", name=op.f("ck_rule_changes_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id"],
            ["ledgers.id"],
            name=op.f("fk_rule_changes_ledger_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "run_id"],
            ["rule_runs.ledger_id", "rule_runs.id"],
            name=op.f("fk_rule_changes_ledger_id_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_rule_changes")),
    )
    op.create_index(
        "uq_rule_changes_row",
        "rule_changes",
        ["ledger_id", "run_id", "transaction_id"],
        unique=True,
    )
    op.create_index("ix_rule_changes_order", "rule_changes", ["ledger_id", "run_id", "id"])
