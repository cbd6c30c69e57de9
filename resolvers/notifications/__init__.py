"""Notifications: what a person is told, read and removed."""

from resolvers.notifications.rows import (
    count_notifications,
    get_notification,
    list_notifications,
    notifications_by_id,
)
from resolvers.notifications.security import (
    SECURITY_JOBS,
    agent_name,
    leave_security,
    leave_sign_in,
)
from resolvers.notifications.writes import (
    add_notification,
    delete_notification,
    mark_all_read,
    mark_read,
    withdraw_unread,
)

__all__ = [
    "SECURITY_JOBS",
    "add_notification",
    "agent_name",
    "count_notifications",
    "delete_notification",
    "get_notification",
    "leave_security",
    "leave_sign_in",
    "list_notifications",
    "mark_all_read",
    "mark_read",
    "notifications_by_id",
    "withdraw_unread",
]
