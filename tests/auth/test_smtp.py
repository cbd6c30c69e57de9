"""Mails over real sockets: TLS before secrets, patience with delays, silence about addresses."""

import logging
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app import Running, mailer_of
from models.ids import decode
from models.stores.addresses import SmtpServer
from models.stores.mail import FolderMailer, MailDelayed, MailRefused, SmtpMailer
from resolvers.jobs import MAX_ATTEMPTS, Worker
from resolvers.mails import MAIL_RESET, mail_handler
from settings import Settings
from tests.auth.smtp import Mailbox, certificate, mail_server
from tests.doors import Person

pytestmark = pytest.mark.anyio

USER, PASSWORD = "mailer", "a secret word"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("mail"))


def letter(to: str = "ada@example.org") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Pocket Trend <no-reply@money.example>"
    message["To"] = to
    message["Subject"] = "Grüße"
    message.set_content("A line.\n.\nAnother with a canary 4711.\n", cte="8bit")
    return message


def mailer(box: Mailbox, pem: Path | None, tls: str = "starttls", **more: Any) -> SmtpMailer:
    trust = ssl.create_default_context(cafile=pem) if pem else None
    server = SmtpServer("127.0.0.1", box.port, tls, **more)
    return SmtpMailer(server, seconds=5, trust=trust)


async def test_nothing_is_said_before_tls(pem: Path) -> None:
    async with mail_server(pem) as box:
        await mailer(box, pem, username=USER, password=PASSWORD).send(letter())
    assert [word for secure, word in box.commands if not secure] == ["EHLO", "STARTTLS"]
    assert "AUTH" in [word for secure, word in box.commands if secure]
    ((sender, recipient, content),) = box.mails
    assert (sender, recipient) == ("no-reply@money.example", "ada@example.org")
    read = message_from_bytes(content, policy=SMTPUTF8)
    assert read["Subject"] == "Grüße"
    assert b"\r\n..\r\n" in content, "a line of one dot is doubled on the wire"


async def test_tls_from_the_first_byte_and_none_at_all(pem: Path) -> None:
    async with mail_server(pem, tls=True) as box:
        await mailer(box, pem, "tls").send(letter())
    assert len(box.mails) == 1
    async with mail_server(pem) as box:
        await mailer(box, None, "none").send(letter())
    assert [word for _, word in box.commands][:2] == ["EHLO", "MAIL"]


async def test_a_server_that_cannot_prove_itself_hears_nothing(pem: Path) -> None:
    for tls in (True, False):
        async with mail_server(pem, tls=tls) as box:
            with pytest.raises(MailDelayed):
                await mailer(box, None, "tls" if tls else "starttls").send(letter())
        assert {word for _, word in box.commands} <= {"EHLO", "STARTTLS"}
    async with mail_server(pem) as box:
        box.extensions = ("AUTH PLAIN",)
        with pytest.raises(MailDelayed):
            await mailer(box, pem, username=USER, password=PASSWORD).send(letter())
    assert {word for _, word in box.commands} <= {"EHLO", "QUIT"}


@pytest.mark.parametrize(
    ("word", "reply", "kind", "told"),
    [
        ("RCPT", "550 5.1.1 <ada@example.org> unknown", MailRefused, "SMTPRecipientRefused 550"),
        ("RCPT", "450 4.2.0 ada@example.org greylisted", MailDelayed, "SMTPRecipientRefused 450"),
        ("CONTENT", "554 5.7.1 spam for ada@example.org", MailRefused, "SMTPDataError 554"),
        ("CONTENT", "451 4.3.0 later", MailDelayed, "SMTPDataError 451"),
        ("MAIL", "530 5.7.0 who are you", MailDelayed, "SMTPSenderRefused 530"),
        ("CONNECT", "554 no service for you", MailDelayed, "SMTPConnectResponseError 554"),
        ("AUTH", "535 5.7.8 wrong", MailDelayed, "SMTPAuthenticationError 535"),
    ],
)
async def test_what_is_final_and_what_is_not(
    pem: Path, word: str, reply: str, kind: type[Exception], told: str
) -> None:
    async with mail_server(pem) as box:
        box.says[word] = reply
        with pytest.raises(kind) as caught:
            await mailer(box, pem, username=USER, password=PASSWORD).send(letter())
    assert str(caught.value) == told
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert box.mails == []


async def test_a_server_that_is_away_or_silent_is_a_delay(pem: Path) -> None:
    async with mail_server(pem) as box:
        pass
    with pytest.raises(MailDelayed):
        await mailer(box, pem).send(letter())
    async with mail_server(pem) as box:
        with pytest.raises(MailDelayed):
            await mailer(box, pem, "tls").send(letter())
        box.says["CONNECT"] = ""
        hasty = SmtpMailer(SmtpServer("127.0.0.1", box.port, "starttls"), seconds=0.2)
        with pytest.raises(MailDelayed, match="Timeout"):
            await hasty.send(letter())


async def test_addresses_beyond_ascii_need_a_server_that_takes_them(pem: Path) -> None:
    async with mail_server(pem) as box:
        await mailer(box, pem).send(letter("jürgen@straße.example"))
        assert box.mails[0][1] == "jürgen@straße.example"
        box.extensions = ("STARTTLS",)
        with pytest.raises(MailRefused):
            await mailer(box, pem).send(letter("jürgen@straße.example"))


@pytest.mark.parametrize("to", ["a@b.example\r\nBcc: c@d.example", "a@b.example\n\nHello"])
def test_a_header_cannot_hold_another(to: str) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        letter(to)


async def post(client: httpx2.AsyncClient, person: Person) -> None:
    body = {"email": person.email}
    assert (await client.post("/v1/auth/forgot-password", json=body)).status_code == 202


class Desk:
    """The worker of one kind of mail, at a mail server."""

    def __init__(self, running: Running, person: Person, sender: SmtpMailer) -> None:
        self.database = running.services.database
        handler = mail_handler(self.database, sender, "https://money.example", MAIL_RESET)
        self.worker = Worker(self.database, running.broker, {MAIL_RESET: handler})
        self.subject = decode("user", person.id)

    async def job(self) -> Any:
        asked = text(
            "SELECT state, last_error, attempts, "
            "extract(epoch FROM run_at - clock_timestamp()) AS pause FROM jobs "
            "WHERE subject_id = :subject AND kind = :kind ORDER BY id DESC LIMIT 1"
        )
        values = {"subject": self.subject, "kind": MAIL_RESET}
        return (await self.database.call(asked, values))[0]

    async def due(self) -> None:
        now = text(
            "UPDATE jobs SET run_at = clock_timestamp() WHERE subject_id = :subject "
            "AND state = 'WAITING' RETURNING id"
        )
        await self.database.call(now, {"subject": self.subject})


async def test_a_delayed_mail_is_tried_again_with_patience_and_comes(
    client: httpx2.AsyncClient, ada: Person, running: Running, pem: Path
) -> None:
    async with mail_server(pem) as box:
        desk = Desk(running, ada, mailer(box, pem))
        await desk.worker.run_due()
        await post(client, ada)
        for attempt, least in ((1, 40), (2, 180)):
            box.says["RCPT"] = "450 4.2.0 greylisted"
            await desk.worker.run_due()
            job = await desk.job()
            assert (job.state, job.attempts) == ("WAITING", attempt)
            assert job.last_error == "SMTPRecipientRefused 450"
            assert job.pause > least
            await desk.due()
        await desk.worker.run_due()
        assert (await desk.job()).state == "DONE"
        (content,) = box.to(ada.email)
    read = message_from_bytes(content, policy=SMTPUTF8)
    assert (read["To"], read["From"]) == (ada.email, "Pocket Trend <no-reply@money.example>")
    assert "https://money.example/#reset-password=" in read.get_content()


async def test_a_refused_mail_dies_at_once_and_no_log_names_anybody(
    client: httpx2.AsyncClient,
    ada: Person,
    running: Running,
    pem: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with mail_server(pem) as box:
        desk = Desk(running, ada, mailer(box, pem))
        await desk.worker.run_due()
        await post(client, ada)
        box.says["RCPT"] = f"550 5.1.1 <{ada.email}> has no box here"
        await desk.worker.run_due()
        job = await desk.job()
        assert (job.state, job.attempts) == ("DEAD", 1)
        assert job.last_error == "SMTPRecipientRefused 550"
        assert job.attempts < MAX_ATTEMPTS
        assert box.to(ada.email) == []
    printed = capfd.readouterr()
    for logged in (printed.out + printed.err, caplog.text):
        assert ada.email not in logged
        assert "reset-password=" not in logged
    assert "job.dead" in printed.out + printed.err + caplog.text


def test_the_settings_choose_the_mailer(tmp_path: Path) -> None:
    assert isinstance(mailer_of(Settings(data=tmp_path)), FolderMailer)
    secret = SecretStr("smtps://mailer:word@mail.example")
    assert isinstance(mailer_of(Settings(data=tmp_path, smtp_url=secret)), SmtpMailer)
