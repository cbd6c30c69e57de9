"""The outbox: work written in the transaction that causes it and claimed by workers later."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Integer, Uuid, text
from sqlmodel import Field, SQLModel

from models.base import INSTANT, KEY_TEXT, one_of

STATES = ("WAITING", "RUNNING", "DONE", "DEAD")


class Job(SQLModel, table=True):
    """One piece of work.  It holds ids only, so it lies outside row-level security."""

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("state", "state", STATES),
        Index(
            "ix_jobs_due", "run_at", "id", postgresql_where=text("state IN ('WAITING', 'RUNNING')")
        ),
        Index("ix_jobs_subject", "subject_id", "kind"),
    )

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: str = Field(sa_column=Column(KEY_TEXT, nullable=False))
    ledger_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    actor_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    """The person as whom the job acts."""
    subject_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    state: str = Field(sa_column=Column(KEY_TEXT, nullable=False, server_default="WAITING"))
    run_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
    attempts: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    epoch: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """Grows with each claim; a worker that lost its lease is fenced by it."""
    lease_until: datetime | None = Field(default=None, sa_column=Column(INSTANT))
    last_error: str | None = Field(default=None, sa_column=Column(KEY_TEXT))
    created_at: datetime = Field(sa_column=Column(INSTANT, nullable=False))
