"""The composition root: settings become parts, parts become services, services become an app."""

import asyncio
import tomllib
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from graph.context import Services
from graph.handlers import job_handlers, last_words
from graph.http.bare import router_failure
from graph.http.headers import Draining, Edge, EdgeRules
from graph.http.health import Operator, health_routes
from graph.http.logs import RequestLog
from graph.http.metrics import Metrics, metrics_routes
from graph.http.parts import part_checks, part_gauges
from graph.http.sizes import BodyLimit
from graph.live import Hub
from models.database import Database, connect
from models.embedded.postgres import APP, OWNER
from models.limits import DatabaseWindows, SharedWindows
from models.migrate import migrate, newest_revision, present_revision
from models.sealing import derive
from models.stores.broker import LocalBroker
from models.stores.files import LocalFiles
from models.stores.keys import LocalKeys
from models.stores.limits import RedisWindows
from models.stores.mail import FolderMailer, Mailer, SmtpMailer
from models.stores.redis import Cache
from models.stores.sessions import AnnouncedSessions, NoSessions, RedisSessions
from models.system_keys import ensure_system_keys, load_system_keys
from resolvers.auth import Auth
from resolvers.erasure import Erasures
from resolvers.exports import Exports
from resolvers.jobs import Worker
from resolvers.ledgers import Ledgers
from resolvers.limits import LOCAL_WIDTH, Limits
from resolvers.noticing import notice
from resolvers.passwords import Passwords
from resolvers.recovery import Recovery
from resolvers.registration import Registrations
from resolvers.sessions import Sessions
from resolvers.tokens import AccessTokens
from resolvers.uploads import keep_swept
from settings import Settings, SettingsError, database_address, smtp_server

if TYPE_CHECKING:
    from models.embedded.parts import Endpoints

ROOT: Final = Path(__file__).resolve().parent
_ROOMS: Final = ("graph", "resolvers", "models", "rest_compat")
_AUDIENCE: Final = "pockettrend"
_log: Final = structlog.get_logger("app")


@dataclass(slots=True)
class Running:
    """One running process: the services and what stands around them."""

    settings: Settings
    services: Services
    metrics: Metrics
    rules: EdgeRules
    chain_key: bytes = field(default=b"", repr=False)
    """Opens the change chain, for those who verify it."""
    cache: Cache | None = None
    broker: LocalBroker = field(default_factory=LocalBroker)
    passwords: Passwords | None = None
    demo_password: str | None = None
    """Shown on the pages of a local server with a demo account."""

    @classmethod
    def around(cls, services: Services, settings: Settings) -> "Running":
        """A process around services that somebody else opened."""
        rules = EdgeRules(
            local=not settings.production,
            https=services.public_url.startswith("https://"),
            origins=frozenset(settings.cors_origins),
        )
        metrics = Metrics(build=services.build, profile=settings.profile)
        services.live.metrics = metrics
        rules.draining.then(services.live.drain)
        return cls(settings, services, metrics, rules)

    @property
    def draining(self) -> Draining:
        """Set when the process is about to stop."""
        return self.rules.draining

    async def work(self, stopping: asyncio.Event) -> None:
        """Run jobs, and the upkeep that belongs to no job, until the stop."""
        database = self.services.database
        worker = Worker(
            database,
            self.broker,
            job_handlers(self.services),
            last_words=last_words(self.services),
            observe=self.metrics.job,
        )
        async with asyncio.TaskGroup() as both:
            both.create_task(worker.run(stopping))
            both.create_task(keep_swept(database, self.services.files, stopping))

    async def close(self) -> None:
        """Close everything, the database last."""
        await self.services.live.close()
        if self.passwords is not None:
            self.passwords.close()
        if self.cache is not None:
            await self.cache.close()
        await self.services.database.close()


def app_version() -> str:
    """The version of the product."""
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found


def build_name() -> str:
    """Version and a hash of the code: answers cached under another build are not reused."""
    digest = sha256()
    for room in _ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in {".py", ".graphql", ".typ"}:
                digest.update(path.name.encode() + b"\x00" + path.read_bytes())
    return f"{app_version()}+{digest.hexdigest()[:10]}"


def engine_of(settings: Settings, endpoints: "Endpoints | None", *, owner: bool) -> AsyncEngine:
    """An engine as the application's role or as the owner of the tables."""
    if endpoints is not None:
        address: dict[str, Any] = {
            "host": endpoints.database_host,
            "port": endpoints.database_port,
            "name": endpoints.database_name,
            "user": OWNER if owner else APP,
            "password": endpoints.owner_password if owner else endpoints.app_password,
        }
        return connect(**address, pool_size=2 if owner else settings.db_pool_size)
    secret = settings.database_owner_url if owner else settings.database_url
    return connect(
        **database_address(secret),
        pooler=settings.db_pooler,
        pool_size=2 if owner else settings.db_pool_size,
    )


def master_keys(settings: Settings) -> LocalKeys:
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


async def migrate_all(settings: Settings, endpoints: "Endpoints | None") -> bool:
    """Bring tables and system keys up to date; True when a migration ran.

    Without the owner's address the schema must be the newest already.
    """
    if endpoints is None and not settings.database_owner_url.get_secret_value():
        await _require_newest(engine_of(settings, None, owner=False))
        return False
    app_role = APP if endpoints is not None else database_address(settings.database_url)["user"]
    owner = engine_of(settings, endpoints, owner=True)
    try:
        ran = await migrate(owner, app_role=app_role)
        await ensure_system_keys(owner, master_keys(settings))
    finally:
        await owner.dispose()
    return ran


async def _require_newest(engine: AsyncEngine) -> None:
    try:
        present = await present_revision(engine)
    finally:
        await engine.dispose()
    if present != newest_revision():
        raise SettingsError(
            [
                f"The database is at migration {present or 'none'}, not {newest_revision()}.",
                "POCKETTREND_DATABASE_OWNER_URL: set it, or run `pockettrend migrate` with it.",
            ]
        )


def _cache_of(settings: Settings, endpoints: "Endpoints | None") -> Cache | None:
    url = settings.redis_url.get_secret_value()
    if url:
        return Cache(url=url)
    if endpoints is None:
        return None
    return Cache(
        socket=endpoints.redis_socket,
        username=endpoints.redis_username,
        password=endpoints.redis_password,
    )


async def open_services(settings: Settings, endpoints: "Endpoints | None") -> Services:
    """The parts that both doors use, for commands and tests that close them by their database."""
    return (await start(settings, endpoints)).services


async def start(
    settings: Settings, endpoints: "Endpoints | None", *, port: int | None = None
) -> Running:
    """Connect everything; the caller closes it."""
    public_url = settings.base_url(port)
    engine = engine_of(settings, endpoints, owner=False)
    keys = master_keys(settings)
    loop = asyncio.get_running_loop()
    # Hashing the code and one password take tens of milliseconds each: beside the connections.
    build = loop.run_in_executor(None, build_name)
    passwords = loop.run_in_executor(None, _passwords, settings)
    system, _ = await asyncio.gather(load_system_keys(engine, keys), _warm(engine))
    database = Database(engine, keys, trust_addresses=not settings.production)
    cache = _cache_of(settings, endpoints)
    broker = LocalBroker(cache)
    sessions = AnnouncedSessions(
        NoSessions() if cache is None else RedisSessions(cache, system.chain), broker.end_sessions
    )
    ledgers = Ledgers(database, system.chain, broker, notice)
    # Without an address of its own a local server keeps its tokens when its port changes.
    issuer = settings.public_url or _AUDIENCE
    tokens = AccessTokens(system.tokens, issuer=issuer, audience=_AUDIENCE)
    hasher = await passwords
    files = LocalFiles(settings.data / "files")
    auth = Auth(database, ledgers, hasher, tokens, sessions)
    registration_key = derive(system.chain, "registrations")
    services = Services(
        database=database,
        ledgers=ledgers,
        auth=auth,
        recovery=Recovery(ledgers, hasher, sessions),
        registrations=Registrations(ledgers, auth, registration_key),
        registration_key=registration_key,
        verified_registration=settings.registration == "verified",
        sessions=Sessions(database, hasher, sessions),
        files=files,
        limits=_limits(settings, database, cache, system.chain, auth),
        mailer=mailer_of(settings),
        mail_from=settings.mail_from,
        live=Hub(database, broker),
        exports=Exports(database, files, derive(system.chain, "export links")),
        erasures=Erasures(ledgers, hasher, tokens, sessions, system.chain),
        cursor_key=derive(system.chain, "cursors"),
        import_secret=derive(system.chain, "imports"),
        build=await build,
        public_url=public_url,
        production=settings.production,
        introspection=not settings.production,
    )
    running = Running.around(services, settings)
    running.cache, running.broker, running.passwords = cache, broker, hasher
    running.chain_key = system.chain
    return running


def mailer_of(settings: Settings) -> Mailer:
    """The mail server of the settings, or the folder of a local server."""
    server = smtp_server(settings.smtp_url)
    if server is None:
        return FolderMailer(settings.data / "mail")
    return SmtpMailer(server, seconds=settings.smtp_seconds)


def _limits(
    settings: Settings, database: Database, cache: Cache | None, secret: bytes, auth: Auth
) -> Limits:
    shared = None if cache is None else RedisWindows(cache)
    windows = SharedWindows(shared, DatabaseWindows(database), processes=settings.processes)
    return Limits(
        windows,
        derive(secret, "limits"),
        auth.family_of,
        on=settings.rate_limits == "on",
        width=1 if settings.production else LOCAL_WIDTH,
    )


def _passwords(settings: Settings) -> Passwords:
    return Passwords(memory_kib=settings.argon2_memory_kib, passes=settings.argon2_passes)


async def _warm(engine: AsyncEngine, connections: int = 3) -> None:
    """Open a few connections now: SCRAM costs each its 10 ms."""

    async def touch() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    await asyncio.gather(*(touch() for _ in range(connections)))


def create_app(services: Services, settings: Settings, running: Running | None = None) -> Starlette:
    """Both doors and what surrounds them as one ASGI application.

    Without a running process around it (in tests) the cache is not among the health's parts.
    """
    # Imported here: commands that serve nobody need no routes.
    from graph.engine import Engine  # noqa: PLC0415
    from graph.http.routes import graph_routes  # noqa: PLC0415
    from rest_compat.endpoint import rest_routes  # noqa: PLC0415

    running = running or Running.around(services, settings)
    token = settings.operator_token.get_secret_value()
    operator = Operator(token, everyone=not settings.production)
    parts = part_checks(services.database, running.cache, settings.data / "files")
    gauges = part_gauges(services.database, parts, running.draining)
    engine = Engine(introspection=services.introspection)
    routes = [
        *health_routes(parts, running.rules, operator, optional=frozenset({"cache"})),
        *metrics_routes(running.metrics, operator, gauges),
        *graph_routes(
            services, engine, demo_password=running.demo_password, pages=services.introspection
        ),
        *rest_routes(services, engine, demo_password=running.demo_password),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(RequestLog, observe=running.metrics.observe, began=running.metrics.began),
            Middleware(Edge, rules=running.rules),
            Middleware(BodyLimit),
        ],
        exception_handlers={HTTPException: router_failure},
    )
