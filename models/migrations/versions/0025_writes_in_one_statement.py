"""Let a write whose ledger stands where the writer believes it to stand be one statement."""

from alembic import op

revision = "0025"
down_revision = "0024"

# Row policies hold it like any statement of the caller's: it runs as whoever calls it.  Each of its
# statements sees what was committed before it, so those behind the lock see what it waited for.
FUNCTION = """
    CREATE FUNCTION write_at(
      who uuid, wanted uuid, stood bigint, ended bytea, patience integer, made bigint,
      counted bigint, head bytea, totals text, booked text, marks text, told text, keys text,
      over timestamptz, tasks text)
    RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
    DECLARE
      kept bigint;
    BEGIN
      PERFORM set_config('app.user_id', who::text, true),
        set_config('lock_timeout', patience::text, true);
      PERFORM 1 FROM public.ledgers
        WHERE id = wanted AND version = stood AND head_hash = ended FOR UPDATE;
      IF NOT FOUND THEN
        RETURN false;
      END IF;
      UPDATE public.accounts a SET total = g.sealed
        FROM json_to_recordset(totals::json) AS g (id uuid, was bytea, sealed bytea)
        WHERE a.ledger_id = wanted AND a.id = g.id AND a.total = g.was AND a.deleted_at IS NULL;
      GET DIAGNOSTICS kept = ROW_COUNT;
      IF kept <> json_array_length(totals::json) THEN
        RAISE EXCEPTION 'a total is another one' USING ERRCODE = 'serialization_failure';
      END IF;
      INSERT INTO public.transactions
        SELECT g.* FROM json_populate_recordset(NULL::public.transactions, booked::json) g;
      INSERT INTO public.segments AS s
        (ledger_id, book, month, currency, page, version, built, count)
        SELECT wanted, g.book, g.month, g.currency, 0, 1, 0, 0
        FROM json_to_recordset(marks::json) AS g (book uuid, month date, currency text)
        ORDER BY g.book, g.month, g.currency COLLATE "C"
        ON CONFLICT (ledger_id, book, month, currency, page)
        DO UPDATE SET version = s.version + 1;
      INSERT INTO public.changes
        SELECT g.* FROM json_populate_recordset(NULL::public.changes, told::json) g;
      IF keys IS NOT NULL THEN
        DELETE FROM public.idempotency_keys WHERE ledger_id = wanted AND created_at < over;
        INSERT INTO public.idempotency_keys
          SELECT g.* FROM json_populate_recordset(NULL::public.idempotency_keys, keys::json) g;
      END IF;
      IF tasks IS NOT NULL THEN
        INSERT INTO public.jobs (id, kind, ledger_id, actor_id, subject_id, run_at, created_at)
          SELECT g.id, g.kind, g.ledger_id, g.actor_id, g.subject_id, g.run_at, g.created_at
          FROM json_populate_recordset(NULL::public.jobs, tasks::json) g
          WHERE NOT EXISTS (SELECT FROM public.jobs j WHERE j.subject_id = g.subject_id
            AND j.kind = g.kind AND j.state = 'WAITING');
      END IF;
      UPDATE public.ledgers SET version = made, books = books + counted, head_hash = head
        WHERE id = wanted;
      RETURN true;
    END
    $$
"""
_SIGNATURE = (
    "write_at(uuid, uuid, bigint, bytea, integer, bigint, bigint, bytea, text, text, text, text, "
    "text, timestamptz, text)"
)


def upgrade() -> None:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through models.migrate, which names the role")
    app = '"' + config.attributes["app_role"].replace('"', '""') + '"'
    op.execute(FUNCTION)
    op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SIGNATURE} TO {app}")
