"""TLS to PostgreSQL, Redis and the mail server: the right certificate is let in, others are not."""

import asyncio
import datetime as dt
import ipaddress
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis as sync_redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from assembly import cache_of, database_tls, tls_mode
from models.database import connect
from models.embedded.parts import Endpoints
from models.embedded.postgres import APP
from models.stores.redis import Cache, CacheDown
from models.stores.tls import MODES, context_of
from settings import Settings
from tests.ops.test_serve import free_port

pytestmark = pytest.mark.anyio
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@dataclass
class Authority:
    """A certificate authority of a test, and what it signed."""

    folder: Path
    name: str

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        usage = x509.KeyUsage(
            *(word in {"key_cert_sign", "crl_sign"} for word in _USES), encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        self._certificate = (
            _builder(subject, subject, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(_identifier(self._key), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.file = self.folder / f"{self.name}.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, *names: str) -> ssl.SSLContext:
        """A server's side with a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = [
            x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
            for name in names
        ]
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _builder(subject, self._certificate.subject, key)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(authority, critical=False)
            .add_extension(_identifier(key), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = self.folder / f"server-{names[0]}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


_USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign",
)  # fmt: skip


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
    )


def _identifier(key: ec.EllipticCurvePrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.close()


@asynccontextmanager
async def in_front_of(
    target: str, context: ssl.SSLContext, *, postgresql: bool
) -> AsyncIterator[int]:
    """A server that speaks TLS and hands on what it hears to a socket; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if postgresql:
                # PostgreSQL begins in the clear and is asked for TLS by a packet of its own.
                if await reader.readexactly(8) != _SSL_REQUEST:
                    writer.close()
                    return
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(context)
            there, here = await asyncio.open_unix_connection(target)
            await asyncio.gather(_pipe(reader, here), _pipe(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=None if postgresql else context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"), "theirs")


ALLOWED = {
    ("right", "require"), ("right", "verify-ca"), ("right", "verify-full"),
    ("name", "require"), ("name", "verify-ca"),
    ("stranger", "require"),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("whose", ["right", "name", "stranger"])
async def test_postgresql(
    parts: Endpoints, authority: Authority, stranger: Authority, mode: str, whose: str
) -> None:
    context = {
        "right": lambda: authority.server("127.0.0.1"),
        "name": lambda: authority.server("db.example.org"),
        "stranger": lambda: stranger.server("127.0.0.1"),
    }[whose]()
    socket = f"{parts.database_host}/.s.PGSQL.{parts.database_port}"
    async with in_front_of(socket, context, postgresql=True) as port:
        engine = connect(
            host="127.0.0.1",
            port=port,
            name=parts.database_name,
            user=APP,
            password=parts.app_password,
            tls=context_of(mode, authority.file),
        )
        try:
            async with engine.connect() as connection:
                assert await connection.scalar(text("SELECT 1")) == 1
            let_in = True
        except (OSError, DBAPIError):
            let_in = False
        finally:
            await engine.dispose()
    assert let_in is ((whose, mode) in ALLOWED)


@pytest.mark.parametrize("whose", ["right", "name", "stranger"])
async def test_redis(
    parts: Endpoints, settings: Settings, authority: Authority, stranger: Authority, whose: str
) -> None:
    context = {
        "right": lambda: authority.server("127.0.0.1", "localhost"),
        "name": lambda: authority.server("cache.example.org"),
        "stranger": lambda: stranger.server("127.0.0.1"),
    }[whose]()
    async with in_front_of(parts.redis_socket, context, postgresql=False) as port:
        url = f"rediss://{parts.redis_username}:{parts.redis_password}@127.0.0.1:{port}/0"
        told = settings.model_copy(update={"redis_url": SecretStr(url), "tls_ca": authority.file})
        cache = cache_of(told, None)
        assert isinstance(cache, Cache)
        # A handshake takes longer than a call may take: it is given the time here.
        cache.client.connection_pool.connection_kwargs["socket_connect_timeout"] = 5
        cache.client.connection_pool.connection_kwargs["socket_timeout"] = 5
        try:
            if whose == "right":
                assert await cache.call(lambda redis: redis.ping()) is True
            else:
                with pytest.raises(CacheDown):
                    await cache.call(lambda redis: redis.ping())
        finally:
            await cache.close()


@contextmanager
def redis_with_tls(
    folder: Path, names: tuple[str, ...], authority: Authority, *, cluster: bool
) -> Iterator[str]:
    """A real Redis that speaks nothing but TLS (the embedded one speaks none); its host and port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("a Redis with TLS is not installed here (apt-get install redis-server)")
    authority.server(*names)
    pem, port = authority.folder / f"server-{names[0]}.pem", free_port()
    while cluster and port > 50_000:
        # The line between nodes is ten thousand ports above.
        port = free_port() - 20_000
    words = {
        "port": "0", "tls-port": str(port), "bind": "127.0.0.1", "tls-cert-file": str(pem),
        "tls-key-file": str(pem), "tls-ca-cert-file": str(authority.file), "tls-auth-clients": "no",
        "requirepass": "secret", "save": "", "dir": str(folder),
    }  # fmt: skip
    if cluster:
        words |= {"cluster-enabled": "yes", "tls-cluster": "yes"}
    text = "\n".join(f'{name} "{value}"' for name, value in words.items())
    process = subprocess.Popen(
        [program, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.close()
    try:
        with sync_redis.Redis(
            host="127.0.0.1", port=port, password="secret", ssl=True, ssl_cert_reqs="none",
            ssl_check_hostname=False,
        ) as admin:  # fmt: skip
            for _ in range(400):
                with suppress(sync_redis.ConnectionError):
                    admin.ping()
                    break
                time.sleep(0.05)
            if cluster:
                admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
                while b"cluster_state:ok" not in admin.execute_command("CLUSTER", "INFO"):
                    time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("scheme", ["rediss", "rediss+cluster"])
@pytest.mark.parametrize("whose", ["right", "name", "stranger"])
async def test_a_redis_that_speaks_tls_itself(
    settings: Settings,
    tmp_path: Path,
    authority: Authority,
    stranger: Authority,
    whose: str,
    scheme: str,
) -> None:
    names = ("cache.example.org",) if whose == "name" else ("127.0.0.1", "localhost")
    signer = stranger if whose == "stranger" else authority
    with redis_with_tls(tmp_path, names, signer, cluster="+" in scheme) as where:
        url = SecretStr(f"{scheme}://:secret@{where}")
        cache = cache_of(
            settings.model_copy(update={"redis_url": url, "tls_ca": authority.file}), None
        )
        assert isinstance(cache, Cache)
        heard: list[bytes] = []
        try:
            if whose != "right":
                for _ in range(3):
                    with pytest.raises(CacheDown):
                        await cache.call(lambda redis: redis.get("pt:{a}:x"))
                return
            # A busy machine takes longer for a handshake than a call may take: ask again.
            for _ in range(200):
                with suppress(CacheDown):
                    await cache.call(lambda redis: redis.set("pt:{a}:x", b"1"))
                    assert await cache.call(lambda redis: redis.get("pt:{a}:x")) == b"1"
                    break
                await asyncio.sleep(0.05)
            else:
                pytest.fail("it never answered")
            async for message in cache.messages("pt:signals"):
                if isinstance(message, bytes):
                    heard.append(message)
                    break
                with suppress(CacheDown):
                    await cache.publish("pt:signals", b"moved")
            assert heard == [b"moved"]
        finally:
            await cache.close()


def test_production_trusts_no_network(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    strict = settings.model_copy(update={"profile": "production"})
    assert tls_mode(settings, "db.internal") is None
    assert tls_mode(strict, "db.internal") == "verify-full"
    assert [tls_mode(strict, host) for host in ("/run/pg", "127.0.0.1")] == [None, None]
    told = strict.model_copy(update={"db_tls": "require"})
    assert tls_mode(told, "db.internal") == "require"
    context = database_tls(strict, "db.internal")
    assert isinstance(context, ssl.SSLContext)
    assert (context.check_hostname, context.minimum_version) == (True, ssl.TLSVersion.TLSv1_2)
    assert database_tls(strict.model_copy(update={"db_tls": "disable"}), "db.internal") is False
    monkeypatch.setenv("PGSSLMODE", "verify-ca")
    assert tls_mode(strict, "db.internal") is None
