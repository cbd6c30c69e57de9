"""`pockettrend import`: a file through a running server, from the command line."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import importing
from cli import cli
from tests.doors import PASSWORD, Person, RestDoor
from tests.imports.test_apps import MINT
from tests.imports.test_doors import CSV, account, worker

pytestmark = pytest.mark.anyio
__all__ = ["worker"]


async def run(address: str, person: Person, *words: str, password: str = PASSWORD) -> Any:
    """The command in a thread, as a process of its own would run it."""
    given = ["import", *words, "--email", person.email, "--url", f"http://{address}"]
    return await asyncio.to_thread(CliRunner().invoke, cli, given, input=f"{password}\n")


async def test_a_file_is_imported_and_its_end_is_told(
    address: str, client: Any, ada: Person, worker: None, tmp_path: Path
) -> None:
    door = RestDoor(client, ada)
    giro = await account(door)
    file = tmp_path / "January [1].csv"
    file.write_bytes(CSV)
    shown = await run(address, ada, str(file), "--account", "giro", "--dry-run")
    assert shown.exit_code == 1, shown.output
    # Beside it the server of this very process may write its log.
    assert any(line.startswith("dry run imp_") for line in shown.stdout.splitlines())
    assert (await door.call("GetAccount", id=giro))["balance"] == "0.00"
    made = await run(address, ada, str(file), "--account", giro)
    # A row that could not be read is in the file, so a script should not go on.
    assert made.exit_code == 1, made.output
    assert "COMPLETED, 5 rows: 4 new, 0 duplicate, 0 matched, 0 skipped, 1 failed" in made.stdout
    assert "note: 1 of 5 rows could not be read." in made.stdout
    assert (await door.call("GetAccount", id=giro))["balance"] == "1989.50"


async def test_a_question_is_told_and_answered_by_a_mapping(
    address: str, client: Any, ada: Person, worker: None, tmp_path: Path
) -> None:
    door = RestDoor(client, ada)
    giro = await account(door)
    file = tmp_path / "card.csv"
    file.write_bytes(b"Date,Text,Amount\n2026-01-05,Rent,500.00\n2026-01-06,Food,20.00\n")
    asked = await run(address, ada, str(file), "--account", "Giro")
    assert asked.exit_code == 1
    assert "question about signRule" in asked.stdout
    answer = ["--mapping", '{"signRule": "NEGATED"}']
    made = await run(address, ada, str(file), "--account", "Giro", *answer)
    assert made.exit_code == 0, made.output
    assert (await door.call("GetAccount", id=giro))["balance"] == "-520.00"


@pytest.mark.parametrize(
    ("words", "password", "said"),
    [
        (["--account", "Giro"], "wrong", "pockettrend: "),
        (["--account", "Nobody's"], PASSWORD, "no account has the name"),
        (["--account", "Giro", "--mapping", "{"], PASSWORD, "It is no JSON"),
        (["--account", "Giro", "--mapping", "[1]"], PASSWORD, "must be a JSON object"),
    ],
    ids=["password", "account", "mapping", "list"],
)
async def test_what_is_wrong_is_said(
    address: str,
    client: Any,
    ada: Person,
    tmp_path: Path,
    words: list[str],
    password: str,
    said: str,
) -> None:
    await account(RestDoor(client, ada))
    file = tmp_path / "a.csv"
    file.write_bytes(CSV)
    refused = await run(address, ada, str(file), *words, password=password)
    assert refused.exit_code in {1, 2}
    assert said in refused.output


async def test_an_empty_file_is_refused_in_one_sentence(
    address: str, client: Any, ada: Person, tmp_path: Path
) -> None:
    await account(RestDoor(client, ada))
    file = tmp_path / "empty.csv"
    file.write_bytes(b"")
    refused = await run(address, ada, str(file), "--account", "Giro")
    assert refused.exit_code == 1
    told = [line for line in refused.stderr.splitlines() if line.startswith("pockettrend: ")]
    assert len(told) == 1
    assert told[0].casefold().count("empty") == 1, told


def test_no_server_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("x\n"))
    order = importing.Order(tmp_path / "a.csv", "Giro")
    with pytest.raises(SystemExit) as ended:
        importing.run_import(order, url="http://127.0.0.1:9", email="a@example.org")
    assert ended.value.code == 1
    assert "no server answers" in capsys.readouterr().err


async def test_the_only_account_need_not_be_named_and_failed_rows_end_it_with_one(
    address: str, client: Any, ada: Person, worker: None, tmp_path: Path
) -> None:
    door = RestDoor(client, ada)
    file = tmp_path / "a.csv"
    file.write_bytes(CSV)
    none = await run(address, ada, str(file))
    assert none.exit_code == 1
    assert "you have no account yet" in none.output
    giro = await account(door)
    made = await run(address, ada, str(file))
    assert made.exit_code == 1, made.output
    assert "COMPLETED, 5 rows: 4 new, 0 duplicate, 0 matched, 0 skipped, 1 failed" in made.stdout
    assert (await door.call("GetAccount", id=giro))["balance"] == "1989.50"


async def test_of_several_accounts_the_file_s_number_decides_or_they_are_listed(
    address: str, client: Any, ada: Person, worker: None, tmp_path: Path
) -> None:
    door = RestDoor(client, ada)
    giro = await account(door)
    other = {"name": "Second", "type": "CHECKING", "currency": "EUR", "number": "DE99 0000 4321"}
    second = (await door.call("CreateAccount", other))["id"]
    table = tmp_path / "a.csv"
    table.write_bytes(CSV)
    asked = await run(address, ada, str(table))
    assert asked.exit_code == 1
    for word in ("--account", "Giro", giro, "Second", second):
        assert word in asked.output
    statement = tmp_path / "a.sta"
    statement.write_text(
        ":20:A\n:25:100/99000004321\n:28C:1\n:60F:C260101EUR0,00\n"
        ":61:2601020102D12,50NMSCNONREF\n:86:Bread\n:62F:D260102EUR12,50\n-\n"
    )
    made = await run(address, ada, str(statement))
    assert made.exit_code == 0, made.output
    assert (await door.call("GetAccount", id=second))["balance"] == "-12.50"
    assert (await door.call("GetAccount", id=giro))["balance"] == "0.00"


async def test_an_export_of_another_app_names_its_accounts(
    address: str, client: Any, ada: Person, worker: None, tmp_path: Path
) -> None:
    await account(RestDoor(client, ada))
    file = tmp_path / "mint.csv"
    file.write_text(MINT)
    made = await run(address, ada, str(file))
    assert made.exit_code == 0, made.output
    names = {one["name"] for one in (await RestDoor(client, ada).call("ListAccounts"))["items"]}
    assert names == {"Giro", "Checking", "Visa Card"}
