"""Let operators see how many people use the product: two counts and nobody's name."""

from alembic import op

revision = "0022"
down_revision = "0021"

FUNCTION = """
    CREATE FUNCTION activity() RETURNS TABLE (day bigint, month bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT count(DISTINCT s.ledger_id) FILTER (WHERE s.last_used_at > now() - interval '1 day'),
        count(DISTINCT s.ledger_id)
      FROM public.sessions s WHERE s.last_used_at > now() - interval '30 days'
    $$
"""


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    op.execute(FUNCTION)
    op.execute("REVOKE ALL ON FUNCTION activity() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION activity() TO {app}")
