"""Text files of other formats, which would read as tables of nonsense."""

import re
from typing import Final

from resolvers.statements.model import StatementError

_LINES: Final = 200
# A header of type 000, then movements (010), balances (020) and perhaps an end (999).
_LITAS: Final = re.compile(r"(?:000|010|020|030|999)\t")


def refuse_others(text: str) -> None:
    """Raise `StatementError` UNSUPPORTED_FORMAT for a record file that is no table."""
    if not text.lstrip("\n").startswith("000\t"):
        return
    lines = [line for line in text[:400_000].split("\n") if line.strip()][:_LINES]
    typed = sum(_LITAS.match(line) is not None for line in lines)
    if len(lines) > 1 and typed * 10 >= len(lines) * 9:
        message = (
            "The file is a LITAS-ESIS statement (records of the types 000, 010 and 020), which is "
            "not read yet; export the statement as CSV."
        )
        raise StatementError("UNSUPPORTED_FORMAT", message)
