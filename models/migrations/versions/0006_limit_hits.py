"""Create the counters that limit signing in while Redis is away, and the one gate to them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# The lock makes one caller after the other count; each statement after it sees what they left.
GATE = """
    CREATE FUNCTION take_limit(wanted bytea, allowed integer, seconds integer, asked integer)
    RETURNS TABLE (used bigint, wait_ms bigint, next_ms bigint, newest_ms bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
      span interval := make_interval(secs => seconds);
      moment timestamptz;
      oldest timestamptz;
      newest timestamptz;
      freed timestamptz;
    BEGIN
      PERFORM pg_advisory_xact_lock(hashtextextended(encode(wanted, 'hex'), 0));
      moment := clock_timestamp();
      DELETE FROM public.limit_hits h WHERE h.id IN (
        SELECT o.id FROM public.limit_hits o WHERE o.over_at <= moment
        ORDER BY o.over_at LIMIT 50 FOR UPDATE SKIP LOCKED);
      SELECT coalesce(sum(h.units), 0), min(h.at), max(h.at) INTO used, oldest, newest
        FROM public.limit_hits h WHERE h.key = wanted AND h.at > moment - span;
      wait_ms := 0;
      IF used + asked > allowed THEN
        SELECT f.at INTO freed FROM (
          SELECT h.at, sum(h.units) OVER (ORDER BY h.at, h.id) AS back FROM public.limit_hits h
          WHERE h.key = wanted AND h.at > moment - span) f
        WHERE f.back >= used + asked - allowed ORDER BY f.back LIMIT 1;
        wait_ms := ceil(extract(epoch FROM coalesce(freed + span, moment + span) - moment) * 1000);
      ELSIF asked > 0 THEN
        INSERT INTO public.limit_hits (key, at, over_at, units)
          VALUES (wanted, moment, moment + span, asked);
        used := used + asked;
        oldest := coalesce(oldest, moment);
        newest := moment;
      END IF;
      next_ms := ceil(coalesce(extract(epoch FROM oldest + span - moment), 0) * 1000);
      newest_ms := floor(coalesce(extract(epoch FROM moment - newest), 0) * 1000);
      RETURN NEXT;
    END
    $$
"""


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "limit_hits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("over_at", instant, nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_limit_hits")),
    )
    op.create_index("ix_limit_hits_key", "limit_hits", ["key", "at"])
    op.create_index("ix_limit_hits_over", "limit_hits", ["over_at"])
    op.execute(GATE)
    gate = "take_limit(bytea, integer, integer, integer)"
    op.execute(f"REVOKE ALL ON FUNCTION {gate} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {gate} TO {app}")
