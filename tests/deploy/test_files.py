"""Deploy files: read by the linters of their formats, and their settings by the product itself."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import Settings, load
from tests.ops.clusters import Cluster, stopped_at_the_end
from tests.stores.conftest import _free_port, _started

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROGRAMS = Path(sys.executable).parent
FILES = [ROOT / "Dockerfile", *sorted(path for path in DEPLOY.rglob("*") if path.is_file())]
TEXTS = [path for path in FILES if path.suffix in {"", ".yaml", ".yml", ".sql", ".py"}]
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def run(name: str, *words: str, **more: Any) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [str(PROGRAMS / name), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        **more,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_image() -> None:
    run("hadolint", "--failure-threshold", "style", "Dockerfile")
    text = (ROOT / "Dockerfile").read_text()
    assert "USER 10001:10001" in text
    assert "HEALTHCHECK" in text
    # Its steps are targets that everybody else makes as well.
    targets = re.findall(r"\bmake ([\w./-]+)", text.replace(" make \\", ""))
    assert targets == [".venv/.ready-to-run", "assets"]
    makefile = (ROOT / "Makefile").read_text()
    assert "RUN := .venv/.ready-to-run" in makefile
    assert re.search(r"^assets: ", makefile, re.MULTILINE)


def test_compose() -> None:
    run("docker-compose", "-f", "deploy/compose.yaml", "config", "-q")
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert {"postgres", "valkey", "aws", "app", "worker", "prometheus", "grafana"} <= set(services)
    for service in services.values():
        for volume in service.get("volumes", ()):
            if volume.startswith("."):
                assert (DEPLOY / volume.split(":")[0]).exists(), volume


@pytest.mark.long
def test_the_stack() -> None:
    run("cfn-lint", "-t", "deploy/cloudformation/pockettrend.yaml")


def test_manifests() -> None:
    run("kubernetes-validate", "--strict", *(str(path) for path in MANIFESTS))


@pytest.mark.parametrize(
    "words",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_prometheus(words: tuple[str, ...]) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed here (apt-get install prometheus)")
    done = subprocess.run(
        [program, *words], capture_output=True, text=True, check=False, cwd=DEPLOY / "prometheus"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def alerts() -> list[str]:
    told = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    return [rule["alert"] for group in told["groups"] for rule in group["rules"]]


def test_every_alert_has_its_page_and_its_test() -> None:
    sections = re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    assert sections == alerts()
    tested = yaml.safe_load((DEPLOY / "prometheus/alerts_test.yml").read_text())["tests"]
    fired = [
        one["alertname"] for test in tested for one in test["alert_rule_test"] if one["exp_alerts"]
    ]
    assert sorted(fired) == sorted(alerts())
    rules = (DEPLOY / "prometheus/alerts.yml").read_text()
    for name in alerts():
        assert f"runbook_url: docs/runbook.md#{name.lower()}\n" in rules


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_exists(path: Path) -> None:
    named = set(re.findall(r"POCKETTREND_([A-Z0-9_]+)", path.read_text()))
    assert named <= {name.upper() for name in Settings.model_fields}


class Tags(yaml.SafeLoader):
    """Reads CloudFormation's own tags as what they are about."""


def _tag(loader: Any, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


Tags.add_multi_constructor("!", _tag)


def in_kubernetes() -> Iterator[tuple[str, dict[str, str]]]:
    """What each container is told."""
    found = [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]
    told = {
        (one["kind"], one["metadata"]["name"]): one.get("data") or one.get("stringData")
        for one in found
        if one["kind"] in {"ConfigMap", "Secret"}
    }
    for one in found:
        if one["kind"] in {"Deployment", "Job"}:
            for container in one["spec"]["template"]["spec"]["containers"]:
                words: dict[str, str] = {}
                for source in container["envFrom"]:
                    for kind, name in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                        if name in source:
                            words |= told[kind, source[name]["name"]]
                yield container["args"][0], words


def in_the_stack() -> Iterator[tuple[str, dict[str, str]]]:
    """The same for ECS; what only AWS knows is made up."""
    text = (DEPLOY / "cloudformation/pockettrend.yaml").read_text()
    resources = yaml.load(text, Loader=Tags)["Resources"]  # noqa: S506 - a safe loader
    addresses = {
        **json.loads(resources["Addresses"]["Properties"]["SecretString"]),
        **json.loads(resources["OwnerAddress"]["Properties"]["SecretString"]),
    }
    made_up = {
        "TrustedProxies": "10.0.0.0/8", "MostServers": "12", "Authorities": "/etc/ssl/ca.pem",
        "https://${Domain}": "https://money.example.org", "Files": "a-bucket",
        "Key.Arn": "arn:aws:kms:eu-central-1:123456789012:key/1", "AWS::Region": "eu-central-1",
        "Jobs": "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs.fifo",
        "SmtpSecret": "smtps://u:p@mail.example.org:465",
        "${OperatorToken}:password::": "0123456789abcdefghijklmnopqrstuvwxyz",
    }  # fmt: skip
    made_up |= {f"${{Addresses}}:{name}::": address for name, address in addresses.items()}
    made_up |= {f"${{OwnerAddress}}:{name}::": address for name, address in addresses.items()}
    for resource in resources.values():
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            for container in resource["Properties"]["ContainerDefinitions"]:
                words = {}
                for one in container["Environment"] + container["Secrets"]:
                    value = one.get("Value", one.get("ValueFrom"))
                    value = made_up.get(value, value)
                    # Only AWS can put these together.
                    value = re.sub(r"\{\{[^}]*\}[^}]*\}\}", "secret", value)
                    words[one["Name"]] = re.sub(r"\$\{[^}]*\}", "host.example.org", value)
                yield container["Command"][0], words


def in_compose() -> Iterator[tuple[str, dict[str, str]]]:
    told = json.loads(
        run("docker-compose", "-f", "deploy/compose.yaml", "config", "--format", "json").stdout
    )
    for service in told["services"].values():
        if service["image"].startswith("pockettrend:"):
            yield (service.get("command") or ["-"])[0], service["environment"]


@pytest.mark.parametrize("source", [in_kubernetes, in_the_stack, in_compose])
def test_the_product_starts_with_these_settings(
    source: Any, clean_settings: pytest.MonkeyPatch
) -> None:
    commands = set()
    for command, words in source():
        commands.add(command)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in words.items():
                if name.startswith("POCKETTREND_"):
                    patch.setenv(name, value)
            found = load()
            assert found.production is (source is not in_compose)
            # The owner enters for migrations only.
            assert bool(found.database_owner_url.get_secret_value()) is (command == "migrate")
            assert found.s3_bucket
            assert found.sqs_url.endswith(".fifo")
            assert found.warnings() == []
    assert {"serve", "worker", "migrate"} <= commands


@pytest.fixture
def clean_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.startswith("POCKETTREND_"):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.long
def test_the_roles_of_compose(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(DEPLOY / "compose", tmp_path_factory.mktemp("c") / "compose"))
    server = Cluster(folder / "pg")
    with stopped_at_the_end(server):
        server.start(prepare=False, database="postgres")
        words = ("--no-psqlrc", "--dbname=postgres", f"--file={folder / 'roles.sql'}")
        passwords = {"OWNER_PASSWORD": "o'1", "APP_PASSWORD": "a", "BACKUP_PASSWORD": "b"}
        server.program("psql", *words, **passwords)
        asked = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname ~ '^pockettrend' ORDER BY 1"
        rows = server.sql(asked, "pockettrend").splitlines()
    assert rows == ["pockettrend_app|f|f", "pockettrend_backup|f|t", "pockettrend_owner|f|f"]


@pytest.mark.long
def test_the_bucket_and_the_queues_of_compose() -> None:
    port = _free_port()
    with _started(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port
    ) as url:
        told = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["x-settings"]
        words = {name: str(value).replace("http://aws:5000", url) for name, value in told.items()}
        environment = {"PATH": os.environ["PATH"], **words}
        for _ in range(2):
            run("python", "deploy/compose/prepare.py", env=environment)
        environment["AWS_DEFAULT_REGION"] = words["AWS_REGION"]
        asked = (
            "import boto3, os; s = boto3.client('sqs'); u = os.environ['POCKETTREND_SQS_URL'];"
            "print(s.get_queue_attributes(QueueUrl=u, AttributeNames=['All'])['Attributes']['RedrivePolicy']);"
            "boto3.client('s3').head_bucket(Bucket=os.environ['POCKETTREND_S3_BUCKET'])"
        )
        done = run("python", "-c", asked, env=environment)
        assert json.loads(done.stdout)["maxReceiveCount"] in {5, "5"}
