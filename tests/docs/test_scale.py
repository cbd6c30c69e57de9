"""The load model reproduces measured points, and docs/scale.md holds exactly what it prints."""

import os
from dataclasses import replace
from itertools import pairwise

from sqlmodel import SQLModel

import models.tables  # noqa: F401 - registers them
from bench import model

MEASURED = model.measured_points()


def test_the_model_reproduces_what_was_measured() -> None:
    checks = model.checks(MEASURED)
    assert len(checks) >= 4
    assert [one.name for one in checks if not one.holds] == []


def test_a_wrong_model_would_be_noticed() -> None:
    doubled = {**MEASURED, "mix": {"screen": 100}}
    assert not all(one.holds for one in model.checks(doubled))


def test_the_page_holds_what_the_model_prints() -> None:
    told = model.tables(MEASURED)
    page = model.PAGE.read_text("utf-8")
    assert [name for _, name, _, _ in model.BLOCK.findall(page)] == list(told)
    wanted = model.filled(page, told)
    if os.environ.get("WRITE_DOCS") == "1":
        model.PAGE.write_text(wanted, "utf-8")
    assert model.PAGE.read_text("utf-8") == wanted, "python -m bench.model --write"


def test_needs_grow_with_people_and_shrink_with_idleness() -> None:
    costs, assumed = model.Costs.of(MEASURED), model.Assumed()
    needs = [model.need(people, costs, assumed) for people in model.LADDER]
    for less, more in pairwise(needs):
        assert more.people == 10 * less.people
        for name in ("requests", "cores", "database_cores", "disk", "sockets"):
            assert abs(getattr(more, name) / getattr(less, name) - 10) < 0.01, name
        assert more.machines >= less.machines
        assert more.databases >= less.databases
        assert model.dollars(more, assumed) > model.dollars(less, assumed)
    idle = model.need(10_000_000, costs, replace(assumed, active=0.05))
    assert idle.cores < needs[-2].cores
    assert idle.disk < needs[-2].disk


def test_the_mix_of_the_model_is_the_one_that_was_measured() -> None:
    assert MEASURED["mix"] == model.measuring.MIX
    assert sum(model.measuring.MIX.values()) == 100


def test_every_key_of_a_tenant_table_leads_with_its_ledger() -> None:
    """What sharding by ledger asks for; the exceptions are those that docs/scale.md names."""
    tables = SQLModel.metadata.tables
    tenants = {name: one for name, one in tables.items() if "ledger_id" in one.c}
    led = {name for name, one in tenants.items() if "ledger_id" in one.primary_key.columns}
    assert set(tenants) - led == {"erasures", "jobs", "users"}
    for name in led:
        assert tenants[name].primary_key.columns.keys()[0] == "ledger_id", name
        for one in tenants[name].foreign_key_constraints:
            assert "ledger_id" in [column.name for column in one.columns], (name, one.name)
