"""The browser libraries are fetched once, verified, and refused when they are not the pinned ones."""

import hashlib
import io
import sys
import tarfile
from pathlib import Path

import pytest

from graph.http import assets

CONTENT = b"window.Thing = 1;"


def _tarball() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in [("package/thing.min.js", CONTENT), ("package/other.js", b"x")]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of our own, and an `npm` that packs it and counts its calls."""
    source = tmp_path / "thing-1.2.3.tgz"
    source.write_bytes(_tarball())
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    file = assets.VendorFile("thing.min.js", "thing.min.js", sha256)
    sha512 = hashlib.sha512(source.read_bytes()).hexdigest()
    monkeypatch.setattr(assets, "PACKAGES", (assets.Package("thing", "1.2.3", sha512, (file,)),))
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    command = bin_folder / "npm"
    command.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, shutil, sys\n"
        f"calls = pathlib.Path({str(tmp_path / 'calls')!r})\n"
        "calls.open('a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"shutil.copy({str(source)!r}, '.')\n",
        "utf-8",
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_folder))
    return command


def test_the_second_run_does_nothing(npm: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vendor"
    assert assets.fetch(folder) == ["thing.min.js"]
    assert (folder / "thing.min.js").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["thing.min.js"]
    assert assets.fetch(folder) == []
    calls = (tmp_path / "calls").read_text("utf-8").splitlines()
    assert calls == ["pack thing@1.2.3 --loglevel=error --ignore-scripts"]


def test_a_damaged_file_is_fetched_again(npm: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vendor"
    assets.fetch(folder)
    (folder / "thing.min.js").write_bytes(CONTENT + b" ")
    assert assets.missing(folder) == ["thing.min.js"]
    assert assets.fetch(folder) == ["thing.min.js"]
    assert assets.missing(folder) == []


def test_another_tarball_is_refused_and_nothing_is_written(npm: Path, tmp_path: Path) -> None:
    (tmp_path / "thing-1.2.3.tgz").write_bytes(_tarball() + b"\0")
    folder = tmp_path / "vendor"
    with pytest.raises(assets.AssetsError, match="not the tarball that was pinned"):
        assets.fetch(folder)
    assert not folder.exists()


def test_a_failing_npm_is_told_in_one_line(
    npm: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    npm.write_text("#!/bin/sh\necho 'npm error code ETARGET' >&2\nexit 7\n", "utf-8")
    monkeypatch.setattr(assets, "fetch", lambda: _fetch_into(tmp_path))
    assert assets.main() == 1
    assert capsys.readouterr().err == "assets: npm pack failed: npm error code ETARGET\n"


def _fetch_into(tmp_path: Path, fetch=assets.fetch) -> list[str]:
    return fetch(tmp_path / "vendor")


def test_a_npm_that_gives_nothing_is_an_error(npm: Path, tmp_path: Path) -> None:
    npm.write_text("#!/bin/sh\nexit 0\n", "utf-8")
    with pytest.raises(assets.AssetsError, match=r"gave no thing-1\.2\.3\.tgz"):
        assets.fetch(tmp_path / "vendor")


def test_versions_and_hashes_are_pinned() -> None:
    assert {package.spec for package in assets.PACKAGES} == {
        "graphiql@4.1.2",
        "react@18.3.1",
        "react-dom@18.3.1",
        "graphql-ws@5.16.2",
        "swagger-ui-dist@5.35.0",
    }
    assert all(len(package.sha512) == 128 for package in assets.PACKAGES)
    assert all(len(file.sha256) == 64 for p in assets.PACKAGES for file in p.files)
