"""Rules: what is done to transactions that look like this, to new ones and on request to old ones."""

import resolvers.rules.wire  # noqa: F401 - registers the wire form
from resolvers.rules.applying import apply_to_new, before_runs, changed_fields, labels_of
from resolvers.rules.inputs import RowsInput, RuleCreate, RuleDraft, RuleUpdate
from resolvers.rules.rows import count_rules, get_rule, list_rules, rules_by_id
from resolvers.rules.run_rows import (
    changes_of,
    count_changes,
    count_runs,
    get_run,
    list_changes,
    list_runs,
    runs_by_id,
)
from resolvers.rules.runs import RUN_RULES, RunInput, start_run, start_undo
from resolvers.rules.testing import Match, Trial, begin_trial, trial_page
from resolvers.rules.writes import (
    create_rule,
    delete_rule,
    move_rules,
    reorder_rules,
    update_rule,
)

__all__ = [
    "RUN_RULES",
    "Match",
    "RowsInput",
    "RuleCreate",
    "RuleDraft",
    "RuleUpdate",
    "RunInput",
    "Trial",
    "apply_to_new",
    "before_runs",
    "begin_trial",
    "changed_fields",
    "changes_of",
    "count_changes",
    "count_rules",
    "count_runs",
    "create_rule",
    "delete_rule",
    "get_rule",
    "get_run",
    "labels_of",
    "list_changes",
    "list_rules",
    "list_runs",
    "move_rules",
    "reorder_rules",
    "rules_by_id",
    "runs_by_id",
    "start_run",
    "start_undo",
    "trial_page",
    "update_rule",
]
