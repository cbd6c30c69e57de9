"""A GraphQL document taken apart for the budget: selection sets, their sums and their price.

Nothing here recurses into what was sent but the price, which is asked for last: by then the limits
have bounded how much a document holds and how deep it goes.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

CEILING = 1_000_000_000  # sums stop here, so that no product becomes a long integer
DEFAULT_PAGE = 50  # objects of a page whose size is not given
UNKNOWN_PAGE = 100  # objects of a page whose size cannot be read: as large as pages are
UNPAGED_LIST = 10  # objects of a list that has no pages
BRANCHES = 2  # objects of a list on the type that holds it: the branches of a tree

SUMS = ("fields", "selections", "aliases", "directives")
PEAKS = ("directives_per_location", "nesting", "depth", "introspection_depth")

Definition: TypeAlias = OperationDefinitionNode | FragmentDefinitionNode


@dataclass(slots=True)
class Tally:
    """Counts of a selection with everything in it; the names are those of the limits."""

    fields: int = 0
    selections: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0
    auth_mutations: int = 0
    directives_per_location: int = 0
    nesting: int = 1
    depth: int = 0
    introspection_depth: int = 0

    def mark(self, directives: Sequence[DirectiveNode] | None) -> None:
        """Count the directives of one location."""
        found = len(directives or ())
        self.directives += found
        self.directives_per_location = max(self.directives_per_location, found)

    def enter(self, node: FieldNode, inner: "Tally | None") -> None:
        """Count a field and what is selected inside it."""
        name = node.name.value
        self.fields += 1
        self.aliases += node.alias is not None
        self.root_fields += name != "__typename"
        self.depth = max(self.depth, 1)
        if inner is None:
            return
        self._sum(inner)
        deep, introspection = inner.depth, inner.introspection_depth
        if name in {"__schema", "__type"}:
            deep, introspection = 0, max(deep, introspection)
        self.depth = max(self.depth, deep + 1)
        if introspection:
            self.introspection_depth = max(self.introspection_depth, introspection + 1)

    def join(self, inner: "Tally") -> None:
        """Count a fragment, whose fields are on the same level as ours."""
        self._sum(inner)
        self.root_fields = min(CEILING, self.root_fields + inner.root_fields)
        self.auth_mutations = min(CEILING, self.auth_mutations + inner.auth_mutations)
        self.depth = max(self.depth, inner.depth)
        self.introspection_depth = max(self.introspection_depth, inner.introspection_depth)

    def _sum(self, inner: "Tally") -> None:
        for name in SUMS:
            setattr(self, name, min(CEILING, getattr(self, name) + getattr(inner, name)))
        self.directives_per_location = max(
            self.directives_per_location, inner.directives_per_location
        )
        self.nesting = max(self.nesting, inner.nesting + 1)


@dataclass(slots=True)
class Place:
    """One selection set: the type it is on, the field it belongs to, and what stands in it."""

    node: SelectionSetNode
    type: GraphQLCompositeType | None
    scope: str
    definition: GraphQLField | None = None
    fields: "list[tuple[FieldNode, Place | None]]" = field(default_factory=list)
    inlines: "list[Place]" = field(default_factory=list)
    spreads: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class Part:
    """One operation or fragment: its selection sets, each before those inside it."""

    node: Definition
    places: list[Place]
    priced_by: tuple[str, ...] = ()
    """Variables that say how long something is, known once it was priced."""
    prices: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """Remembered by the values of these."""

    @property
    def tally(self) -> Tally:
        """Counts of all of it."""
        return self.places[0].tally

    def fold(self, fragments: Mapping[str, Tally], auth_mutations: Collection[str]) -> Tally:
        """Sum it up from the innermost selections; fragments were summed before."""
        for place in reversed(self.places):
            for node, inner in place.fields:
                place.tally.enter(node, inner.tally if inner else None)
                place.tally.auth_mutations += node.name.value in auth_mutations
            for inline in place.inlines:
                place.tally.join(inline.tally)
            for name in place.spreads:
                if name in fragments:
                    place.tally.join(fragments[name])
        whole = self.tally
        if self.places[0].scope.startswith("__"):
            whole.introspection_depth = max(whole.depth, whole.introspection_depth)
            whole.depth = 0
        return whole


# A selection set, and the types on which the fields around it were selected.
Placed: TypeAlias = tuple[Place, tuple[str, ...]]
# Two fragments of one name are an error, but not before both have been counted.
Fragments: TypeAlias = Mapping[str, Sequence[Part]]


def lay_out(schema: GraphQLSchema, node: Definition) -> Part:
    """Take one definition apart; what the schema does not know has no type."""
    if isinstance(node, OperationDefinitionNode):
        root = schema.get_root_type(node.operation)
        part = Part(node, [Place(node.selection_set, root, root.name if root else "")])
    else:
        part = Part(node, [Place(node.selection_set, *_condition(schema, node))])
    part.tally.mark(node.directives)
    for declared in node.variable_definitions or ():
        part.tally.mark(declared.directives)
    for place in part.places:  # grows while it is read
        for selection in place.node.selections:
            place.tally.selections += 1
            place.tally.mark(selection.directives)
            inner: Place | None = None
            if isinstance(selection, FieldNode):
                inner = _inside(schema, place, selection)
                place.fields.append((selection, inner))
            elif isinstance(selection, InlineFragmentNode):
                inner = Place(selection.selection_set, place.type, place.scope)
                if selection.type_condition is not None:
                    inner.type, inner.scope = _condition(schema, selection)
                place.inlines.append(inner)
            elif isinstance(selection, FragmentSpreadNode):
                place.spreads.append(selection.name.value)
            if inner is not None:
                part.places.append(inner)
    return part


def _condition(
    schema: GraphQLSchema, node: FragmentDefinitionNode | InlineFragmentNode
) -> tuple[GraphQLCompositeType | None, str]:
    name = node.type_condition.name.value if node.type_condition else ""
    kind = schema.get_type(name)
    return (kind if is_composite_type(kind) else None), name


def _inside(schema: GraphQLSchema, place: Place, node: FieldNode) -> Place | None:
    if node.selection_set is None:
        return None
    definition = schema.get_field(place.type, node.name.value) if place.type else None
    named = get_named_type(definition.type) if definition else None
    kind = named if is_composite_type(named) else None
    return Place(node.selection_set, kind, kind.name if kind else "", definition)


def merged(places: Sequence[Placed], fragments: Fragments) -> Iterator[Placed]:
    """Selection sets that execution makes one: inline fragments, and each fragment once."""
    seen: set[str] = set()
    queue = list(places)
    for place, path in queue:  # grows while it is read
        yield place, path
        queue.extend((inline, path) for inline in place.inlines)
        for name in place.spreads:
            if name not in seen:
                seen.add(name)
                queue.extend((part.places[0], path) for part in fragments.get(name, ()))


class Pricing:
    """Cost of selections with one set of variables; literals among these are defaults."""

    def __init__(self, fragments: Fragments, variables: Mapping[str, Any]) -> None:
        self.fragments = fragments
        self.variables = variables
        self.asked: dict[str, None] = {}
        """Variables that were looked at: the same ones each time, whatever their values."""

    def selection(self, place: Place, items: int = UNPAGED_LIST) -> int:
        """Cost of a selection set in which each list without pages holds so many items."""
        total = 0
        for node, inner in place.fields:
            if inner:
                # No object lies in two branches, so a tree is not as wide as ten to its depth.
                branch = inner.scope == place.scope
                total += self._field(node, inner, min(items, BRANCHES) if branch else items)
        total += sum(self.selection(inner, items) for inner in place.inlines)
        for name in place.spreads:
            for part in self.fragments.get(name, ()):
                total += self.selection(part.places[0], items)
        return min(CEILING, total)

    def _field(self, node: FieldNode, inner: Place, items: int) -> int:
        definition = inner.definition
        if inner.scope.startswith("__"):
            return 0
        if definition is None:
            return 1 + self.selection(inner)
        is_list = is_list_type(get_nullable_type(definition.type))
        if "first" in definition.args or "last" in definition.args:
            items = self._page(node, definition)
            if not is_list:  # a connection: the lists in it are the page
                return 1 + self.selection(inner, items)
        elif "ids" in definition.args:
            items = max(self._sizes(node, "ids"), default=UNPAGED_LIST)
        return (items if is_list else 1) * (1 + self.selection(inner))

    def _page(self, node: FieldNode, definition: GraphQLField) -> int:
        given = [*self._sizes(node, "first"), *self._sizes(node, "last")]
        if given:
            return max(given)
        argument = definition.args.get("first") or definition.args["last"]
        default: Any = argument.default_value
        if argument.default is not None:
            default = argument.default.literal or argument.default.value
        size = None if default is Undefined else _size(default)
        return DEFAULT_PAGE if size is None else size

    def _sizes(self, node: FieldNode, name: str) -> Iterator[int]:
        """What an argument says about a size, if it is given and not null."""
        for argument in node.arguments or ():
            if argument.name.value == name:
                value: Any = argument.value
                if isinstance(value, VariableNode):
                    self.asked[value.name.value] = None
                    value = self.variables.get(value.name.value, value)
                size = _size(value)
                if size is not None:
                    yield size


def _size(value: Any) -> int | None:
    """A number of objects, or of ids, from a literal or a variable's value; null says nothing."""
    if value is None or isinstance(value, NullValueNode):
        return None
    if isinstance(value, IntValueNode):
        # Longer ones saturate: Python refuses to convert thousands of digits.
        value = int(value.value) if len(value.value) < len(str(CEILING)) else CEILING
    elif isinstance(value, ListValueNode):
        value = len(value.values)
    elif isinstance(value, list):
        value = len(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return min(CEILING, value)
    return UNKNOWN_PAGE
