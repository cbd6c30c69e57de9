"""Budgets, templates, own rates and notifications of a takeout come in."""

from datetime import timedelta
from typing import Final

from pydantic_core import to_json
from sqlalchemy import insert

from models.budgets import BudgetRow
from models.rates import RateRow
from models.rules import RuleRow
from resolvers.budgets.items import insert_items
from resolvers.budgets.rows import B, budgets_by_id
from resolvers.budgets.writes import cells_of as budget_cells
from resolvers.errors import invalid
from resolvers.imports.takeout import objects
from resolvers.imports.takeout.batch import Batch
from resolvers.imports.takeout.kept import (
    KeptBudget,
    KeptNotification,
    KeptRate,
    KeptRule,
    KeptTemplate,
)
from resolvers.imports.takeout.objects import Names
from resolvers.notifications.rows import N
from resolvers.rates.own import R
from resolvers.rules.rows import R as RULES
from resolvers.rules.rows import cells_of as rule_cells
from resolvers.rules.writes import MAX_PATTERNS, MAX_RULES
from resolvers.templates.reminders import first_reminder
from resolvers.templates.rows import M, done_dates
from resolvers.templates.writes import cells_of as template_cells
from resolvers.templates.writes import due_of

_DAY: Final = timedelta(days=1)


async def bring_budgets(batch: Batch) -> None:
    """Budgets with their items."""
    write = batch.write

    def make(names: Names, one: KeptBudget) -> BudgetRow:
        row = objects.budget_row(names, one)
        for item in row.items:
            batch.once(item.id)
        return row

    for _, row in batch.rows(KeptBudget, make):
        if not batch.book:
            continue
        here = await budgets_by_id(write.tx, [(write.ledger_id, row.id)])
        if batch.trip.merge is not None and here[0] is not None:
            continue
        await write.tx.run(insert(B).values(**budget_cells(row)))
        write.record("budget", "CREATE", None, row)
        await insert_items(write, row.items)
        write.figures = True


async def bring_templates(batch: Batch) -> None:
    """With the dates that are done: a template that posts by itself goes on where it was."""
    write = batch.write
    for one, row in batch.rows(KeptTemplate, objects.template_row):
        if not batch.book:
            continue
        spent = set(one.spent_dates)
        done = (await done_dates(write.tx, [(write.ledger_id, row.id)]))[write.ledger_id, row.id]
        done |= spent
        remind = first_reminder(row, done, write.today + _DAY)
        cells = {
            **template_cells(write, row),
            "next_due": due_of(write, row, done),
            "remind_on": remind,
            "spent_dates": sorted(spent),
        }
        await write.tx.run(insert(M).values(**cells))
        write.record("template", "CREATE", None, row)
        write.figures = True


async def bring_rules(batch: Batch) -> None:
    """Rules in their order, as many as a ledger may have."""
    write = batch.write

    def make(names: Names, one: KeptRule) -> RuleRow:
        row = objects.rule_row(names, one)
        patterns = [part for part in row.conditions if part.operator == "MATCHES"]
        held = sum(isinstance(what[0], str) for what in batch.trip.seen)
        if len(batch.trip.seen) - held >= MAX_RULES or held + len(patterns) > MAX_PATTERNS:
            raise invalid("id", f"At most {MAX_RULES} rules with {MAX_PATTERNS} patterns.")
        for number in range(len(patterns)):
            batch.once("pattern", row.id, number)
        return row

    for _, row in batch.rows(KeptRule, make):
        if batch.book:
            await write.tx.run(insert(RULES).values(**rule_cells(write.ring, row)))
            write.record("rule", "CREATE", None, row)


async def bring_rates(batch: Batch) -> None:
    """Own rates: one for each pair and day."""

    def make(names: Names, one: KeptRate) -> RateRow:
        row = objects.rate_row(names, one)
        batch.once(frozenset({row.from_currency, row.to_currency}), row.day)
        return row

    rows: list[RateRow] = [row for _, row in batch.rows(KeptRate, make)]
    if not batch.book:
        return
    write = batch.write
    for row in rows:
        cells = {name: getattr(row, name) for name in row.__dataclass_fields__}
        await write.tx.run(insert(R).values(**cells))
        write.record("rate", "CREATE", None, row)
        write.figures = True


async def bring_notifications(batch: Batch) -> None:
    """What was told, read or not."""
    write = batch.write
    seal = write.ring.seal
    for _, row in batch.rows(KeptNotification, objects.notification_row):
        if not batch.book:
            continue
        cells = {
            "ledger_id": row.ledger_id,
            "id": row.id,
            "type": row.type,
            "title": seal("notifications.title", row.id, row.title.encode()),
            "body": seal("notifications.body", row.id, row.body.encode()),
            "data": seal("notifications.data", row.id, to_json(row.data)),
            "read_at": row.read_at,
            "version": row.version,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        await write.tx.run(insert(N).values(**cells))
        write.record("notification", "CREATE", None, row)
