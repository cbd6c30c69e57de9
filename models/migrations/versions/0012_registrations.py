"""Create the sign-ups that wait for their address to be proved; they belong to no ledger yet."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "registrations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registrations")),
    )
    op.create_index(op.f("ix_registrations_address"), "registrations", ["address"])
    op.create_index(op.f("ix_registrations_expires_at"), "registrations", ["expires_at"])
    op.create_index("uq_registrations_hash", "registrations", ["hash"], unique=True)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON registrations TO {app}")
