"""Making, changing, ordering and deleting rules."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, insert, update

from models.categories import CategoryRow
from models.database import Transaction as Tx
from models.ids import new_id
from models.rules import RuleCondition, RuleRow
from resolvers.accounts import accounts_by_id
from resolvers.categories import categories_by_id
from resolvers.errors import Conflict, FieldError, Invalid, invalid
from resolvers.inputs import not_null
from resolvers.ledgers import LedgerWrite, require_version
from resolvers.rules.inputs import (
    ActionsInput,
    ConditionInput,
    RuleCreate,
    RuleDraft,
    RuleUpdate,
    accounts_named,
    check_conditions,
)
from resolvers.rules.rows import R, all_rules, cells_of, get_rule

MAX_RULES: Final = 200
MAX_PATTERNS: Final = 20
"""How many conditions of a ledger may be regular expressions: each costs more than a word."""


def conditions_of(conditions: Sequence[ConditionInput]) -> tuple[RuleCondition, ...]:
    """Checked conditions as a rule holds them."""
    return tuple(
        RuleCondition(
            field=one.field,
            operator=(one.operator or "CONTAINS") if one.value is not None else None,
            value=one.value,
            minimum=one.minimum,
            maximum=one.maximum,
            direction=one.direction,
            account_ids=tuple(dict.fromkeys(one.account_ids or ())),
            negate=one.negate,
        )
        for one in conditions
    )


def _does(actions: ActionsInput) -> dict[str, Any]:
    return {
        "category_id": actions.category_id,
        "payee": actions.payee or None,
        "tags": tuple(actions.tags or ()),
        "notes": actions.notes or None,
    }


async def check_draft(
    tx: Tx,
    ledger_id: UUID,
    conditions: Sequence[ConditionInput],
    actions: ActionsInput | None,
    wrong: list[FieldError],
    *,
    idle: bool = False,
) -> None:
    """Note everything that is wrong with parts of a rule, what they refer to included.

    ``idle``: a rule may do nothing but stop.
    """
    check_conditions(conditions, wrong)
    named = sorted(accounts_named(conditions))
    found = await accounts_by_id(tx, [(ledger_id, one) for one in named])
    there = {row.id for row in found if row is not None}
    for index, one in enumerate(conditions):
        if not there.issuperset(one.account_ids or ()):
            path = f"conditions.{index}.accountIds"
            wrong.append(FieldError(path, "NOT_FOUND", "There is no such object."))
    if actions is None:
        return
    category = actions.category_id
    if category is not None and (await categories_by_id(tx, [(ledger_id, category)]))[0] is None:
        wrong.append(FieldError("actions.categoryId", "NOT_FOUND", "There is no such object."))
    if not idle and not any(_does(actions).values()):
        words = "At least one action, or stop for a rule that keeps later ones away."
        wrong.append(FieldError("actions", "REQUIRED", words))


def draft_of(ledger_id: UUID, data: RuleDraft, **more: Any) -> RuleRow:
    """The rule that a checked draft would be."""
    plain = {
        "ledger_id": ledger_id, "id": new_id(), "name": "", "position": 1, "active": True,
        "stop": False, "version": 1, **more,
    }  # fmt: skip
    return RuleRow(
        match=data.match,
        conditions=conditions_of(data.conditions),
        **_does(data.actions),
        **plain,
    )


async def _check_room(write: LedgerWrite, row: RuleRow) -> int:
    """The place behind the last rule; raises CONFLICT where there are too many of a kind."""
    others = [one for one in await all_rules(write.tx, write.ledger_id) if one.id != row.id]
    if len(others) >= MAX_RULES:
        raise Conflict(f"There are {MAX_RULES} rules already; delete one.")
    patterns = sum(
        condition.operator == "MATCHES" for one in [*others, row] for condition in one.conditions
    )
    if patterns > MAX_PATTERNS:
        raise invalid("conditions", f"At most {MAX_PATTERNS} conditions of all rules are MATCHES.")
    return max((one.position for one in others), default=0) + 1


async def create_rule(write: LedgerWrite, data: RuleCreate) -> RuleRow:
    """Make a rule; it stands behind all others."""
    wrong: list[FieldError] = []
    await check_draft(
        write.tx, write.ledger_id, data.conditions, data.actions, wrong, idle=data.stop
    )
    if wrong:
        raise Invalid(wrong)
    row = draft_of(
        write.ledger_id, data, name=data.name, active=data.active, stop=data.stop,
        created_at=write.now, updated_at=write.now,
    )  # fmt: skip
    row = replace(row, position=await _check_room(write, row))
    await write.tx.run(insert(R).values(**cells_of(write.ring, row)))
    write.record("rule", "CREATE", None, row)
    return row


async def update_rule(
    write: LedgerWrite,
    rule_id: UUID | None,
    data: RuleUpdate,
    *,
    expected_version: int | None = None,
) -> RuleRow:
    """Change a rule; conditions and actions are replaced as a whole.

    What it did to transactions stays.
    """
    old = await get_rule(write.tx, write.actor, rule_id)
    require_version(old, expected_version)
    wrong = not_null(data, "name", "active", "stop", "match", "conditions", "actions")
    stop = old.stop if data.stop is None else data.stop
    if data.conditions is not None:
        given = data.conditions
        await check_draft(write.tx, write.ledger_id, given, data.actions, wrong, idle=stop)
    elif data.actions is not None:
        after: list[FieldError] = []
        await check_draft(write.tx, write.ledger_id, [], data.actions, after, idle=stop)
        wrong += [one for one in after if one.path != "conditions"]
    if wrong:
        raise Invalid(wrong)
    plain = {
        name: getattr(data, name)
        for name in ("name", "active", "stop", "match")
        if getattr(data, name) is not None
    }
    new = replace(old, **plain)
    if data.conditions is not None:
        new = replace(new, conditions=conditions_of(data.conditions))
    if data.actions is not None:
        new = replace(new, **_does(data.actions))
    if not new.stop and not (new.category_id or new.payee or new.tags or new.notes):
        raise invalid("stop", "A rule without actions is there to stop.")
    if new == old:
        return old
    await _check_room(write, new)
    return await _store(write, old, new)


async def _store(write: LedgerWrite, old: RuleRow, new: RuleRow) -> RuleRow:
    new = replace(new, version=old.version + 1, updated_at=write.now)
    await write.tx.run(
        update(R)
        .where(R.c.ledger_id == write.ledger_id, R.c.id == old.id)
        .values(**cells_of(write.ring, new))
    )
    write.record("rule", "UPDATE", old, new)
    return new


async def delete_rule(
    write: LedgerWrite, rule_id: UUID | None, *, expected_version: int | None = None
) -> RuleRow:
    """Delete a rule; what it did to transactions stays."""
    old = await get_rule(write.tx, write.actor, rule_id)
    require_version(old, expected_version)
    await write.tx.run(delete(R).where(R.c.ledger_id == write.ledger_id, R.c.id == old.id))
    write.record("rule", "DELETE", old, None)
    return old


async def reorder_rules(write: LedgerWrite, wanted: Sequence[UUID | None]) -> list[RuleRow]:
    """Give all rules their places anew; every rule is named once.

    Raises VALIDATION_ERROR where one is missing, unknown or named twice: somebody else has made or
    deleted a rule meanwhile, and the order that was meant is not known.
    """
    rules = {row.id: row for row in await all_rules(write.tx, write.ledger_id)}
    if len(wanted) != len(set(wanted)):
        raise invalid("ids", "A rule is named twice.")
    if any(one not in rules for one in wanted):
        raise invalid("ids", "There is no such object.", "NOT_FOUND")
    if len(wanted) != len(rules):
        raise invalid("ids", f"There are {len(rules)} rules; name all of them in their order.")
    ordered = []
    for place, one in enumerate(wanted, 1):
        if one is None:
            continue
        row = rules[one]
        if row.position != place:
            row = await _store(write, row, replace(row, position=place))
        ordered.append(row)
    return ordered


async def move_rules(write: LedgerWrite, old: CategoryRow, target: CategoryRow) -> None:
    """Let the rules that set a category that goes set another one."""
    for row in await all_rules(write.tx, write.ledger_id, R.c.category_id == old.id):
        await _store(write, row, replace(row, category_id=target.id))
