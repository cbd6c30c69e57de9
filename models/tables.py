"""Every table at once: importing this module fills the metadata that migrations compare with."""

from models.accounts import Account
from models.auth import MailedToken, RefreshToken, Registration, Session
from models.base import metadata
from models.budgets import Budget, BudgetItem
from models.categories import Category
from models.changes import Change
from models.erasures import Erasure
from models.groups import (
    Farewell,
    Group,
    GroupDebt,
    GroupMember,
    GroupNet,
    GroupPart,
    GroupTransaction,
    Share,
)
from models.idempotency import IdempotencyKey
from models.imports import Import, ImportMemory, ImportRow
from models.invitations import Inbox, Invitation
from models.jobs import Job
from models.ledgers import Ledger, LedgerKey, Membership, SystemKey
from models.limits import LimitHit
from models.notifications import BudgetMark, Notification
from models.rates import Rate
from models.rules import Rule
from models.segments import Segment
from models.templates import Template
from models.transactions import Split, Transaction
from models.uploads import Upload
from models.users import User

__all__ = [
    "Account",
    "Budget",
    "BudgetItem",
    "BudgetMark",
    "Category",
    "Change",
    "Erasure",
    "Farewell",
    "Group",
    "GroupDebt",
    "GroupMember",
    "GroupNet",
    "GroupPart",
    "GroupTransaction",
    "IdempotencyKey",
    "Import",
    "ImportMemory",
    "ImportRow",
    "Inbox",
    "Invitation",
    "Job",
    "Ledger",
    "LedgerKey",
    "LimitHit",
    "MailedToken",
    "Membership",
    "Notification",
    "Rate",
    "RefreshToken",
    "Registration",
    "Rule",
    "Segment",
    "Session",
    "Share",
    "Split",
    "SystemKey",
    "Template",
    "Transaction",
    "Upload",
    "User",
    "metadata",
]
