"""What an import looks like in the graph."""

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import Parent
from strawberry.scalars import ID

from graph.accounts import Account
from graph.context import Info
from graph.edges import edge, own_ledger, plain, said
from graph.inputs import raw_value
from graph.nodes import Stored, node_kind
from graph.paging import (
    After,
    Connection,
    ConnectionView,
    Cursors,
    First,
    connection,
)
from graph.scalars import Instant, JSONObject, id_text
from graph.suggestions import CategorySuggestion
from graph.transactions import Transaction
from graph.uploads import Upload
from models.imports import ImportLineRow, ImportRunRow
from resolvers.accounts import accounts_by_id
from resolvers.imports import (
    Offer,
    account_in,
    count_import_rows,
    header_of,
    imports_by_id,
    list_import_rows,
    offers_by_import,
    rows_by_import,
)
from resolvers.paging import page_request
from resolvers.suggestions import LineKey, suggestions_of_lines, suggestions_of_transactions
from resolvers.transactions import transactions_by_id
from resolvers.uploads import uploads_by_id

node_kind("imp", imports_by_id)
_BOOKED = frozenset({"COMPLETED", "REVERTED"})


@strawberry.enum(description="How far an import has come.")
class ImportStatus(Enum):
    """Statuses of imports."""

    PROCESSING = strawberry.enum_value("PROCESSING", description="Queued or running.")
    PENDING = strawberry.enum_value("PENDING", description="Waits for a person's answer.")
    COMPLETED = strawberry.enum_value("COMPLETED", description="Done.")
    FAILED = strawberry.enum_value("FAILED", description="Could not be read; see its error.")
    REVERTED = strawberry.enum_value("REVERTED", description="Taken back.")


@strawberry.enum(description="What became of a row of a file.")
class ImportDecision(Enum):
    """Decisions about rows."""

    NEW = strawberry.enum_value("NEW", description="Booked.")
    DUPLICATE = strawberry.enum_value("DUPLICATE", description="Was there already.")
    MATCHED = strawberry.enum_value("MATCHED", description="Joined to a row made by hand.")
    TRANSFER = strawberry.enum_value("TRANSFER", description="Booked as a transfer; counts as new.")
    SKIPPED = strawberry.enum_value("SKIPPED", description="Left out, with a reason.")
    FAILED = strawberry.enum_value("FAILED", description="Could not be read, with a reason.")


@strawberry.enum(description="What happens to rows that you deleted after an earlier import.")
class DeletedPolicy(Enum):
    """Policies for deleted rows."""

    SKIP = strawberry.enum_value("SKIP", description="They stay deleted.")
    RESTORE = strawberry.enum_value("RESTORE", description="They come back.")


@strawberry.enum(description="What a person may say about a row.")
class ImportRuling(Enum):
    """Decisions that a person may make."""

    NEW = strawberry.enum_value("NEW", description="It is booked for itself.")
    DUPLICATE = strawberry.enum_value("DUPLICATE", description="It is that transaction.")
    MATCHED = strawberry.enum_value(
        "MATCHED", description="It is that transaction, which gets what the bank knows of it."
    )
    TRANSFER = strawberry.enum_value(
        "TRANSFER", description="It is booked as a transfer with that transaction."
    )
    SKIPPED = strawberry.enum_value("SKIPPED", description="It is left out, in later files, too.")


@strawberry.enum(description="What a revert does with transactions that were changed since.")
class EditedPolicy(Enum):
    """Policies for what was changed since."""

    REFUSE = strawberry.enum_value("REFUSE", description="Nothing is reverted if there are any.")
    KEEP = strawberry.enum_value("KEEP", description="They stay; the import counts them as kept.")
    REMOVE = strawberry.enum_value(
        "REMOVE", description="They go, too, with their receipts; reconciled ones stay."
    )


@strawberry.type(description="How many rows came to what.")
class ImportCounts:
    """A view over the counts."""

    @strawberry.field(description="Rows of the file.")
    def rows(row: Parent[dict[str, int]]) -> int:
        """All rows."""
        return row["rows"]

    @strawberry.field(description="Booked.")
    def new(row: Parent[dict[str, int]]) -> int:
        """New rows."""
        return row["new"]

    @strawberry.field(description="Were there already.")
    def duplicate(row: Parent[dict[str, int]]) -> int:
        """Duplicates."""
        return row["duplicate"]

    @strawberry.field(description="Joined to rows made by hand.")
    def matched(row: Parent[dict[str, int]]) -> int:
        """Matches."""
        return row["matched"]

    @strawberry.field(description="Left out.")
    def skipped(row: Parent[dict[str, int]]) -> int:
        """Skipped."""
        return row["skipped"]

    @strawberry.field(description="Could not be read.")
    def failed(row: Parent[dict[str, int]]) -> int:
        """Failed."""
        return row["failed"]


@strawberry.type(description="A mapping that an earlier file with the same header was read with.")
class ImportOffer:
    """A view over Offer."""

    name: str = plain("What you called it, or the name of that file.")
    mapping: JSONObject = plain("What you fixed, and the guesses that you accepted.")

    @strawberry.field(description="That import: give it as mappingFrom.")
    def import_id(row: Parent[Offer]) -> ID:
        """Wire id."""
        return ID(id_text("imp", row.import_id) or "")


@strawberry.type(description="Into which account rows of a currency go.")
class ImportAccount:
    """A currency of a file with its account."""

    currency: str = plain("ISO 4217 code.")
    account_id: ID = plain("The account.")


@strawberry.type(description="What a person has to decide before the import goes on.")
class ImportQuestion:
    """An open question."""

    field: str = plain("The part of the mapping that answers it.")
    message: str = plain("What is undecidable and why.")
    choices: list[str] = plain("Good answers.")


@strawberry.type(description="Why an import could not be done.")
class ImportFailure:
    """The failure of an import."""

    code: str = plain("A short word.")
    message: str = plain("What was found, where, and what to do.")


@strawberry.type(description="How many rows are decided.")
class ImportProgress:
    """Progress of a running import."""

    done: int = plain("Rows whose decision is stored.")
    total: int | None = plain("Rows of the file, once it is read.")


@strawberry.type(description="One record of an imported file and what became of it.")
class ImportRow:
    """A view over ImportLineRow."""

    position: int = plain("Its place among the rows, from 0: what names it when it is overruled.")
    line: int = plain("Line of the file, from 1.")
    decision: ImportDecision = plain("What became of it.")
    reason: str | None = plain("Why, where it was not simply booked.")
    score: int | None = plain("How sure the decision is, 0 to 100, where rows were compared.")
    overruled: bool = plain("Whether a person decided it.")
    date: str | None = plain("Its posting date.")
    amount: str | None = plain("Its amount, signed, as booked.")
    currency: str | None = plain("ISO 4217 code.")
    description: str | None = plain("Its text.")
    transaction: Transaction | None = edge(
        transactions_by_id, own_ledger("transaction_id"), "What it became or duplicates."
    )
    transfer: Transaction | None = edge(
        transactions_by_id, own_ledger("other_id"), "The other side, where it is a transfer."
    )

    @strawberry.field(
        description="The reason as a stable word: NEW, ROUNDED, ID_OF_ANOTHER, BROUGHT_BACK; "
        "SAME_ID, SAME_ROW, SAME_AS_SAID; BY_HAND, TEMPLATE; OPPOSITE_AMOUNT, OPPOSITE_BY_RATE; "
        "DELETED_EARLIER, LEFT_OUT_EARLIER; OVERRULED; or why it could not be read or was left out."
    )
    def reason_code(row: Parent[ImportLineRow]) -> str | None:
        """Absent for rows that were decided before there were codes."""
        return row.code

    @strawberry.field(
        description="The category that your past choices speak for, where neither the file nor a "
        "rule names one: of what it became, or would become.",
        graphql_type=CategorySuggestion | None,
    )
    async def suggestion(row: Parent[ImportLineRow], info: Info) -> Any:
        """Loaded together with those of other rows."""
        load, user_id = info.context.load, info.context.actor.user_id
        if row.transaction_id is not None:
            found = await load(transactions_by_id, (row.ledger_id, row.transaction_id))
            return found and await load(suggestions_of_transactions, (user_id, found))
        if row.decision != "NEW" or row.minor is None or row.category or row.currency is None:
            return None
        run = await load(imports_by_id, (row.ledger_id, row.import_id))
        line = LineKey(
            row.ledger_id, account_in(run, row.currency), row.payee, row.description or "",
            row.minor, row.currency,
        )  # fmt: skip
        return await load(suggestions_of_lines, (user_id, line))

    @strawberry.field(description="What it became or duplicates.")
    def transaction_id(row: Parent[ImportLineRow]) -> ID | None:
        """Wire id."""
        return id_text("txn", row.transaction_id)

    @strawberry.field(description="The other side, where it is a transfer.")
    def transfer_id(row: Parent[ImportLineRow]) -> ID | None:
        """Wire id."""
        return id_text("txn", row.other_id)


ImportRowConnection = Connection[ImportRow]
DecisionFilter = Annotated[ImportDecision | None, said("Only rows that came to this.")]


@strawberry.type(description="A run over one file, with a decision for every row.")
class Import(Stored):
    """A view over ImportRunRow."""

    status: ImportStatus = plain("How far it has come.")
    format: str | None = plain(
        "What the file was read as: CSV, XLSX, OFX, QIF, CAMT.052, CAMT.053, CAMT.054, MT940, "
        "MT942 or LITAS-ESIS, a TAKEOUT of ours, or what YNAB, MINT, FIREFLY, ACTUAL or SPLITWISE "
        "export; told by what it holds and never by its name."
    )
    dry_run: bool = plain("Whether it only shows what it would do.")
    detected: JSONObject | None = plain(
        "What was found out about the file: delimiter, encoding, dateFormat, decimalMark, "
        "columns, signRule, and the statements it holds with account, balances and whether "
        "these prove the rows."
    )
    mapping: JSONObject | None = plain("What a person fixed about the file.")
    mapping_name: str | None = plain("What she calls that, for files to come.")
    warnings: list[str] = plain("What a person should know, such as rounded amounts.")
    headers: list[str] = plain("The file's columns, where a mapping is needed.")
    kept: int = plain(
        "Transactions that a revert has left: changed since, or held by another import as well."
    )
    started_at: Instant | None = plain("When a worker took it up.")
    finished_at: Instant | None = plain("When it ended.")
    upload: Upload | None = edge(uploads_by_id, own_ledger("upload_id"), "The file.")
    account: Account | None = edge(accounts_by_id, own_ledger("account_id"), "The account.")

    @classmethod
    def is_type_of(cls, obj: object, info: Any) -> bool:
        """Whether a row is an import."""
        return isinstance(obj, ImportRunRow)

    @strawberry.field(description="The file.")
    def upload_id(row: Parent[ImportRunRow]) -> ID:
        """Wire id."""
        return ID(id_text("file", row.upload_id) or "")

    @strawberry.field(
        description="The account that it fills; null where the file itself says which ones."
    )
    def account_id(row: Parent[ImportRunRow]) -> ID | None:
        """Wire id."""
        return id_text("acct", row.account_id)

    @strawberry.field(description="What happens to rows that you deleted earlier.")
    def deleted(row: Parent[ImportRunRow]) -> DeletedPolicy:
        """The policy."""
        return DeletedPolicy(row.deleted_policy)

    @strawberry.field(description="How many rows came to what.", graphql_type=ImportCounts)
    def counts(row: Parent[ImportRunRow]) -> Any:
        """The counts."""
        return row.counts

    @strawberry.field(description="One for each currency of the file.")
    def accounts(row: Parent[ImportRunRow]) -> list[ImportAccount]:
        """Accounts by currency."""
        return [
            ImportAccount(currency=one["currency"], account_id=ID(one["accountId"]))
            for one in row.accounts
        ]

    @strawberry.field(description="What a person has to decide before it goes on.")
    def questions(row: Parent[ImportRunRow]) -> list[ImportQuestion]:
        """Open questions."""
        return [
            ImportQuestion(field=q["field"], message=q["message"], choices=list(q["choices"]))
            for q in row.questions
        ]

    @strawberry.field(
        description="Mappings of earlier files with the same header into the same account, newest "
        "first; only while this one is not booked.",
        graphql_type=list[ImportOffer],
    )
    async def offers(row: Parent[ImportRunRow], info: Info) -> Any:
        """Offers of many imports load together."""
        if row.status == "PROCESSING" or (row.status in _BOOKED and not row.dry_run):
            return []
        key = (row.ledger_id, row.account_id, row.id, header_of(row))
        return await info.context.load(offers_by_import, key)

    @strawberry.field(description="Why it could not be done.")
    def error(row: Parent[ImportRunRow]) -> ImportFailure | None:
        """The failure."""
        if row.error_code is None:
            return None
        return ImportFailure(code=row.error_code, message=row.error_message or "")

    @strawberry.field(description="How many rows are decided.")
    def progress(row: Parent[ImportRunRow]) -> ImportProgress:
        """Progress."""
        return ImportProgress(done=row.rows_done, total=row.rows_total)

    @strawberry.field(
        description="Its rows in the order of the file.", graphql_type=ImportRowConnection
    )
    async def rows(
        row: Parent[ImportRunRow],
        info: Info,
        first: First = None,
        after: After = None,
        decision: DecisionFilter = None,
    ) -> Any:
        """First pages of many imports load together; a later page is one import's own."""
        context, word = info.context, raw_value(decision)
        ledger, scope = row.ledger_id, f"import:{row.id}:{word}"

        async def count(tx: Any) -> int:
            return await count_import_rows(tx, ledger, row.id, decision=word)

        if after is None and word is None:
            size = page_request(first, None, None, None).size
            page = await context.load(rows_by_import, (ledger, row.id, size))
            cursors = Cursors(context.services.cursor_key, context.actor.user_id, scope)
            return ConnectionView(page, cursors, count)
        return await connection(
            info,
            scope,
            lambda tx, page: list_import_rows(tx, ledger, row.id, page, decision=word),
            count,
            first=first,
            after=after,
        )


ImportConnection = Connection[Import]
