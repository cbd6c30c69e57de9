"""A whole fleet on one machine: servers, workers, a primary and a replica, a cluster, stand-ins of AWS."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx2

from models.embedded.postgres import APP, OWNER
from tests.ops.clusters import PASSWORDS, Cluster, stopped_at_the_end
from tests.ops.nodes import Nodes, six_nodes
from tests.ops.test_serve import ROOT, free_port
from tests.stores.conftest import LOGIN, REGION, client_of

READY_SECONDS: Final = 240.0
QUEUE: Final = "drill.fifo"
BUCKET: Final = "drill-files"


def wait_for_port(port: int, process: "subprocess.Popen[str]") -> None:
    """Wait until something listens."""
    until = time.monotonic() + READY_SECONDS
    while True:
        with suppress(httpx2.HTTPError):
            httpx2.get(f"http://127.0.0.1:{port}/", timeout=2)
            return
        assert process.poll() is None, f"nothing listens on {port}"
        assert time.monotonic() < until
        time.sleep(0.05)


class Member:
    """A process of the fleet."""

    def __init__(self, name: str, words: list[str], folder: Path, port: int, **told: str) -> None:
        self.name, self.words, self.port = name, words, port
        self.folder = folder / name
        self.folder.mkdir()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("POCKETTREND_", "AWS_"))}
        self.environment = {**kept, **told}
        self.process: subprocess.Popen[str] | None = None
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Start it; whoever needs it waits."""
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                self.words, cwd=ROOT, env=self.environment, stdout=log, stderr=log, text=True
            )

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait for the end."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(30)

    def hang(self) -> None:
        """Have it answer nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it answer again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


class Fleet:
    """All of it; servers and workers are told where the parts are by settings alone."""

    def __init__(self, folder: Path, primary: Cluster, replica: Cluster, nodes: Nodes) -> None:
        self.folder, self.primary, self.replica, self.nodes = folder, primary, replica, nodes
        self.members: list[Member] = []
        kms, cloud = free_port(), free_port()
        python = sys.executable
        self.kms = self._member(
            "kms", [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(kms)], kms
        )
        more = {"GATEWAY_PORT": str(cloud), "BIND_HOST": "127.0.0.1", "AUTH": "true"}
        program = str(Path(python).with_name("ministack"))
        self.cloud = self._member("cloud", [program], cloud, **more)
        self.servers: list[Member] = []
        self.workers: list[Member] = []

    def _member(self, name: str, words: list[str], port: int, **told: str) -> Member:
        made = Member(name, words, self.folder, port, **told)
        self.members.append(made)
        return made

    def start(self) -> None:
        """Start everything, in the order of a first day."""
        for stand_in in (self.kms, self.cloud):
            stand_in.start()
        for stand_in in (self.kms, self.cloud):
            assert stand_in.process is not None
            wait_for_port(stand_in.port, stand_in.process)
        told = self._settings(self._prepare())
        owner = {
            "POCKETTREND_DATABASE_OWNER_URL": self._database(self.primary, OWNER, PASSWORDS.owner)
        }
        migration = self._member("migrate", self._command("migrate"), 0, **told, **owner)
        migration.start()
        assert migration.process is not None
        assert migration.process.wait(READY_SECONDS) == 0, (migration.folder / "log").read_text()
        for number in (1, 2):
            self.servers.append(self._product("server", number, told))
            self.workers.append(self._product("worker", number, told))
        for member in (*self.servers, *self.workers):
            member.start()
        self.wait()

    def _product(self, kind: str, number: int, told: dict[str, str]) -> Member:
        port = free_port()
        own = {
            "POCKETTREND_PORT": str(port),
            "POCKETTREND_DATA": str(self.folder / f"{kind}{number}/data"),
        }
        command = self._command("serve" if kind == "server" else "worker")
        return self._member(f"{kind}{number}", command, port, **told, **own)

    @staticmethod
    def _command(word: str) -> list[str]:
        return [sys.executable, "-m", "cli", word]

    def _prepare(self) -> tuple[str, str]:
        """A bucket, a key and a queue; the key's id and the queue's address."""
        with client_of("kms", self.kms.url) as kms, client_of("s3", self.cloud.url) as s3:
            key = kms.client.create_key()["KeyMetadata"]["KeyId"]
            place = {"LocationConstraint": REGION}
            s3.client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        with client_of("sqs", self.cloud.url) as sqs:
            fifo = {"FifoQueue": "true"}
            dead = sqs.client.create_queue(QueueName="dead.fifo", Attributes=fifo)["QueueUrl"]
            asked = sqs.client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
            policy = {"deadLetterTargetArn": asked["Attributes"]["QueueArn"], "maxReceiveCount": 5}
            told = {**fifo, "RedrivePolicy": json.dumps(policy)}
            queue = sqs.client.create_queue(QueueName=QUEUE, Attributes=told)["QueueUrl"]
        return key, queue

    def _database(self, where: Cluster, user: str, password: str) -> str:
        place = quote(str(where.sockets), safe="")
        return f"postgresql://{user}:{password}@{place}:5432/pockettrend"

    def _settings(self, made: tuple[str, str]) -> dict[str, str]:
        key, queue = made
        return {
            "POCKETTREND_DATABASE_URL": self._database(self.primary, APP, PASSWORDS.app),
            "POCKETTREND_DATABASE_REPLICA_URL": self._database(self.replica, APP, PASSWORDS.app),
            "POCKETTREND_REDIS_URL": self.nodes.url,
            "POCKETTREND_S3_BUCKET": BUCKET,
            "POCKETTREND_SQS_URL": queue,
            "POCKETTREND_KMS_KEYS": key,
            "POCKETTREND_PROCESSES": "2",
            "POCKETTREND_WORKER": "0",
            # Any server makes the links of any other.
            "POCKETTREND_PUBLIC_URL": "http://drill.example.org",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": LOGIN[0],
            "AWS_SECRET_ACCESS_KEY": LOGIN[1],
            "AWS_ENDPOINT_URL_KMS": self.kms.url,
            "AWS_ENDPOINT_URL_S3": self.cloud.url,
            "AWS_ENDPOINT_URL_SQS": self.cloud.url,
        }

    def well(self) -> bool:
        """Whether both servers find every part well."""
        for server in self.servers:
            try:
                told = httpx2.get(f"{server.url}/health/detailed", timeout=4).json()
            except (httpx2.HTTPError, ValueError, KeyError):
                return False
            if told["status"] != "ok":
                return False
        return True

    def wait(self) -> None:
        """Wait until all is well."""
        until = time.monotonic() + READY_SECONDS
        while not self.well():
            assert time.monotonic() < until, self.logs()
            time.sleep(0.5)

    def defects(self) -> list[str]:
        """Log lines of what nobody expected."""
        return [
            f"{member.name}: {line}"
            for member in (*self.servers, *self.workers)
            for line in (member.folder / "log").read_text().splitlines()
            if '"event":"unexpected"' in line or "Traceback" in line
        ]

    def logs(self) -> str:
        """The last lines of everybody."""
        told = []
        for server in self.servers:
            with suppress(httpx2.HTTPError):
                told.append(httpx2.get(f"{server.url}/health/detailed", timeout=4).text)
        for member in self.members:
            with suppress(OSError):
                told += [
                    f"--- {member.name}",
                    *(member.folder / "log").read_text().splitlines()[-5:],
                ]
        return "\n".join(told)

    def stop(self) -> None:
        """Stop everybody."""
        for member in reversed(self.members):
            if member.process is not None and member.process.poll() is None:
                member.go_on()
                member.process.kill()
                member.process.wait()


class Balancer(threading.Thread):
    """Looks at the servers as balancers do: who is not ready twice is left out until it is."""

    def __init__(self, servers: Sequence[Member]) -> None:
        super().__init__(name="balancer", daemon=True)
        self._servers = servers
        self.ready: Sequence[Member] = servers
        self.over = threading.Event()

    def run(self) -> None:
        """Look every second."""
        misses = dict.fromkeys(self._servers, 0)
        while not self.over.wait(1):
            for server in self._servers:
                try:
                    answer = httpx2.get(f"{server.url}/health/detailed", timeout=2)
                    misses[server] = 0 if answer.status_code == 200 else misses[server] + 1
                except httpx2.HTTPError:
                    misses[server] += 1
            # With nobody left a balancer asks whoever there is.
            self.ready = [one for one, missed in misses.items() if missed < 2] or self._servers


def kill_database(server: Cluster) -> None:
    """Kill a PostgreSQL as a power cut would."""
    child = server._server.child
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    while child.exit_code() is None:
        time.sleep(0.01)


@contextmanager
def whole_fleet(folder: Path) -> Iterator[Fleet]:
    """A fleet that is well when it is given; start it from the main thread."""
    primary = Cluster(folder / "primary", {"max_connections": "100"})
    replica = Cluster(folder / "replica", {"wal_retrieve_retry_interval": "500ms"})
    with ExitStack() as stack:
        stack.enter_context(stopped_at_the_end(primary, replica))
        primary.start()
        replica.folder.mkdir(mode=0o700)
        words = ("--write-recovery-conf", "--checkpoint=fast", "--create-slot", "--slot=reports")
        primary.program("pg_basebackup", f"--pgdata={replica.data}", *words)
        replica.start(prepare=False)
        home = folder / "cache"
        home.mkdir()
        nodes = stack.enter_context(six_nodes(home))
        fleet = Fleet(folder, primary, replica, nodes)
        stack.callback(fleet.stop)
        fleet.start()
        yield fleet
