"""The roles of the database and the user of Valkey may do what they need and no more."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from models.embedded.parts import Endpoints, temporary_parts


@pytest.fixture(scope="module")
def ends() -> Iterator[Endpoints]:
    with temporary_parts() as endpoints:
        yield endpoints


def run(ends: Endpoints, role: str, *statements: str, database: str = "pockettrend") -> object:
    """Run statements one after another as a role; return the first value of the last."""
    passwords = {
        "postgres": ends.superuser_password,
        "pockettrend_owner": ends.owner_password,
        "pockettrend_app": ends.app_password,
    }

    async def go() -> object:
        connection = await asyncpg.connect(
            host=ends.database_host,
            port=ends.database_port,
            user=role,
            password=passwords[role],
            database=database,
        )
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(go())


@pytest.fixture
def client(ends: Endpoints) -> Iterator[redis.Redis]:
    with redis.Redis(
        unix_socket_path=ends.redis_socket,
        username=ends.redis_username,
        password=ends.redis_password,
    ) as connection:
        yield connection


@pytest.mark.parametrize("role", ["pockettrend_owner", "pockettrend_app"])
def test_roles_have_no_power_over_the_server(ends: Endpoints, role: str) -> None:
    powers = (
        "SELECT rolcanlogin AND NOT (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb "
        "OR rolreplication) FROM pg_roles WHERE rolname = current_user"
    )
    member = "SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole"
    assert run(ends, role, powers) is True
    assert run(ends, role, member) == 0
    for forbidden in (
        "CREATE ROLE other",
        "CREATE DATABASE other",
        f"ALTER ROLE {role} BYPASSRLS",
        "SET ROLE postgres",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT rolpassword FROM pg_authid",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run(ends, role, forbidden)


def test_the_app_creates_nothing(ends: Endpoints) -> None:
    for forbidden in ("CREATE TABLE t ()", "CREATE SCHEMA s", "CREATE TEMPORARY TABLE t ()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run(ends, "pockettrend_app", forbidden)


@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_roles_enter_their_own_database_only(ends: Endpoints, database: str) -> None:
    for role in ("pockettrend_owner", "pockettrend_app"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run(ends, role, "SELECT 1", database=database)


@pytest.mark.case("T06")
def test_row_security_binds_the_app_and_a_forced_table_its_owner(ends: Endpoints) -> None:
    run(
        ends,
        "pockettrend_owner",
        "CREATE TABLE guarded (n int)",
        "INSERT INTO guarded VALUES (1), (2)",
        "GRANT SELECT ON guarded TO pockettrend_app",
        "CREATE POLICY one ON guarded USING (n = 1)",
        "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE guarded FORCE ROW LEVEL SECURITY",
    )
    for role in ("pockettrend_owner", "pockettrend_app"):
        assert run(ends, role, "SELECT count(*) FROM guarded") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run(ends, role, "SET row_security = off", "SELECT count(*) FROM guarded")
    assert run(ends, "postgres", "SELECT count(*) FROM guarded") == 2


def test_a_wrong_password_is_refused(ends: Endpoints) -> None:
    async def go() -> None:
        await asyncpg.connect(
            host=ends.database_host, user="pockettrend_app", password="no", database="pockettrend"
        )

    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(go())


def test_the_server_is_set_up_as_meant(ends: Endpoints) -> None:
    meant = {
        "listen_addresses": "",
        "TimeZone": "UTC",
        "jit": "off",
        "max_connections": "120",
        "unix_socket_permissions": "0700",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "server_encoding": "UTF8",
        "fsync": "off",
    }
    seen = {name: run(ends, "postgres", f"SHOW {name}") for name in meant}
    assert seen == meant


def test_the_log_keeps_no_value_of_a_failed_write(ends: Endpoints) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        run(
            ends,
            "pockettrend_owner",
            "CREATE TABLE names (name text PRIMARY KEY)",
            "INSERT INTO names VALUES ('CANARY')",
            "INSERT INTO names VALUES ('CANARY')",
        )
    log = run(ends, "postgres", "SELECT pg_read_file('../postgres.log')")
    assert "names_pkey" in str(log)
    assert "CANARY" not in str(log)


def test_letters_of_all_scripts_are_folded(ends: Endpoints) -> None:
    assert run(ends, "pockettrend_app", "SELECT lower('ŁÓDŹ Ж') || upper('ß é')") == "łódź жß É"


def test_our_keys_channels_and_scripts_work(client: redis.Redis) -> None:
    assert client.set("pt:a", "1", ex=60)
    assert client.eval("return server.call('INCR', KEYS[1])", 1, "pt:a") == 2
    assert client.register_script("return redis.call('GET', KEYS[1])")(keys=["pt:a"]) == b"2"
    with client.pubsub() as listener:
        listener.subscribe("pt:news")
        assert client.publish("pt:news", "x") == 1
    assert client.info("memory")["maxmemory"] == 64 * 1024 * 1024
    assert client.info("memory")["maxmemory_policy"] == "volatile-lru"
    assert client.info("persistence")["aof_enabled"] == 0


@pytest.mark.parametrize(
    "command",
    [
        ("KEYS", "*"),
        ("FLUSHALL",),
        ("FLUSHDB",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("SHUTDOWN",),
        ("SAVE",),
        ("MONITOR",),
        ("CLIENT", "LIST"),
        ("REPLICAOF", "127.0.0.1", "1"),
        ("GET", "other:a"),
        ("SET", "a", "1"),
        ("MGET", "pt:a", "b"),
        ("EVAL", "return redis.call('GET', KEYS[1])", "1", "other:a"),
        ("EVAL", "return redis.call('FLUSHALL')", "0"),
        ("PUBLISH", "other", "x"),
        ("SUBSCRIBE", "other"),
        ("PSUBSCRIBE", "*"),
    ],
)
def test_other_keys_channels_and_dangerous_commands_are_refused(
    client: redis.Redis, command: tuple[str, ...]
) -> None:
    with pytest.raises(redis.ResponseError, match=r"(?i)permission"):
        client.execute_command(*command)


def test_strangers_are_not_let_in(ends: Endpoints) -> None:
    once = Retry(NoBackoff(), 0)
    with (
        redis.Redis(unix_socket_path=ends.redis_socket, retry=once) as stranger,
        pytest.raises((redis.AuthenticationError, redis.ConnectionError)),
    ):
        stranger.get("pt:a")
    with (
        redis.Redis(
            unix_socket_path=ends.redis_socket, username="app", password="no", retry=once
        ) as liar,
        pytest.raises(redis.AuthenticationError),
    ):
        liar.ping()
