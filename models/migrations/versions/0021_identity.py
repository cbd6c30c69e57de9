"""Create second factors, personal tokens, outside identities, failures to sign in, and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

SEEN = "ledger_id = ANY (ARRAY(SELECT my_ledgers()))"
WRITTEN = "ledger_id = ANY (ARRAY(SELECT my_writable_ledgers()))"
POLICIES = {
    "SELECT": ("seen", f"USING ({SEEN})"),
    "INSERT": ("added", f"WITH CHECK ({WRITTEN})"),
    "UPDATE": ("changed", f"USING ({WRITTEN}) WITH CHECK ({WRITTEN})"),
    "DELETE": ("removed", f"USING ({WRITTEN})"),
}
EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"
GRANTS = {
    "second_factors": EVERYTHING,
    "recovery_codes": EVERYTHING,
    "personal_tokens": EVERYTHING,
    "identities": EVERYTHING,
    # What was noted stays: the application can add to it, and nothing else.
    "audit_entries": "SELECT, INSERT",
    "audit_heads": "SELECT, INSERT, UPDATE",
}
GATES = {
    "personal_token(bytea)": """
        CREATE FUNCTION personal_token(wanted bytea)
        RETURNS TABLE (user_id uuid, ledger_id uuid, token_id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
          SELECT t.user_id, t.ledger_id, t.id FROM public.personal_tokens t WHERE t.hash = wanted
        $$
    """,
    "identity_owner(bytea)": """
        CREATE FUNCTION identity_owner(wanted bytea) RETURNS TABLE (user_id uuid, ledger_id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
          SELECT i.user_id, i.ledger_id FROM public.identities i WHERE i.subject = wanted
        $$
    """,
}


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    _factors()
    _tokens()
    _audit()
    for name, grant in GRANTS.items():
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT {grant} ON {name} TO {app}")
        for command in grant.split(", "):
            policy, clause = POLICIES[command]
            op.execute(f"CREATE POLICY {policy} ON {name} FOR {command} TO {app} {clause}")
    for name in ("personal_tokens", "identities"):
        op.execute(f"CREATE POLICY gate_select ON {name} FOR SELECT TO CURRENT_USER USING (true)")
    for gate, definition in GATES.items():
        op.execute(definition)
        op.execute(f"REVOKE ALL ON FUNCTION {gate} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {gate} TO {app}")
    op.execute(f"GRANT {EVERYTHING} ON sign_in_failures TO {app}")


def _instant(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _owned(name: str) -> tuple[sa.schema.SchemaItem, ...]:
    """What every table of a person begins with: her ledger, and her going with it."""
    return (
        sa.Column("ledger_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f(f"fk_{name}_ledger_id"), ondelete="CASCADE"
        ),
    )


def _factors() -> None:
    op.create_table(
        "second_factors",
        *_owned("second_factors"),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        _instant("created_at"),
        _instant("confirmed_at", nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        *_owned("recovery_codes"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        _instant("used_at", nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        _instant("last_at"),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_sign_in_failures")),
    )
    op.create_index(op.f("ix_sign_in_failures_last_at"), "sign_in_failures", ["last_at"])


def _tokens() -> None:
    op.create_table(
        "personal_tokens",
        *_owned("personal_tokens"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String(collation="C")), nullable=False),
        _instant("created_at"),
        _instant("last_used_at", nullable=True),
        _instant("expires_at", nullable=True),
        _instant("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_personal_tokens")),
    )
    op.create_index("uq_personal_tokens_hash", "personal_tokens", ["hash"], unique=True)
    op.create_table(
        "identities",
        *_owned("identities"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(collation="C"), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_identities")),
    )
    op.create_index("uq_identities_subject", "identities", ["subject"], unique=True)


def _audit() -> None:
    op.create_table(
        "audit_entries",
        *_owned("audit_entries"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(collation="C"), nullable=False),
        _instant("at"),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("details", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "seq", name=op.f("pk_audit_entries")),
    )
    op.create_table(
        "audit_heads",
        *_owned("audit_heads"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_audit_heads")),
    )
