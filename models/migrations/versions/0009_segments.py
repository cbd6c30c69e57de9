"""Create segments of sealed amounts and own exchange rates; mark the months that stand."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

SEEN = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
WRITTEN = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
POLICIES = (
    ("seen", "SELECT", f"USING ({SEEN})"),
    ("added", "INSERT", f"WITH CHECK ({WRITTEN})"),
    ("changed", "UPDATE", f"USING ({WRITTEN}) WITH CHECK ({WRITTEN})"),
    ("removed", "DELETE", f"USING ({WRITTEN})"),
)
# Every month that has a row has its segment, so that readers need not look for others.
MARK = """
    INSERT INTO segments (ledger_id, book, month, currency, page, version, built, count)
    SELECT DISTINCT ledger_id, account_id, date_trunc('month', date)::date, currency, 0, 1, 0, 0
    FROM transactions WHERE deleted_at IS NULL
"""


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    _segments()
    _rates()
    # Sealed bytes do not compress, and totals are read without the blobs beside them.
    op.execute("ALTER TABLE segments ALTER COLUMN blob SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE transactions NO FORCE ROW LEVEL SECURITY")
    op.execute(MARK)
    op.execute("ALTER TABLE transactions FORCE ROW LEVEL SECURITY")
    for name in ("segments", "rates"):
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {app}")
        for policy, command, clause in POLICIES:
            op.execute(f"CREATE POLICY {policy} ON {name} FOR {command} TO {app} {clause}")


def _segments() -> None:
    op.create_table(
        "segments",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("book", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(collation="C"), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("built", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total", sa.LargeBinary(), nullable=True),
        sa.Column("blob", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_segments_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "ledger_id", "book", "month", "currency", "page", name=op.f("pk_segments")
        ),
    )


def _rates() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "rates",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("from_currency", sa.String(collation="C"), nullable=False),
        sa.Column("to_currency", sa.String(collation="C"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=30, scale=12), nullable=False),
        sa.CheckConstraint("rate > 0", name=op.f("ck_rates_positive")),
        sa.CheckConstraint("from_currency <> to_currency", name=op.f("ck_rates_pair")),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_rates_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_rates")),
    )
    op.create_index(
        "uq_rates_pair",
        "rates",
        [
            "ledger_id",
            sa.literal_column('LEAST(from_currency, to_currency) COLLATE "C"'),
            sa.literal_column('GREATEST(from_currency, to_currency) COLLATE "C"'),
            "day",
        ],
        unique=True,
    )
