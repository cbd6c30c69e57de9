"""A small mail server for tests: real sockets, STARTTLS, AUTH, and answers as they are scripted."""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path) -> Path:
    """A self-made certificate with its key for 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "mail.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@dataclass(slots=True)
class Mailbox:
    """What the server took, how it was spoken to, and what it shall say."""

    port: int = 0
    mails: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Sender, recipient and content."""
    commands: list[tuple[bool, str]] = field(default_factory=list)
    """Each command, and whether it came through TLS."""
    says: dict[str, str] = field(default_factory=dict)
    """Reply to the first command of a word, in place of the usual one; to CONNECT, "" is silence."""
    extensions: tuple[str, ...] = ("STARTTLS", "AUTH PLAIN", "8BITMIME", "SMTPUTF8")
    credentials: tuple[str, str] = ("mailer", "a secret word")

    def to(self, address: str) -> list[bytes]:
        """What came for one address: a worker also delivers what others left waiting."""
        return [content for _, recipient, content in self.mails if recipient == address]


@asynccontextmanager
async def mail_server(pem: Path, *, tls: bool = False) -> AsyncIterator[Mailbox]:
    """A listening server; ``tls`` from the first byte."""
    box = Mailbox()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)

    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await _Talk(box, reader, writer, context, secure=tls).run()
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.ensure_future(talk(reader, writer)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context if tls else None)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box
        # Clients have gone by now: what they began is heard to its end.
        await asyncio.gather(*talks)


@dataclass(slots=True)
class _Talk:
    box: Mailbox
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    context: ssl.SSLContext
    secure: bool
    sender: str = ""
    recipient: str = ""

    async def run(self) -> None:
        greeting = self.box.says.get("CONNECT", "220 mail.test ESMTP")
        if greeting:
            await self.say(greeting)
        while line := await self.reader.readline():
            text = line.decode(errors="replace").rstrip("\r\n")
            word = text.partition(" ")[0].upper()
            self.box.commands.append((self.secure, word))
            scripted = self.box.says.pop(word, None)
            if scripted is not None:
                await self.say(scripted)
            elif not await self.answer(word, text):
                return

    async def answer(self, word: str, text: str) -> bool:
        if word == "EHLO":
            told = [one for one in self.box.extensions if not (self.secure and one == "STARTTLS")]
            names = ["mail.test", *told]
            lines = [f"250{'-' if one != names[-1] else ' '}{one}" for one in names]
            await self.say("\r\n".join(lines))
        elif word == "STARTTLS":
            await self.say("220 go ahead")
            await self.writer.start_tls(self.context)
            self.secure = True
        elif word == "AUTH":
            _, user, password = b64decode(text.split()[2]).decode().split("\0")
            right = (user, password) == self.box.credentials
            await self.say("235 welcome" if right else "535 5.7.8 no")
        elif word == "DATA":
            await self.say("354 go ahead")
            content = await self.reader.readuntil(b"\r\n.\r\n")
            reply = self.box.says.pop("CONTENT", "250 taken")
            if reply.startswith("2"):
                self.box.mails.append((self.sender, self.recipient, content))
            await self.say(reply)
        elif word == "QUIT":
            await self.say("221 bye")
            return False
        else:
            if word == "MAIL":
                self.sender = text.partition("<")[2].partition(">")[0]
            elif word == "RCPT":
                self.recipient = text.partition("<")[2].partition(">")[0]
            await self.say("250 fine")
        return True

    async def say(self, text: str) -> None:
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()
