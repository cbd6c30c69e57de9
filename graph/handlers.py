"""What the worker can do: the handler of every kind of job, put together from the services."""

from graph.context import Services
from resolvers.analytics.ahead import building_handler
from resolvers.erasure import ERASE_PERSON, erase_handler, erase_last_words
from resolvers.feed.pruning import pruning_handler
from resolvers.groups import FAREWELL, SYNC_SHARE
from resolvers.groups.jobs import farewell_handler, profile_handler, share_handler
from resolvers.imports import JOB_KIND as IMPORT
from resolvers.imports import import_handler, import_last_words
from resolvers.invitations import (
    EXPIRE_INVITATION,
    MAIL_INVITE,
    expiry_handler,
    invitation_mail_handler,
)
from resolvers.jobs import Handler
from resolvers.mails import LETTERS, mail_handler
from resolvers.noticing import (
    NOTICE_BUDGETS,
    NOTICE_INVITATION,
    budgets_handler,
    invitation_handler,
    security_handler,
)
from resolvers.notifications import SECURITY_JOBS
from resolvers.posting import posting_handler, reminding_handler
from resolvers.registration import MAIL_REGISTER, registration_handler
from resolvers.rotation import rotation_handler
from resolvers.rules import RUN_RULES
from resolvers.rules.jobs import rules_handler, rules_last_words
from resolvers.segments import BUILD_SEGMENTS
from resolvers.suggestions import LEARN
from resolvers.suggestions.jobs import learning_handler
from resolvers.ticks import (
    POST_TEMPLATE,
    PRUNE_FEED,
    PURGE_TRASH,
    REMIND_TEMPLATE,
    ROTATE_KEY,
    due_keys,
)
from resolvers.trash import trash_handler
from resolvers.users import SYNC_PROFILE


def job_handlers(services: Services) -> dict[str, Handler]:
    """The handler of every kind of job."""
    database, mailer, ledgers = services.database, services.mailer, services.ledgers
    url, sender = services.public_url, services.mail_from
    key = services.registration_key
    return {
        **{kind: mail_handler(database, mailer, url, kind, sender) for kind in LETTERS},
        **{kind: security_handler(ledgers, kind) for kind in SECURITY_JOBS},
        NOTICE_BUDGETS: budgets_handler(ledgers),
        NOTICE_INVITATION: invitation_handler(ledgers),
        REMIND_TEMPLATE: reminding_handler(ledgers),
        FAREWELL: farewell_handler(ledgers),
        SYNC_SHARE: share_handler(ledgers),
        SYNC_PROFILE: profile_handler(ledgers),
        MAIL_INVITE: invitation_mail_handler(database, mailer, url, sender),
        EXPIRE_INVITATION: expiry_handler(ledgers),
        MAIL_REGISTER: registration_handler(database, mailer, key, url, sender),
        PURGE_TRASH: trash_handler(ledgers),
        POST_TEMPLATE: posting_handler(ledgers),
        PRUNE_FEED: pruning_handler(ledgers),
        ROTATE_KEY: rotation_handler(database, due_keys),
        ERASE_PERSON: erase_handler(services.erasures, services.files, mailer, url, sender),
        RUN_RULES: rules_handler(ledgers),
        LEARN: learning_handler(ledgers),
        BUILD_SEGMENTS: building_handler(ledgers),
        IMPORT: import_handler(ledgers, services.files, services.import_secret, services.bounds),
    }


def last_words(services: Services) -> dict[str, Handler]:
    """What is said when a job of a kind is given up."""
    return {
        IMPORT: import_last_words(services.ledgers),
        RUN_RULES: rules_last_words(services.ledgers),
        ERASE_PERSON: erase_last_words(services.erasures),
    }
