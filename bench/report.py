"""The tables for people and results.json for machines."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

_FILE: Final = Path(__file__).resolve().parent / "results.json"
_WIDTH: Final = 110
_FIGURES: Final = ("cpu_ms", "db_cpu_ms", "rps", "p50_ms", "p99_ms", "runs")


def show(
    measurements: list[dict[str, Any]], goals: list[dict[str, Any]], *, notes: list[str]
) -> None:
    """Print everything."""
    # In a pipe there is no width to keep to.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    table = Table(title="Costs of one request, or of one row in bulk and imports")
    table.add_column("case")
    table.add_column("contestant")
    for name in _FIGURES:
        table.add_column(name, justify="right")
    for one in measurements:
        figures = ["-" if one[name] is None else f"{one[name]:g}" for name in _FIGURES]
        table.add_row(one["case"], one["contestant"], *figures)
    console.print(table)
    table = Table(title="Goals")
    table.add_column("goal")
    for name in ("ratio", "limit", "met"):
        table.add_column(name, justify="right")
    for one in goals:
        ratio = "no peer" if one["ratio"] is None else f"{one['ratio']:.2f}"
        table.add_row(one["goal"], ratio, f"{one['limit']:g}", "yes" if one["met"] else "NO")
    console.print(table)
    for note in notes:
        console.print(note, markup=False)


def write(measurements: list[dict[str, Any]], goals: list[dict[str, Any]]) -> None:
    """Write the same figures beside this module."""
    content = {"measurements": measurements, "goals": goals}
    _FILE.write_text(json.dumps(content, indent=2) + "\n")
