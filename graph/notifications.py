"""Notifications in the graph."""

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.accounts import ExpectedVersion, IdempotencyKey
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import expected
from graph.nodes import Stored, node_kind
from graph.paging import After, Before, Connection, First, Last, connection
from graph.scalars import Instant, JSONObject, id_of, id_text
from models.notifications import NotificationRow
from resolvers.ledgers import LedgerWrite
from resolvers.notifications import (
    count_notifications,
    delete_notification,
    get_notification,
    list_notifications,
    mark_all_read,
    mark_read,
    notifications_by_id,
)

node_kind("notif", notifications_by_id)
Unread = Annotated[bool | None, said("Only unread ones, or only the others.")]


@strawberry.enum(description="What a notification is about.")
class NotificationType(Enum):
    """Types of notifications."""

    INVITATION = strawberry.enum_value("INVITATION", description="Somebody asks you into a group.")
    GROUP_EXPENSE = strawberry.enum_value(
        "GROUP_EXPENSE", description="Somebody recorded an expense that you have a share in."
    )
    SETTLEMENT = strawberry.enum_value(
        "SETTLEMENT", description="Somebody recorded a payment between members."
    )
    BUDGET_THRESHOLD = strawberry.enum_value(
        "BUDGET_THRESHOLD", description="A budget, or an item, is past one of its alertPercents."
    )
    BUDGET_EXCEEDED = strawberry.enum_value(
        "BUDGET_EXCEEDED", description="A budget, or an item, is used up: 100 percent and more."
    )
    TEMPLATE_POSTED = strawberry.enum_value(
        "TEMPLATE_POSTED", description="A recurring template was booked by itself."
    )
    TEMPLATE_DUE = strawberry.enum_value(
        "TEMPLATE_DUE", description="A recurring template waits to be booked by you."
    )
    IMPORT_FINISHED = strawberry.enum_value(
        "IMPORT_FINISHED", description="An import has ended, or waits for your answer."
    )
    SECURITY = strawberry.enum_value(
        "SECURITY",
        description="A sign-in on a new device, another password, a session that was ended.",
    )


@strawberry.type(description="Something that happened and that you may want to know.")
class Notification(Stored):
    """A view over NotificationRow."""

    type: NotificationType = plain("What it is about.")
    title: str = plain("One line.")
    body: str = plain("What to say below it; amounts are written as your locale does.")
    read_at: Instant | None = plain("When you have read it.")

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is a notification."""
        return isinstance(obj, NotificationRow)

    @strawberry.field(
        description="For programs: ids of what it is about, and figures as text or percent."
    )
    def data(row: Parent[NotificationRow]) -> JSONObject:
        """What a client needs to lead somewhere."""
        return JSONObject(row.data)


NotificationConnection = Connection[Notification]


async def notification_connection(
    info: Info,
    unread: bool | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Any:
    """A page of the person's notifications."""
    actor = info.context.actor
    return await connection(
        info,
        f"notifications:{unread}",
        lambda tx, request: list_notifications(tx, actor, request, unread=unread),
        lambda tx: count_notifications(tx, actor, unread=unread),
        first=first,
        after=after,
        last=last,
        before=before,
    )


async def unread_count(info: Info) -> int:
    """How many notifications the person has not read."""
    return await count_notifications(await info.context.reader(), info.context.actor, unread=True)


@strawberry.type(description="The notification as it is now.")
class MarkNotificationReadPayload:
    """Answer of markNotificationRead."""

    notification: Notification = plain("The notification.")


@strawberry.type(description="What was read.")
class MarkAllNotificationsReadPayload:
    """Answer of markAllNotificationsRead."""

    marked: int = plain("How many were unread until now; at most 1,000 at once.")

    @strawberry.field(description="How many are unread still.")
    async def unread_count(self, info: Info) -> int:
        """Counted after the write."""
        return await unread_count(info)


@strawberry.type(description="The notification that is gone; it does not come again.")
class DeleteNotificationPayload:
    """Answer of deleteNotification."""

    id: ID = plain("Its id.")
    deleted: bool = plain("True.")


@strawberry.type
class NotificationQueries:
    """Root fields of notifications."""

    @strawberry.field(
        description="Your notifications, newest first.", graphql_type=NotificationConnection
    )
    async def notifications(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        unread: Unread = None,
    ) -> Any:
        """A page of notifications."""
        return await notification_connection(info, unread, first, after, last, before)

    @strawberry.field(description="One notification.", graphql_type=Notification | None)
    async def notification(self, info: Info, id: Annotated[ID, said("Its id.")]) -> Any:
        """Raises NOT_FOUND."""
        context = info.context
        return await get_notification(await context.reader(), context.actor, id_of("notif", id))


@strawberry.type
class NotificationMutations:
    """Writes of notifications; no figure changes by any of them."""

    @strawberry.mutation(
        description="Note that you have read a notification; the first time counts.",
        graphql_type=MarkNotificationReadPayload | None,
    )
    async def mark_notification_read(
        self,
        info: Info,
        id: Annotated[ID, said("The notification.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """A repeat changes nothing."""

        async def work(write: LedgerWrite) -> NotificationRow:
            return await mark_read(write, id_of("notif", id))

        row = await info.context.write(
            "markNotificationRead",
            work,
            answer=NotificationRow,
            key=idempotency_key,
            payload=[id],
        )
        return MarkNotificationReadPayload(notification=row)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Note that you have read all notifications.",
        graphql_type=MarkAllNotificationsReadPayload | None,
    )
    async def mark_all_notifications_read(
        self, info: Info, idempotency_key: IdempotencyKey = None
    ) -> Any:
        """The oldest thousand at once."""
        marked = await info.context.write(
            "markAllNotificationsRead", mark_all_read, answer=int, key=idempotency_key, payload=[]
        )
        return MarkAllNotificationsReadPayload(marked=marked)

    @strawberry.mutation(
        description="Remove a notification.", graphql_type=DeleteNotificationPayload | None
    )
    async def delete_notification(
        self,
        info: Info,
        id: Annotated[ID, said("The notification.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Write a deletion."""

        async def work(write: LedgerWrite) -> NotificationRow:
            return await delete_notification(
                write, id_of("notif", id), expected_version=expected(expected_version)
            )

        row = await info.context.write(
            "deleteNotification",
            work,
            answer=NotificationRow,
            key=idempotency_key,
            payload=[id, expected_version],
        )
        return DeleteNotificationPayload(id=ID(id_text("notif", row.id) or ""), deleted=True)
