"""What a GraphQL document may ask for, counted once before it is validated.

Validation compares fields in pairs and follows every spread, so a document of a few hundred bytes
can keep it busy for seconds. Here each fragment is counted once, whatever spreads it, and sums stop
growing at a ceiling: the work is linear in the text that was sent.

Cost. A field with a selection costs 1, a field without one nothing. A page multiplies the lists in
it: ``accounts(first: 10) { edges { node { id } } }`` costs 1 + 10 * (1 + 1). A list without pages
counts as ten objects (two where a type holds a list of itself, as a tree does), or as many as
``ids`` names. Introspection is free and may be deeper.
"""

import weakref
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
)
from graphql.language import TokenKind

from graph.selections import (
    PEAKS,
    SUMS,
    Fragments,
    Part,
    Placed,
    Pricing,
    Tally,
    lay_out,
    merged,
)
from resolvers.errors import BadRequest, FieldError, Invalid, TooComplex

FRAGMENTS_SHARE = 10  # times ``same_name`` that fragments may bring together
_PRICES = 64  # remembered for each operation
SHOWN_SYNTAX = 200  # characters of a syntax message, which may quote the document
OPENING = {TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L}
CLOSING = {TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R}


def _limit(allowed: int, words: str) -> int:
    limit: int = field(default=allowed, metadata={"words": words})
    return limit


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a document may hold; each number is the last one allowed.

    ``bytes`` and ``tokens`` are of the whole text, the others of one operation with its fragments.
    ``nesting`` counts brackets in the text, and selections in selections; ``selections`` counts
    fields and spreads.
    """

    bytes: int = _limit(20_000, "The document has {} bytes")
    tokens: int = _limit(2_000, "The document has at least {} tokens")
    fields: int = _limit(500, "The document selects {} fields")
    selections: int = _limit(1_000, "The document has {} fields and spreads")
    aliases: int = _limit(30, "The document has {} aliases")
    directives: int = _limit(20, "The document has {} directives")
    directives_per_location: int = _limit(2, "One place has {} directives")
    nesting: int = _limit(64, "The document nests {} brackets or fragments")
    depth: int = _limit(10, "The document is {} levels deep")
    introspection_depth: int = _limit(16, "The introspection is {} levels deep")
    auth_mutations: int = _limit(1, "The operation has {} sign-in mutations")
    root_mutations: int = _limit(5, "The operation has {} mutations")
    root_fields: int = _limit(20, "The operation has {} root fields")
    same_name: int = _limit(5, "One name is selected {} times in one place")
    cost: int = _limit(5_000, "The query costs {}")

    def hold(self, name: str, found: int, share: int = 1) -> None:
        """Raise ``TooComplex`` where more was found than ``share`` times the limit of that name."""
        allowed = getattr(self, name) * share
        if found > allowed:
            words = type(self).__dataclass_fields__[name].metadata["words"].format(found)
            details = {"limit": to_camel(name), "allowed": allowed, "found": found}
            raise TooComplex(f"{words}; the limit is {allowed}.", details=details)


def to_camel(name: str) -> str:
    """The name of a limit as answers spell it."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the chosen operation asks for: points out of ``limit``, fields, and levels."""

    requested: int
    limit: int
    fields: int
    depth: int


def parse_within(text: str, limits: Limits) -> DocumentNode:
    """Parse a document whose bytes, tokens and brackets are within the limits.

    Raises ``TooComplex`` over a limit, ``BadRequest`` with ``details.locations`` (``line`` and
    ``column`` from 1) where the text breaks the grammar of the GraphQL specification, and
    ``Invalid`` for a string that holds the character NUL, which the database cannot store.
    """
    limits.hold("bytes", len(text))  # first, so that a huge text is not even encoded
    limits.hold("bytes", len(text.encode("utf-8", "surrogatepass")))
    try:
        document = parse(text, max_tokens=limits.tokens)
    except GraphQLSyntaxError as error:
        if "tokens. Parsing aborted" in error.message:
            limits.hold("tokens", limits.tokens + 1)
        places = [{"line": at.line, "column": at.column} for at in error.locations or ()]
        message = error.message[:SHOWN_SYNTAX]
        raise BadRequest(message, details={"locations": places}) from error
    depth = deepest = 0
    token = document.loc.start_token if document.loc else None
    while token:
        depth += (token.kind in OPENING) - (token.kind in CLOSING)
        deepest = max(deepest, depth)
        if token.value and "\0" in token.value and token.kind is not TokenKind.COMMENT:
            place = {"line": token.line, "column": token.column}
            refusal = FieldError("", "INVALID_CHARACTER", "A string holds the character NUL.")
            raise Invalid([refusal], details={"locations": [place]})
        token = token.next
    limits.hold("nesting", deepest)
    return document


def _length(variables: Mapping[str, Any], name: str) -> Any:
    """All that a price sees of a variable."""
    if name not in variables:
        return "absent"
    value = variables[name]
    if isinstance(value, list):
        return ("list", len(value))
    return (type(value), value if isinstance(value, int) else None)


class Budget:
    """The limits of one schema; made once, it remembers what it counted in living documents."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits = Limits(),
        auth_mutations: frozenset[str] = frozenset(),
    ) -> None:
        self.schema = schema
        self.limits = limits
        self.auth_mutations = auth_mutations
        # Keyed by identity: hashing a document would walk and recurse through all of it.
        self._known: dict[int, tuple[weakref.ref[DocumentNode], _Counted]] = {}

    def count(self, document: DocumentNode) -> "_Counted":
        """Count a parsed document, whatever its variables will be; raises ``TooComplex``.

        Every definition has to be within the limits, because all of them are validated.
        """
        key = id(document)
        entry = self._known.get(key)
        if entry is None:
            reference = weakref.ref(document, lambda _: self._known.pop(key, None))
            entry = self._known[key] = (reference, self._count(document))
        return entry[1]

    def check_text(self, document: DocumentNode) -> None:
        """Refuse what costs too much whatever its variables will be; raises ``TooComplex``."""
        operation = self.count(document).choose(None)
        if operation is not None:
            declared = operation.node.variable_definitions or ()
            self.check(document, None, {one.variable.name.value: 0 for one in declared})

    def check(
        self,
        document: DocumentNode,
        operation_name: str | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> Cost:
        """Count a parsed document and say what its operation costs.

        Where the name chooses no single operation nothing can run, and the cost is 0: that error
        is the executor's. ``variables`` are as they were sent. Raises ``TooComplex``, the only
        error, with ``details`` of ``limit``, ``allowed`` and ``found``.
        """
        counted = self.count(document)
        operation = counted.choose(operation_name)
        if operation is None:
            return Cost(0, self.limits.cost, 0, 0)
        price = self._price(counted, operation, variables or {})
        self.limits.hold("cost", price)
        depth = max(operation.tally.depth, operation.tally.introspection_depth)
        return Cost(price, self.limits.cost, operation.tally.fields, depth)

    def _price(self, counted: "_Counted", operation: Part, variables: Mapping[str, Any]) -> int:
        """The cost of an operation, remembered by all that it depends on."""
        key = tuple(_length(variables, name) for name in operation.priced_by)
        price = operation.prices.get(key)
        if price is None:
            declared = operation.node.variable_definitions or ()
            defaults = {d.variable.name.value: d.default_value for d in declared if d.default_value}
            pricing = Pricing(counted.fragments, {**defaults, **variables})
            price = pricing.selection(operation.places[0])
            operation.priced_by = tuple(pricing.asked)
            key = tuple(_length(variables, name) for name in operation.priced_by)
            if len(operation.prices) >= _PRICES:
                operation.prices.clear()
            operation.prices[key] = price
        return price

    def _count(self, document: DocumentNode) -> "_Counted":
        counted = _Counted()
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                counted.operations.append(lay_out(self.schema, node))
            elif isinstance(node, FragmentDefinitionNode):
                same = counted.fragments.setdefault(node.name.value, [])
                same.append(lay_out(self.schema, node))
        tallies: dict[str, Tally] = {}
        for name in counted.dependencies_first():
            parts = counted.fragments[name]
            whole, *others = [part.fold(tallies, self.auth_mutations) for part in parts]
            for other in others:
                whole.join(other)
            tallies[name] = whole
        for part in counted.operations:
            part.fold(tallies, self.auth_mutations)
        parts = [*counted.operations, *(p for same in counted.fragments.values() for p in same)]
        for part in parts:
            self._check_tally(part)
        spread = {name for part in parts for place in part.places for name in place.spreads}
        for part in parts:
            if isinstance(part.node, OperationDefinitionNode) or part.node.name.value not in spread:
                self._check_names(part, counted.fragments)
        return counted

    def _check_tally(self, part: Part) -> None:
        for name in SUMS + PEAKS:
            self.limits.hold(name, getattr(part.tally, name))
        if isinstance(part.node, OperationDefinitionNode):
            if part.node.operation is OperationType.MUTATION:
                self.limits.hold("auth_mutations", part.tally.auth_mutations)
                self.limits.hold("root_mutations", part.tally.root_fields)
            self.limits.hold("root_fields", part.tally.root_fields)

    def _check_names(self, part: Part, fragments: Fragments) -> None:
        """Refuse one name selected too often where execution merges the selections.

        The fragments of well-built clients repeat bare fields such as ``id``, and one field on
        several types is no repetition: both are held to the wide share only.
        """
        pending: list[list[Placed]] = [[(part.places[0], ())]]
        while pending:
            together: dict[str, list[Placed]] = {}
            scoped: Counter[tuple[tuple[str, ...], str]] = Counter()
            totals: Counter[str] = Counter()
            for place, path in merged(pending.pop(), fragments):
                written: Counter[str] = Counter()
                here = (*path, place.scope)
                for node, inner in place.fields:
                    name = (node.alias or node.name).value
                    written[name] += 1
                    if inner is not None:
                        together.setdefault(name, []).append((inner, here))
                    if inner is not None or node.arguments:
                        scoped[here, name] += 1
                totals.update(written)
                self.limits.hold("same_name", max(written.values(), default=0))
            self.limits.hold("same_name", max(scoped.values(), default=0))
            self.limits.hold("same_name", max(totals.values(), default=0), FRAGMENTS_SHARE)
            pending.extend(together.values())


@dataclass(slots=True)
class _Counted:
    """A document that is within the static limits."""

    operations: list[Part] = field(default_factory=list)
    fragments: dict[str, list[Part]] = field(default_factory=dict)

    def choose(self, name: str | None) -> Part | None:
        """The operation that would run."""
        if not name:
            return self.operations[0] if len(self.operations) == 1 else None
        named = (p for p in self.operations if p.node.name and p.node.name.value == name)
        return next(named, None)

    def dependencies_first(self) -> list[str]:
        """Names of the fragments, each after those that it spreads; refuses a cycle."""
        graph = {
            name: {to for part in parts for place in part.places for to in place.spreads}
            & self.fragments.keys()
            for name, parts in self.fragments.items()
        }
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            details = {"limit": "fragmentCycle", "allowed": 0, "found": 1}
            raise TooComplex("A fragment spreads itself.", details=details) from error
