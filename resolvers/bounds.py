"""How large a file may be: what the settings decide, and what holds without them."""

from dataclasses import dataclass
from typing import Final

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of files on their way in."""

    file_bytes: int = 25 * _MIB
    """Bytes of an uploaded file, also of each one in a takeout."""
    takeout_bytes: int = 250 * _MIB
    """Bytes of an archive or a takeout, which holds many of a person's files."""
    rows: int = 200_000
    """Rows of a statement or of another app's table."""
    columns: int = 64
    """Columns of a table."""

    @property
    def largest(self) -> int:
        """Bytes of any file: what it is shows only once its beginning is there."""
        return max(self.file_bytes, self.takeout_bytes)


DEFAULTS: Final = Bounds()
