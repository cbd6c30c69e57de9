"""What the documentation names is there: links, files, commands, settings, paths, words of the code."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from cli import cli
from rest_compat.routes import ENDPOINTS
from settings import describe
from tests.test_tidy import ROOT, name_of, tracked

PAGES = [path for path in tracked(".md") if not name_of(path).startswith(("CHANGELOG", "tests/"))]
OTHERS = re.compile(
    r"^## From (?:Firefly|YNAB|Lunch|Splitwise).*?(?=^## |\Z)", re.MULTILINE | re.DOTALL
)
"""Sections that tell of other products' words."""
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SETTING = re.compile(r"(POCKETTREND_[A-Z0-9_]+)|(?:…|\.\.\.)(_[A-Z0-9_]{3,})")


@functools.cache
def text_of(page: Path) -> str:
    return OTHERS.sub("", page.read_text("utf-8"))


@functools.cache
def corpus() -> str:
    """Everything that runs or is run: what is no prose."""
    kept = [path for path in tracked("") if path.suffix not in {".md", ".lock", ".svg", ".woff2"}]
    kept = [path for path in kept if not name_of(path).startswith("tests/docs/")]
    return "\n".join(path.read_text("utf-8", errors="replace") for path in kept)


@functools.cache
def vocabulary() -> frozenset[str]:
    words = set(re.findall(r"[A-Za-z_]\w*", corpus()))
    parts = {part for name in names() for part in re.findall(r"\w+", name)}
    settings = {row[0] for row in describe()}
    return frozenset({*words, *parts, *settings, *(word.removeprefix("test_") for word in words)})


@functools.cache
def names() -> frozenset[str]:
    files = {name_of(path) for path in tracked("")}
    folders = {parent.as_posix() for name in files for parent in Path(name).parents}
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    return frozenset(files | folders | {one.rstrip("/") for one in ignored})


def heading(text: str) -> str:
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def pieces(page: Path) -> Iterator[str]:
    """What stands between backticks, and the lines of blocks."""
    text = text_of(page)
    for block in FENCE.findall(text):
        yield from block.splitlines()[1:-1]
    yield from CODE.findall(FENCE.sub("", text))


def ids(page: Path) -> str:
    return name_of(page)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"\w+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists():
            lost.append(link)
        elif anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            lost += [link] if anchor not in map(heading, heads) else []
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_settings_exist(page: Path) -> None:
    known = {row[0] for row in describe()} | set(re.findall(r"POCKETTREND_[A-Z0-9_]+", corpus()))
    known |= {"AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_KMS"}  # read by boto3
    unknown = set()
    for whole, tail in SETTING.findall(text_of(page)):
        if whole.endswith("_"):
            found = any(name.startswith(whole) for name in known)
        else:
            found = whole in known if whole else any(name.endswith(tail) for name in known)
        if not found:
            unknown.add(whole or tail)
    assert unknown == set()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_and_their_options_exist(page: Path) -> None:
    commands = typer.main.get_command(cli).commands  # type: ignore[attr-defined]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    wrong = []
    for piece in pieces(page):
        for name, rest in re.findall(r"(?:^|[\s/$])pockettrend ([a-z][a-z-]+)([^|;&#]*)", piece):
            if name not in commands:
                wrong.append(f"pockettrend {name}")
                continue
            options = {word for one in commands[name].params for word in one.opts}
            given = re.findall(r"(?<!\S)(--[a-z-]+)", rest)
            wrong += [f"{name} {one}" for one in given if one not in {*options, "--help"}]
        for name in re.findall(r"(?:^|\s)make ([a-z][a-z-]+)", piece):
            wrong += [f"make {name}"] if name not in targets else []
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_files_exist(page: Path) -> None:
    tops = {name.partition("/")[0] for name in names() if "/" in name}
    lost = set()
    for piece in pieces(page):
        for word in re.findall(r"(?<![\w/.{}-])[\w.-]+(?:/[\w.*-]+)*/?", piece):
            name = word.rstrip("/.")
            inside = "/" in word and name.partition("/")[0] in tops
            alone = "/" not in word and re.fullmatch(r"\w[\w-]*\.(?:py|md|graphql|toml)", word)
            if not inside and not alone:
                continue
            beside = f"{page.parent.relative_to(ROOT).as_posix()}/{name}".removeprefix("./")
            if "*" in name:
                if not list(ROOT.glob(name)):
                    lost.add(word)
            elif not any(one in names() or one.endswith("/") for one in (name, beside)) and not any(
                one.endswith(f"/{name}") for one in names()
            ):
                lost.add(word)
    assert lost == set()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_paths_are_served(page: Path) -> None:
    known = [re.sub(r"\{\w+\}", "[^/]+", row.path) for row in ENDPOINTS]
    known += [
        "/docs",
        "/openapi.json",
        "/ws/updates",
        "/files/[^/]+",
        "/health",
        "/health/detailed",
    ]
    shapes = [re.compile(one) for one in known]
    lost = set()
    for piece in pieces(page):
        for path in re.findall(r"(?:^|[\s\"'`]|\w)/v1(/[^\s?\"'`|)#,;]*)", piece):
            plain = re.sub(r"\$\w+|acct_…|\{\w+\}", "x", path).rstrip("/.:")
            if "…" in plain or "*" in plain or not plain:
                continue
            above = any(one.startswith(f"{plain}/") for one in known)
            if not above and not any(shape.fullmatch(plain) for shape in shapes):
                lost.add(path)
    assert lost == set()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_words_of_the_code_are_in_the_code(page: Path) -> None:
    known = vocabulary()
    lost = set()
    for piece in CODE.findall(FENCE.sub("", text_of(page))):
        plain = re.fullmatch(r"[A-Za-z_]\w{3,}", piece)
        dotted = re.fullmatch(r"\w+(?:\.\w+)*\.([a-z]\w+|[A-Z]\w+)", piece)
        told_elsewhere = piece.startswith("AWS_")
        if plain and piece not in known and not told_elsewhere:
            lost.add(piece)
        if dotted and piece not in corpus() and dotted[1] not in known:
            lost.add(piece)
    assert lost == set()


def test_the_architecture_is_read_in_one_sitting() -> None:
    assert len((ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8").splitlines()) <= 150


def test_decisions_are_numbered_without_a_gap() -> None:
    found = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [name[:4] for name in found] == [f"{number:04}" for number in range(1, len(found) + 1)]


def test_every_page_is_reached_from_the_readme() -> None:
    """By links or by name, over any number of steps."""
    pages = {name_of(page) for page in tracked(".md")} - {"README.md"}
    reached, open_ = set(), ["README.md"]
    while open_:
        text = (ROOT / open_.pop()).read_text("utf-8")
        for name in pages - reached:
            alone = name.removeprefix("docs/")
            if name in text or f"({alone}" in text or f"`{alone}`" in text:
                reached.add(name)
                open_.append(name)
    decisions = {name for name in pages if name.startswith("docs/decisions/")}
    assert pages - decisions - reached == set()
