"""Settings of the parts behind the process: databases, cache, keys, files, queue and mail."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.stores.addresses import DatabaseUrl, MailAddress, RedisUrl, SmtpUrl

PREFIX: Final = "POCKETTREND_"


def _split(value: object) -> object:
    """Words between commas; what already is a list stays one."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


def web_address(value: str) -> str:
    """An http address without a slash at its end; raises ValueError."""
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query):
        raise ValueError("not a web address")
    return value.rstrip("/")


Between = BeforeValidator(_split)
"""Reads words between commas."""
Words = Annotated[tuple[str, ...], NoDecode, Between]


def _networks(words: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses and networks; raises ValueError for anything else."""
    for word in words:
        ip_network(word, strict=False)
    return words


Networks = Annotated[Words, AfterValidator(_networks)]
"""IP addresses and networks between commas."""


def field(meaning: str, right: str, default: Any, **limits: Any) -> Any:
    """A field whose error message says what would be right."""
    return Field(default=default, description=meaning, json_schema_extra={"right": right}, **limits)


class PartSettings(BaseSettings):
    """Where the parts are and how they are spoken to; without a setting a part is embedded."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=False,
    )

    database_url: DatabaseUrl = field(
        "PostgreSQL as the application's role; empty starts the embedded one.  "
        "TLS follows PGSSLMODE, as in libpq.",
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        SecretStr(""),
    )
    database_owner_url: DatabaseUrl = field(
        "PostgreSQL as the owner of the tables, for migrations only.",
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        SecretStr(""),
    )
    database_replica_url: DatabaseUrl = field(
        "A streaming replica, as the application's role: reports and exports are read there when it "
        "has all that their reader has seen.",
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        SecretStr(""),
    )
    database_backup_url: DatabaseUrl = field(
        "PostgreSQL as a role that reads past row-level security (BYPASSRLS), for backups only.",
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        SecretStr(""),
    )
    pg_tools: Path | None = field(
        "Folder of pg_dump and pg_restore for backups (default: those of the embedded PostgreSQL, "
        "which speak no TLS, else those in PATH).",
        "a folder with pg_dump and pg_restore",
        None,
    )
    db_tls: Literal["", "disable", "require", "verify-ca", "verify-full"] = field(
        "TLS to PostgreSQL, in the words of libpq (default: what PGSSLMODE says; production asks "
        "for verify-full of every server that is not on this machine).",
        "disable, require, verify-ca or verify-full",
        "",
    )
    tls_ca: Path | None = field(
        "File of the certificate authorities of PostgreSQL, Redis and the mail server (default: the "
        "system's).",
        "a file with certificates in PEM",
        None,
    )
    db_pooler: Literal["session", "transaction"] = field(
        "transaction behind PgBouncer in transaction mode: no statement outlives its transaction.",
        "session or transaction",
        "session",
    )
    db_pool_size: int = field(
        "Database connections of this process.", "a number from 2 to 200", 10, ge=2, le=200
    )
    query_seconds: int = field(
        "How long a GraphQL query or a GET may run.", "a number from 1 to 300", 5, ge=1, le=300
    )
    redis_url: RedisUrl = field(
        "Redis or Valkey for sessions, limits and signals; redis+cluster:// (or rediss+cluster://) "
        "names one or more nodes of a cluster, between commas; empty starts the embedded one beside the "
        "embedded database, and does without when DATABASE_URL is set.",
        "redis://USER:PASSWORD@HOST:PORT/0, rediss:// for TLS, or redis+cluster:// and "
        "rediss+cluster:// with nodes of a cluster between commas",
        SecretStr(""),
    )
    master_key_file: Path | None = field(
        "File with the master key, 64 hexadecimal digits (default: DATA/keys/master.key).",
        "a file of mode 0600 with 64 hexadecimal digits",
        None,
    )
    kms_keys: Words = field(
        "KMS keys that wrap data keys in place of the key file, between commas: the first one wraps, "
        "all of them unwrap.  The key file, where it is named, opens what it wrapped before.",
        "ids, aliases or ARNs of KMS keys, between commas",
        (),
    )
    s3_bucket: str = field(
        "Bucket of uploaded files; empty keeps them in DATA/files.", "the name of an S3 bucket", ""
    )
    s3_prefix: str = field(
        "What the names of our objects in the bucket begin with.", "text such as files/", ""
    )
    s3_kms_key: str = field(
        "KMS key under which S3 encrypts once more (default: S3's own).",
        "id or ARN of a KMS key",
        "",
    )
    sqs_url: Annotated[str, AfterValidator(web_address)] = field(
        "FIFO queue in SQS that tells workers of other machines of jobs at once; without it they "
        "look every second.",
        "the address of an SQS queue that ends in .fifo",
        "",
    )
    files_url: Annotated[str, AfterValidator(web_address)] = field(
        "Address that signed links to files begin with, where a CDN stands before us (default: the "
        "public address).",
        "an address such as https://files.example.org",
        "",
    )
    slow_ms: int = field(
        "Operations that take longer are logged with their slowest statement and its plan.",
        "a number of milliseconds from 1 to 60000",
        500,
        ge=1,
        le=60_000,
    )
    otlp_url: Annotated[str, AfterValidator(web_address)] = field(
        "OpenTelemetry collector that gets traces by OTLP over HTTP (needs the extra `tracing`).",
        "an address such as http://collector:4318",
        "",
    )
    trace_percent: int = field(
        "How many of a hundred requests are traced, unless their caller decided.",
        "a number from 0 to 100",
        100,
        ge=0,
        le=100,
    )
    sentry_dsn: SecretStr = field(
        "Where unexpected errors are sent, with their stacks and without any value (needs the extra "
        "`errors`).",
        "the DSN of a project",
        SecretStr(""),
    )
    smtp_url: SmtpUrl = field(
        "Mail server; empty writes mails to DATA/mail.  smtp asks for STARTTLS, smtps is TLS from "
        "the start, smtp+plain is neither; certificates are checked against the system's.",
        "smtp://USER:PASSWORD@HOST:587, smtps://USER:PASSWORD@HOST:465 or smtp+plain://HOST:25",
        SecretStr(""),
    )
    smtp_seconds: int = field(
        "How long the mail server may take for each answer.",
        "a number from 1 to 300",
        20,
        ge=1,
        le=300,
    )
    mail_from: MailAddress = field(
        "Sender of mails (default: no-reply@ the host of the public address).",
        "a mail address such as no-reply@example.org",
        "",
    )
