"""Every table at once: importing this module fills the metadata that migrations compare with."""

from models.accounts import Account
from models.audit import AuditEntry, AuditHead
from models.auth import (
    Identity,
    MailedToken,
    PersonalToken,
    RecoveryCode,
    RefreshToken,
    Registration,
    SecondFactor,
    Session,
    SignInFailure,
)
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
from models.published import PublishedRate, RateSource
from models.rates import Rate
from models.rules import Rule, RuleChange, RuleRun
from models.segments import Segment
from models.suggestions import LearnedCategories
from models.templates import Template
from models.transactions import Split, Transaction
from models.uploads import Upload
from models.users import User

__all__ = [
    "Account",
    "AuditEntry",
    "AuditHead",
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
    "Identity",
    "Import",
    "ImportMemory",
    "ImportRow",
    "Inbox",
    "Invitation",
    "Job",
    "LearnedCategories",
    "Ledger",
    "LedgerKey",
    "LimitHit",
    "MailedToken",
    "Membership",
    "Notification",
    "PersonalToken",
    "PublishedRate",
    "Rate",
    "RateSource",
    "RecoveryCode",
    "RefreshToken",
    "Registration",
    "Rule",
    "RuleChange",
    "RuleRun",
    "SecondFactor",
    "Segment",
    "Session",
    "Share",
    "SignInFailure",
    "Split",
    "SystemKey",
    "Template",
    "Transaction",
    "Upload",
    "User",
    "metadata",
]
