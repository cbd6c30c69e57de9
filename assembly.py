"""Parts out of settings: the database, keys, cache, files, mail and limits of one process."""

import asyncio
import os
import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from models.connecting import COMMAND_SECONDS
from models.database import Database, connect
from models.embedded.postgres import APP, OWNER, SUPERUSER
from models.limits import DatabaseWindows, SharedWindows
from models.migrate import migrate, newest_revision, present_revision
from models.replica import Replica
from models.sealing import SealBroken, derive
from models.stores.addresses import TLS_SCHEMES
from models.stores.files import FileStore, LocalFiles
from models.stores.keys import KeyProvider, LocalKeys
from models.stores.limits import RedisWindows
from models.stores.mail import FolderMailer, Mailer, SmtpMailer
from models.stores.redis import Cache
from models.stores.tls import TlsMode, context_of, trust
from models.system_keys import (
    SystemKeys,
    ensure_system_keys,
    has_system_keys,
    load_system_keys,
)
from resolvers.auth import Auth
from resolvers.bounds import Bounds
from resolvers.limits import LOCAL_WIDTH, Limits
from resolvers.oidc import Provider
from resolvers.passwords import Passwords
from settings import LOOPBACK, Settings, SettingsError, database_address, smtp_server

if TYPE_CHECKING:
    from models.embedded.parts import Endpoints
    from models.stores.aws import Aws
    from models.stores.sqs import SqsQueue

_log: Final = structlog.get_logger("app")


_MIGRATION_SECONDS: Final = 1_000
Role = Literal["app", "owner", "backup", "replica"]


def database_of(settings: Settings, endpoints: "Endpoints | None", role: Role) -> dict[str, Any]:
    """Where the database is and as whom to enter it, as ``models.database.connect`` takes it."""
    if endpoints is not None:
        user, password = {
            "app": (APP, endpoints.app_password),
            "owner": (OWNER, endpoints.owner_password),
            "replica": (APP, endpoints.app_password),
            "backup": (SUPERUSER, endpoints.superuser_password),
        }[role]
        return {
            "host": endpoints.database_host,
            "port": endpoints.database_port,
            "name": endpoints.database_name,
            "user": user,
            "password": password,
        }
    name = {
        "app": "database_url",
        "owner": "database_owner_url",
        "backup": "database_backup_url",
        "replica": "database_replica_url",
    }[role]
    secret: SecretStr = getattr(settings, name)
    if not secret.get_secret_value():
        raise SettingsError([f"POCKETTREND_{name.upper()}: must be set for this command."])
    return database_address(secret)


def engine_of(settings: Settings, endpoints: "Endpoints | None", *, owner: bool) -> AsyncEngine:
    """An engine as the application's role or as the owner of the tables."""
    return _engine(settings, endpoints, "owner" if owner else "app")


def _engine(settings: Settings, endpoints: "Endpoints | None", role: Role) -> AsyncEngine:
    address = database_of(settings, endpoints, role)
    return connect(
        **address,
        pooler="session" if endpoints is not None else settings.db_pooler,
        pool_size=2 if role == "owner" else settings.db_pool_size,
        tls=None if endpoints is not None else database_tls(settings, address["host"]),
        # A migration may work for longer than any request waits.
        command_seconds=_MIGRATION_SECONDS if role == "owner" else COMMAND_SECONDS,
    )


def database_tls(settings: Settings, host: str) -> ssl.SSLContext | bool | None:
    """How PostgreSQL on a host is spoken to; None leaves it to PGSSLMODE."""
    mode = tls_mode(settings, host)
    return None if mode is None else context_of(mode, settings.tls_ca)


def tls_mode(settings: Settings, host: str) -> TlsMode | None:
    """The words of libpq for it; production trusts no network."""
    if settings.db_tls:
        return settings.db_tls
    near = host.startswith("/") or host in LOOPBACK
    if settings.production and not near and "PGSSLMODE" not in os.environ:
        return "verify-full"
    return None


def replica_of(settings: Settings, database: Database, **options: Any) -> Replica | None:
    """The replica for reports, where one is set."""
    if not settings.database_replica_url.get_secret_value():
        return None
    replica = Replica(database, _engine(settings, None, "replica"), **options)
    database.reports = replica.open_report
    return replica


def master_keys(settings: Settings) -> KeyProvider:
    """Who wraps data keys: KMS where its keys are named, else the key file."""
    if not settings.kms_keys:
        return _file_keys(settings)
    from models.stores.kms import KmsKeys  # noqa: PLC0415

    before = None if settings.master_key_file is None else _file_keys(settings)
    return KmsKeys(_aws("kms"), settings.kms_keys, before=before)


_AWS_SECONDS: Final = {
    # A long poll takes its time, the answer included.
    "sqs": 10.0,
    "s3": 5.0,
    # A key is a few bytes: whoever waits for one hears within her query's time that it is not there.
    "kms": 1.5,
}
"""How long an answer of a service may take."""


@lru_cache
def _aws(service: str) -> "Aws":
    """One client of a service for this process; its library is imported only where it is used."""
    from models.stores.aws import Aws, NoRegion  # noqa: PLC0415

    try:
        return Aws(service, read_seconds=_AWS_SECONDS[service])
    except NoRegion:
        raise SettingsError(
            [f"AWS_REGION: must name the region of {service.upper()}, such as eu-central-1."]
        ) from None


def _file_keys(settings: Settings) -> LocalKeys:
    """The master key; the local profile makes one at its first start."""
    path = settings.key_file
    fresh = not path.exists()
    try:
        keys = LocalKeys.from_file(path, create=not settings.production)
    except (OSError, ValueError):
        raise SettingsError(
            [f"POCKETTREND_MASTER_KEY_FILE: {path} must be a file with 64 hexadecimal digits."]
        ) from None
    if fresh and settings.master_key_file is None:
        _log.warning(
            "master_key.created",
            file=str(path),
            note="A copy of the data folder carries its key. Set POCKETTREND_MASTER_KEY_FILE to "
            "keep the key apart.",
        )
    return keys


async def keys_of(settings: Settings, engine: AsyncEngine) -> KeyProvider:
    """The master keys of a database; raises SettingsError where they are lost or another's.

    No new key is made beside a database whose keys another one has wrapped.
    """
    where = f"{settings.key_file}" if not settings.kms_keys else "KMS"
    lost = not settings.kms_keys and not settings.key_file.exists()
    if lost and await has_system_keys(engine):
        problem = (
            f"POCKETTREND_MASTER_KEY_FILE: {where} is not there, and the database's keys are "
            "wrapped by the master key that was in it; put it back."
        )
        raise SettingsError([problem])
    return master_keys(settings)


async def system_keys_of(settings: Settings, engine: AsyncEngine, keys: KeyProvider) -> SystemKeys:
    """The installation's keys; raises SettingsError where the master key is another one."""
    try:
        return await load_system_keys(engine, keys)
    except SealBroken:
        where = f"the master key in {settings.key_file}" if not settings.kms_keys else "KMS' key"
        raise SettingsError(
            [f"{where[0].upper()}{where[1:]} is not the one that wraps the keys of this database."]
        ) from None


async def migrate_all(
    settings: Settings,
    endpoints: "Endpoints | None",
    applied: Callable[[str], None] = lambda _: None,
) -> bool:
    """Bring tables and system keys up to date; True when a migration ran.  ``applied`` is told each.

    Without the owner's address the schema must be the newest already.
    """
    if endpoints is None and not settings.database_owner_url.get_secret_value():
        await require_newest(engine_of(settings, None, owner=False))
        return False
    app_role = APP if endpoints is not None else database_address(settings.database_url)["user"]
    owner = engine_of(settings, endpoints, owner=True)
    try:
        keys = await keys_of(settings, owner)
        ran = await migrate(owner, app_role=app_role, applied=applied)
        await ensure_system_keys(owner, keys)
    finally:
        await owner.dispose()
    return ran


async def require_newest(engine: AsyncEngine) -> None:
    """Refuse a database at an earlier migration than this build's; closes the engine.

    A later one is right: a fleet migrates first, and the release before serves on the new schema
    until its processes are replaced (docs/operations.md).
    """
    try:
        present = await present_revision(engine)
    finally:
        await engine.dispose()
    if present is None or present < newest_revision():
        raise SettingsError(
            [
                f"The database is at migration {present or 'none'}, not {newest_revision()}.",
                "POCKETTREND_DATABASE_OWNER_URL: set it, or run `pockettrend migrate` with it.",
            ]
        )


def cache_of(settings: Settings, endpoints: "Endpoints | None") -> Cache | None:
    """The cache of the settings, the embedded one, or none."""
    url = settings.redis_url.get_secret_value()
    if url:
        # Over TLS its certificate is checked; where no file is named, against the system's.
        checked = url.partition(":")[0] in TLS_SCHEMES and settings.tls_ca is not None
        login: dict[str, Any] = {"ssl_ca_certs": str(settings.tls_ca)} if checked else {}
        return Cache(url=url, **login)
    if endpoints is None:
        return None
    return Cache(
        socket=endpoints.redis_socket,
        username=endpoints.redis_username,
        password=endpoints.redis_password,
    )


def provider_of(settings: Settings) -> Provider | None:
    """The other provider that may sign in, if the settings name one."""
    if not settings.oidc_issuer:
        return None
    return Provider(
        name=settings.oidc_name,
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        redirects=settings.oidc_redirects or (f"{settings.base_url()}/",),
    )


def files_of(settings: Settings) -> FileStore:
    """Where uploaded files lie."""
    if settings.s3_bucket:
        from models.stores.s3 import S3Files  # noqa: PLC0415

        return S3Files(
            _aws("s3"),
            settings.s3_bucket,
            prefix=settings.s3_prefix,
            kms_key=settings.s3_kms_key or None,
        )
    return LocalFiles(settings.data / "files")


def queue_of(settings: Settings) -> "SqsQueue | None":
    """What tells workers of other machines of jobs, where one is set."""
    if not settings.sqs_url:
        return None
    from models.stores.sqs import SqsQueue  # noqa: PLC0415

    return SqsQueue(_aws("sqs"), settings.sqs_url)


def mailer_of(settings: Settings) -> Mailer:
    """The mail server of the settings, or the folder of a local server."""
    server = smtp_server(settings.smtp_url)
    if server is None:
        return FolderMailer(settings.data / "mail")
    return SmtpMailer(server, seconds=settings.smtp_seconds, trust=trust(settings.tls_ca))


def bounds_of(settings: Settings) -> Bounds:
    """How large files may be, as the settings say."""
    return Bounds(
        file_bytes=settings.import_bytes,
        takeout_bytes=settings.takeout_bytes,
        rows=settings.import_rows,
        columns=settings.import_columns,
    )


def limits_of(
    settings: Settings, database: Database, cache: Cache | None, secret: bytes, auth: Auth
) -> Limits:
    """The limits: counted in the cache, without it in this process and the database."""
    shared = None if cache is None else RedisWindows(cache)
    windows = SharedWindows(shared, DatabaseWindows(database), processes=settings.processes)
    return Limits(
        windows,
        derive(secret, "limits"),
        auth.family_of,
        on=settings.rate_limits == "on",
        width=1 if settings.production else LOCAL_WIDTH,
    )


def passwords_of(settings: Settings) -> Passwords:
    """What hashes passwords, as hard as the settings say."""
    return Passwords(memory_kib=settings.argon2_memory_kib, passes=settings.argon2_passes)


async def warm(engine: AsyncEngine, connections: int = 3) -> None:
    """Open a few connections now: SCRAM costs each its 10 ms."""

    async def touch() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    await asyncio.gather(*(touch() for _ in range(connections)))
