"""Logs stay short, unfit folders are told, and what killed test runs leave is removed."""

import os
import stat
from pathlib import Path

import pytest

from models.embedded import child, parts
from models.embedded.parts import EmbeddedParts, PartError


def test_a_data_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for unusable in (file, file / "below", tmp_path / "line\nbreak"):
        with pytest.raises(PartError, match=r"data folder .*(another|not full)"):
            EmbeddedParts(unusable).start()


def test_folders_of_killed_test_runs_are_swept_and_live_ones_kept(tmp_path: Path) -> None:
    dead, live, fresh = (tmp_path / f"pt-parts-{name}" for name in ("dead", "live", "fresh"))
    for path in (dead, live, fresh):
        path.mkdir()
        (path / "instance.lock").touch()
    lock = parts.lock_folder(live)
    for path in (dead, live):
        os.utime(path / "instance.lock", (1, 1))
    parts.sweep(tmp_path)
    os.close(lock)
    assert [path.exists() for path in (dead, live, fresh)] == [False, True, True]


def test_a_long_log_moves_aside(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_bytes(b"x" * (child.LOG_BYTES + 1))
    child.trim_log(log)
    assert log.stat().st_size == 0
    assert (tmp_path / "part.log.1").stat().st_size == child.LOG_BYTES + 1
    assert stat.S_IMODE((tmp_path / "part.log.1").stat().st_mode) == 0o600
