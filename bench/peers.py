"""Installing what only the bench needs: PostGraphile and a Node that runs it."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

_SOURCES: Final = Path(__file__).resolve().parent / "rivals"
_FOLDER: Final = Path(__file__).resolve().parent / ".peers"
_SECONDS: Final = 600
_SCRIPT: Final = "postgraphile.mjs"
_PACKAGES: Final = "package.json"


def installed() -> Path | None:
    """The folder with the peers, fetched once for each package.json; None where that is impossible."""
    npm = shutil.which("npm")
    if npm is None:
        _say("there is no npm here, so PostGraphile does not take part")
        return None
    _FOLDER.mkdir(exist_ok=True)
    wanted = (_SOURCES / _PACKAGES).read_text()
    complete = _FOLDER / ".complete"
    if not complete.exists() or complete.read_text() != wanted:
        shutil.copy(_SOURCES / _PACKAGES, _FOLDER)
        _say("installing PostGraphile into bench/.peers")
        # Node's own package brings a newer Node than may be here; its warnings speak of the old one.
        command = [
            npm,
            "install",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--loglevel=error",
        ]
        done = subprocess.run(
            command, cwd=_FOLDER, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if done.returncode:
            _say(f"PostGraphile was not installed and does not take part:\n{done.stderr[-1_000:]}")
            return None
        complete.write_text(wanted)
    # Modules are looked for beside the script.
    shutil.copy(_SOURCES / _SCRIPT, _FOLDER)
    return _FOLDER


def node_of(folder: Path) -> Path:
    """The installed Node."""
    return folder / "node_modules" / ".bin" / "node"


def script_of(folder: Path) -> Path:
    """What it runs."""
    return folder / _SCRIPT


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")
