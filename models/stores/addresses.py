"""Addresses of servers, as settings hold them: checked, kept secret and taken apart."""

from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, SecretStr

SMTP_TLS: Final = {"smtp": "starttls", "smtps": "tls", "smtp+plain": "none"}
"""How a mail server is spoken to, by the scheme of its address."""
_SMTP_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}

CLUSTER_SCHEMES: Final = frozenset({"redis+cluster", "rediss+cluster"})
TLS_SCHEMES: Final = frozenset({"rediss", "rediss+cluster"})
"""Addresses of Redis that ask for TLS."""


def _server(schemes: tuple[str, ...]) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        _require_server(secret.get_secret_value(), schemes)
        return secret

    return AfterValidator(check)


def _require_server(value: str, schemes: tuple[str, ...]) -> None:
    try:
        parts = urlsplit(value)
        right = not value or (parts.scheme in schemes and parts.hostname and parts.port != 0)
    except ValueError:
        right = False
    if not right:
        raise ValueError("not a server address")


def _database(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    parts = urlsplit(value)
    if value and (parts.query or not parts.username or not parts.path.strip("/")):
        raise ValueError("not a database address")
    return secret


def _redis(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if value.partition(":")[0] in CLUSTER_SCHEMES:
        redis_cluster(value)
    else:
        _require_server(value, ("redis", "rediss"))
    return secret


def _mail_server(secret: SecretStr) -> SecretStr:
    parts = urlsplit(secret.get_secret_value())
    if parts.query or parts.path.strip("/") or (parts.username and not parts.password):
        raise ValueError("not the address of a mail server")
    return secret


def _mail_address(value: str) -> str:
    if value:
        try:
            found = Address(addr_spec=value)
        except (MessageError, ValueError, IndexError) as error:
            raise ValueError("not a mail address") from error
        if not found.username or "." not in found.domain:
            raise ValueError("not a mail address")
    return value


DatabaseUrl = Annotated[SecretStr, _server(("postgresql", "postgres")), AfterValidator(_database)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis)]
SmtpUrl = Annotated[SecretStr, _server(tuple(SMTP_TLS)), AfterValidator(_mail_server)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server and how to speak to it."""

    host: str
    port: int
    tls: str
    """``starttls`` (required), ``tls`` (from the first byte) or ``none``."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RedisNodes:
    """Some nodes of a Redis Cluster, from which the others are found."""

    nodes: tuple[tuple[str, int], ...]
    """Hosts and ports."""
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def redis_cluster(url: str) -> RedisNodes:
    """The nodes of ``redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT``; raises ValueError."""
    scheme, _, rest = url.partition("://")
    login, _, hosts = rest.rpartition("@")
    nodes = []
    for host in hosts.removesuffix("/0").rstrip("/").split(","):
        parts = urlsplit(f"//{host}")
        if not parts.hostname or parts.path or parts.query or parts.port == 0:
            raise ValueError("not the address of a cluster")
        nodes.append((parts.hostname, parts.port or 6379))
    user, _, password = login.partition(":")
    return RedisNodes(
        tuple(nodes), scheme in TLS_SCHEMES, unquote(user) or None, unquote(password) or None
    )


def database_address(secret: SecretStr) -> dict[str, Any]:
    """The parts of a database URL, as ``models.database.connect`` takes them."""
    parts = urlsplit(secret.get_secret_value())
    return {
        "host": _host(parts.netloc),
        "port": parts.port or 5432,
        "name": unquote(parts.path.strip("/")),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }


def _host(netloc: str) -> str:
    """The host as it was written: one in percent signs is a socket folder, whose case counts."""
    host = netloc.rpartition("@")[2]
    return host[1:].partition("]")[0] if host.startswith("[") else unquote(host.partition(":")[0])


def smtp_server(secret: SecretStr) -> SmtpServer | None:
    """The mail server of an address; None for an empty one."""
    value = secret.get_secret_value()
    if not value:
        return None
    parts = urlsplit(value)
    tls = SMTP_TLS[parts.scheme]
    return SmtpServer(
        host=parts.hostname or "",
        port=parts.port or _SMTP_PORTS[tls],
        tls=tls,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
