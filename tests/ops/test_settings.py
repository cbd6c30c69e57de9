"""Settings: unknown names, wrong values, what production refuses, and secrets that stay secret."""

import pytest
from pydantic import SecretStr

import settings
from settings import SettingsError, load

SECRET = "canary-4711-secret"
GOOD = {
    "PROFILE": "production",
    "DATABASE_URL": f"postgresql://app:{SECRET}@db.internal:5432/pockettrend",
    "MASTER_KEY_FILE": "/etc/pockettrend/master.key",
    "PUBLIC_URL": "https://money.example.org/",
    "OPERATOR_TOKEN": "0123456789abcdefghijklmnopqrstuv",
    "SMTP_URL": f"smtp://mailer:{SECRET}@mail.internal:587",
}


def given(environment: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        environment.setenv(f"POCKETTREND_{name}", value)


def problems(environment: pytest.MonkeyPatch, **values: str) -> list[str]:
    given(environment, **values)
    with pytest.raises(SettingsError) as caught:
        load()
    return caught.value.problems


def test_without_any_variable_the_local_profile_starts(clean_settings) -> None:
    found = load()
    assert (found.profile, found.port, found.registration) == ("local", 8000, "open")
    assert found.embedded_database
    assert found.base_url() == "http://127.0.0.1:8000"
    assert str(found.key_file) == ".pockettrend/keys/master.key"


def test_an_empty_variable_counts_as_absent(clean_settings) -> None:
    given(clean_settings, PORT="", REDIS_URL="", DEMO="")
    assert load().port == 8000


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PROT", "POCKETTREND_PORT"),
        ("DATABASEURL", "POCKETTREND_DATABASE_URL"),
        ("XYZ", "settings"),
    ],
)
def test_an_unknown_name_is_refused_with_a_hint(clean_settings, name: str, hint: str) -> None:
    (line,) = problems(clean_settings, **{name: SECRET})
    assert line.startswith(f"POCKETTREND_{name}: ")
    assert hint in line
    assert SECRET not in line


@pytest.mark.parametrize(
    "name",
    [
        "PROFILE", "PORT", "DEMO", "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "DB_POOLER",
        "DB_POOL_SIZE", "REGISTRATION", "RATE_LIMITS", "LOG_LEVEL", "LOG_FORMAT", "WORKER",
        "ARGON2_MEMORY_KIB", "ARGON2_PASSES", "SHUTDOWN_SECONDS", "CORS_ORIGINS", "PUBLIC_URL",
        "PROCESSES", "SMTP_URL", "SMTP_SECONDS", "MAIL_FROM", "TRUSTED_PROXIES",
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_would_be_right(clean_settings, name: str) -> None:
    (line,) = problems(clean_settings, **{name: SECRET + ":99999"})
    assert line.startswith(f"POCKETTREND_{name}: must be ")
    assert SECRET not in line


def test_all_wrong_settings_are_named_at_once(clean_settings) -> None:
    lines = problems(clean_settings, PORT="70000", WORKER="maybe", UNKNOWN="1")
    assert [line.partition(":")[0] for line in lines] == [
        "POCKETTREND_UNKNOWN",
        "POCKETTREND_PORT",
        "POCKETTREND_WORKER",
    ]


def test_origins_are_read_between_commas(clean_settings) -> None:
    given(clean_settings, CORS_ORIGINS="https://App.example.org/, http://localhost:5173")
    assert load().cors_origins == ("https://app.example.org", "http://localhost:5173")


@pytest.mark.case("L03")
def test_a_complete_production_profile_starts(clean_settings) -> None:
    given(clean_settings, **GOOD)
    found = load()
    assert found.production
    assert found.registration == "verified"
    assert found.base_url() == "https://money.example.org"


@pytest.mark.case("L03")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEMO", "1"),
        ("RATE_LIMITS", "off"),
        ("LOG_LEVEL", "debug"),
        ("DATABASE_URL", ""),
        ("MASTER_KEY_FILE", ""),
        ("PUBLIC_URL", ""),
        ("PUBLIC_URL", "http://money.example.org"),
        ("SMTP_URL", ""),
        ("SMTP_URL", "smtp+plain://mail.internal"),
        ("OPERATOR_TOKEN", ""),
        ("OPERATOR_TOKEN", "short"),
        ("OPERATOR_TOKEN", "a" * 64),
    ],
)
def test_production_refuses_what_is_weak_or_missing(clean_settings, name: str, value: str) -> None:
    (line,) = problems(clean_settings, **{**GOOD, name: value})
    assert line.startswith(f"POCKETTREND_{name}: ")


@pytest.mark.case("L03")
def test_production_refuses_a_package_below_its_floor(clean_settings) -> None:
    clean_settings.setattr(settings, "_FLOORS", {"starlette": (999,), "no-such-package": (1,)})
    lines = problems(clean_settings, **GOOD)
    assert [line.split()[0] for line in lines] == ["starlette", "no-such-package"]


@pytest.mark.case("L03")
def test_installed_packages_are_above_their_floors() -> None:
    assert settings.weak_dependencies() == []


@pytest.mark.case("L01")
def test_secrets_are_never_shown(clean_settings) -> None:
    given(
        clean_settings,
        OPERATOR_TOKEN=SECRET,
        DATABASE_URL=GOOD["DATABASE_URL"],
        REDIS_URL=f"redis://:{SECRET}@cache:6379/0",
        SMTP_URL=GOOD["SMTP_URL"],
    )
    found = load()
    assert SECRET not in repr(found)
    assert SECRET not in str(found.model_dump())
    assert settings.database_address(found.database_url)["password"] == SECRET
    server = settings.smtp_server(found.smtp_url)
    assert server is not None
    assert server.password == SECRET
    assert SECRET not in repr(server)


def test_every_setting_is_described() -> None:
    rows = settings.describe()
    assert len(rows) == len(settings.Settings.model_fields)
    assert all(
        name.startswith("POCKETTREND_") and kind and meaning for name, kind, _, meaning in rows
    )


@pytest.mark.parametrize(
    ("host", "read"),
    [
        ("db.internal:5433", "db.internal"),
        ("[::1]:5433", "::1"),
        ("%2Frun%2FPostgres:5433", "/run/Postgres"),
    ],
)
def test_a_database_address_is_read_in_parts(host: str, read: str) -> None:
    found = settings.database_address(SecretStr(f"postgresql://a%40b:p%2Fw@{host}/name"))
    assert found == {"host": read, "port": 5433, "name": "name", "user": "a@b", "password": "p/w"}


@pytest.mark.parametrize(
    ("address", "read"),
    [
        ("smtp://mail.internal", ("mail.internal", 587, "starttls", None, None)),
        ("smtps://a%40b:p%2Fw@mail.internal", ("mail.internal", 465, "tls", "a@b", "p/w")),
        ("smtp+plain://[::1]:2525", ("::1", 2525, "none", None, None)),
    ],
)
def test_a_mail_server_is_read_in_parts(clean_settings, address: str, read: tuple) -> None:
    given(clean_settings, SMTP_URL=address)
    found = settings.smtp_server(load().smtp_url)
    assert found is not None
    assert (found.host, found.port, found.tls, found.username, found.password) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "smtp://user@mail.internal"),
        ("SMTP_URL", "smtp://mail.internal/path"),
        ("SMTP_URL", "http://mail.internal"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "a@b.example\r\nBcc: c@d.example"),
        ("MAIL_FROM", "A <a@b.example>"),
    ],
)
def test_wrong_mail_settings_are_refused(clean_settings, name: str, value: str) -> None:
    (line,) = problems(clean_settings, **{name: value})
    assert line.startswith(f"POCKETTREND_{name}: must be ")
