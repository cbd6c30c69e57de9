"""Let an import name no account: a takeout, or the export of another app, says which ones it fills."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.alter_column("imports", "account_id", nullable=True)
