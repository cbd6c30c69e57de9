"""Exports in the graph: links to files, since a file itself is no JSON."""

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import Parent

from graph.accounts import IdempotencyKey
from graph.context import Info
from graph.edges import plain, said
from graph.inputs import raw_value
from graph.scalars import Instant
from graph.transactions import TransactionFilterInput
from models.database import Transaction
from resolvers.exports import Asked, Link
from resolvers.repeats import repeat_of


@strawberry.enum(description="What kind of file an export is.")
class ExportFormat(Enum):
    """Formats of exports."""

    CSV = strawberry.enum_value(
        "CSV",
        description="A table (RFC 4180): a line for each transaction, for a split one a line a "
        "part, so that adding up the amounts is right.",
    )
    JSON = strawberry.enum_value(
        "JSON",
        description="A document to be brought back: transactions, accounts and categories; "
        "without a filter everything that is yours.",
    )
    PDF = strawberry.enum_value("PDF", description="A report to be printed.")


@strawberry.enum(description="What a report is printed on.")
class Paper(Enum):
    """Sizes of paper."""

    A4 = strawberry.enum_value("A4", description="210 x 297 mm.")
    LETTER = strawberry.enum_value("LETTER", description="8.5 x 11 in.")


@strawberry.type(
    description="A file that is made while it is downloaded; nothing of it is stored with us."
)
class Export:
    """A view over Link."""

    filename: str = plain("The name under which it is saved.")
    content_type: str = plain("Its media type.")
    expires_at: Instant = plain("When the link ends; it ends with your session, too.")

    @strawberry.field(
        description="Downloads the file, for whoever holds the link, for a quarter of an hour."
    )
    def download_url(row: Parent[Link], info: Info) -> str:
        """A signed link; its token is its authentication."""
        return info.context.services.public_url + row.path


@strawberry.type(description="A link to everything that is yours.")
class RequestTakeoutPayload:
    """Answer of requestTakeout."""

    export: Export = plain("An archive with a document, a table and your files.")


@strawberry.type
class ExportQueries:
    """Root fields of exports."""

    @strawberry.field(
        description="Your transactions (and with JSON all else) as a file.", graphql_type=Export
    )
    async def export(
        self,
        info: Info,
        format: Annotated[ExportFormat, said("What kind of file.")],
        filter: Annotated[
            TransactionFilterInput | None, said("Which transactions; all of them without it.")
        ] = None,
        bom: Annotated[
            bool, said("Begin a CSV with a byte order mark, as older spreadsheets want.")
        ] = False,
        paper: Annotated[Paper | None, said("Of a PDF; your country's without it.")] = None,
    ) -> Any:
        """A link; the REST path answers with the file itself."""
        context = info.context
        asked = Asked(
            raw_value(format),
            {} if filter is None else raw_value(filter),
            bom,
            raw_value(paper),
        )
        link = context.services.exports.link(context.actor, asked)
        context.asked = asked
        return link


@strawberry.type
class ExportMutations:
    """What takes everything along."""

    @strawberry.mutation(
        description="Take everything along: data, table and files in one archive.",
        graphql_type=RequestTakeoutPayload | None,
    )
    async def request_takeout(self, info: Info, idempotency_key: IdempotencyKey = None) -> Any:
        """A link; the archive is made while it is downloaded."""
        context = info.context
        actor = context.actor

        async def work(_tx: Transaction) -> Link:
            return context.services.exports.link(actor, Asked("ZIP"))

        repeat = repeat_of(idempotency_key, "requestTakeout", None)
        ledgers = context.services.ledgers
        link = await context.told(lambda: ledgers.once(actor, work, repeat=repeat, answer=Link))
        return RequestTakeoutPayload(export=link)  # type: ignore[arg-type]
