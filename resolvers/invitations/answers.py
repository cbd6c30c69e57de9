"""Accepting and declining: whoever is asked in writes her answer into the group's own books.

A definer function lets her in behind the ledger's lock, for good or only to decline, so that of
several answers at once one finds the invitation pending.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text

from models.database import Transaction as Tx
from models.invitations import InvitationRow
from resolvers.errors import Conflict, Gone, NotFound
from resolvers.groups import enter
from resolvers.invitations.writes import of_group, settle
from resolvers.ledgers import LedgerWrite
from resolvers.mails import token_hash
from resolvers.users import get_user

_ADMIT: Final = text("SELECT admit_invitee(:invitation, :token, :stays)")
_WITHDRAW: Final = text("SELECT withdraw(:group)")


@dataclass(slots=True)
class Entering:
    """The step before an answer is written: through the group's door, if the invitation is good.

    Raises NOT_FOUND for what is not for the caller, GONE when too old, CONFLICT when answered.
    """

    invitation_id: UUID
    token: str | None
    stays: bool
    admitted: bool = False
    """False for who was a member already."""

    async def __call__(self, tx: Tx) -> None:
        """Lock, check and let in."""
        values = {
            "invitation": self.invitation_id,
            "token": None if self.token is None else token_hash(self.token),
            "stays": self.stays,
        }
        told = await tx.scalar(_ADMIT, values)
        if told == "UNKNOWN":
            raise NotFound("There is no such invitation.")
        if told == "EXPIRED":
            raise Gone("The invitation has expired.")
        if told == "ANSWERED":
            raise Conflict("The invitation is answered or cancelled already.")
        self.admitted = told == "ADMITTED"


async def accept(write: LedgerWrite, entering: Entering) -> InvitationRow:
    """Become a member; who is one already keeps her role."""
    row = await settle(write, await of_group(write, entering.invitation_id), "ACCEPTED")
    if entering.admitted:
        user = await get_user(write.tx, write.actor.user_id)
        await enter(write, user.id, user.name, user.email, row.role)
    return row


async def decline(write: LedgerWrite, entering: Entering) -> InvitationRow:
    """Stay away."""
    row = await settle(write, await of_group(write, entering.invitation_id), "DECLINED")
    if entering.admitted:

        async def leave(tx: Tx) -> None:
            await tx.run(_WITHDRAW, {"group": write.ledger_id})

        write.last.append(leave)
    return row
