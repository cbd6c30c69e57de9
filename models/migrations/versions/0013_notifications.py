"""Create notifications and the marks of budgets, fenced, and reminders of templates with their gate."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

SEEN = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
WRITTEN = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
POLICIES = (
    ("seen", "SELECT", f"USING ({SEEN})"),
    ("added", "INSERT", f"WITH CHECK ({WRITTEN})"),
    ("changed", "UPDATE", f"USING ({WRITTEN}) WITH CHECK ({WRITTEN})"),
    ("removed", "DELETE", f"USING ({WRITTEN})"),
)
TYPES = (
    "INVITATION", "GROUP_EXPENSE", "SETTLEMENT", "BUDGET_THRESHOLD", "BUDGET_EXCEEDED",
    "TEMPLATE_POSTED", "TEMPLATE_DUE", "IMPORT_FINISHED", "SECURITY",
)  # fmt: skip
GATE = """
    CREATE FUNCTION due_reminders(before date)
    RETURNS TABLE (ledger_id uuid, user_id uuid, template_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT t.ledger_id, min(m.user_id::text)::uuid, t.id
      FROM public.templates t
      JOIN public.accounts a
        ON a.ledger_id = t.ledger_id AND a.id = t.account_id AND a.deleted_at IS NULL
      JOIN public.memberships m ON m.ledger_id = t.ledger_id AND m.role = 'OWNER'
      WHERE t.remind_on < before
      GROUP BY t.ledger_id, t.id
    $$
"""


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    _tables()
    for name in ("notifications", "budget_marks"):
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {app}")
        for policy, command, clause in POLICIES:
            op.execute(f"CREATE POLICY {policy} ON {name} FOR {command} TO {app} {clause}")
    op.add_column(
        "ledgers",
        sa.Column("noticed_version", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.execute("UPDATE ledgers SET noticed_version = version")
    op.add_column("templates", sa.Column("remind_on", sa.Date(), nullable=True))
    # The first job for each finds the date that is really next.
    op.execute("UPDATE templates SET remind_on = CURRENT_DATE + 1 WHERE NOT auto_post")
    op.create_index(
        "ix_templates_remind",
        "templates",
        ["remind_on"],
        postgresql_where=sa.text("remind_on IS NOT NULL"),
    )
    op.execute(GATE)
    op.execute("REVOKE ALL ON FUNCTION due_reminders(date) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION due_reminders(date) TO {app}")


def _tables() -> None:
    instant = sa.DateTime(timezone=True)
    words = ", ".join(f"'{one}'" for one in TYPES)
    op.create_table(
        "notifications",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("type", sa.String(collation="C"), nullable=False),
        sa.Column("title", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("read_at", instant, nullable=True),
        sa.CheckConstraint(f"type IN ({words})", name=op.f("ck_notifications_type")),
        sa.ForeignKeyConstraint(
            ["ledger_id"],
            ["ledgers.id"],
            name=op.f("fk_notifications_ledger_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_notifications")),
    )
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["ledger_id", "id"],
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_table(
        "budget_marks",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("percent", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("budget_id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ledger_id", "budget_id"],
            ["budgets.ledger_id", "budgets.id"],
            name=op.f("fk_budget_marks_ledger_id_budget_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "ledger_id", "subject_id", "period", "percent", name=op.f("pk_budget_marks")
        ),
    )
    op.create_index("ix_budget_marks_budget", "budget_marks", ["ledger_id", "budget_id"])
