"""A Redis Cluster of six real nodes: three shards with a replica each, on ports of this machine."""

import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import redis

from models.embedded.child import dies_with_parent
from models.embedded.valkey import configuration, server_binary

SHARDS: Final = 3
SLOTS: Final = 16_384
USERNAME: Final = "app"
RIGHTS: Final = "~pt:* &pt:* +@all -@dangerous -@admin +info +cluster|slots +cluster|shards"
"""What the product needs on a cluster (docs/operations.md)."""
_PATIENCE: Final = 30.0


def _free_ports(number: int) -> list[int]:
    """Ports below those that outgoing connections take, whose bus ports are free as well."""
    found: list[int] = []
    while len(found) < number:
        port = 20_000 + secrets.randbelow(2_000)
        with suppress(OSError), socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", port))
            two.bind(("127.0.0.1", port + 10_000))
            if port not in found:
                found.append(port)
    return found


def _until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        with suppress(redis.RedisError):
            if holds():
                return
        if time.monotonic() > end:
            raise AssertionError(f"the cluster is not {what}")
        time.sleep(0.02)


class Nodes:
    """Six nodes under one password."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password = secrets.token_hex(16)
        self.ports = _free_ports(2 * SHARDS)
        self._running: dict[int, subprocess.Popen[str]] = {}

    @property
    def url(self) -> str:
        """The address in settings: two of the nodes name the rest."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in (self.ports[0], self.ports[-1]))
        return f"redis+cluster://{USERNAME}:{self.password}@{hosts}"

    def admin(self, port: int) -> "redis.Redis":
        """A client of one node that may do anything."""
        return redis.Redis(
            host="127.0.0.1", port=port, password=self.password, socket_timeout=2, protocol=2
        )

    def ask(self, port: int, *words: Any) -> Any:
        """Ask one node."""
        with self.admin(port) as node:
            return node.execute_command(*words)

    def info(self, port: int) -> dict[str, str]:
        """What a node says of the cluster."""
        told = self.ask(port, "CLUSTER INFO")
        if isinstance(told, dict):
            return cast("dict[str, str]", told)
        return dict(line.split(":", 1) for line in told.decode().split("\r\n") if ":" in line)

    def launch(self, port: int) -> None:
        """Start a node, with what it knew of the cluster."""
        home = self.folder / str(port)
        home.mkdir(exist_ok=True)
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"dir {home}",
            'save ""',
            "appendonly no",
            "maxmemory 64mb",
            "cluster-enabled yes",
            "cluster-config-file nodes.conf",
            "cluster-node-timeout 1000",
            "cluster-replica-validity-factor 0",
            "repl-diskless-sync-delay 0",
            f"requirepass {self.password}",
            f"primaryauth {self.password}",
            f"user {USERNAME} on >{self.password} {RIGHTS}",
        ]
        command = [*dies_with_parent(signal.SIGTERM), str(server_binary()), "-"]
        with (home / "log").open("a") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, cwd=home
            )
        assert process.stdin is not None
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.close()
        self._running[port] = process
        _until(lambda: bool(self.ask(port, "PING")), f"answering on {port}")

    def form(self) -> None:
        """Make the nodes one cluster."""
        primaries, replicas = self.ports[:SHARDS], self.ports[SHARDS:]
        step = SLOTS // SHARDS + 1
        for at, port in enumerate(self.ports):
            self.ask(port, "CLUSTER", "SET-CONFIG-EPOCH", at + 1)
        for at, port in enumerate(primaries):
            last = min((at + 1) * step, SLOTS) - 1
            self.ask(port, "CLUSTER", "ADDSLOTSRANGE", at * step, last)
        for port in self.ports[1:]:
            self.ask(self.ports[0], "CLUSTER", "MEET", "127.0.0.1", port)
        known = str(len(self.ports))
        for port in self.ports:
            _until(lambda port=port: self.info(port)["cluster_known_nodes"] == known, "met")  # type: ignore[misc]
        for primary, replica in zip(primaries, replicas, strict=True):
            name = self.ask(primary, "CLUSTER", "MYID")
            self.ask(replica, "CLUSTER", "REPLICATE", name)
        self.wait()

    def wait(self) -> None:
        """Wait until every running node sees a whole cluster and every replica follows."""
        _until(lambda: list(self.roles().values()).count("master") >= SHARDS, "led")
        for port in self._running:
            _until(lambda port=port: self.info(port)["cluster_state"] == "ok", "well")  # type: ignore[misc]
            _until(lambda port=port: self._follows(port), "in step")  # type: ignore[misc]

    def _follows(self, port: int) -> bool:
        with self.admin(port) as node:
            told = node.info("replication")
        return told["role"] == "master" or told.get("master_link_status") == "up"

    def roles(self) -> dict[int, str]:
        """Who is what among the nodes that run."""
        found = {}
        for port in self._running:
            with self.admin(port) as node:
                found[port] = str(node.info("replication")["role"])
        return found

    def primary_of(self, key: str) -> int:
        """The node that has a key now."""
        some = next(iter(self._running))
        slot = int(self.ask(some, "CLUSTER", "KEYSLOT", key))
        for port, role in self.roles().items():
            if role == "master":
                for first, last in self._slots(port):
                    if first <= slot <= last:
                        return port
        raise AssertionError("nobody has it")

    def _slots(self, port: int) -> list[tuple[int, int]]:
        told = self.ask(port, "CLUSTER NODES")
        if isinstance(told, bytes):
            told = told.decode()
        if isinstance(told, dict):
            mine = next(one for one in told.values() if "myself" in one["flags"])
            return [(int(one[0]), int(one[-1])) for one in mine["slots"]]
        mine = next(line for line in told.splitlines() if "myself" in line).split()[8:]
        spans = [one.split("-") for one in mine if one[0] != "["]
        return [(int(one[0]), int(one[-1])) for one in spans]

    def kill(self, port: int) -> None:
        """Kill a node as a power cut would."""
        process = self._running.pop(port)
        process.kill()
        process.wait()

    def keys(self) -> set[bytes]:
        """Every key of every primary."""
        found: set[bytes] = set()
        for port, role in self.roles().items():
            if role == "master":
                with self.admin(port) as node:
                    found |= set(node.scan_iter(count=1_000))
        return found

    def stop(self) -> None:
        """Stop all of them."""
        for port in list(self._running):
            self.kill(port)


@contextmanager
def six_nodes(folder: Path) -> Iterator[Nodes]:
    """A cluster that is whole when it is given."""
    nodes = Nodes(folder)
    try:
        for port in nodes.ports:
            nodes.launch(port)
        nodes.form()
        yield nodes
    finally:
        nodes.stop()


@contextmanager
def one_server(folder: Path) -> Iterator[str]:
    """A single Valkey on a port, as one between machines has it; its address."""
    password, port = secrets.token_hex(16), _free_ports(1)[0]
    text = configuration(folder / "valkey.sock", password).replace("port 0", f"port {port}")
    command = [*dies_with_parent(signal.SIGTERM), str(server_binary()), "-"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=folder
    )
    assert process.stdin is not None
    process.stdin.write(text + "bind 127.0.0.1\n")
    process.stdin.close()
    try:
        yield f"redis://{USERNAME}:{password}@127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()
