"""Where mails go: by SMTP, or for a local server into a folder of .eml files."""

import asyncio
import os
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import Final, Protocol
from uuid import uuid4

import aiosmtplib

from models.stores.addresses import SmtpServer

SMTP_SECONDS: Final = 20.0
"""How long a mail server may take for each answer."""
_PERMANENT: Final = range(500, 600)


class MailDelayed(Exception):
    """The mail could not be handed over now; later it may.  Names no address."""


class MailRefused(Exception):
    """The mail server will never take this mail.  Names no address."""


class Mailer(Protocol):
    """Hands a mail over; raises MailDelayed or OSError when it cannot now, MailRefused for good."""

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


class SmtpMailer:
    """Mails by SMTP (RFC 5321), one connection each.

    With ``starttls`` nothing is said to a server that does not offer it, and certificates are
    always checked.  A refusal of the recipient or of the content is final; everything else (the
    server is away, greylisting, a wrong password of ours) may be mended and is tried later.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        seconds: float = SMTP_SECONDS,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._seconds = seconds
        self._trust = trust or ssl.create_default_context()

    async def send(self, message: EmailMessage) -> None:
        """Hand one mail over; what goes wrong is told without the words of the server.

        Those repeat addresses, which belong in no log.
        """
        try:
            async with self._connection() as smtp:
                await smtp.send_message(message)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            told = _told(error)
        else:
            return
        raise told

    def _connection(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.tls == "tls",
            start_tls=server.tls == "starttls",
            tls_context=None if server.tls == "none" else self._trust,
            timeout=self._seconds,
        )


def _told(error: Exception) -> MailDelayed | MailRefused:
    """A failure by its kind and the server's number."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    kind = type(error).__name__
    code = getattr(error, "code", None)
    told = f"{kind} {code}" if isinstance(code, int) else kind
    # A certificate that does not verify is both an OSError and a ValueError: that may be mended.
    unwritable = isinstance(error, ValueError) and not isinstance(error, OSError)
    refused = (
        isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
        and code in _PERMANENT
    )
    final = unwritable or refused or isinstance(error, aiosmtplib.SMTPNotSupported)
    return MailRefused(told) if final else MailDelayed(told)
