"""Noticing what happened and whom it concerns."""

from resolvers.noticing.groups import invitation_handler
from resolvers.noticing.jobs import budgets_handler, security_handler
from resolvers.noticing.observer import NOTICE_BUDGETS, NOTICE_INVITATION, notice

__all__ = [
    "NOTICE_BUDGETS",
    "NOTICE_INVITATION",
    "budgets_handler",
    "invitation_handler",
    "notice",
    "security_handler",
]
