"""Invitations: addresses asked into a group, their boxes, their answers and their end."""

from resolvers.invitations.answers import Entering, accept, decline
from resolvers.invitations.expiry import EXPIRE_INVITATION, expiry_handler
from resolvers.invitations.inputs import AddMember, Answer, InvitationCreate
from resolvers.invitations.mail import MAIL_INVITE, invitation_mail_handler
from resolvers.invitations.rows import (
    count_invitations,
    count_of_group,
    find_place,
    get_invitation,
    invitations_by_id,
    list_invitations,
    list_of_group,
    pending_by_group,
)
from resolvers.invitations.writes import (
    cancel_all,
    cancel_invitation,
    create_invitation,
    rename_pending,
)

__all__ = [
    "EXPIRE_INVITATION",
    "MAIL_INVITE",
    "AddMember",
    "Answer",
    "Entering",
    "InvitationCreate",
    "accept",
    "cancel_all",
    "cancel_invitation",
    "count_invitations",
    "count_of_group",
    "create_invitation",
    "decline",
    "expiry_handler",
    "find_place",
    "get_invitation",
    "invitation_mail_handler",
    "invitations_by_id",
    "list_invitations",
    "list_of_group",
    "pending_by_group",
    "rename_pending",
]
