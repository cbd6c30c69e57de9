"""What was learned from a ledger's past choices of categories, sealed."""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, LargeBinary
from sqlmodel import Field

from models.base import TenantRow


class LearnedCategories(TenantRow, table=True):
    """The counts of one ledger; its row has the ledger's id."""

    __tablename__ = "learned_categories"
    __table_args__ = (
        ForeignKeyConstraint(["ledger_id"], ["ledgers.id"], ondelete="CASCADE"),
        Index("uq_learned_categories_ledger", "ledger_id", unique=True),
    )

    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    """The version of the ledger up to which its choices are counted."""
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
