"""What the command line says of itself."""

import re

import pytest
import typer.main
from typer.testing import CliRunner

from cli import cli

COMMANDS = sorted(typer.main.get_command(cli).commands)  # type: ignore[attr-defined]
WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}


def said(*words: str) -> str:
    told = CliRunner().invoke(cli, [*words, "--help"], env=WIDE, prog_name="pockettrend")
    assert told.exit_code == 0
    return re.sub(r"\s+", " ", told.output)


def test_the_first_page_names_all_commands_settings_and_exit_codes() -> None:
    page = said()
    assert [name for name in COMMANDS if f" {name} " not in page] == []
    assert "POCKETTREND_*" in page
    assert "Exit codes: 0 done, 1 failed, 2 refused to start." in page


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_more(name: str) -> None:
    page = said(name)
    assert f"Usage: pockettrend {name}" in page
    command = typer.main.get_command(cli).commands[name]  # type: ignore[attr-defined]
    first, _, more = (command.help or "").partition("\n\n")
    assert first.endswith("."), "one sentence for the list"
    assert len(more) > 40, "what to know before running it"
    silent = [one.name for one in command.params if not getattr(one, "help", "x")]
    assert silent == []
