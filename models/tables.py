"""Every table at once: importing this module fills the metadata that migrations compare with."""

from models.accounts import Account
from models.auth import MailedToken, RefreshToken, Session
from models.base import metadata
from models.budgets import Budget, BudgetItem
from models.categories import Category
from models.changes import Change
from models.erasures import Erasure
from models.idempotency import IdempotencyKey
from models.imports import Import, ImportRow
from models.jobs import Job
from models.ledgers import Ledger, LedgerKey, Membership, SystemKey
from models.limits import LimitHit
from models.templates import Template
from models.transactions import Split, Transaction
from models.uploads import Upload
from models.users import User

__all__ = [
    "Account",
    "Budget",
    "BudgetItem",
    "Category",
    "Change",
    "Erasure",
    "IdempotencyKey",
    "Import",
    "ImportRow",
    "Job",
    "Ledger",
    "LedgerKey",
    "LimitHit",
    "MailedToken",
    "Membership",
    "RefreshToken",
    "Session",
    "Split",
    "SystemKey",
    "Template",
    "Transaction",
    "Upload",
    "User",
    "metadata",
]
