"""What rules do to a transaction, and what they leave alone and why.

The first rule that sets a field decides it; tags of all rules gather.  A rule sees a row as the
rules before it have left it, so that one may tidy a payee and the next go by it.  What a hand has
set is never changed.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from models.database import Transaction as Tx
from models.rules import Labels, RuleChangeRow, RuleRow
from models.transactions import TransactionRow
from resolvers.categories import categories_by_id
from resolvers.ledgers import LedgerWrite
from resolvers.rules.matching import Compiled, compile_rules, facts_of
from resolvers.rules.rows import R, all_rules

Kinds = Mapping[UUID, str]
"""INCOME or EXPENSE by category, of those that are there."""

MAX_NOTES: Final = 4_000
MAX_TAGS: Final = 50
ATTRIBUTES: Final = {
    "CATEGORY": "category_id", "PAYEE": "payee", "TAGS": "tags", "NOTES": "notes",
}  # fmt: skip
"""What the fields that rules set are called in a row."""


@dataclass(slots=True)
class Applied:
    """A row after its rules."""

    row: TransactionRow
    fired: list[UUID] = field(default_factory=list)
    """Rules that matched, in their order."""
    kept: dict[str, str] = field(default_factory=dict)
    """Fields that a rule would have set, and why they stay: LOCKED, SPLIT, GROUP, PRESENT, FULL
    or GONE."""


def apply_rules(
    rules: Sequence[Compiled], row: TransactionRow, kinds: Kinds, *, overwrite: bool = False
) -> Applied:
    """A row as the rules leave it.  ``overwrite`` replaces categories that no hand has set.

    The two sides of a transfer are one thing that no rule looks at.
    """
    done = Applied(row)
    if row.transfer_id is not None:
        return done
    facts, decided = facts_of(row), set[str]()
    for rule in rules:
        if not rule.holds(facts):
            continue
        done.fired.append(rule.row.id)
        payee = done.row.payee
        _act(rule.row, done, decided, kinds, overwrite=overwrite)
        if done.row.payee != payee:
            facts = facts_of(done.row)
        if rule.row.stop:
            break
    return done


def _act(rule: RuleRow, done: Applied, decided: set[str], kinds: Kinds, *, overwrite: bool) -> None:
    if rule.category_id is not None and "CATEGORY" not in decided:
        decided.add("CATEGORY")
        _categorise(rule.category_id, done, kinds, overwrite=overwrite)
    if rule.payee is not None and "PAYEE" not in decided:
        decided.add("PAYEE")
        if done.row.payee != rule.payee and _free(done, "PAYEE"):
            done.row = replace(done.row, payee=rule.payee)
    if rule.notes is not None and "NOTES" not in decided:
        decided.add("NOTES")
        _note(rule.notes, done)
    fresh = tuple(tag for tag in rule.tags if tag not in done.row.tags)
    if fresh and _free(done, "TAGS"):
        tags = done.row.tags + fresh
        if len(tags) > MAX_TAGS:
            done.kept["TAGS"] = "FULL"
        else:
            done.row = replace(done.row, tags=tags)


def _free(done: Applied, name: str) -> bool:
    if name in done.row.locked:
        done.kept[name] = "LOCKED"
        return False
    return True


def _categorise(category_id: UUID, done: Applied, kinds: Kinds, *, overwrite: bool) -> None:
    row, reason = done.row, None
    if row.category_id == category_id:
        return
    if row.splits:
        reason = "SPLIT"
    elif row.group_transaction_id is not None:
        reason = "GROUP"
    elif category_id not in kinds:
        reason = "GONE"
    elif "CATEGORY" in row.locked:
        reason = "LOCKED"
    elif row.category_id is not None and not overwrite:
        reason = "PRESENT"
    if reason is not None:
        done.kept["CATEGORY"] = reason
        return
    done.row = replace(row, category_id=category_id, category_kind=kinds[category_id])


def _note(text: str, done: Applied) -> None:
    """Notes of a file or of an earlier day stay; the rule's stand below them, once."""
    held = done.row.notes
    if held is not None and text in held:
        return
    if not _free(done, "NOTES"):
        return
    new = text if held is None else f"{held}\n{text}"
    if len(new) > MAX_NOTES:
        done.kept["NOTES"] = "FULL"
    else:
        done.row = replace(done.row, notes=new)


def labels_of(row: TransactionRow | RuleRow) -> Labels:
    """What rules may set, as a transaction has it or as a rule sets it."""
    return Labels(row.ledger_id, row.category_id, row.payee, row.tags, row.notes)


def changed_fields(before: Labels, after: Labels) -> list[str]:
    """Names of the fields in which two sets of labels differ."""
    pairs = (
        ("CATEGORY", before.category_id, after.category_id),
        ("PAYEE", before.payee, after.payee),
        ("TAGS", before.tags, after.tags),
        ("NOTES", before.notes, after.notes),
    )
    return [name for name, one, other in pairs if one != other]


def before_runs(row: TransactionRow, changes: Sequence[RuleChangeRow]) -> TransactionRow:
    """A transaction as it would be if runs of rules, given newest first, had not changed it.

    What a hand has set stays: a field that is not as the run left it, or that is locked.  The
    version is that of a row which the runs, and their being taken back, have not counted up.
    """
    version = row.version
    for one in changes:
        version -= 1 if one.outcome in {None, "KEPT"} else 2
        if one.outcome == "RESTORED":
            continue
        for name in changed_fields(one.before, one.after):
            attribute = ATTRIBUTES[name]
            as_left = getattr(row, attribute) == getattr(one.after, attribute)
            if as_left and name not in row.locked:
                row = replace(row, **{attribute: getattr(one.before, attribute)})
    return replace(row, version=version)


async def kinds_of(tx: Tx, ledger_id: UUID, rules: Iterable[RuleRow]) -> dict[UUID, str]:
    """The kinds of the categories that rules set, in one statement; those that are gone lack."""
    wanted = {rule.category_id for rule in rules if rule.category_id is not None}
    if not wanted:
        return {}
    found = await categories_by_id(tx, [(ledger_id, one) for one in sorted(wanted)])
    return {row.id: row.kind for row in found if row is not None}


async def apply_to_new(write: LedgerWrite, rows: Sequence[TransactionRow]) -> list[TransactionRow]:
    """Rows that a file brings, as the active rules leave them; two statements for a batch.

    A category that the file itself names stays: it is what somebody said about this very row.
    """
    if not rows:
        return []
    rules = await all_rules(write.tx, write.ledger_id, R.c.active.is_(True))
    if not rules:
        return list(rows)
    kinds = await kinds_of(write.tx, write.ledger_id, rules)
    compiled = compile_rules(rules, lenient=True)

    def work() -> list[TransactionRow]:
        return [apply_rules(compiled, row, kinds).row for row in rows]

    # Beside the loop, which serves others meanwhile.
    return await asyncio.to_thread(work)
