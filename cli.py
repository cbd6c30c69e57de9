"""The command line: `pockettrend serve`, its worker, and what an operator needs beside them.

Exit codes: 0 done, 1 failed, 2 refused to start (a wrong setting, a port in use).
"""

import asyncio
import errno
import json
import os
import socket
import sys
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, Final

import typer

from graph.http.process import Parent, StopSignals, bind
from launch import FAILED, read_settings, refuse, run_with_services, with_parts
from settings import Settings, describe

if TYPE_CHECKING:
    from app import Running
    from models.embedded.parts import EmbeddedParts, Endpoints

_PIPE_WIDTH: Final = 160
_ORPHANS_SECONDS: Final = 8.0
_TRY_SECONDS: Final = 0.1

cli = typer.Typer(
    name="pockettrend",
    help="Pocket Trend: the back end of a personal-finance tracker.",
    epilog="Settings are environment variables POCKETTREND_*; the command settings lists them."
    " Exit codes: 0 done, 1 failed, 2 refused to start. docs/operations.md says what to run when.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _bind(settings: Settings) -> socket.socket:
    # Processes whose parent was killed finish what they do, and hold the port as long.
    until = monotonic() + (_ORPHANS_SECONDS if settings.servers > 1 else 0.0)
    while True:
        try:
            return bind(settings.host, settings.port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and monotonic() < until:
                sleep(_TRY_SECONDS)
                continue
            refuse(
                [
                    f"cannot listen on {settings.host}:{settings.port}: {error.strerror}.",
                    "Stop the other program or choose another POCKETTREND_PORT.",
                ]
            )


@cli.command()
def serve(
    *,
    follow_parent: Annotated[
        bool, typer.Option(help="Stop when the process that started this one stops (for make).")
    ] = False,
    listen_fd: Annotated[
        int | None, typer.Option(hidden=True, help="The listening socket of a fleet.")
    ] = None,
) -> None:
    """Serve both doors in the foreground until SIGTERM or SIGINT.

    Prints `ready` and its address when everything is up.  POCKETTREND_SERVERS starts several
    processes on the port; SIGHUP then replaces them one after the other.  A signal lets what is in
    flight end first.
    """
    from serving import serve_alone, serve_together  # noqa: PLC0415

    parent = Parent() if follow_parent else None
    stop = StopSignals()
    settings = read_settings()
    member = listen_fd is not None
    together = settings.servers > 1 and not member
    taken = _bind(settings) if listen_fd is None else socket.socket(fileno=listen_fd)

    async def work(endpoints: "Endpoints | None", parts: "EmbeddedParts | None") -> int:
        if together:
            return await serve_together(settings, endpoints, parts, taken, stop, parent)
        return await serve_alone(settings, endpoints, parts, taken, stop, parent, member=member)

    # Who only looks after others needs nothing of what serves.
    code = with_parts(settings, work, serving=not together, beside=member)
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread that hangs in a library must not hold the end of a process that has closed all.
    os._exit(code)


@cli.command()
def worker() -> None:
    """Run the jobs that others leave, without serving, until SIGTERM or SIGINT.

    Needs the database of the servers (POCKETTREND_DATABASE_URL).  Any number may run: each job is
    leased to one of them, and taken over when that one dies.
    """

    async def work(running: "Running") -> None:
        stopping, task = asyncio.Event(), asyncio.current_task()
        running_worker = asyncio.gather(running.work(stopping), running.follow_rates(stopping))
        typer.echo("worker ready")
        sys.stdout.flush()
        try:
            await asyncio.shield(running_worker)
        except asyncio.CancelledError:
            if task is not None:
                task.uncancel()
            stopping.set()
            await running_worker

    run_with_services(work)


@cli.command()
def migrate() -> None:
    """Bring the database to the newest migration and make missing keys.

    On a database of your own it runs as the owner (POCKETTREND_DATABASE_OWNER_URL), before servers of
    a new release; those of the release before go on meanwhile.  Repeating it changes nothing.
    """
    StopSignals()
    settings = read_settings()

    async def work(endpoints: "Endpoints | None", _parts: "EmbeddedParts | None") -> bool:
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415  # noqa: PLC0415
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        from app import migrate_all  # noqa: PLC0415
        from models.migrate import newest_revision  # noqa: PLC0415

        columns = (
            SpinnerColumn(),
            TextColumn("migrations"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=int(newest_revision()))
            return await migrate_all(
                settings, endpoints, lambda revision: bar.update(task, completed=int(revision))
            )

    ran = with_parts(settings, work)
    typer.echo("migrated" if ran else "nothing to migrate")


@cli.command()
def seed() -> None:
    """Create the demo account with its years of data, unless it is there.

    Takes some seconds, and is refused in production: the account's password is public.
    """
    if read_settings().production:
        refuse(["the demo account's password is public: production does not get one."])
    from serving import seed as seed_demo_account  # noqa: PLC0415

    run_with_services(seed_demo_account)


@cli.command()
def settings() -> None:
    """List every setting with its type, default and meaning.

    Each is an environment variable; a wrong one stops every command with its name.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("Variable", "Type", "Default", "Meaning", title="Settings")
    table.columns[0].no_wrap = True
    for row in describe():
        # Words in brackets would be read as styles.
        table.add_row(*(text.replace("[", "\\[") for text in row))
    # In a pipe there is no width to keep to.
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)


@cli.command()
def export_schema(
    file: Annotated[Path | None, typer.Argument(help="Where to write; default: stdout.")] = None,
) -> None:
    """Write the graph's schema in the schema language.

    Generators of typed clients read it: docs/clients.md.
    """
    from graph.schema import schema_text  # noqa: PLC0415

    text = schema_text().rstrip() + "\n"
    if file is None:
        typer.echo(text, nl=False)
    else:
        file.write_text(text)


@cli.command()
def verify() -> None:
    """Recompute balances, seals and the change chain, and say what differs.

    Changes nothing and may run beside servers.  Ends with 1 if anything differs, and names the rows.
    """

    async def work(running: "Running") -> int:
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import Progress  # noqa: PLC0415

        from resolvers.verify import verify_all  # noqa: PLC0415

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("verifying ledgers", total=None)
            report = await verify_all(
                running.services.database,
                running.chain_key,
                progress=lambda done, of: bar.update(task, completed=done, total=of),
            )
        for line in report.lines():
            typer.echo(line)
        return FAILED if report.differences else 0

    raise SystemExit(run_with_services(work, beside=True))


@cli.command()
def audit(
    *,
    email: Annotated[
        str | None, typer.Option(help="Only what this person did (default: everybody).")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only what was done since then (UTC).")
    ] = None,
) -> None:
    """List who signed in, changed or removed what and when: a line each, parts parted by tabs.

    No line holds an amount, a text or an address.
    """

    async def work(running: "Running") -> int:
        from operating import show_audit  # noqa: PLC0415

        return await show_audit(running.services, email=email, since=since)

    raise SystemExit(run_with_services(work, beside=True))


@cli.command()
def revoke_sessions(
    *,
    email: Annotated[str, typer.Option(help="Whose sessions end.")],
    tokens: Annotated[bool, typer.Option("--tokens", help="End her personal tokens, too.")] = False,
) -> None:
    """End every session of a person at once, on all devices; she may sign in again.

    For an account that somebody else has got into: within a second no access token of hers is
    taken any more.  Her password stays as it is, so have her choose another one.
    """

    async def work(running: "Running") -> int:
        from operating import end_sessions_of  # noqa: PLC0415

        return await end_sessions_of(running.services, email, tokens=tokens)

    raise SystemExit(run_with_services(work, beside=True))


@cli.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(help="The bank's file, of any format.", exists=True, dir_okay=False)
    ],
    *,
    email: Annotated[
        str, typer.Option(help="Who imports; the password is asked for, or piped in.")
    ],
    account: Annotated[
        str | None,
        typer.Option(
            help="Id or name of the account that it fills (default: the one whose number the file "
            "names, or the only one; exports of other apps name their accounts themselves)."
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The server (default: the one that the settings speak of).")
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(help='What you know of the file, as JSON: {"signRule": "NEGATED"}.'),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only show what it would do.")] = False,
    restore_deleted: Annotated[
        bool, typer.Option(help="Bring rows back that you deleted earlier.")
    ] = False,
) -> None:
    """Import a bank's file through a running server, with a progress bar.

    What the file leaves open is answered by --mapping.  Ends with 0 when every row came in, with 1
    when rows failed, a question is open or the import failed, and with 2 when it was called wrongly.
    """
    from importing import Order, run_import  # noqa: PLC0415

    try:
        known = None if mapping is None else json.loads(mapping)
    except ValueError as error:
        raise typer.BadParameter(
            f'It is no JSON ({error}); write it like \'{{"signRule": "NEGATED"}}\'.',
            param_hint="--mapping",
        ) from None
    if known is not None and not isinstance(known, dict):
        raise typer.BadParameter(
            'It must be a JSON object, such as \'{"signRule": "NEGATED"}\'.',
            param_hint="--mapping",
        )
    order = Order(file, account, dry_run, restore_deleted, known)
    raise SystemExit(run_import(order, url=url or read_settings().base_url(), email=email))


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write; it must not exist yet.")],
) -> None:
    """Write database and files into one sealed archive; the server may run meanwhile.

    The archive holds every key wrapped by the master key, and never the master key itself: keep a
    copy of that in another place.
    """
    from operating import run_backup  # noqa: PLC0415

    run_backup(file)


@cli.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The archive to bring back.", exists=True)],
    *,
    master_key: Annotated[
        Path | None,
        typer.Option(help="File with the master key of the backup, copied to where ours lies."),
    ] = None,
    keep_sessions: Annotated[
        bool,
        typer.Option(help="Leave people signed in, also in sessions they ended after the backup."),
    ] = False,
) -> None:
    """Bring a backup back into an empty place, and verify it.

    The server must be stopped.  The whole archive is checked before anything is written, and a place
    that is not empty is refused.
    """
    from operating import run_restore  # noqa: PLC0415

    raise SystemExit(run_restore(file, master_key=master_key, keep_sessions=keep_sessions))


@cli.command()
def rotate_keys(
    *,
    older_than_days: Annotated[
        int, typer.Option(min=0, help="Ledgers whose newest key is at least this old; 0 is all.")
    ] = 365,
    master: Annotated[
        bool,
        typer.Option("--master", help="Also make a new master key and wrap every key under it."),
    ] = False,
) -> None:
    """Give ledgers their next data key, and the installation its next master key.

    Servers go on meanwhile.  A new data key seals some minutes later, when every process knows it.
    """
    from operating import run_rotation  # noqa: PLC0415

    run_rotation(older_than_days, master=master)


def main() -> None:
    """Entry of the console script."""
    cli(prog_name="pockettrend")


if __name__ == "__main__":
    main()
