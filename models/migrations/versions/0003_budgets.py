"""Create budgets and their items, fenced as every table of a ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

GRANT = "SELECT, INSERT, UPDATE, DELETE"
SEEN = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
WRITTEN = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
POLICIES = (
    ("seen", "SELECT", f"USING ({SEEN})"),
    ("added", "INSERT", f"WITH CHECK ({WRITTEN})"),
    ("changed", "UPDATE", f"USING ({WRITTEN}) WITH CHECK ({WRITTEN})"),
    ("removed", "DELETE", f"USING ({WRITTEN})"),
)


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    _create_budgets()
    _create_items()
    for name in ("budgets", "budget_items"):
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT {GRANT} ON {name} TO {app}")
        for policy, command, clause in POLICIES:
            op.execute(f"CREATE POLICY {policy} ON {name} FOR {command} TO {app} {clause}")


def _create_budgets() -> None:
    op.create_table(
        "budgets",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("period", sa.String(collation="C"), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("currency", sa.String(collation="C"), nullable=False),
        sa.Column("alert_percents", sa.ARRAY(sa.Integer()), nullable=False),
        sa.CheckConstraint(
            "period IN ('WEEKLY', 'BIWEEKLY', 'MONTHLY', 'QUARTERLY', 'YEARLY', 'CUSTOM')",
            name=op.f("ck_budgets_period"),
        ),
        sa.CheckConstraint("end_date >= start_date", name=op.f("ck_budgets_dates")),
        sa.CheckConstraint(
            "period <> 'CUSTOM' OR end_date IS NOT NULL", name=op.f("ck_budgets_custom_end")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_budgets_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_budgets")),
    )
    op.create_index(
        "ix_budgets_name",
        "budgets",
        ["ledger_id", sa.literal_column('name COLLATE "C"'), "id"],
        unique=False,
    )


def _create_items() -> None:
    op.create_table(
        "budget_items",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("budget_id", sa.Uuid(), nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.LargeBinary(), nullable=False),
        sa.Column("carry", sa.String(collation="C"), nullable=False),
        sa.CheckConstraint(
            "carry IN ('NONE', 'SURPLUS', 'BOTH')", name=op.f("ck_budget_items_carry")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "budget_id"],
            ["budgets.ledger_id", "budgets.id"],
            name=op.f("fk_budget_items_ledger_id_budget_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "category_id"],
            ["categories.ledger_id", "categories.id"],
            name=op.f("fk_budget_items_ledger_id_category_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_budget_items")),
    )
    op.create_index(
        "ix_budget_items_category", "budget_items", ["ledger_id", "category_id"], unique=False
    )
    op.create_index(
        "uq_budget_items_category",
        "budget_items",
        ["ledger_id", "budget_id", "category_id"],
        unique=True,
    )
