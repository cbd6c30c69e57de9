"""Let imports match, link and take back: what a row did, and indexes that keep matching linear."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("import_rows", sa.Column("other_id", sa.Uuid(), nullable=True))
    op.add_column("import_rows", sa.Column("left_version", sa.BigInteger(), nullable=True))
    op.add_column("imports", sa.Column("reverting", sa.String(collation="C"), nullable=True))
    op.create_check_constraint(
        op.f("ck_imports_reverting"), "imports", "reverting IN ('KEEP', 'REMOVE')"
    )
    op.add_column("imports", sa.Column("rulings", sa.LargeBinary(), nullable=True))
    # A key is looked for in any account, since rows may have been moved.
    op.drop_index("ix_transactions_import", "transactions")
    op.create_index(
        "ix_transactions_content",
        "transactions",
        ["ledger_id", "content_key"],
        postgresql_where=sa.text("content_key IS NOT NULL"),
    )
    # The unique index knows the living only; what was deleted is looked for, too.
    op.create_index(
        "ix_transactions_external",
        "transactions",
        ["ledger_id", "account_id", "external_id"],
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_table(
        "import_memories",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("print", sa.LargeBinary(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('APART', 'LEFT_OUT', 'SAME')", name=op.f("ck_import_memories_kind")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id"],
            ["ledgers.id"],
            name=op.f("fk_import_memories_ledger_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_import_memories")),
    )
    op.create_index("ix_import_memories_print", "import_memories", ["ledger_id", "print"])
    _fence("import_memories")


def _fence(name: str) -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {app}")
    seen = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
    written = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
    for policy, command, clause in (
        ("seen", "SELECT", f"USING ({seen})"),
        ("added", "INSERT", f"WITH CHECK ({written})"),
        ("changed", "UPDATE", f"USING ({written}) WITH CHECK ({written})"),
        ("removed", "DELETE", f"USING ({written})"),
    ):
        op.execute(f"CREATE POLICY {policy} ON {name} FOR {command} TO {app} {clause}")
