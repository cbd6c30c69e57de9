"""Backups: one sealed archive of database and files, and the way back into an empty place."""

from models.backup.archive import BackupBroken
from models.backup.making import Made, make_backup
from models.backup.restoring import RestoreRefused, restore_backup
from models.backup.tools import Server, ToolFailed, find_tools

__all__ = [
    "BackupBroken",
    "Made",
    "RestoreRefused",
    "Server",
    "ToolFailed",
    "find_tools",
    "make_backup",
    "restore_backup",
]
