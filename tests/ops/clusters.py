"""PostgreSQL servers of our own for drills: primaries, replicas, and points in time."""

import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from models.embedded.parts import Endpoints
from models.embedded.postgres import (
    DATABASE,
    PORT,
    SUPERUSER,
    Passwords,
    Postgres,
    binaries,
)

PASSWORDS = Passwords(*(secrets.token_hex(16) for _ in range(3)))


class Cluster:
    """One server in a folder of its own."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.sockets = folder / "run"
        self._server = Postgres(
            folder / "postgres",
            folder / "postgres.log",
            self.sockets,
            durable=True,
            settings=settings,
        )

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self._server.cluster

    @property
    def endpoints(self) -> Endpoints:
        """Where it answers; there is no cache."""
        return Endpoints(
            database_host=str(self.sockets),
            database_port=PORT,
            database_name=DATABASE,
            superuser_password=PASSWORDS.superuser,
            owner_password=PASSWORDS.owner,
            app_password=PASSWORDS.app,
            redis_socket=str(self.sockets / "nobody.sock"),
            redis_username="",
            redis_password="",
        )

    def start(self, *, prepare: bool = True, database: str = DATABASE) -> None:
        """Start it, with our roles or as it is; call this outside an event loop."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(PASSWORDS.superuser)
        self._server.launch(password)
        if prepare:
            self._server.wait(PASSWORDS)
        else:
            wait_for(lambda: self._answers(database))

    def _answers(self, database: str) -> bool:
        try:
            return self.sql("SELECT 1", database) == "1"
        except AssertionError:
            return False

    def stop(self) -> None:
        """Stop it the fast way."""
        self._server.stop()

    def program(self, name: str, *words: str, **more: str) -> str:
        """Run one of PostgreSQL's programs against it as its superuser; what it printed."""
        environment = {
            **more,
            "PATH": os.environ["PATH"],
            "PGHOST": str(self.sockets),
            "PGPORT": str(PORT),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": PASSWORDS.superuser,
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            [str(binaries() / name), *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def sql(self, statement: str, database: str = DATABASE) -> str:
        """Run a statement; its rows, one a line."""
        words = ("--no-psqlrc", "--tuples-only", "--no-align", f"--dbname={database}")
        return self.program("psql", *words, f"--command={statement}")


@contextmanager
def stopped_at_the_end(*clusters: Cluster) -> Iterator[None]:
    """Stop servers, whatever happens."""
    with ExitStack() as stack:
        for cluster in clusters:
            stack.callback(cluster.stop)
        yield


def wait_for(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Ask until something holds, for a while."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)
