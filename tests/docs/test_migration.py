"""The guide for legacy clients tells of every path what its description tells."""

import os
import re
from pathlib import Path

import httpx2
import pytest

from tests.contract.test_contract import documented
from tests.docs.endpoint_tables import tables_of

pytestmark = pytest.mark.anyio

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "migration.md"
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


async def test_the_tables_are_those_of_the_description(client: httpx2.AsyncClient) -> None:
    tables = tables_of((await client.get("/v1/openapi.json")).json())
    guide = GUIDE.read_text("utf-8")
    named = [name for _, name, _, _ in BLOCK.findall(guide)]
    assert sorted(named) == sorted(tables), "each noun has its table, once"
    wanted = BLOCK.sub(lambda found: f"{found[1]}\n{tables[found[2]]}\n\n{found[4]}", guide)
    if os.environ.get("WRITE_DOCS") == "1":
        GUIDE.write_text(wanted, "utf-8")
    assert GUIDE.read_text("utf-8") == wanted, "WRITE_DOCS=1 pytest tests/docs writes them anew"


async def test_every_owed_endpoint_is_in_the_guide() -> None:
    guide = GUIDE.read_text("utf-8")
    assert [
        f"{method} {path}" for method, path in documented() if f"`{method} {path}`" not in guide
    ] == []
