"""Find the pending rows of an account without passing all others: a balance tells them apart."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    # Writers go on meanwhile; what an earlier try left half made is made anew.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_transactions_pending")
        op.create_index(
            "ix_transactions_pending",
            "transactions",
            ["ledger_id", "account_id", "date"],
            postgresql_where=sa.text("deleted_at IS NULL AND status = 'PENDING'"),
            postgresql_concurrently=True,
        )
