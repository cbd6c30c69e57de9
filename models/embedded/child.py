"""What both embedded parts share: a child process, its log, its folders and its sockets."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

LOG_BYTES = 10 * 1024 * 1024
TAIL_LINES = 8
TAIL_BYTES = 8192
PAUSE_SECONDS = 0.005


class PartError(Exception):
    """An embedded part failed: what failed, the end of its log and what to do about it."""


def package_folder(module: str) -> Path:
    """Find the folder of an installed package without running its code.

    Importing these wheels would create folders and warn about the environment.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        message = (
            f"The package {module} is not installed here, so its server cannot be started. "
            "Install it, or configure a server of your own."
        )
        raise PartError(message)
    return Path(spec.origin).parent


def private_folder(folder: Path) -> Path:
    """Make a folder of ours exist with mode 0700; folders above it are left as they are."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_mode & 0o777 != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        message = f"The folder {folder} cannot be used: {error.strerror}. Choose another one."
        raise PartError(message) from error
    return folder


def dies_with_parent(stop: signal.Signals) -> list[str]:
    """Return the words before a command that make the kernel stop it when its parent dies.

    Systems without setpriv (macOS) have no such thing: there the child is a plain one.
    """
    if sys.platform != "linux" or shutil.which("setpriv") is None:
        return []
    return ["setpriv", f"--pdeathsig={stop.name.removeprefix('SIG')}"]


def clean_environment() -> dict[str, str]:
    """Return the environment of a part: nothing of ours, so no secret and no PG* setting."""
    # TZ spares initdb its search through every time zone; macOS has no C.UTF-8 locale.
    locale = "C.UTF-8" if sys.platform == "linux" else "C"
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": locale, "TZ": "UTC"}


def trim_log(log: Path) -> None:
    """Keep a log from growing for ever: above 10 MiB its content moves to `.1`.

    The file is copied and cut rather than renamed, because the server goes on appending to it.
    """
    try:
        if log.stat().st_size <= LOG_BYTES:
            return
    except FileNotFoundError:
        return
    older = log.with_name(log.name + ".1")
    try:
        older.touch(mode=0o600)
        shutil.copyfile(log, older)
    except OSError:
        # On a full disk the room matters more than the old lines.
        older.unlink(missing_ok=True)
    os.truncate(log, 0)


def tail(log: Path, since: int = 0) -> str:
    """Return the last lines a part wrote after the position `since`, for an error message."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            # A log that was cut meanwhile is shorter than where we began.
            start = since if since <= size else 0
            file.seek(max(start, size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:]) or "(it wrote nothing)"


def socket_answers(path: Path) -> bool:
    """Say whether a live server listens on a unix socket; a leftover file does not count."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fsencode(path))
        except TimeoutError:
            return True
        except OSError:
            return False
        return True


def claim_socket(path: Path, patience_seconds: float) -> None:
    """Remove the socket a dead server left; refuse when a live one goes on answering."""
    deadline = time.monotonic() + patience_seconds
    while socket_answers(path):
        if time.monotonic() > deadline:
            message = (
                f"Another server answers on {path}. Stop the program that owns it, "
                "or choose another folder for the sockets."
            )
            raise PartError(message)
        time.sleep(PAUSE_SECONDS)
    path.unlink(missing_ok=True)


class Child:
    """One server process of ours, in a session of its own, writing to its own log.

    Both parts are started from the main thread: the kernel stops them when the thread that
    forked them ends, not when the whole process does.
    """

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The process id while we have a process, dead or alive."""
        return self._process.pid if self._process else None

    def launch(
        self,
        command: list[str],
        *,
        folder: Path,
        text: str | None = None,
        extra: dict[str, str] | None = None,
    ) -> None:
        """Start the command in a folder; `text` is all it gets to read."""
        trim_log(self.log)
        output = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._log_start = os.fstat(output).st_size
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=clean_environment() | (extra or {}),
                stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except OSError as error:
            message = f"{self.name} could not be started: {command[0]}: {error.strerror}."
            raise PartError(message) from error
        finally:
            os.close(output)
        if text is not None and self._process.stdin is not None:
            try:
                with self._process.stdin as pipe:
                    pipe.write(text.encode())
            except BrokenPipeError:
                pass  # it died before reading: the readiness check tells with its log

    def exit_code(self) -> int | None:
        """Return how the process ended, or None while it runs or was never started."""
        return self._process.poll() if self._process else None

    def finish(self, seconds: float) -> int | None:
        """Wait for a command that ends by itself and return how it did, None if it did not."""
        if self._process is None:
            return None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def log_tail(self) -> str:
        """Return the last lines of this run."""
        return tail(self.log, self._log_start)

    def failure(self, what: str, advice: str) -> PartError:
        """Build the error that names what failed, the end of the log and what to do."""
        return PartError(
            f"{self.name} {what}.\nLast lines of {self.log}:\n{self.log_tail()}\n{advice}"
        )

    def death(self) -> str | None:
        """Return a sentence when the process ended although nobody stopped it."""
        code = self.exit_code()
        if code is None:
            return None
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return (
            f"{self.name} stopped by itself ({how}). Last lines of {self.log}:\n{self.log_tail()}"
        )

    def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Send each signal and wait its seconds, until the process is gone; then SIGKILL."""
        process = self._process
        if process is None:
            return
        for number, seconds in steps:
            if process.poll() is None:
                process.send_signal(number)
                try:
                    process.wait(seconds)
                except subprocess.TimeoutExpired:
                    continue
        if process.poll() is None:
            process.kill()
        process.wait()
        # Forgotten last, so that an interrupted stop can be repeated.
        self._process = None
