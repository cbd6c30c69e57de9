"""Where mails go: a folder of .eml files for a local server."""

import asyncio
import os
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import Protocol
from uuid import uuid4


class Mailer(Protocol):
    """Hands a mail over; raises OSError when it cannot."""

    async def send(self, message: EmailMessage) -> None:
        """Hand one mail over for delivery."""


class FolderMailer:
    """Mails as files of mode 0600, named by their time, for the owner of the folder to open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        """Write one file; it appears whole or not at all."""
        await asyncio.to_thread(self._write, message.as_bytes(policy=SMTPUTF8))

    def _write(self, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{uuid4().hex[:8]}"
        draft = self._folder / f"{name}.part"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(draft.with_suffix(".eml"))
