"""Add rules, fenced as every tenant table, and the fields of transactions that hands have set."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"

# Nobody wrote down until now what a hand has set.  A row that no file and no template made, and an
# imported one that was changed since, keep what they hold; what they lack stays open.
HAND_SET = """
    UPDATE transactions SET locked = array_remove(ARRAY[
      CASE WHEN category_id IS NOT NULL OR split_count > 0 THEN 'CATEGORY' END,
      CASE WHEN payee IS NOT NULL THEN 'PAYEE' END,
      CASE WHEN cardinality(tags) > 0 THEN 'TAGS' END,
      CASE WHEN notes IS NOT NULL THEN 'NOTES' END
    ], NULL)
    WHERE (import_id IS NULL AND template_id IS NULL AND group_transaction_id IS NULL)
      OR version > 1
"""


def upgrade() -> None:
    key_text = sa.String(collation="C")
    op.add_column(
        "transactions",
        sa.Column("locked", postgresql.ARRAY(key_text), server_default="{}", nullable=False),
    )
    # The fence stands against the owner, too, and comes back before anybody sees it open.
    op.execute("ALTER TABLE transactions NO FORCE ROW LEVEL SECURITY")
    op.execute(HAND_SET)
    op.execute("ALTER TABLE transactions FORCE ROW LEVEL SECURITY")
    _rules()
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    op.execute("ALTER TABLE rules ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE rules FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON rules TO {app}")
    seen = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
    written = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
    for policy, command, clause in (
        ("seen", "SELECT", f"USING ({seen})"),
        ("added", "INSERT", f"WITH CHECK ({written})"),
        ("changed", "UPDATE", f"USING ({written}) WITH CHECK ({written})"),
        ("removed", "DELETE", f"USING ({written})"),
    ):
        op.execute(f"CREATE POLICY {policy} ON rules FOR {command} TO {app} {clause}")


def _rules() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "rules",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("stop", sa.Boolean(), nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("position > 0", name=op.f("ck_rules_position")),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_rules_ledger_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "category_id"],
            ["categories.ledger_id", "categories.id"],
            name=op.f("fk_rules_ledger_id_category_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_rules")),
    )
    op.create_index("ix_rules_position", "rules", ["ledger_id", "position", "id"])
    op.create_index("ix_rules_category", "rules", ["ledger_id", "category_id"])
