"""Add what was learned from past choices of categories, fenced as every tenant table."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "learned_categories",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id"],
            ["ledgers.id"],
            name=op.f("fk_learned_categories_ledger_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_learned_categories")),
    )
    op.create_index(
        "uq_learned_categories_ledger", "learned_categories", ["ledger_id"], unique=True
    )
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    op.execute("ALTER TABLE learned_categories ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE learned_categories FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON learned_categories TO {app}")
    seen = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
    written = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
    for policy, command, clause in (
        ("seen", "SELECT", f"USING ({seen})"),
        ("added", "INSERT", f"WITH CHECK ({written})"),
        ("changed", "UPDATE", f"USING ({written}) WITH CHECK ({written})"),
        ("removed", "DELETE", f"USING ({written})"),
    ):
        op.execute(f"CREATE POLICY {policy} ON learned_categories FOR {command} TO {app} {clause}")
