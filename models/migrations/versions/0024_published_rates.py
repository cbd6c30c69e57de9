"""Keep exchange rates that were published after the installed table was made."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    instant, key = sa.DateTime(timezone=True), sa.String(collation="C")
    op.create_table(
        "published_rates",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", key, nullable=False),
        sa.Column("rate", sa.Numeric(30, 12), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("day", "currency", name="pk_published_rates"),
        sa.CheckConstraint("rate > 0", name="positive"),
    )
    op.create_table(
        "rate_sources",
        sa.Column("url", key, nullable=False),
        sa.Column("etag", key, nullable=True),
        sa.Column("asked_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("url", name="pk_rate_sources"),
    )
    op.execute(f"GRANT SELECT, INSERT ON published_rates TO {app}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON rate_sources TO {app}")
