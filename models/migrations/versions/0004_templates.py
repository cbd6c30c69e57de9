"""Add recurring templates, fenced as every tenant table, and the gate to those that are due."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

# Owners of a ledger act for it; a template whose account lies in the trash posts nothing.
DUE_TEMPLATES = """
    CREATE FUNCTION due_templates(before date)
    RETURNS TABLE (ledger_id uuid, user_id uuid, template_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT t.ledger_id, min(m.user_id::text)::uuid, t.id
      FROM public.templates t
      JOIN public.accounts a
        ON a.ledger_id = t.ledger_id AND a.id = t.account_id AND a.deleted_at IS NULL
      JOIN public.memberships m ON m.ledger_id = t.ledger_id AND m.role = 'OWNER'
      WHERE t.next_due < before
      GROUP BY t.ledger_id, t.id
    $$
"""


def upgrade() -> None:
    _table()
    op.add_column("transactions", sa.Column("occurrence_date", sa.Date(), nullable=True))
    op.create_index(
        "uq_transactions_occurrence",
        "transactions",
        ["ledger_id", "template_id", "occurrence_date"],
        unique=True,
        postgresql_where=sa.text("template_id IS NOT NULL"),
    )
    # A scheduler asks for each due template whether it has its job already.
    op.create_index("ix_jobs_subject", "jobs", ["subject_id", "kind"])
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    op.execute("ALTER TABLE templates ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE templates FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON templates TO {app}")
    seen = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
    written = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
    for policy, command, clause in (
        ("seen", "SELECT", f"USING ({seen})"),
        ("added", "INSERT", f"WITH CHECK ({written})"),
        ("changed", "UPDATE", f"USING ({written}) WITH CHECK ({written})"),
        ("removed", "DELETE", f"USING ({written})"),
    ):
        op.execute(f"CREATE POLICY {policy} ON templates FOR {command} TO {app} {clause}")
    op.execute("CREATE POLICY gate_select ON templates FOR SELECT TO CURRENT_USER USING (true)")
    op.execute(DUE_TEMPLATES)
    op.execute("REVOKE ALL ON FUNCTION due_templates(date) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION due_templates(date) TO {app}")


def _table() -> None:
    key_text = sa.String(collation="C")
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "templates",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.LargeBinary(), nullable=False),
        sa.Column("currency", key_text, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("payee", sa.Text(), nullable=True),
        sa.Column("frequency", key_text, nullable=False),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("day_of_month", sa.Integer(), nullable=True),
        sa.Column("weekend_policy", key_text, nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("auto_post", sa.Boolean(), nullable=False),
        sa.Column("settled_until", sa.Date(), nullable=True),
        sa.Column("next_due", sa.Date(), nullable=True),
        sa.Column("spent_dates", postgresql.ARRAY(sa.Date()), server_default="{}", nullable=False),
        sa.CheckConstraint(
            "frequency IN ('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY')",
            name=op.f("ck_templates_frequency"),
        ),
        sa.CheckConstraint(
            "weekend_policy IN ('NONE', 'BEFORE', 'AFTER', 'SKIP')",
            name=op.f("ck_templates_weekend_policy"),
        ),
        sa.CheckConstraint("interval > 0", name=op.f("ck_templates_interval")),
        sa.CheckConstraint("day_of_month BETWEEN 1 AND 31", name=op.f("ck_templates_day_of_month")),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_templates_ledger_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "account_id"],
            ["accounts.ledger_id", "accounts.id"],
            name=op.f("fk_templates_ledger_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "category_id"],
            ["categories.ledger_id", "categories.id"],
            name=op.f("fk_templates_ledger_id_category_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_templates")),
    )
    op.create_index(
        "ix_templates_name", "templates", ["ledger_id", sa.text('name COLLATE "C"'), "id"]
    )
    op.create_index("ix_templates_account", "templates", ["ledger_id", "account_id"])
    op.create_index("ix_templates_category", "templates", ["ledger_id", "category_id"])
    op.create_index(
        "ix_templates_due",
        "templates",
        ["next_due"],
        postgresql_where=sa.text("next_due IS NOT NULL"),
    )
