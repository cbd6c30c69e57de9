"""Whether the active rules would give something that is not booked yet a category."""

from collections.abc import Sequence
from uuid import UUID

from models.database import Transaction as Tx
from resolvers.rules.matching import Compiled, Facts, compile_rules
from resolvers.rules.rows import R, all_rules


async def would_categorise(tx: Tx, keys: Sequence[tuple[UUID, Facts]]) -> list[bool]:
    """For each, in one statement a ledger, whether a rule that sets a category reaches it."""
    rules: dict[UUID, list[Compiled]] = {}
    for ledger_id in {key[0] for key in keys}:
        rules[ledger_id] = compile_rules(
            await all_rules(tx, ledger_id, R.c.active.is_(True)), lenient=True
        )
    return [_reached(rules[ledger_id], facts) for ledger_id, facts in keys]


def _reached(rules: Sequence[Compiled], facts: Facts) -> bool:
    renamed = False
    for rule in rules:
        if not rule.holds(facts):
            continue
        if rule.row.category_id is not None:
            return True
        if rule.row.payee is not None and not renamed:
            renamed = True
            facts = Facts(
                facts.account_id, facts.minor, facts.currency, facts.description, rule.row.payee
            )
        if rule.row.stop:
            return False
    return False
