"""Starts and stops the embedded PostgreSQL and Valkey together on one data folder."""

import asyncio
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from models.embedded import postgres, valkey
from models.embedded.child import PAUSE_SECONDS, PartError, private_folder, trim_log

__all__ = ["EmbeddedParts", "Endpoints", "PartError", "temporary_parts"]

# A socket path holds 107 bytes, and `/.s.PGSQL.5432.lock` goes behind the folder.
SOCKET_FOLDER_BYTES = 90
# Commas and spaces separate folders in PostgreSQL's setting; the rest would need quoting.
PLAIN_PATH = re.compile(r"[\w./+@=~-]+")
SECRET = re.compile(r"[0-9a-f]{64}")
# How long the lock of an owner that is dead may still be held by children it left.
LOCK_SECONDS = 10.0
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - only when it is there, with a folder of our own
MEMORY_BYTES = 1024**3
TEMPORARY_PREFIX = "pt-parts-"
SWEEP_SECONDS = 60.0
SHORT_PREFIX = "pt-"
SHORT_FOLDER = Path("/tmp")  # noqa: S108 - owner and mode of our folder in it are checked


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the parts answer and with which secrets."""

    database_host: str
    database_port: int
    database_name: str
    superuser_password: str = field(repr=False)
    owner_password: str = field(repr=False)
    app_password: str = field(repr=False)
    redis_socket: str
    redis_username: str
    redis_password: str = field(repr=False)


class EmbeddedParts:
    """The embedded parts of one data folder, children of this process.

    They stop with it, however it ends, where the system offers that (Linux).
    """

    def __init__(self, data: Path, *, durable: bool = True, sockets: Path | None = None) -> None:
        self._data = data
        self._durable = durable
        self._sockets = sockets
        self._lock: int | None = None
        self._postgres: postgres.Postgres | None = None
        self._valkey: valkey.Valkey | None = None

    def start(self) -> Endpoints:
        """Start both parts and wait until they answer; raise PartError when they do not.

        Call it from the main thread and outside any event loop: the parts live as long as the
        thread that starts them.
        """
        if threading.current_thread() is not threading.main_thread():
            message = "The embedded parts must be started from the main thread: they stop with it."
            raise PartError(message)
        if loop_runs():
            message = "The embedded parts must be started before the event loop, not inside it."
            raise PartError(message)
        if self._lock is not None:
            message = "These embedded parts are started already."
            raise PartError(message)
        try:
            return self._start()
        except OSError as error:
            self.stop()
            message = (
                f"The data folder {self._data} cannot be used: {error}. "
                "Make it ours to write and not full, or choose another one."
            )
            raise PartError(message) from error
        except BaseException:
            self.stop()
            raise

    def reach(self) -> Endpoints | None:
        """Where the parts of a server that runs on this folder answer; None when none runs."""
        data = self._data.resolve()
        if not held_folder(data):
            return None
        secrets_of = {
            name: data / "secrets" / f"{name}.txt"
            for name in (postgres.SUPERUSER, postgres.OWNER, postgres.APP, "redis")
        }
        if not all(path.exists() for path in secrets_of.values()):
            message = f"Another instance is making {data} this moment. Try again when it is ready."
            raise PartError(message)
        return endpoints_of(self._sockets_of(data), *(secret(path) for path in secrets_of.values()))

    def stop(self) -> None:
        """Stop Valkey, then PostgreSQL, and give the folder free; again does nothing."""
        try:
            if self._valkey is not None:
                self._valkey.stop()
                self._valkey = None
        finally:
            if self._postgres is not None:
                self._postgres.stop()
                self._remove_far_sockets(self._postgres.sockets)
                self._postgres = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def poll(self) -> str | None:
        """Return a sentence when a part died by itself, else None; also keeps the logs short."""
        for part in (self._postgres, self._valkey):
            if part is not None:
                trim_log(part.child.log)
                sentence = part.child.death()
                if sentence is not None:
                    return sentence
        return None

    def _start(self) -> Endpoints:
        if not self._data.exists():
            self._data.mkdir(mode=0o700, parents=True)
        data = self._data.resolve(strict=True)
        if "\n" in str(data):
            # PostgreSQL's pid file, which tells us when it is ready, goes by lines.
            message = f"The data folder {str(data)!r} has a line break in its name. Choose another."
            raise PartError(message)
        self._lock = lock_folder(data)
        vault = private_folder(data / "secrets")
        names = (postgres.SUPERUSER, postgres.OWNER, postgres.APP, "redis")
        superuser, owner, app, redis = (secret(vault / f"{name}.txt") for name in names)
        sockets = self._sockets_of(data)
        passwords = postgres.Passwords(superuser, owner, app)
        self._valkey = valkey.Valkey(private_folder(data / "cache"), data / "valkey.log", sockets)
        self._postgres = postgres.Postgres(
            data / "postgres", data / "postgres.log", sockets, durable=self._durable
        )
        # Both come up at the same time; Valkey is the quicker one.
        self._valkey.launch(redis)
        self._postgres.launch(vault / f"{postgres.SUPERUSER}.txt")
        self._postgres.wait(passwords)
        self._valkey.wait(redis)
        return endpoints_of(sockets, superuser, owner, app, redis)

    def _remove_far_sockets(self, folder: Path) -> None:
        # A short folder outside the data is ours alone; with other files in it, it stays.
        if folder.name.startswith(SHORT_PREFIX):
            with suppress(OSError):
                folder.rmdir()

    def _sockets_of(self, data: Path) -> Path:
        if self._sockets is not None:
            folder = self._sockets.absolute()
            if not fits(folder):
                message = (
                    f"The socket folder {folder} is too long or holds unusual characters: "
                    f"at most {SOCKET_FOLDER_BYTES} bytes, without commas and spaces."
                )
                raise PartError(message)
            return private_folder(folder)
        if fits(data / "run"):
            return private_folder(data / "run")
        name = SHORT_PREFIX + hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if runtime and own_folder(Path(runtime), data) and fits(Path(runtime) / name):
            return private_folder(Path(runtime) / name)
        folder = SHORT_FOLDER / name
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        # Somebody else may have made a folder or a link of that name to catch our sockets.
        if not own_folder(folder, data / "postgres"):
            message = (
                f"{folder} belongs to somebody else, and {data} is too deep for sockets. "
                "Choose a data folder with a shorter path."
            )
            raise PartError(message)
        return private_folder(folder)


def endpoints_of(sockets: Path, superuser: str, owner: str, app: str, redis: str) -> Endpoints:
    """Where parts with their sockets in a folder answer."""
    return Endpoints(
        database_host=str(sockets),
        database_port=postgres.PORT,
        database_name=postgres.DATABASE,
        superuser_password=superuser,
        owner_password=owner,
        app_password=app,
        redis_socket=str(sockets / valkey.SOCKET_NAME),
        redis_username=valkey.USERNAME,
        redis_password=redis,
    )


def held_folder(data: Path) -> bool:
    """Say whether a living process holds the folder."""
    try:
        descriptor = os.open(data / "instance.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return alive(os.pread(descriptor, 32, 0).decode(errors="replace").strip())
    finally:
        # Closing gives a lock that we got free again.
        os.close(descriptor)
    return False


def loop_runs() -> bool:
    """Say whether this thread is inside an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def fits(folder: Path) -> bool:
    """Say whether both parts can put their sockets there."""
    text = str(folder)
    return len(os.fsencode(text)) <= SOCKET_FOLDER_BYTES and PLAIN_PATH.fullmatch(text) is not None


def own_folder(folder: Path, cluster: Path) -> bool:
    """Say whether it is a folder, not a link, of ours or of the user that runs our cluster."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    owners = {os.geteuid()} | ({cluster.stat().st_uid} if cluster.exists() else set())
    return stat.S_ISDIR(status.st_mode) and status.st_uid in owners


def secret(file: Path) -> str:
    """Read a secret of 256 bits, made at first need; a file that is not one is refused."""
    if not file.exists():
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        fresh.rename(file)
        postgres.sync_folder(file.parent)
    if file.stat().st_mode & 0o777 != 0o600:
        file.chmod(0o600)
    text = file.read_text().strip()
    if SECRET.fullmatch(text) is None:
        message = f"{file} does not hold a secret of ours. Bring it back from the backup."
        raise PartError(message)
    return text


def lock_folder(data: Path) -> int:
    """Take the folder for this process; the kernel gives it free however the process ends."""
    descriptor = os.open(data / "instance.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            if alive(holder) or time.monotonic() > deadline:
                os.close(descriptor)
                message = (
                    f"Another instance (process {holder or 'unknown'}) uses {data}. "
                    "Stop it first, or choose another data folder."
                )
                raise PartError(message) from None
            time.sleep(PAUSE_SECONDS)
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            return descriptor


def alive(pid: str) -> bool:
    """Say whether a process of that number runs."""
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True


def sweep(base: Path) -> None:
    """Remove the folders of test runs that were killed: their lock is free and not new."""
    for leftover in base.glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(OSError):
            descriptor = os.open(leftover / "instance.lock", os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # One that is starting this moment has made the file but not locked it yet.
                if time.time() - os.fstat(descriptor).st_mtime > SWEEP_SECONDS:
                    shutil.rmtree(leftover)
            finally:
                os.close(descriptor)


@contextmanager
def temporary_parts(*, durable: bool = False) -> Iterator[Endpoints]:
    """Run both parts on a folder of their own for tests, in memory if there is room."""
    roomy = MEMORY_FOLDER.is_dir() and shutil.disk_usage(MEMORY_FOLDER).free >= MEMORY_BYTES
    base = MEMORY_FOLDER if roomy else Path(tempfile.gettempdir())
    sweep(base)
    data = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=base))
    parts = EmbeddedParts(data, durable=durable)
    try:
        yield parts.start()
    finally:
        parts.stop()
        shutil.rmtree(data, ignore_errors=True)
