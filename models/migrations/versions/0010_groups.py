"""Create groups: their tables, fenced as every ledger's, and the only ways in and out of one.

A membership changes by definer functions alone; each locks the ledger's row, as writers do, so that
who was removed commits nothing afterwards.  A viewer's own coming and going has to be written down
too: ``pen`` lets her write in the one transaction that does it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

SEEN = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
WRITTEN = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
POLICIES = (
    ("seen", "SELECT", f"USING ({SEEN})"),
    ("added", "INSERT", f"WITH CHECK ({WRITTEN})"),
    ("changed", "UPDATE", f"USING ({WRITTEN}) WITH CHECK ({WRITTEN})"),
    ("removed", "DELETE", f"USING ({WRITTEN})"),
)
TABLES = (
    "groups", "group_members", "group_transactions", "group_parts", "group_nets", "group_debts",
    "shares",
)  # fmt: skip
GATE_POLICIES = (
    # The functions below run as the tables' owner, whom the fence holds too.
    ("ledgers", "UPDATE", "USING (true) WITH CHECK (true)"),
    ("ledgers", "DELETE", "USING (true)"),
    ("farewells", "ALL", "USING (true) WITH CHECK (true)"),
)
_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
_THIS = "pg_catalog.pg_current_xact_id()::text::bigint"

FUNCTIONS = (
    # Who has left looks once more, in the job that closes her own books over the group.
    f"""
    CREATE OR REPLACE FUNCTION my_ledgers() RETURNS SETOF uuid LANGUAGE sql STABLE {_DEFINER} AS $$
      SELECT ledger_id FROM public.memberships WHERE user_id = public.app_user()
      UNION ALL
      SELECT ledger_id FROM public.farewells WHERE user_id = public.app_user()
        AND ledger_id = nullif(current_setting('app.farewell', true), '')::uuid
    $$
    """,
    f"""
    CREATE OR REPLACE FUNCTION my_writable_ledgers() RETURNS SETOF uuid
    LANGUAGE sql STABLE {_DEFINER} AS $$
      SELECT ledger_id FROM public.memberships
      WHERE user_id = public.app_user() AND (role IN ('OWNER', 'MEMBER')
        OR pen = pg_catalog.pg_current_xact_id_if_assigned()::text::bigint)
    $$
    """,
    f"""
    CREATE FUNCTION open_group_ledger(new_ledger uuid) RETURNS uuid
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    BEGIN
      IF public.app_user() IS NULL THEN
        RAISE EXCEPTION 'a group is opened by somebody';
      END IF;
      INSERT INTO public.ledgers (id, kind, created_at) VALUES (new_ledger, 'GROUP', now());
      INSERT INTO public.memberships (ledger_id, user_id, role, joined_at)
      VALUES (new_ledger, public.app_user(), 'OWNER', now());
      RETURN new_ledger;
    END $$
    """,
    # Locks the ledger for a member and reads her role behind the lock; null for all others.
    f"""
    CREATE FUNCTION lock_group(wanted uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    DECLARE found_role text;
    BEGIN
      PERFORM 1 FROM public.memberships
      WHERE ledger_id = wanted AND user_id = public.app_user();
      IF NOT FOUND THEN RETURN NULL; END IF;
      PERFORM 1 FROM public.ledgers WHERE id = wanted AND kind = 'GROUP' FOR UPDATE;
      SELECT role INTO found_role FROM public.memberships
      WHERE ledger_id = wanted AND user_id = public.app_user();
      RETURN found_role;
    END $$
    """,
    f"""
    CREATE FUNCTION take_pen(wanted uuid) RETURNS boolean
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    BEGIN
      IF public.lock_group(wanted) IS NULL THEN RETURN false; END IF;
      UPDATE public.memberships SET pen = {_THIS}
      WHERE ledger_id = wanted AND user_id = public.app_user();
      RETURN true;
    END $$
    """,
    # Adds somebody with whom the caller shares a group already.
    f"""
    CREATE FUNCTION add_member(wanted uuid, who uuid, new_role text) RETURNS text
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    BEGIN
      IF public.lock_group(wanted) IS DISTINCT FROM 'OWNER' THEN RETURN 'FORBIDDEN'; END IF;
      PERFORM 1 FROM public.memberships WHERE ledger_id = wanted AND user_id = who;
      IF FOUND THEN RETURN 'PRESENT'; END IF;
      PERFORM 1 FROM public.memberships mine
      JOIN public.memberships theirs ON theirs.ledger_id = mine.ledger_id AND theirs.user_id = who
      JOIN public.ledgers l ON l.id = mine.ledger_id AND l.kind = 'GROUP'
      WHERE mine.user_id = public.app_user();
      IF NOT FOUND THEN RETURN 'UNKNOWN'; END IF;
      INSERT INTO public.memberships (ledger_id, user_id, role, joined_at)
      VALUES (wanted, who, new_role, now());
      RETURN 'DONE';
    END $$
    """,
    f"""
    CREATE FUNCTION change_role(wanted uuid, who uuid, new_role text) RETURNS text
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    BEGIN
      IF public.lock_group(wanted) IS DISTINCT FROM 'OWNER' THEN RETURN 'FORBIDDEN'; END IF;
      PERFORM 1 FROM public.memberships WHERE ledger_id = wanted AND user_id = who;
      IF NOT FOUND THEN RETURN 'UNKNOWN'; END IF;
      IF new_role <> 'OWNER' THEN
        PERFORM 1 FROM public.memberships
        WHERE ledger_id = wanted AND user_id <> who AND role = 'OWNER';
        IF NOT FOUND THEN RETURN 'LAST_OWNER'; END IF;
      END IF;
      UPDATE public.memberships SET role = new_role WHERE ledger_id = wanted AND user_id = who;
      RETURN 'DONE';
    END $$
    """,
    f"""
    CREATE FUNCTION remove_member(wanted uuid, who uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    DECLARE mine text := public.lock_group(wanted);
    BEGIN
      IF mine IS NULL OR (mine <> 'OWNER' AND who <> public.app_user()) THEN
        RETURN 'FORBIDDEN';
      END IF;
      PERFORM 1 FROM public.memberships WHERE ledger_id = wanted AND user_id = who;
      IF NOT FOUND THEN RETURN 'UNKNOWN'; END IF;
      PERFORM 1 FROM public.memberships
      WHERE ledger_id = wanted AND user_id <> who AND role = 'OWNER';
      IF NOT FOUND THEN RETURN 'LAST_OWNER'; END IF;
      INSERT INTO public.farewells (ledger_id, user_id, left_at) VALUES (wanted, who, now())
      ON CONFLICT DO NOTHING;
      DELETE FROM public.memberships WHERE ledger_id = wanted AND user_id = who;
      RETURN 'DONE';
    END $$
    """,
    f"""
    CREATE FUNCTION close_group(wanted uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    BEGIN
      IF public.lock_group(wanted) IS DISTINCT FROM 'OWNER' THEN RETURN 'FORBIDDEN'; END IF;
      INSERT INTO public.farewells (ledger_id, user_id, left_at)
      SELECT wanted, user_id, now() FROM public.memberships WHERE ledger_id = wanted
      ON CONFLICT DO NOTHING;
      DELETE FROM public.memberships WHERE ledger_id = wanted;
      RETURN 'DONE';
    END $$
    """,
    # The last word is said: of a group without anybody nothing stays, its keys least of all.
    f"""
    CREATE FUNCTION end_farewell(wanted uuid) RETURNS boolean
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    BEGIN
      PERFORM 1 FROM public.farewells WHERE ledger_id = wanted AND user_id = public.app_user();
      IF NOT FOUND THEN RETURN false; END IF;
      PERFORM 1 FROM public.ledgers WHERE id = wanted FOR UPDATE;
      DELETE FROM public.farewells WHERE ledger_id = wanted AND user_id = public.app_user();
      IF EXISTS (SELECT 1 FROM public.memberships WHERE ledger_id = wanted)
        OR EXISTS (SELECT 1 FROM public.farewells WHERE ledger_id = wanted) THEN
        RETURN false;
      END IF;
      DELETE FROM public.ledgers WHERE id = wanted AND kind = 'GROUP';
      RETURN FOUND;
    END $$
    """,
    # The roles behind the members that a group shows, for its own members and for verification.
    f"""
    CREATE FUNCTION roles_in(wanted uuid) RETURNS TABLE (user_id uuid, role text)
    LANGUAGE sql STABLE {_DEFINER} AS $$
      SELECT m.user_id, m.role FROM public.memberships m
      WHERE m.ledger_id = wanted AND EXISTS (
        SELECT 1 FROM public.memberships mine
        WHERE mine.ledger_id = wanted AND mine.user_id = public.app_user()
      )
    $$
    """,
)
GATES = (
    "open_group_ledger(uuid)",
    "lock_group(uuid)",
    "take_pen(uuid)",
    "add_member(uuid, uuid, text)",
    "change_role(uuid, uuid, text)",
    "remove_member(uuid, uuid)",
    "close_group(uuid)",
    "end_farewell(uuid)",
    "roles_in(uuid)",
)


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    _tables()
    for name in TABLES:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {app}")
        for policy, command, clause in POLICIES:
            op.execute(f"CREATE POLICY {policy} ON {name} FOR {command} TO {app} {clause}")
    op.execute("ALTER TABLE farewells ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE farewells FORCE ROW LEVEL SECURITY")
    for name, command, clause in GATE_POLICIES:
        gate = f"gate_{command.lower()}"
        op.execute(f"CREATE POLICY {gate} ON {name} FOR {command} TO CURRENT_USER {clause}")
    for statement in FUNCTIONS:
        op.execute(statement)
    for gate in GATES:
        op.execute(f"REVOKE ALL ON FUNCTION {gate} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {gate} TO {app}")


def _tables() -> None:
    op.create_table(
        "farewells",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_farewells_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "user_id", name=op.f("pk_farewells")),
    )
    op.create_table(
        "group_debts",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("low_id", sa.Uuid(), nullable=False),
        sa.Column("high_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(collation="C"), nullable=False),
        sa.Column("amount", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("low_id < high_id", name=op.f("ck_group_debts_order")),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_group_debts_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_group_debts")),
    )
    op.create_index(
        "uq_group_debts_pair",
        "group_debts",
        ["ledger_id", "low_id", "high_id", "currency"],
        unique=True,
    )
    op.create_table(
        "group_members",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("role", sa.String(collation="C"), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('OWNER', 'MEMBER', 'VIEWER')", name=op.f("ck_group_members_role")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id"],
            ["ledgers.id"],
            name=op.f("fk_group_members_ledger_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_group_members")),
    )
    op.create_index("ix_group_members_user", "group_members", ["id"], unique=False)
    op.create_table(
        "groups",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_groups_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_groups")),
    )
    op.create_table(
        "group_nets",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(collation="C"), nullable=False),
        sa.Column("paid", sa.LargeBinary(), nullable=False),
        sa.Column("owed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "user_id"],
            ["group_members.ledger_id", "group_members.id"],
            name=op.f("fk_group_nets_ledger_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_group_nets")),
    )
    op.create_index(
        "uq_group_nets_user", "group_nets", ["ledger_id", "user_id", "currency"], unique=True
    )
    op.create_table(
        "group_transactions",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("amount", sa.LargeBinary(), nullable=False),
        sa.Column("currency", sa.String(collation="C"), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("split_method", sa.String(collation="C"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('EXPENSE', 'SETTLEMENT')", name=op.f("ck_group_transactions_kind")
        ),
        sa.CheckConstraint(
            "split_method IN ('EQUAL', 'EXACT', 'PERCENT', 'SHARES')",
            name=op.f("ck_group_transactions_split_method"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "category_id"],
            ["categories.ledger_id", "categories.id"],
            name=op.f("fk_group_transactions_ledger_id_category_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id"],
            ["ledgers.id"],
            name=op.f("fk_group_transactions_ledger_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_group_transactions")),
    )
    op.create_index(
        "ix_group_transactions_category",
        "group_transactions",
        ["ledger_id", "category_id"],
        unique=False,
    )
    op.create_index(
        "ix_group_transactions_newest",
        "group_transactions",
        ["ledger_id", "date", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "shares",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(collation="C"), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("paid", sa.LargeBinary(), nullable=False),
        sa.Column("owed", sa.LargeBinary(), nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("group_category_id", sa.Uuid(), nullable=True),
        sa.Column("source_version", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('EXPENSE', 'SETTLEMENT')", name=op.f("ck_shares_kind")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "category_id"],
            ["categories.ledger_id", "categories.id"],
            name=op.f("fk_shares_ledger_id_category_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_shares_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_shares")),
    )
    op.create_index("ix_shares_category", "shares", ["ledger_id", "category_id"], unique=False)
    op.create_index("ix_shares_group", "shares", ["ledger_id", "group_id"], unique=False)
    op.create_index(
        "ix_shares_newest",
        "shares",
        ["ledger_id", "date", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "group_parts",
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("paid_position", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("paid", sa.LargeBinary(), nullable=True),
        sa.Column("owed", sa.LargeBinary(), nullable=True),
        sa.Column("weight", sa.String(collation="C"), nullable=True),
        sa.ForeignKeyConstraint(
            ["ledger_id", "transaction_id"],
            ["group_transactions.ledger_id", "group_transactions.id"],
            name=op.f("fk_group_parts_ledger_id_transaction_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "user_id"],
            ["group_members.ledger_id", "group_members.id"],
            name=op.f("fk_group_parts_ledger_id_user_id"),
        ),
        # Beside the way through its transaction: a ledger goes with all of it in one step.
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_group_parts_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_group_parts")),
    )
    op.create_index("ix_group_parts_user", "group_parts", ["ledger_id", "user_id"], unique=False)
    op.create_index(
        "uq_group_parts_user",
        "group_parts",
        ["ledger_id", "transaction_id", "user_id"],
        unique=True,
    )
    op.add_column("memberships", sa.Column("pen", sa.BigInteger(), nullable=True))
    op.add_column("transactions", sa.Column("group_transaction_id", sa.Uuid(), nullable=True))
    op.create_index(
        "uq_transactions_leg",
        "transactions",
        ["ledger_id", "group_transaction_id"],
        unique=True,
        postgresql_where=sa.text("group_transaction_id IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_foreign_key(
        op.f("fk_transactions_ledger_id_group_transaction_id"),
        "transactions",
        "shares",
        ["ledger_id", "group_transaction_id"],
        ["ledger_id", "id"],
    )
