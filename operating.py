"""What an operator does beside serving: backups, and bringing one back."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from launch import FAILED, REFUSED, read_settings, refuse, with_parts
from settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from models.backup import Made
    from models.backup.archive import Head
    from models.embedded.parts import EmbeddedParts, Endpoints
    from resolvers.verify import Report

T = TypeVar("T")
Progress = Callable[[str, int], None]
_KEY_BYTES: Final = 32


@contextmanager
def _bars() -> Iterator[Progress]:
    """One line on stderr for each thing that goes on."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[done]}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def progress(what: str, done: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=None, done="")
            bars.update(tasks[what], done=f"{done:,}")  # type: ignore[arg-type]

        yield progress


def run_backup(target: Path) -> None:
    """Write an archive and say what is in it, or end the process with why not."""
    settings = read_settings()
    target = target.absolute()
    if target.exists():
        refuse([f"{target} is there already; choose another name."])
    if not target.parent.is_dir():
        refuse([f"There is no folder {target.parent}."])

    async def work(endpoints: "Endpoints | None", _parts: "EmbeddedParts | None") -> "Made":
        with _bars() as progress:
            return await make(settings, endpoints, target, progress)

    made = _told(lambda: with_parts(settings, work, beside=True))
    typer.echo(f"backup: {made.path} ({made.size:,} bytes, {made.files:,} files)")
    typer.echo(
        f"The master key in {settings.key_file} is not in it, and without that key nobody can read "
        "it.  Keep a copy of the key in another place than the archive.",
        err=True,
    )


def run_restore(source: Path, *, master_key: Path | None, keep_sessions: bool) -> int:
    """Bring an archive back and verify it; the exit code."""
    settings = read_settings()
    if master_key is not None:
        _place_key(settings, master_key)
    if not settings.key_file.exists():
        refuse(
            [f"The backup's master key must lie in {settings.key_file}, or name it: --master-key."]
        )

    async def work(endpoints: "Endpoints | None", _parts: "EmbeddedParts | None") -> int:
        with _bars() as progress:
            head = await bring_back(settings, endpoints, source, progress)
            report, missing = await look_after(
                settings, endpoints, keep_sessions=keep_sessions, progress=progress
            )
        typer.echo(f"restored: the state of {head.at}")
        for line in report.lines():
            typer.echo(line)
        for name in missing:
            typer.echo(f"missing file: {name}")
        return FAILED if report.differences or missing else 0

    return _told(lambda: with_parts(settings, work))


def _told(run: Callable[[], T]) -> T:
    from models.backup import BackupBroken, RestoreRefused, ToolFailed  # noqa: PLC0415

    try:
        return run()
    except RestoreRefused as error:
        refuse([str(error)], REFUSED)
    except (BackupBroken, ToolFailed) as error:
        refuse(str(error).splitlines(), FAILED)


def _place_key(settings: Settings, given: Path) -> None:
    """Copy the master key of a backup to where this installation looks for its own."""
    from models.stores.keys import LocalKeys  # noqa: PLC0415

    there = settings.key_file
    try:
        LocalKeys.from_file(given, create=False)
        text = given.read_text().strip()
        if there.exists():
            if there.read_text().strip() != text:
                refuse([f"{there} holds another master key than {given}."])
            return
        there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        there.touch(mode=0o600, exist_ok=False)
        there.write_text(text + "\n")
    except (OSError, ValueError):
        refuse([f"{given} must be a file with {_KEY_BYTES * 2} hexadecimal digits."])


async def make(
    settings: Settings, endpoints: "Endpoints | None", target: Path, progress: Progress
) -> "Made":
    """Write an archive of the database and files that the settings name."""
    from app import build_name  # noqa: PLC0415
    from assembly import database_of, engine_of, files_of, master_keys  # noqa: PLC0415
    from models.backup import RestoreRefused, Server, find_tools, make_backup  # noqa: PLC0415
    from models.migrate import present_revision  # noqa: PLC0415

    engine = engine_of(settings, endpoints, owner=False)
    try:
        revision = await present_revision(engine)
    finally:
        await engine.dispose()
    if revision is None:
        raise RestoreRefused("The database is empty: there is nothing to back up.")
    build = await asyncio.to_thread(build_name)
    return await make_backup(
        target,
        server=Server(**database_of(settings, endpoints, "backup")),
        tools=find_tools(settings.pg_tools),
        files=files_of(settings),
        keys=master_keys(settings),
        revision=revision,
        build=build,
        roles=_roles(settings, endpoints),
        progress=progress,
    )


async def bring_back(
    settings: Settings, endpoints: "Endpoints | None", source: Path, progress: Progress
) -> "Head":
    """Restore an archive into the empty database and file store that the settings name."""
    from assembly import database_of, engine_of, files_of, master_keys  # noqa: PLC0415
    from models.backup import Server, find_tools, restore_backup  # noqa: PLC0415

    owner: AsyncEngine = engine_of(settings, endpoints, owner=True)
    try:
        return await restore_backup(
            source,
            owner=owner,
            server=Server(**database_of(settings, endpoints, "owner")),
            tools=find_tools(settings.pg_tools),
            files=files_of(settings),
            keys=master_keys(settings),
            roles=_roles(settings, endpoints),
            progress=progress,
        )
    finally:
        await owner.dispose()


async def look_after(
    settings: Settings, endpoints: "Endpoints | None", *, keep_sessions: bool, progress: Progress
) -> "tuple[Report, list[str]]":
    """Migrate what was restored, end its sessions, verify it; differences and missing files."""
    from app import start  # noqa: PLC0415
    from assembly import migrate_all  # noqa: PLC0415
    from resolvers.restored import end_all_sessions, missing_files  # noqa: PLC0415
    from resolvers.verify import verify_all  # noqa: PLC0415

    await migrate_all(settings, endpoints)
    running = await start(settings, endpoints)
    try:
        database = running.services.database
        if not keep_sessions:
            await end_all_sessions(database)
        report = await verify_all(
            database, running.chain_key, progress=lambda done, _: progress("verifying", done)
        )
        missing = await missing_files(database, running.services.files)
    finally:
        await running.close()
    return report, [f"{ledger}/{file}" for ledger, file in missing]


def _roles(settings: Settings, endpoints: "Endpoints | None") -> tuple[str, str]:
    from assembly import database_of  # noqa: PLC0415

    owner = database_of(settings, endpoints, "owner")["user"]
    return owner, database_of(settings, endpoints, "app")["user"]
