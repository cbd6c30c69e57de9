"""Notifications: what a person is told, read and removed."""

from resolvers.notifications.rows import (
    count_notifications,
    get_notification,
    list_notifications,
    notifications_by_id,
)
from resolvers.notifications.security import SECURITY_JOBS, is_new_device, leave_security
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
    "count_notifications",
    "delete_notification",
    "get_notification",
    "is_new_device",
    "leave_security",
    "list_notifications",
    "mark_all_read",
    "mark_read",
    "notifications_by_id",
    "withdraw_unread",
]
