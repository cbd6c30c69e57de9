"""Add erasures, and the gates by which a person and her ledger leave for good."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
GATE_POLICIES = (
    # The functions below run as the tables' owner, whom the fence holds too.
    ("users", "DELETE"),
    ("ledgers", "DELETE"),
    ("uploads", "SELECT"),
)
# A ledger goes with everything in it by one cascade.  What also refers to something else of the
# ledger has to go in the first step, or the check of that reference finds it still there.
BOUND = ("splits", "budget_items")
FUNCTIONS = (
    # Takes the caller's own row and memberships away, and writes down that the rest is to follow.
    # Her keys must be gone before: what is left of her cannot be read any more.
    f"""
    CREATE FUNCTION forget_person(
      erasure uuid, at timestamptz, keys integer[], counted jsonb, sealed_address bytea
    ) RETURNS uuid LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    DECLARE who uuid := public.app_user(); own uuid;
    BEGIN
      SELECT ledger_id INTO own FROM public.users WHERE id = who;
      IF own IS NULL THEN
        RAISE EXCEPTION 'only somebody who is there can be forgotten';
      END IF;
      INSERT INTO public.erasures
        (id, user_id, ledger_id, shredded_at, key_numbers, counts, address)
      VALUES (erasure, who, own, at, keys, counted, sealed_address);
      DELETE FROM public.users WHERE id = who;
      DELETE FROM public.memberships WHERE user_id = who;
      RETURN own;
    END $$
    """,
    """
    CREATE FUNCTION files_to_erase(erasure uuid) RETURNS TABLE (ledger_id uuid, file_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      SELECT u.ledger_id, u.id FROM public.uploads u
      JOIN public.erasures e ON e.ledger_id = u.ledger_id
      WHERE e.id = erasure
        AND NOT EXISTS (SELECT 1 FROM public.memberships m WHERE m.ledger_id = e.ledger_id)
    $$
    """,
    f"""
    CREATE FUNCTION erase_ledger(erasure uuid) RETURNS boolean
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    DECLARE target uuid;
    BEGIN
      SELECT e.ledger_id INTO target FROM public.erasures e
      WHERE e.id = erasure
        AND NOT EXISTS (SELECT 1 FROM public.memberships m WHERE m.ledger_id = e.ledger_id);
      DELETE FROM public.ledgers WHERE id = target AND kind = 'PERSONAL';
      RETURN FOUND;
    END $$
    """,
)
GATES = (
    "forget_person(uuid, timestamptz, integer[], jsonb, bytea)",
    "files_to_erase(uuid)",
    "erase_ledger(uuid)",
)


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("shredded_at", instant, nullable=False),
        sa.Column("erased_at", instant, nullable=True),
        sa.Column("key_numbers", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index("uq_erasures_ledger", "erasures", ["ledger_id"], unique=True)
    for name in BOUND:
        op.create_foreign_key(
            op.f(f"fk_{name}_ledger_id"), name, "ledgers", ["ledger_id"], ["id"], ondelete="CASCADE"
        )
    # Outside of the fence as jobs are: ids, counts, and a sealed address until its mail has left.
    op.execute(f"GRANT SELECT, UPDATE ON erasures TO {app}")
    for name, command in GATE_POLICIES:
        op.execute(
            f"CREATE POLICY erase_{command.lower()} ON {name} FOR {command} "
            "TO CURRENT_USER USING (true)"
        )
    for statement in FUNCTIONS:
        op.execute(statement)
    for gate in GATES:
        op.execute(f"REVOKE ALL ON FUNCTION {gate} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {gate} TO {app}")
