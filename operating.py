"""What an operator does beside serving: backups, and bringing one back."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from launch import FAILED, REFUSED, read_settings, refuse, with_parts
from settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from assembly import Role
    from graph.context import Services
    from models.backup import Made, Server
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
    where = "KMS" if settings.kms_keys else str(settings.key_file)
    typer.echo(
        f"The master key in {where} is not in it, and without that key nobody can read "
        "it.  Keep a copy of the key in another place than the archive.",
        err=True,
    )


def run_restore(source: Path, *, master_key: Path | None, keep_sessions: bool) -> int:
    """Bring an archive back and verify it; the exit code."""
    settings = read_settings()
    placed = master_key is not None and _place_key(settings, master_key)
    if not settings.kms_keys and not settings.key_file.exists():
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

    try:
        return _told(lambda: with_parts(settings, work))
    except SystemExit:
        if placed:
            # A key that did not fit must not stand in the way of the one that does.
            settings.key_file.unlink(missing_ok=True)
        raise


def run_rotation(days: int, *, master: bool) -> None:
    """Rotate data keys, and the master key where that is asked for; says what was done."""
    settings = read_settings()

    async def work(endpoints: "Endpoints | None", _parts: "EmbeddedParts | None") -> None:
        from assembly import engine_of, keys_of, require_newest  # noqa: PLC0415
        from models.base import utc_now  # noqa: PLC0415
        from models.database import Database  # noqa: PLC0415
        from resolvers.rotation import rotate_all  # noqa: PLC0415

        await require_newest(engine_of(settings, endpoints, owner=False))
        engine = engine_of(settings, endpoints, owner=False)
        database = Database(engine, await keys_of(settings, engine))
        try:
            with _bars() as progress:
                before = utc_now() - timedelta(days=days)
                done = await rotate_all(
                    database, before, progress=lambda count: progress("ledgers", count)
                )
        finally:
            await database.close()
        typer.echo(f"new data keys: {done:,}")
        if master:
            await _rotate_master(settings, endpoints)

    with_parts(settings, work, beside=True)


async def _rotate_master(settings: Settings, endpoints: "Endpoints | None") -> None:
    from assembly import engine_of, master_keys  # noqa: PLC0415
    from models.rewrapping import rewrap_all  # noqa: PLC0415
    from models.sealing import new_key  # noqa: PLC0415
    from models.stores.keys import name_of, read_keys, replace_keys  # noqa: PLC0415

    path = settings.key_file
    master_keys(settings)
    # KMS makes its keys itself: the first one that is named is the new one.
    held = [] if settings.kms_keys else list(read_keys(path))
    # With several keys in the file somebody has begun already: the first one is the new one.
    if len(held) == 1:
        held = [new_key(), *held]
        replace_keys(path, held)
    owner = engine_of(settings, endpoints, owner=True)
    try:
        with _bars() as progress:
            done = await rewrap_all(
                owner, master_keys(settings), progress=lambda count: progress("keys", count)
            )
    finally:
        await owner.dispose()
    typer.echo(f"keys wrapped by the new master key: {done:,}")
    for old in held[1:]:
        kept = path.with_name(f"{path.name}.{name_of(old).hex()}.old")
        replace_keys(kept, [old])
        typer.echo(f"Backups from before need the old master key, now in {kept}.", err=True)
    if held:
        replace_keys(path, held[:1])


def _told(run: Callable[[], T]) -> T:
    from models.backup import BackupBroken, RestoreRefused, ToolFailed  # noqa: PLC0415

    try:
        return run()
    except RestoreRefused as error:
        refuse([str(error)], REFUSED)
    except (BackupBroken, ToolFailed) as error:
        refuse(str(error).splitlines(), FAILED)


def _place_key(settings: Settings, given: Path) -> bool:
    """Copy the master key of a backup to where this installation looks for its own.

    False where it lies there already.
    """
    from models.stores.keys import LocalKeys  # noqa: PLC0415

    there = settings.key_file
    try:
        LocalKeys.from_file(given, create=False)
        text = given.read_text().strip()
        if there.exists():
            if there.read_text().strip() != text:
                refuse([f"{there} holds another master key than {given}."])
            return False
        there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        there.touch(mode=0o600, exist_ok=False)
        there.write_text(text + "\n")
    except (OSError, ValueError):
        refuse([f"{given} must be a file with {_KEY_BYTES * 2} hexadecimal digits."])
    return True


async def make(
    settings: Settings, endpoints: "Endpoints | None", target: Path, progress: Progress
) -> "Made":
    """Write an archive of the database and files that the settings name."""
    from app import build_name  # noqa: PLC0415
    from assembly import engine_of, files_of, keys_of, system_keys_of  # noqa: PLC0415
    from models.backup import RestoreRefused, find_tools, make_backup  # noqa: PLC0415
    from models.migrate import present_revision  # noqa: PLC0415

    engine = engine_of(settings, endpoints, owner=False)
    try:
        revision = await present_revision(engine)
        if revision is None:
            raise RestoreRefused("The database is empty: there is nothing to back up.")
        # An archive under a key that does not open its database could never be brought back.
        keys = await keys_of(settings, engine)
        await system_keys_of(settings, engine, keys)
    finally:
        await engine.dispose()
    build = await asyncio.to_thread(build_name)
    return await make_backup(
        target,
        server=_server(settings, endpoints, "backup"),
        tools=find_tools(settings.pg_tools),
        files=files_of(settings),
        keys=keys,
        revision=revision,
        build=build,
        roles=_roles(settings, endpoints),
        progress=progress,
    )


async def bring_back(
    settings: Settings, endpoints: "Endpoints | None", source: Path, progress: Progress
) -> "Head":
    """Restore an archive into the empty database and file store that the settings name."""
    from assembly import engine_of, files_of, master_keys  # noqa: PLC0415
    from models.backup import find_tools, restore_backup  # noqa: PLC0415

    owner: AsyncEngine = engine_of(settings, endpoints, owner=True)
    try:
        return await restore_backup(
            source,
            owner=owner,
            server=_server(settings, endpoints, "owner"),
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


def _server(settings: Settings, endpoints: "Endpoints | None", role: "Role") -> "Server":
    from assembly import database_of, tls_mode  # noqa: PLC0415
    from models.backup import Server  # noqa: PLC0415

    address = database_of(settings, endpoints, role)
    mode = None if endpoints is not None else tls_mode(settings, address["host"])
    return Server(**address, tls=mode, ca=settings.tls_ca)


def _roles(settings: Settings, endpoints: "Endpoints | None") -> tuple[str, str]:
    from assembly import database_of  # noqa: PLC0415

    owner = database_of(settings, endpoints, "owner")["user"]
    return owner, database_of(settings, endpoints, "app")["user"]


async def show_audit(services: "Services", *, email: str | None, since: datetime | None) -> int:
    """Print who did what; the exit code."""
    from resolvers.overseeing import deeds  # noqa: PLC0415
    from resolvers.users import user_by_email  # noqa: PLC0415

    only = None if email is None else await user_by_email(services.database, email)
    if email is not None and only is None:
        typer.echo("pockettrend: nobody signs in with this address.", err=True)
        return FAILED
    moment = None if since is None else since.replace(tzinfo=UTC)
    async for deed in deeds(services.database, only=only, since=moment):
        typer.echo(deed.line())
    return 0


async def end_sessions_of(services: "Services", email: str, *, tokens: bool) -> int:
    """End somebody's sessions and say how many; the exit code."""
    from resolvers.users import user_by_email  # noqa: PLC0415

    user_id = await user_by_email(services.database, email)
    if user_id is None:
        typer.echo("pockettrend: nobody signs in with this address.", err=True)
        return FAILED
    ended, gone = await services.sessions.shut_out(user_id, tokens=tokens)
    typer.echo(f"sessions ended: {ended:,}" + (f"; personal tokens: {gone:,}" if tokens else ""))
    return 0
