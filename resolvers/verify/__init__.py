"""Checking the books: seals, sums, transfers, the change chain and the rows against the feed."""

from resolvers.verify.report import Difference, Kind, Report
from resolvers.verify.walk import verify_all, verify_ledger

__all__ = ["Difference", "Kind", "Report", "verify_all", "verify_ledger"]
