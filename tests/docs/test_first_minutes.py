"""A stranger's first minutes: the README's calls, word by word, against a server as it is started."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ops.test_serve import served

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
pytestmark = [
    pytest.mark.long,
    pytest.mark.serve,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]


def blocks(heading: str) -> list[str]:
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def test_the_calls_of_the_readme_answer_as_it_says(tmp_path: Path) -> None:
    look, own = blocks("First call by REST")
    # What a reader fills in: an account of hers, her token instead of the demo's, and a file.
    own = own.replace("acct_…", "$account").replace("# 202", "-w '\\n' # 202")
    follow = next(line for line in blocks("Live updates")[0].splitlines() if "/changes?" in line)
    first = 'curl -s $base/accounts -H "Authorization: Bearer $token" | '
    first += 'python3 -c \'import json,sys; print(json.load(sys.stdin)["data"]["items"][0]["id"])\''
    (tmp_path / "statement.csv").write_text("Date,Description,Amount\n2026-01-15,Coffee,-3.20\n")
    with served(tmp_path / "served" / "data", POCKETTREND_DEMO="1") as product:
        script = "\n".join(["set -eu", look, f"account=$({first})", own, follow])
        script = script.replace("http://127.0.0.1:8000", product.url)
        told = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert told.returncode == 0, told.stderr
    reader, answers, rest = json.JSONDecoder(), [], told.stdout.strip()
    while rest:
        answer, end = reader.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
    assert [one["success"] for one in answers] == [True] * 6, told.stdout[-1500:]
    accounts, coffee, person, account, job, changes = [one["data"] for one in answers]
    assert len(accounts["items"]) > 1
    amounts = [float(one["amount"]) for one in coffee["items"]]
    assert amounts == sorted(amounts, reverse=True)
    assert person["user"]["name"] == "Ada"
    assert account["balance"] == "250.00"
    assert job["status"] in {"PROCESSING", "COMPLETED"}
    assert changes["changes"]
