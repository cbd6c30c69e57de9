"""Create invitations, seen by their group and by whoever has the address, and the ways to answer."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

SEEN = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
WRITTEN = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
POLICIES = (
    ("seen", "SELECT", f"USING ({SEEN})"),
    ("received", "SELECT", "USING (email_key = ANY (ARRAY(SELECT my_inbox())))"),
    ("added", "INSERT", f"WITH CHECK ({WRITTEN})"),
    ("changed", "UPDATE", f"USING ({WRITTEN}) WITH CHECK ({WRITTEN})"),
    ("removed", "DELETE", f"USING ({WRITTEN})"),
)
_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

FUNCTIONS = (
    # The address whose box is the caller's: proved, or in the local profile any.
    f"""
    CREATE FUNCTION my_inbox() RETURNS SETOF text LANGUAGE sql STABLE {_DEFINER} AS $$
      SELECT email_key FROM public.users WHERE id = public.app_user()
        AND (email_verified_at IS NOT NULL
          OR current_setting('app.trust_addresses', true) = 'on')
    $$
    """,
    f"""
    CREATE FUNCTION bump_inbox(whose text) RETURNS void LANGUAGE sql VOLATILE {_DEFINER} AS $$
      INSERT INTO public.inboxes AS box (email_key, version) VALUES (whose, 1)
      ON CONFLICT (email_key) DO UPDATE SET version = box.version + 1
    $$
    """,
    "DROP FUNCTION visible_versions(uuid)",
    f"""
    CREATE FUNCTION visible_versions(who uuid)
    RETURNS TABLE (ledger_id uuid, version bigint, books bigint, inbox bigint)
    LANGUAGE sql STABLE {_DEFINER} AS $$
      SELECT l.id, l.version, l.books, CASE WHEN l.kind = 'PERSONAL' THEN coalesce((
        SELECT box.version FROM public.inboxes box
        JOIN public.users u ON u.email_key = box.email_key WHERE u.id = who
      ), 0) ELSE 0 END
      FROM public.memberships m JOIN public.ledgers l ON l.id = m.ledger_id
      WHERE m.user_id = who
    $$
    """,
    f"""
    CREATE FUNCTION invitation_by_token(wanted bytea)
    RETURNS TABLE (ledger_id uuid, invitation_id uuid) LANGUAGE sql STABLE {_DEFINER} AS $$
      SELECT i.ledger_id, i.id FROM public.invitations i WHERE i.token_hash = wanted
    $$
    """,
    f"""
    CREATE FUNCTION due_invitations(before timestamptz)
    RETURNS TABLE (ledger_id uuid, user_id uuid, invitation_id uuid)
    LANGUAGE sql STABLE {_DEFINER} AS $$
      SELECT i.ledger_id, min(m.user_id::text)::uuid, i.id
      FROM public.invitations i
      JOIN public.memberships m ON m.ledger_id = i.ledger_id AND m.role = 'OWNER'
      WHERE i.status = 'PENDING' AND i.expires_at <= before
      GROUP BY i.ledger_id, i.id
    $$
    """,
    # Lets somebody who was asked in through the door, to stay or only to decline, behind the
    # ledger's lock: of several answers one finds the invitation pending.
    f"""
    CREATE FUNCTION admit_invitee(wanted uuid, token bytea, stays boolean) RETURNS text
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    DECLARE
      it public.invitations;
      this bigint := pg_catalog.pg_current_xact_id()::text::bigint;
    BEGIN
      SELECT * INTO it FROM public.invitations WHERE id = wanted;
      IF NOT FOUND OR public.app_user() IS NULL THEN RETURN 'UNKNOWN'; END IF;
      IF it.email_key NOT IN (SELECT public.my_inbox())
        AND (token IS NULL OR it.token_hash IS DISTINCT FROM token) THEN
        RETURN 'UNKNOWN';
      END IF;
      PERFORM 1 FROM public.ledgers WHERE id = it.ledger_id FOR UPDATE;
      SELECT * INTO it FROM public.invitations WHERE ledger_id = it.ledger_id AND id = wanted;
      IF NOT EXISTS (SELECT 1 FROM public.memberships WHERE ledger_id = it.ledger_id) THEN
        RETURN 'UNKNOWN';
      END IF;
      IF it.status = 'EXPIRED' OR (it.status = 'PENDING' AND it.expires_at <= clock_timestamp())
      THEN
        RETURN 'EXPIRED';
      END IF;
      IF it.status <> 'PENDING' THEN RETURN 'ANSWERED'; END IF;
      UPDATE public.memberships SET pen = this
      WHERE ledger_id = it.ledger_id AND user_id = public.app_user();
      IF FOUND THEN RETURN 'PRESENT'; END IF;
      INSERT INTO public.memberships (ledger_id, user_id, role, joined_at, pen)
      VALUES (it.ledger_id, public.app_user(), CASE WHEN stays THEN it.role ELSE 'VIEWER' END,
        now(), this);
      RETURN 'ADMITTED';
    END $$
    """,
    # Who came only to decline goes again before anyone could see her there.
    f"""
    CREATE FUNCTION withdraw(wanted uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    BEGIN
      DELETE FROM public.memberships WHERE ledger_id = wanted AND user_id = public.app_user()
        AND role = 'VIEWER' AND pen = pg_catalog.pg_current_xact_id()::text::bigint;
      RETURN FOUND;
    END $$
    """,
)
GATES = (
    "my_inbox()",
    "bump_inbox(text)",
    "visible_versions(uuid)",
    "invitation_by_token(bytea)",
    "due_invitations(timestamptz)",
    "admit_invitee(uuid, bytea, boolean)",
    "withdraw(uuid)",
)


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    _tables()
    for statement in FUNCTIONS:
        op.execute(statement)
    for gate in GATES:
        op.execute(f"REVOKE ALL ON FUNCTION {gate} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {gate} TO {app}")
    op.execute("ALTER TABLE invitations ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE invitations FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON invitations TO {app}")
    for policy, command, clause in POLICIES:
        op.execute(f"CREATE POLICY {policy} ON invitations FOR {command} TO {app} {clause}")
    op.execute("CREATE POLICY gate_select ON invitations FOR SELECT TO CURRENT_USER USING (true)")
    op.execute("ALTER TABLE inboxes ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE inboxes FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY gate_all ON inboxes FOR ALL TO CURRENT_USER USING (true) WITH CHECK (true)"
    )


def _tables() -> None:
    op.create_table(
        "inboxes",
        sa.Column("email_key", sa.String(collation="C"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("email_key", name=op.f("pk_inboxes")),
    )
    op.create_table(
        "invitations",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.String(collation="C"), nullable=False),
        sa.Column("role", sa.String(collation="C"), nullable=False),
        sa.Column("status", sa.String(collation="C"), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("inviter_name", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "role IN ('OWNER', 'MEMBER', 'VIEWER')", name=op.f("ck_invitations_role")
        ),
        sa.CheckConstraint(
            "status IN ('PENDING', 'ACCEPTED', 'DECLINED', 'CANCELLED', 'EXPIRED')",
            name=op.f("ck_invitations_status"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_invitations_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_invitations")),
    )
    op.create_index(
        "ix_invitations_due",
        "invitations",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'PENDING'"),
    )
    op.create_index("ix_invitations_id", "invitations", ["id"], unique=False)
    op.create_index("ix_invitations_received", "invitations", ["email_key", "id"], unique=False)
    op.create_index("ix_invitations_token", "invitations", ["token_hash"], unique=False)
    op.create_index(
        "uq_invitations_pending",
        "invitations",
        ["ledger_id", "email_key"],
        unique=True,
        postgresql_where=sa.text("status = 'PENDING'"),
    )
