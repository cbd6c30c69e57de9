"""Running documents: parse, budget, validate and plan once, then execute as often as asked.

Compiled documents are kept by their text, so that a repeated document costs neither parsing nor
validation nor planning; both doors run through here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    execute,
    specified_rules,
    type_from_ast,
    validate,
    validate_input_value,
)
from graphql.execution.values import VariableValues

from graph.analytics.reports import only_reports
from graph.budget import Budget, Cost, Limits, parse_within
from graph.coercion import field_error, literal_errors
from graph.context import Context
from graph.errors import as_app_error, behind_writes, masked, request_errors, response_errors
from graph.execution import OperationPlan, Outcome, Plans
from graph.execution.nodes import is_mutation
from graph.later import Later
from graph.reference import unbroken
from graph.schema import AUTH_MUTATIONS, schema
from graph.scopes import SESSION, Scopes
from graph.sharing import Answers, made_once
from graph.streaming import Asked
from models.patience import patient
from resolvers.errors import AppError, FieldError, Invalid, Unavailable

_REMEMBERED: Final = 512
_MAX_ERRORS: Final = 5
_MAX_FIELD_ERRORS: Final = 50
_NEVER_KEPT: Final = frozenset({SESSION, "uploads:read", "exports:read", "changes:read"})
QUERY_SECONDS: Final = 5.0
"""How long a query may run; a write ends by itself or by the limits of its statements."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A parsed document with what its validation found."""

    document: DocumentNode
    operations: Mapping[str, OperationDefinitionNode]
    refused: AppError | None
    plans: dict[int, OperationPlan | None] = field(default_factory=dict)
    """By operation; None for what runs under the reference executor."""
    kept: dict[int, bool] = field(default_factory=dict)
    """By operation: whether its answers may be cached."""
    calls: dict[int, Any] = field(default_factory=dict)
    """By operation: what its limits need to know of it (``graph.limits``)."""
    digest: str = ""
    """Names the text."""

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to run; raises when none or several could be meant."""
        if name:
            found = self.operations.get(name)
            if found is None:
                raise Invalid([], message=f'The document has no operation "{name[:100]}".')
            return found
        if len(self.operations) != 1:
            raise Invalid(
                [], message="The document has several operations; say which by operationName."
            )
        return next(iter(self.operations.values()))


@dataclass(slots=True)
class Answer:
    """What an execution gave; ``refused`` means that nothing was executed."""

    data: dict[str, Any] | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    raw_errors: list[GraphQLError] = field(default_factory=list)
    refused: AppError | None = None
    cost: Cost | None = None
    json: bytes | None = None
    """The answer as it is sent, once it was."""


class Engine:
    """The executors behind budget, cache and error registry.

    Operations run by plan; what no plan covers runs under graphql-core, the reference, and with
    ``reference`` everything does (tests compare the two).
    """

    def __init__(
        self,
        *,
        introspection: bool = True,
        limits: Limits | None = None,
        query_seconds: float = QUERY_SECONDS,
        reference: bool = False,
    ) -> None:
        strawberry_schema = schema()
        self._plans = Plans(strawberry_schema, _load_many, hide_suggestions=not introspection)
        self.reference = reference
        self.schema: GraphQLSchema = strawberry_schema._schema  # noqa: SLF001 - no public name
        self._scopes = Scopes(strawberry_schema)
        self._limits = limits or Limits()
        self._budget = Budget(self.schema, self._limits, AUTH_MUTATIONS)
        self._introspection = introspection
        self._query_seconds = query_seconds
        self._compiled: OrderedDict[str, Compiled] = OrderedDict()
        extra = () if introspection else (NoSchemaIntrospectionCustomRule,)
        self._rules = (*specified_rules, *extra)
        self.later = Later()

    def compile(self, text: str, *, trusted: bool = False) -> Compiled:
        """Parse, count and validate a document; remembered by its text.

        ``trusted`` documents (the stored operations) are ours: they are not budgeted.  What an
        operation costs depends on its variables: ``cost`` says it.
        Raises BAD_REQUEST for syntax and QUERY_TOO_COMPLEX over a limit of the text.
        """
        known = self._compiled.get(text)
        if known is not None:
            self._compiled.move_to_end(text)
            return known
        document = parse_within(text, self._limits)
        if not trusted:
            self._budget.check_text(document)
        errors = validate(
            self.schema,
            document,
            self._rules,
            max_errors=_MAX_ERRORS,
            hide_suggestions=not self._introspection,
        )
        operations = {
            node.name.value if node.name else "": node
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        }
        refused = None
        if errors:
            fields = literal_errors(self.schema, document)[:_MAX_FIELD_ERRORS]
            refused = request_errors(errors, fields)
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        compiled = Compiled(document, operations, refused, digest=digest)
        self._compiled[text] = compiled
        if len(self._compiled) > _REMEMBERED:
            self._compiled.popitem(last=False)
        return compiled

    def cost(self, compiled: Compiled, name: str | None, variables: Mapping[str, Any]) -> Cost:
        """What the chosen operation costs; raises QUERY_TOO_COMPLEX over budget."""
        return self._budget.check(compiled.document, name, variables)

    def variables(
        self, operation: OperationDefinitionNode, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Checked variable values; raises VALIDATION_ERROR with every wrong path."""
        wrong: list[FieldError] = []
        for node in operation.variable_definitions or ():
            name = node.variable.name.value
            kind = type_from_ast(self.schema, node.type)
            value = given.get(name, Undefined)
            if value is Undefined and node.default_value is not None:
                continue
            self._check(name, value, cast("GraphQLInputType", kind), wrong)
        if wrong:
            raise Invalid(wrong[:_MAX_FIELD_ERRORS])
        return dict(given)

    def _check(
        self, name: str, value: Any, kind: GraphQLInputType, wrong: list[FieldError]
    ) -> None:
        def note(error: GraphQLError, path: list[str | int]) -> None:
            where = ".".join(str(part) for part in (name, *path))
            wrong.append(field_error(where, error.message, self.schema))

        if value is Undefined:
            if str(kind).endswith("!"):
                wrong.append(FieldError(name, "REQUIRED", "Required."))
            return
        validate_input_value(value, kind, note, hide_suggestions=True)

    async def run(
        self,
        context: Context,
        compiled: Compiled,
        variables: Mapping[str, Any],
        operation_name: str | None = None,
        *,
        trusted: bool = False,
        cost: Cost | None = None,
    ) -> Answer:
        """Execute one operation; expected failures are in the answer, none is raised.

        ``cost`` is what ``cost()`` found, if it was asked already.
        """
        answer = Answer(cost=cost)
        try:
            operation = self._prepared(answer, compiled, variables, operation_name, trusted=trusted)
            self._scopes.require(context.actor_or_none, compiled.document, operation)
            context.reporting = only_reports(operation)
            plan, coerced = self._planned(compiled, operation, variables)
            values = {} if coerced is not None else self.variables(operation, variables)
        except AppError as error:
            answer.refused = error
            return answer
        result: ExecutionResult | Outcome
        writes = is_mutation(compiled.operation(operation_name))
        limit = asyncio.timeout(self._query_seconds)

        def execution() -> Awaitable[ExecutionResult | Outcome]:
            if plan is not None and coerced is not None:
                return plan.run(context, coerced)
            return self._execute(context, compiled.document, values, operation_name)

        try:
            if writes:
                result = await execution()
            else:
                # Its end cancels the statement that runs, in the database too.
                async with limit:
                    with patient(limit):
                        result = await execution()
        except TimeoutError:
            if writes or not limit.expired():
                raise
            answer.refused = Unavailable(
                f"The query took longer than {self._query_seconds:g} seconds; ask for less at once."
            )
            return answer
        finally:
            await context.end()
        if writes and result.errors:
            result.errors = behind_writes(result.errors, context.request_id)
        return _filled(answer, result, context)

    async def stream(
        self,
        context: Context,
        compiled: Compiled,
        variables: Mapping[str, Any],
        operation_name: str | None = None,
        *,
        cost: Cost | None = None,
    ) -> AsyncGenerator[Answer, None]:
        """Run a subscription: an answer for each event, read after it and as one moment.

        A failure of its source is the last answer, with ``refused``.
        """
        first = Answer(cost=cost)
        try:
            operation = self._prepared(first, compiled, variables, operation_name)
            self._scopes.require(context.actor_or_none, compiled.document, operation)
            values = self.variables(operation, variables)
            asked = Asked(
                self.schema, compiled.document, values, operation_name, self._introspection
            )
            source = await asked.source(context)
            if isinstance(source, ExecutionResult):
                yield _filled(first, source, context)
                return
            async with aclosing(source):
                async for event in source:
                    yield await _told(context, asked, event, first.cost)
        except Exception as error:  # noqa: BLE001 - masked and logged, or told as it is
            cause = error.original_error if isinstance(error, GraphQLError) else None
            yield Answer(refused=masked(cause or error, context.request_id))
        finally:
            await context.end()

    def _prepared(
        self,
        answer: Answer,
        compiled: Compiled,
        variables: Mapping[str, Any],
        operation_name: str | None,
        *,
        trusted: bool = False,
    ) -> OperationDefinitionNode:
        """The operation to run; raises what refuses it."""
        if compiled.refused is not None:
            raise compiled.refused
        operation = compiled.operation(operation_name)
        if not trusted and answer.cost is None:
            answer.cost = self.cost(compiled, operation_name, variables)
        return operation

    def keeps(self, compiled: Compiled, operation: OperationDefinitionNode) -> bool:
        """Whether the answers of a query hang on what validators know, and on nothing else.

        Sessions, tokens and the audit trail change without a version; links to files have a clock.
        """
        key = id(operation)
        known = compiled.kept.get(key)
        if known is None:
            needs = self._scopes.needed(compiled.document, operation)
            known = operation.operation is OperationType.QUERY and bool(needs)
            known = compiled.kept[key] = known and not needs & _NEVER_KEPT
        return known

    def plan(self, compiled: Compiled, operation: OperationDefinitionNode) -> OperationPlan | None:
        """The plan of an operation; None where the reference executes it."""
        key = id(operation)
        if key not in compiled.plans:
            compiled.plans[key] = self._plans.compile(compiled.document, operation)
        return compiled.plans[key]

    def _planned(
        self,
        compiled: Compiled,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> tuple[OperationPlan | None, VariableValues | None]:
        """A plan with coerced variables; nothing where the reference has to say what is wrong."""
        plan = None if self.reference else self.plan(compiled, operation)
        if plan is None:
            return None, None
        coerced = plan.values(variables)
        if coerced is None or not plan.covers(coerced):
            return None, None
        return plan, coerced

    async def _execute(
        self, context: Context, document: DocumentNode, values: dict[str, Any], name: str | None
    ) -> ExecutionResult:
        result = execute(
            self.schema,
            document,
            context_value=context,
            variable_values=values,
            operation_name=name or None,
            hide_suggestions=not self._introspection,
        )
        if isinstance(result, ExecutionResult):
            return result
        return cast("ExecutionResult", await unbroken(cast("Awaitable[Any]", result)))


async def _load_many(context: Context, batch: Any, keys: Sequence[Any]) -> Sequence[Any]:
    return await context.load_many(batch, keys)


async def _told(context: Context, asked: Asked, event: Any, cost: Cost | None) -> Answer:
    """The answer of one event, made once for all who see it alike and ask alike."""

    async def make() -> Answer:
        result = await asked.answer(context, event)
        await context.close()
        return _filled(Answer(cost=cost), result, context)

    answers: Answers | None = getattr(event, "answers", None)
    if answers is None:
        return await make()
    key = asked.by(context.actor_or_none)
    return await made_once(answers, key, make, for_all=lambda made: not made.raw_errors)


def _filled(answer: Answer, result: ExecutionResult | Outcome, context: Context) -> Answer:
    """An answer with what the executor gave."""
    answer.data = result.data
    answer.raw_errors = list(result.errors or ())
    answer.errors = response_errors(answer.raw_errors[:_MAX_ERRORS], context.request_id)
    return answer


def first_failure(answer: Answer) -> AppError | None:
    """The failure that decides the status of a REST answer."""
    if answer.refused is not None:
        return answer.refused
    for error in answer.raw_errors:
        cause = error.original_error
        if cause is None or isinstance(cause, GraphQLError):
            return Invalid([], message=error.message)
        return as_app_error(cause) or AppError("unexpected")
    return None
