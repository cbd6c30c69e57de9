"""Templates: what is booked again and again, by hand or by itself."""

from resolvers.templates.execute import Executed, execute_template, post_due
from resolvers.templates.inputs import (
    DERIVED,
    STORED,
    TemplateCreate,
    TemplateExecute,
    TemplateUpdate,
)
from resolvers.templates.reminders import remind_of_due
from resolvers.templates.rows import (
    Progress,
    count_templates,
    get_template,
    list_templates,
    progress_of,
    templates_by_id,
)
from resolvers.templates.writes import (
    create_template,
    delete_template,
    move_templates,
    purge_templates,
    update_template,
)

__all__ = [
    "DERIVED",
    "STORED",
    "Executed",
    "Progress",
    "TemplateCreate",
    "TemplateExecute",
    "TemplateUpdate",
    "count_templates",
    "create_template",
    "delete_template",
    "execute_template",
    "get_template",
    "list_templates",
    "move_templates",
    "post_due",
    "progress_of",
    "purge_templates",
    "remind_of_due",
    "templates_by_id",
    "update_template",
]
