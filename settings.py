"""Settings: environment variables POCKETTREND_*, checked before anything starts."""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, ValidationError
from pydantic import model_validator as checked
from pydantic_settings import NoDecode

from models.stores.addresses import (
    CLUSTER_SCHEMES,
    TLS_SCHEMES,
    database_address,
    redis_cluster,
    smtp_server,
)
from part_settings import PREFIX, Between, Networks, PartSettings, Words, field, web_address
from resolvers.bounds import DEFAULTS

__all__ = [
    "LOOPBACK",
    "Settings",
    "SettingsError",
    "database_address",
    "describe",
    "load",
    "smtp_server",
]

_OPERATOR_TOKEN_LENGTH: Final = 32
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_FLOORS: Final[Mapping[str, tuple[int, ...]]] = {
    "argon2-cffi": (25, 1),
    "asyncpg": (0, 32),
    "cryptography": (50,),
    "joserfc": (1, 8),
    "multipart": (2, 0, 1),
    "pydantic": (2, 12),
    "starlette": (1, 10),
    "strawberry-graphql": (0, 341, 2),
    "uvicorn": (0, 54),
}
"""Releases below these have known security defects or were never tried with this product."""


class SettingsError(Exception):
    """Settings that the product refuses to start with; one line for each of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError("not an origin")
    return value.rstrip("/").lower()


def _token(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if value and (not value.isascii() or not value.isprintable() or " " in value):
        raise ValueError("not a token")
    return secret


Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, Between]


class Settings(PartSettings):
    """What a process is told from outside; it never changes while the process runs."""

    profile: Literal["local", "production"] = field(
        "How strict the product is; production refuses weak or missing secrets.",
        "local or production",
        "local",
    )
    host: str = field("Address to listen on.", "a host name or IP address", "127.0.0.1")
    port: int = field(
        "Port to listen on; 0 takes a free one.", "a number from 0 to 65535", 8000, ge=0, le=65_535
    )
    data: Path = field(
        "Folder of everything that is kept: database, files, keys, mails.",
        "a folder that is ours to write",
        Path(".pockettrend"),
    )
    demo: bool = field("Create the demo account at the first start.", "1 or 0", default=False)
    public_url: Annotated[str, AfterValidator(web_address)] = field(
        "Address under which others reach us, in mails and links (default: http://HOST:PORT).",
        "an address such as https://money.example.org",
        "",
    )
    registration: Literal["open", "verified"] = field(
        "open signs in at once; verified answers alike for every address and signs in with a "
        "mailed token (production's default).",
        "open or verified",
        "open",
    )
    rate_limits: Literal["on", "off"] = field(
        "off counts no request, for load tests; production refuses it.",
        "on or off",
        "on",
    )
    servers: int = field(
        "How many processes `serve` starts on its port; about as many as there are cores.",
        "a number from 1 to 64",
        1,
        ge=1,
        le=64,
    )
    processes: int = field(
        "How many processes serve side by side: without Redis each of them admits its part of "
        "every limit.",
        "a number from 1 to 1000",
        1,
        ge=1,
        le=1_000,
    )
    import_bytes: int = field(
        "Bytes that an uploaded file may have.",
        "a number from 1000 to 1000000000",
        DEFAULTS.file_bytes,
        ge=1_000,
        le=1_000_000_000,
    )
    import_rows: int = field(
        "Rows that a statement or another app's table may have.",
        "a number from 1 to 1000000",
        DEFAULTS.rows,
        ge=1,
        le=1_000_000,
    )
    import_columns: int = field(
        "Columns that a table may have.",
        "a number from 2 to 1000",
        DEFAULTS.columns,
        ge=2,
        le=1_000,
    )
    takeout_bytes: int = field(
        "Bytes that an uploaded archive or takeout may have; the importer holds one in memory.",
        "a number from 1000 to 2000000000",
        DEFAULTS.takeout_bytes,
        ge=1_000,
        le=2_000_000_000,
    )
    cors_origins: Origins = field(
        "Origins of web pages that may call us, between commas; the local profile also allows "
        "every port of localhost and 127.0.0.1.",
        "origins such as https://app.example.org, between commas",
        (),
    )
    oidc_issuer: Annotated[str, AfterValidator(web_address)] = field(
        "Issuer of another provider that may sign in (OpenID Connect); empty for none.",
        "an address such as https://accounts.example.org",
        "",
    )
    oidc_name: str = field("How that provider is called.", "a word", "oidc")
    oidc_client_id: str = field("Our name at that provider.", "what it gave you", "")
    oidc_client_secret: SecretStr = field(
        "Our secret at that provider.", "what it gave you", SecretStr("")
    )
    oidc_redirects: Words = field(
        "Addresses to which that provider may send people back, between commas (default: the "
        "public address).",
        "addresses such as https://app.example.org/signed-in, between commas",
        (),
    )
    trusted_proxies: Networks = field(
        "Addresses of proxies whose X-Forwarded-For and -Proto are believed, between commas.",
        "IP addresses or networks, between commas",
        (),
    )
    operator_token: Annotated[SecretStr, AfterValidator(_token)] = field(
        "Bearer token for /metrics and the parts of /health/detailed.",
        f"at least {_OPERATOR_TOKEN_LENGTH} printable characters without spaces",
        SecretStr(""),
    )
    log_level: Literal["debug", "info", "warning", "error"] = field(
        "The least level that is logged; production refuses debug.",
        "debug, info, warning or error",
        "info",
    )
    log_format: Literal["json", "console"] = field(
        "One JSON object a line, or words for a person.", "json or console", "json"
    )
    argon2_memory_kib: int = field(
        "Memory of one password hash, in KiB.",
        "a number from 8192 to 1048576",
        19_456,
        ge=8_192,
        le=1_048_576,
    )
    argon2_passes: int = field(
        "Passes of one password hash.", "a number from 1 to 20", 2, ge=1, le=20
    )
    rates_url: Annotated[str, AfterValidator(web_address)] = field(
        "Where the worker fetches exchange rates published since this release: the European Central "
        "Bank's eurofxref-hist.zip or eurofxref.zip, or a copy of it; empty fetches none.",
        "an address such as https://rates.example.org/eurofxref-hist.zip",
        "",
    )
    worker: bool = field(
        "Run the worker inside serve; 0 where it runs as its own process.", "1 or 0", default=True
    )
    shutdown_seconds: int = field(
        "How long requests in flight may take after a stop signal.",
        "a number from 1 to 15",
        15,
        ge=1,
        le=15,
    )

    @checked(mode="before")
    @classmethod
    def _defaults_of_profile(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("profile") == "production":
            values.setdefault("registration", "verified")
        return values

    @property
    def production(self) -> bool:
        """Whether the strict profile is on."""
        return self.profile == "production"

    @property
    def embedded_database(self) -> bool:
        """Whether this process brings its own PostgreSQL (and Valkey)."""
        return not self.database_url.get_secret_value()

    @property
    def key_file(self) -> Path:
        """Where the master key lies."""
        return self.master_key_file or self.data / "keys" / "master.key"

    def address(self, port: int | None = None) -> str:
        """The address of this process itself."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        return f"http://{host}:{self.port if port is None else port}"

    def base_url(self, port: int | None = None) -> str:
        """The address under which others reach us, without a slash at its end."""
        return self.public_url or self.address(port)

    def warnings(self) -> list[str]:
        """What is allowed in this profile but deserves a word at the start."""
        found = []
        redis = self.redis_url.get_secret_value()
        if self.production and redis and not _safe(redis):
            found.append(
                f"{PREFIX}REDIS_URL speaks no TLS: sessions and limits cross the network in the "
                "clear; rediss:// would not."
            )
        if not self.production and self.host not in LOOPBACK:
            found.append(
                f"{PREFIX}HOST opens the local profile to the network; "
                f"set {PREFIX}PROFILE=production for others to use it."
            )
        return found


def _safe(redis: str) -> bool:
    """Whether what is said to Redis is read by nobody on the way."""
    scheme = redis.partition(":")[0]
    if scheme in TLS_SCHEMES:
        return True
    if scheme in CLUSTER_SCHEMES:
        return all(host in LOOPBACK for host, _ in redis_cluster(redis).nodes)
    return urlsplit(redis).hostname in LOOPBACK


def load() -> Settings:
    """Read and check the settings; raises SettingsError with a line for each wrong one."""
    problems = _unknown(os.environ)
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsError([*problems, *_wrong(error)]) from None
    if settings.production:
        problems += _refusals(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def _unknown(environ: Iterable[str]) -> list[str]:
    known = [name.upper() for name in Settings.model_fields]
    problems = []
    for name in sorted(environ):
        bare = name.upper().removeprefix(PREFIX)
        if bare != name.upper() and bare not in known:
            near = get_close_matches(bare, known, n=1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else "`pockettrend settings` has all."
            problems.append(f"{name}: there is no such setting; {hint}")
    return problems


def _wrong(error: ValidationError) -> list[str]:
    """One line a setting: its name and what would be right, never what was given."""
    problems = []
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(one["loc"][0]) if one["loc"] else ""
        extra = Settings.model_fields[name].json_schema_extra if name else None
        right = extra["right"] if isinstance(extra, dict) else one["msg"]
        line = f"{PREFIX}{name.upper()}: must be {right}."
        if line not in problems:
            problems.append(line)
    return problems


def _refusals(settings: Settings) -> list[str]:
    """Why the production profile does not start with these settings."""
    token = settings.operator_token.get_secret_value()
    mails = smtp_server(settings.smtp_url)
    checks = (
        (settings.demo, "DEMO", "must be 0 in production: the demo account's password is public"),
        (settings.rate_limits == "off", "RATE_LIMITS", "must be on in production"),
        (settings.log_level == "debug", "LOG_LEVEL", "must not be debug in production"),
        (settings.embedded_database, "DATABASE_URL", "must name a PostgreSQL server in production"),
        (
            settings.master_key_file is None and not settings.kms_keys,
            "MASTER_KEY_FILE",
            "must name the key file in production, apart from the data, unless KMS_KEYS is set",
        ),
        (
            bool(settings.oidc_issuer)
            and not (settings.oidc_issuer.startswith("https://") and settings.oidc_client_id),
            "OIDC_ISSUER",
            "must be an https:// address in production, with a OIDC_CLIENT_ID",
        ),
        (
            not settings.public_url.startswith("https://"),
            "PUBLIC_URL",
            "must be an https:// address in production",
        ),
        (
            mails is None or (mails.tls == "none" and mails.host not in LOOPBACK),
            "SMTP_URL",
            "must name a mail server with TLS in production: smtp:// or smtps://",
        ),
        (
            len(token) < _OPERATOR_TOKEN_LENGTH or len(set(token)) < 8,
            "OPERATOR_TOKEN",
            f"must be at least {_OPERATOR_TOKEN_LENGTH} random characters in production",
        ),
    )
    return [f"{PREFIX}{name}: {why}." for bad, name, why in checks if bad] + weak_dependencies()


def weak_dependencies() -> list[str]:
    """Installed packages below the release that production asks for."""
    problems = []
    for name, floor in _FLOORS.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "0"
        numbers = tuple(int(part) for part in installed.split(".") if part.isdecimal())
        if numbers < floor:
            wanted = ".".join(map(str, floor))
            problems.append(f"{name} {installed} is installed; production needs {wanted} or newer.")
    return problems


def describe() -> list[tuple[str, str, str, str]]:
    """Rows of name, type, default and meaning of every setting."""
    rows = []
    for name, found in Settings.model_fields.items():
        default = found.default
        if isinstance(default, SecretStr) or default in (None, (), ""):
            shown = "(empty)"
        elif isinstance(default, bool):
            shown = "1" if default else "0"
        else:
            shown = str(default)
        rows.append(
            (PREFIX + name.upper(), _kind(found.annotation), shown, found.description or "")
        )
    return rows


def _kind(annotation: Any) -> str:
    choices = [word for word in get_args(annotation) if isinstance(word, str)]
    if choices:
        return " | ".join(choices)
    names = {bool: "1 | 0", int: "number", str: "text", SecretStr: "secret"}
    if annotation in names:
        return names[annotation]
    return "list" if "tuple" in str(annotation) else "path"
