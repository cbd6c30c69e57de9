"""The composition root: settings become parts, parts become services, services become an app."""

import asyncio
import tomllib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Scope

from assembly import (
    bounds_of,
    cache_of,
    engine_of,
    files_of,
    keys_of,
    limits_of,
    mailer_of,
    migrate_all,
    passwords_of,
    provider_of,
    queue_of,
    replica_of,
    system_keys_of,
    warm,
)
from graph.context import Services
from graph.handlers import job_handlers, last_words
from graph.http.bare import router_failure
from graph.http.folded import Together
from graph.http.front import Front, Fronted
from graph.http.headers import Draining, EdgeRules
from graph.http.health import Operator, health_routes
from graph.http.logs import SINKS, Same
from graph.http.metrics import Metrics, metrics_routes
from graph.http.parts import part_checks, part_gauges
from graph.http.sizes import FORM_BYTES
from graph.http.slow import SlowLog
from graph.live import Hub
from models.database import Database
from models.replica import Replica
from models.sealing import derive
from models.stores.answers import Answers
from models.stores.broker import LocalBroker
from models.stores.redis import Cache
from models.stores.sessions import AnnouncedSessions, NoSessions, RedisSessions, RememberedSessions
from models.telemetry import COUNTERS, LISTENERS, Tally
from resolvers.auth import Auth
from resolvers.erasure import Erasures
from resolvers.exports import Exports
from resolvers.failures import Failures
from resolvers.inputs import input_builders
from resolvers.jobs import Worker
from resolvers.ledgers import Ledgers
from resolvers.noticing import notice
from resolvers.oidc import SignInsElsewhere
from resolvers.passwords import Passwords
from resolvers.personal_tokens import PersonalTokens
from resolvers.prompts import Teller
from resolvers.rates import keep_known, keep_refreshed
from resolvers.recovery import Recovery
from resolvers.registration import Registrations
from resolvers.second_factor import SecondFactors
from resolvers.sessions import Sessions
from resolvers.tokens import AccessTokens
from resolvers.uploads import keep_swept
from settings import Settings

if TYPE_CHECKING:
    from graph.http.sentry import Sentry
    from graph.http.tracing import Tracing
    from models.embedded.parts import Endpoints
    from models.stores.sqs import SqsQueue

__all__ = ["Running", "create_app", "mailer_of", "migrate_all", "start"]

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
    slow: SlowLog
    chain_key: bytes = field(default=b"", repr=False)
    """Opens the change chain, for those who verify it."""
    cache: Cache | None = None
    broker: LocalBroker = field(default_factory=LocalBroker)
    passwords: Passwords | None = None
    replica: Replica | None = None
    tracing: "Tracing | None" = None
    sentry: "Sentry | None" = None
    queue: "SqsQueue | None" = None
    teller: Teller | None = None
    prepare: Callable[[], Coroutine[Any, Any, None]] | None = None
    """Does, soon after the start, what first requests would have to wait for."""
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
        slow = SlowLog(services.database.engine, threshold_seconds=settings.slow_ms / 1_000)
        services.live.metrics = metrics
        LISTENERS.append(metrics.figures.statement)
        COUNTERS.append(metrics.figures.counted)
        rules.draining.then(services.live.drain)
        return cls(settings, services, metrics, rules, slow)

    def observe(self, scope: Scope, status: int, seconds: float, tally: Tally) -> None:
        """A request ended."""
        self.metrics.observe(scope, status, seconds, tally)
        self.slow.finished(scope, status, seconds, tally)

    @property
    def slow_seconds(self) -> float:
        """From when on a request is slow."""
        return self.slow.threshold

    def together(self, same: Same) -> Together:
        """What is noted of requests that are answered again."""
        return self.metrics.together(same)

    def follow(self) -> None:
        """Begin to send traces and errors, where settings say to whom."""
        settings, build = self.settings, self.services.build
        if settings.otlp_url:
            from graph.http.tracing import Tracing  # noqa: PLC0415

            self.tracing = Tracing(settings.otlp_url, build=build, percent=settings.trace_percent)
            LISTENERS.append(self.tracing.statement)
        if settings.sentry_dsn.get_secret_value():
            from graph.http.sentry import Sentry  # noqa: PLC0415

            dsn = settings.sentry_dsn.get_secret_value()
            self.sentry = Sentry(dsn, build=build, profile=settings.profile)
            SINKS.append(self.sentry.tell)

    async def _unfollow(self) -> None:
        if self.tracing is not None:
            LISTENERS.remove(self.tracing.statement)
            await asyncio.to_thread(self.tracing.close)
        if self.sentry is not None:
            SINKS.remove(self.sentry.tell)
            await asyncio.to_thread(self.sentry.close)

    async def follow_rates(self, stopping: asyncio.Event) -> None:
        """Know the exchange rates that a worker has fetched."""
        await keep_known(self.services.database, stopping)

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
            queue=self.queue,
        )
        async with asyncio.TaskGroup() as both:
            both.create_task(worker.run(stopping))
            both.create_task(keep_swept(database, self.services.files, stopping))
            if self.settings.rates_url:
                both.create_task(keep_refreshed(database, self.settings.rates_url, stopping))

    async def close(self) -> None:
        """Close everything, the database last."""
        await self.services.live.close()
        await self.broker.close()
        await self.slow.close()
        if self.metrics.figures.statement in LISTENERS:
            LISTENERS.remove(self.metrics.figures.statement)
            COUNTERS.remove(self.metrics.figures.counted)
        if self.teller is not None:
            await self.teller.close()
        if self.passwords is not None:
            self.passwords.close()
        await self.services.answers.settle()
        if self.cache is not None:
            await self.cache.close()
        await self._unfollow()
        if self.replica is not None:
            await self.replica.close()
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


async def open_services(settings: Settings, endpoints: "Endpoints | None") -> Services:
    """The parts that both doors use, for commands and tests that close them by their database."""
    return (await start(settings, endpoints)).services


def _ledgers_of(database: Database, chain_key: bytes, broker: LocalBroker) -> Ledgers:
    """The write path, which hears of what others write."""
    ledgers = Ledgers(database, chain_key, broker, notice)
    broker.listen(ledgers.drafts.standings)
    return ledgers


async def start(
    settings: Settings, endpoints: "Endpoints | None", *, port: int | None = None
) -> Running:
    """Connect everything; the caller closes it."""
    public_url = settings.base_url(port)
    engine = engine_of(settings, endpoints, owner=False)
    keys = await keys_of(settings, engine)
    loop = asyncio.get_running_loop()
    # Hashing the code and one password take tens of milliseconds each: beside the connections.
    build = loop.run_in_executor(None, build_name)
    passwords = loop.run_in_executor(None, passwords_of, settings)
    system, _ = await asyncio.gather(system_keys_of(settings, engine, keys), warm(engine))
    options: dict[str, Any] = {
        "trust_addresses": not settings.production,
        "keeps": settings.db_pooler != "transaction",
    }
    database = Database(engine, keys, audit_key=derive(system.chain, "audit"), **options)
    replica = replica_of(settings, database, **options)
    cache = cache_of(settings, endpoints)
    broker = LocalBroker(cache)
    behind = NoSessions() if cache is None else RedisSessions(cache, system.chain)
    sessions = RememberedSessions(AnnouncedSessions(behind, broker), broker)
    ledgers = _ledgers_of(database, system.chain, broker)
    # Without an address of its own a local server keeps its tokens when its port changes.
    issuer = settings.public_url or _AUDIENCE
    tokens = AccessTokens(system.tokens, issuer=issuer, audience=_AUDIENCE)
    hasher = await passwords
    files = files_of(settings)
    failures = Failures(database, derive(system.chain, "sign-in failures"))
    auth = Auth(database, ledgers, hasher, tokens, sessions, failures)
    registration_key = derive(system.chain, "registrations")
    services = Services(
        database=database,
        ledgers=ledgers,
        auth=auth,
        recovery=Recovery(ledgers, hasher, sessions, failures),
        second_factors=SecondFactors(ledgers, hasher),
        personal_tokens=PersonalTokens(ledgers),
        elsewhere=SignInsElsewhere(auth, provider_of(settings), derive(system.chain, "oidc")),
        registrations=Registrations(ledgers, auth, registration_key),
        registration_key=registration_key,
        verified_registration=settings.registration == "verified",
        sessions=Sessions(ledgers, hasher, sessions),
        files=files,
        limits=limits_of(settings, database, cache, system.chain, auth),
        mailer=mailer_of(settings),
        mail_from=settings.mail_from,
        live=Hub(database, broker),
        exports=Exports(database, files, derive(system.chain, "export links")),
        erasures=Erasures(ledgers, hasher, tokens, sessions, system.chain),
        cursor_key=derive(system.chain, "cursors"),
        import_secret=derive(system.chain, "imports"),
        build=await build,
        public_url=public_url,
        files_url=settings.files_url or public_url,
        bounds=bounds_of(settings),
        production=settings.production,
        introspection=not settings.production,
        answers=Answers(cache, system.chain),
    )
    running = Running.around(services, settings)
    running.cache, running.broker, running.passwords = cache, broker, hasher
    running.chain_key = system.chain
    running.replica = replica
    running.follow()
    running.queue = queue_of(settings)
    if running.queue is not None:
        running.teller = Teller(database, running.queue)
        broker.tell_others = running.teller.tell
    return running


def create_app(services: Services, settings: Settings, running: Running | None = None) -> Starlette:
    """Both doors and what surrounds them as one ASGI application.

    Without a running process around it (in tests) the cache is not among the health's parts.
    """
    # Imported here: commands that serve nobody need no routes.
    from graph.engine import Engine  # noqa: PLC0415
    from graph.http.routes import graph_routes  # noqa: PLC0415
    from rest_compat.branches import direct  # noqa: PLC0415
    from rest_compat.endpoint import rest_routes  # noqa: PLC0415

    running = running or Running.around(services, settings)
    token = settings.operator_token.get_secret_value()
    operator = Operator(token, everyone=not settings.production)
    parts = part_checks(
        services.database, running.cache, services.files, running.queue, running.replica
    )
    gauges = part_gauges(
        services.database,
        parts,
        running.draining,
        cache=running.cache,
        replica=running.replica,
    )
    engine = Engine(introspection=services.introspection, query_seconds=settings.query_seconds)
    engine.later.extend(input_builders())
    running.prepare = engine.later.run
    routes = [
        *health_routes(parts, running.rules, operator, optional=frozenset({"cache", "replica"})),
        *metrics_routes(running.metrics, operator, gauges),
        *graph_routes(
            services, engine, demo_password=running.demo_password, pages=services.introspection
        ),
        *rest_routes(services, engine, demo_password=running.demo_password),
    ]

    def front(application: ASGIApp) -> ASGIApp:
        outermost: ASGIApp = Front(
            application,
            rules=running.rules,
            observe=running.observe,
            began=running.metrics.began,
            noting=running,
            direct=direct(routes),
            sockets={one.path: one for one in routes if isinstance(one, WebSocketRoute)},
            # Around the file a form has a few fields.
            upload_bytes=services.bounds.largest + FORM_BYTES,
            # A span stands around every request, within the trace that its head names.
            remembers=running.tracing is None,
        )
        return outermost if running.tracing is None else running.tracing.middleware(outermost)

    return Fronted(front, routes=routes, exception_handlers={HTTPException: router_failure})
