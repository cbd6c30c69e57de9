"""Decides as which user PostgreSQL runs, since it refuses to run as root."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from models.embedded.child import PartError, clean_environment, dies_with_parent

# Tried in this order where root may not open a user namespace.
SERVICE_USERS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class RunAs:
    """The words before a command that choose the server's user, and that user's ids if other."""

    prefix: list[str]
    owner: tuple[int, int] | None = None


def works(prefix: list[str], *command: str) -> bool:
    """Say whether a command runs behind these words."""
    try:
        done = subprocess.run(
            [*prefix, *command],
            check=False,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def has_account(uid: int) -> bool:
    """Say whether the user id has a name, without which PostgreSQL does not start."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def namespace_prefix() -> list[str]:
    """Return the words that run a command as another user in name only.

    PostgreSQL refuses to run as root. Inside a user namespace it sees an ordinary user while the
    kernel goes on with ours: no user is created and no permission changes.
    """
    named = [user for user in pwd.getpwall() if user.pw_uid != 0]
    if sys.platform != "linux" or not named or shutil.which("unshare") is None:
        return []
    label = next((user for user in named if user.pw_uid == 1000), named[0])
    return ["unshare", "--user", f"--map-user={label.pw_uid}", f"--map-group={label.pw_gid}"]


def choose_user(program: Path, cluster: Path) -> RunAs:
    """Decide as whom the server runs; raise PartError when no way is open."""
    guard = dies_with_parent(signal.SIGINT)
    version = (str(program), "--version")
    uid = os.geteuid()
    holder = cluster.stat().st_uid if cluster.exists() else uid
    if uid not in {0, holder}:
        message = (
            f"The database in {cluster} belongs to the user id {holder}, we run as {uid}. "
            "Start as that user, or choose another data folder."
        )
        raise PartError(message)
    if uid != 0 and has_account(uid):
        return RunAs(guard)
    prefix = namespace_prefix()
    if holder == uid and prefix and works([*prefix, *guard], *version):
        return RunAs([*prefix, *guard])
    if uid == 0 and guard:
        account = other_account(holder)
        words = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        prefix = [guard[0], *words, *guard[1:]]
        if works(prefix, *version):
            return RunAs(prefix, (account.pw_uid, account.pw_gid))
    message = (
        f"PostgreSQL cannot run as user id {uid}, and this system allows neither a user namespace "
        "nor another user for it. Start as an ordinary user with a name in the user list, "
        "or configure a PostgreSQL server of your own."
    )
    raise PartError(message)


def other_account(holder: int) -> pwd.struct_passwd:
    """Pick who runs the server where root may not: the holder of the data or a service user."""
    for user in pwd.getpwall():
        if user.pw_uid == holder != 0:
            return user
    for name in SERVICE_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    message = "Root may not run PostgreSQL, and there is no user called postgres or nobody."
    raise PartError(message)


def hand_over(folder: Path, run_as: RunAs) -> None:
    """Give a folder of ours and all in it to the user that runs the server."""
    if run_as.owner is None or folder.stat().st_uid == run_as.owner[0]:
        return
    # The folder itself comes last: while it is ours, an interrupted walk is begun again.
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            os.chown(Path(root, name), *run_as.owner, follow_symlinks=False)
    os.chown(folder, *run_as.owner)


def open_the_way(data: Path, run_as: RunAs) -> None:
    """Let another user's server pass through the data folder, and only through this one."""
    probe = ("test", "-x", str(data))
    if run_as.owner is None or works(run_as.prefix, *probe):
        return
    os.chown(data, -1, run_as.owner[1])
    data.chmod(data.stat().st_mode & 0o777 | 0o010)
    if not works(run_as.prefix, *probe):
        message = (
            f"The user id {run_as.owner[0]}, which runs PostgreSQL here because root may not, "
            f"cannot enter {data}. Choose a data folder below folders open to all, "
            "or start as an ordinary user."
        )
        raise PartError(message)
