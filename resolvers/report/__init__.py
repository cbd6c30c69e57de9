"""The report on paper: facts, their words and figures, and a child process that sets them."""

from resolvers.report.facts import Facts, Paper
from resolvers.report.gathering import gather
from resolvers.report.paper import Printer
from resolvers.report.sheet import sheet_of

__all__ = ["Facts", "Paper", "Printer", "gather", "sheet_of"]
