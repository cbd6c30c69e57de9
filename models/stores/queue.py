"""Words about jobs between machines: what a queue beside the database has to do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

VISIBLE_SECONDS: Final = 30
"""How long a received word stays hidden from others unless it is held longer."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Word of a job that is due."""

    job_id: UUID
    ledger_id: UUID
    attempts: int
    """How often it was tried: another attempt is another word."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A word that this process has received and must settle."""

    job_id: UUID
    received: int
    """How often anybody has received it."""
    receipt: str = field(repr=False)


class JobQueue(Protocol):
    """Tells workers of jobs; a word may be lost or come twice."""

    async def send(self, prompts: Sequence[Prompt]) -> None:
        """Tell of jobs; raises OSError."""

    async def receive(self, *, seconds: int, most: int) -> list[Delivery]:
        """Wait so long for words and hide them from others; raises OSError."""

    async def hold(self, delivery: Delivery, seconds: int) -> bool:
        """Hide a word for so long from now; False when it is not ours any more."""

    async def done(self, delivery: Delivery) -> bool:
        """Remove a word; False when it is not ours any more."""
