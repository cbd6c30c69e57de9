"""A master key that is lost or another's: said in words, and nothing is made or kept under it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OTHER = "ab" * 32 + "\n"

pytestmark = pytest.mark.serve


def run(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    told = {name: value for name, value in os.environ.items() if not name.startswith("POCKET")}
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT,
        env={**told, "POCKETTREND_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_where_there_are_no_books_none_are_made_to_be_verified(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = run(empty, "verify")
    assert (refused.returncode, "no books" in refused.stderr) == (2, True), refused.stderr
    assert not list(empty.iterdir())


def test_no_key_is_made_beside_a_database_and_no_backup_under_a_wrong_one(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "one.backup"
    assert run(data, "migrate").returncode == 0
    file = data / "keys" / "master.key"
    right = file.read_text()
    assert run(data, "backup", str(backup)).returncode == 0

    file.unlink()
    lost = run(data, "verify")
    assert (lost.returncode, "put it back" in lost.stderr) == (2, True), lost.stderr
    assert "Traceback" not in lost.stderr
    assert not file.exists()

    file.write_text(OTHER)
    wrong = run(data, "backup", str(tmp_path / "two.backup"))
    assert (wrong.returncode, "is not the one that wraps" in wrong.stderr) == (2, True), (
        wrong.stderr
    )
    assert not (tmp_path / "two.backup").exists()

    # A key that does not fit leaves nothing behind that is in the way of the one that does.
    fresh, other, good = tmp_path / "fresh", tmp_path / "other.key", tmp_path / "right.key"
    other.write_text(OTHER)
    good.write_text(right)
    refused = run(fresh, "restore", str(backup), "--master-key", str(other))
    assert refused.returncode != 0
    assert not (fresh / "keys" / "master.key").exists()
    assert run(fresh, "restore", str(backup), "--master-key", str(good)).returncode == 0
