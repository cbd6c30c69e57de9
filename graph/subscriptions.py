"""What can be followed: the change feed, whole and in typed parts.

Each source reads the feed as the person who subscribed, so that an event nobody may see any more is
never sent; the fields of an event are then read after it, as one moment of their own.
"""

from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast
from uuid import UUID

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.accounts import Account
from graph.changes import (
    Change,
    ChangeCursors,
    ChangeOp,
    ChangeView,
    Kinds,
    cursors_of,
    entities,
)
from graph.context import Info
from graph.edges import said
from graph.following import Events
from graph.imports import Import
from graph.nodes import find_node
from graph.notifications import Notification
from graph.rules import RuleRun
from graph.scalars import id_of
from graph.sharing import Answers
from graph.transactions import Transaction
from models import ids
from models.transactions import TransactionRow
from resolvers.errors import NotFound
from resolvers.feed import FeedEvent, Position
from resolvers.feed.kinds import KINDS

_FINISHED: Final = frozenset({"COMPLETED", "FAILED", "REVERTED", "UNDONE"})

After = Annotated[
    str | None,
    said(
        'Begin behind this cursor, which may come from any door, or with everything: "start". '
        "Without one, with what happens from now on."
    ),
]


@dataclass(frozen=True, slots=True)
class BalanceView:
    """An account whose balance may be another one."""

    account_id: UUID
    event: FeedEvent
    cursors: ChangeCursors

    @property
    def answers(self) -> Answers:
        """What others may have made of it."""
        found: Answers = self.event.answers.setdefault(self.account_id, {})
        return found


@strawberry.type(description="A transaction was made, changed, deleted or restored.")
class TransactionChange:
    """A view over ChangeView."""

    @strawberry.field(description="What became of it.")
    def op(row: Parent[ChangeView]) -> ChangeOp:
        """As an enum."""
        return ChangeOp(row.event.op)

    @strawberry.field(description="Which transaction.")
    def id(row: Parent[ChangeView]) -> ID:
        """Wire id."""
        return ID(row.event.id)

    @strawberry.field(description="Its version after this change.")
    def version(row: Parent[ChangeView]) -> int | None:
        """Null for what leaves the trash for good."""
        return row.event.version

    @strawberry.field(description="Go on behind this event: good for changes at every door.")
    def cursor(row: Parent[ChangeView]) -> str:
        """Sealed position."""
        return row.cursors.seal(row.event.position)

    @strawberry.field(
        description="The transaction as it is now; null when it is gone.",
        graphql_type=Transaction | None,
    )
    async def transaction(row: Parent[ChangeView], info: Info) -> Any:
        """Read after the event."""
        return await find_node(info, row.event.id)


@strawberry.type(description="The balance of an account is another one.")
class BalanceChange:
    """A view over BalanceView."""

    @strawberry.field(description="Which account.")
    def account_id(row: Parent[BalanceView]) -> ID:
        """Wire id."""
        return ID(ids.encode("acct", row.account_id))

    @strawberry.field(description="Go on behind this event: good for changes at every door.")
    def cursor(row: Parent[BalanceView]) -> str:
        """Sealed position."""
        return row.cursors.seal(row.event.position)

    @strawberry.field(
        description="The account with its balance as it is now; null when it is gone.",
        graphql_type=Account | None,
    )
    async def account(row: Parent[BalanceView], info: Info) -> Any:
        """Read after the event."""
        return await find_node(info, ids.encode("acct", row.account_id))


async def _begin(info: Info, after: str | None) -> Position:
    """Where a subscription begins; asks for a signed-in person first."""
    cursors = cursors_of(info)
    if after is not None:
        return cursors.open(after)
    return await info.context.services.live.present(info.context.actor)


def _events(
    info: Info,
    position: Position,
    show: Callable[[FeedEvent], Any],
    kinds: Collection[str] | None = None,
    only: UUID | None = None,
) -> AsyncGenerator[Any, None]:
    """The feed from a position on, event by event; what is shown as None is passed over."""
    live = info.context.services.live
    found = Events(live.reader(info.context.actor, position, kinds, only), show)
    # What is made of it only iterates and closes.
    return cast("AsyncGenerator[Any, None]", found)


def _itself(event: FeedEvent) -> FeedEvent:
    return event


async def _known(info: Info, wanted: str, what: str) -> Any:
    """An object that the subscription names; raises NOT_FOUND."""
    found = await find_node(info, wanted)
    # Events are read in transactions of their own.
    await info.context.close()
    if found is None:
        raise NotFound(f"There is no such {what}.")
    return found


async def _steps(info: Info, wanted: str, entity: str) -> AsyncGenerator[Any, None]:
    """An object whose work goes on, as it is and after each of its steps, until it is finished."""
    position = await _begin(info, None)
    words = entity.replace("_", " ")
    if id_of(KINDS[entity].prefix, wanted) is None:
        raise NotFound(f"There is no such {words}.")
    row = await _known(info, wanted, words)
    yield row
    if row.status in _FINISHED:
        return
    async with aclosing(_events(info, position, _itself, [entity])) as events:
        async for event in events:
            if event.entity_id != row.id or event.after is None:
                continue
            # As the step left it, or newer: what it was before has been told already.
            if event.after.version > row.version:
                row = event.after
                yield row
            if row.status in _FINISHED:
                return


def _moved_accounts(event: FeedEvent) -> list[UUID]:
    """Accounts whose balance the event can have changed, each once."""
    before, after = event.before, event.after
    if event.entity == "account":
        opened = [(r.opening_minor, r.opening_date) for r in (before, after) if r is not None]
        same = len(opened) == 2 and opened[0] == opened[1]
        return [] if same else [event.entity_id]
    sides = [row for row in (before, after) if isinstance(row, TransactionRow)]
    facts = [(row.account_id, row.amount_minor, row.date, row.status) for row in sides]
    if len(facts) == 2 and facts[0] == facts[1]:
        return []
    return list(dict.fromkeys(row.account_id for row in sides))


@strawberry.type(description="What can be followed, over graphql-transport-ws and graphql-sse.")
class Subscription:
    """Root fields."""

    @strawberry.subscription(
        description="Everything that happens in the books that you may see, without gap or "
        "repeat behind the cursor that you give.",
        graphql_type=Change,
    )
    async def changes(
        self, info: Info, after: After = None, kinds: Kinds = None
    ) -> AsyncGenerator[Any, None]:
        """Raises INVALID_CURSOR, and GONE for a cursor that the feed does not reach back to."""
        cursors, position = cursors_of(info), await _begin(info, after)
        return _events(info, position, lambda event: ChangeView(event, cursors), entities(kinds))

    @strawberry.subscription(
        description="Transactions that come, change and go, of one account or of all.",
        graphql_type=TransactionChange,
    )
    async def transaction_changed(
        self,
        info: Info,
        account_id: Annotated[ID | None, said("Only of this account.")] = None,
    ) -> AsyncGenerator[Any, None]:
        """Raises NOT_FOUND for an unknown account."""
        cursors, position = cursors_of(info), await _begin(info, None)
        wanted = None if account_id is None else (await _known(info, account_id, "account")).id

        def show(event: FeedEvent) -> ChangeView | None:
            sides = [row.account_id for row in (event.before, event.after) if row is not None]
            return ChangeView(event, cursors) if wanted is None or wanted in sides else None

        return _events(info, position, show, ["transaction"])

    @strawberry.subscription(
        description="Accounts whose balance is another one after a write. What falls due with the "
        "days alone is not told.",
        graphql_type=BalanceChange,
    )
    async def balance_changed(
        self,
        info: Info,
        account_id: Annotated[ID | None, said("Only of this account.")] = None,
    ) -> AsyncGenerator[Any, None]:
        """Raises NOT_FOUND for an unknown account.  One event an account and page of changes."""
        cursors, position = cursors_of(info), await _begin(info, None)
        wanted = None if account_id is None else (await _known(info, account_id, "account")).id
        live = info.context.services.live
        reader = live.reader(info.context.actor, position, ["account", "transaction"])
        with closing(reader):
            while True:
                page = await reader.page()
                last = {moved: event for event in page.events for moved in _moved_accounts(event)}
                for moved, event in last.items():
                    if wanted is None or moved == wanted:
                        await reader.turn()
                        yield BalanceView(moved, event, cursors)

    @strawberry.subscription(
        description="Everything that happens in the books of one group; it ends when you leave.",
        graphql_type=Change,
    )
    async def group_changed(
        self, info: Info, group_id: Annotated[ID, said("Which group.")]
    ) -> AsyncGenerator[Any, None]:
        """Raises NOT_FOUND for a group that the person is not in."""
        cursors, position = cursors_of(info), await _begin(info, None)
        ledger_id = id_of("grp", group_id)
        if ledger_id is None or ledger_id not in position:
            raise NotFound("There is no such group.")
        here = {ledger_id: position[ledger_id]}
        async with aclosing(_events(info, here, _itself, only=ledger_id)) as events:
            async for event in events:
                yield ChangeView(event, cursors)
                if event.op == "REMOVE":
                    return

    @strawberry.subscription(
        description="Notifications as they come; what was there before is listed by notifications.",
        graphql_type=Notification,
    )
    async def notification_received(self, info: Info) -> AsyncGenerator[Any, None]:
        """The rows as they were made."""
        position = await _begin(info, None)
        return _events(
            info,
            position,
            lambda event: event.after if event.op == "CREATE" else None,
            ["notification"],
        )

    @strawberry.subscription(
        description="An import as it goes on: as it is now, then after each step, until it is "
        "finished.",
        graphql_type=Import,
    )
    async def import_progress(
        self, info: Info, import_id: Annotated[ID, said("Which import.")]
    ) -> AsyncGenerator[Any, None]:
        """Raises NOT_FOUND for an unknown import."""
        async with aclosing(_steps(info, import_id, "import")) as steps:
            async for row in steps:
                yield row

    @strawberry.subscription(
        description="A run of rules as it goes on, forth or back: as it is now, then after each "
        "step, until it is finished.",
        graphql_type=RuleRun,
    )
    async def rule_run_progress(
        self, info: Info, run_id: Annotated[ID, said("Which run.")]
    ) -> AsyncGenerator[Any, None]:
        """Raises NOT_FOUND for an unknown run."""
        async with aclosing(_steps(info, run_id, "rule_run")) as steps:
            async for row in steps:
                yield row
