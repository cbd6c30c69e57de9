"""What an operation asks of a personal token: a scope for every value that it reads or changes.

A value belongs to the noun of the type that holds it, and a type to the noun of its module; so a
new noun is covered when it is written, and what belongs to no noun is for sessions alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
)

from resolvers.access import RESOURCES, Actor
from resolvers.errors import Forbidden

SESSION: Final = "session"
"""Stands for what no personal token may do."""
_NOUN_OF: Final[Mapping[str, str]] = {
    "explained": "analytics",
    "subscriptions": "changes",
    "users": "profile",
    # Only the shape of answers: what they hold asks for its own scope.
    "nodes": "",
    "paging": "",
    "schema": "",
}
_WRAPPERS: Final = ("Connection", "Edge")
_SESSION_FIELDS: Final = frozenset({"requestTakeout"})


def _noun(module: str) -> str:
    """The noun of a module of the graph; SESSION for one that has none."""
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else ""
    noun = _NOUN_OF.get(name, name)
    return noun if noun in RESOURCES or not noun else SESSION


class Scopes:
    """Finds what operations of one schema need."""

    def __init__(self, strawberry_schema: Any) -> None:
        self._schema: GraphQLSchema = strawberry_schema._schema  # noqa: SLF001 - no public name
        self._types: dict[str, str] = {}
        self._roots: dict[str, str] = {}
        known = strawberry_schema.schema_converter.type_map
        roots = {one.name for one in self._root_types()}
        for name, kind in self._schema.type_map.items():
            if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or name[:2] == "__":
                continue
            held = next((name[: -len(w)] for w in _WRAPPERS if name.endswith(w)), name)
            found = known.get(held if held in known else name)
            definition = getattr(found, "definition", None)
            if name in roots:
                for field in definition.fields if definition is not None else ():
                    wire = strawberry_schema.config.name_converter.from_field(field)
                    resolver = field.base_resolver
                    self._roots[wire] = _noun(resolver.wrapped_func.__module__ if resolver else "")
            elif definition is not None:
                self._types[name] = _noun(definition.origin.__module__)

    def _root_types(self) -> Iterator[GraphQLObjectType]:
        schema = self._schema
        for kind in (schema.query_type, schema.mutation_type, schema.subscription_type):
            if kind is not None:
                yield kind

    def require(
        self, actor: Actor | None, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        """Raise FORBIDDEN unless the actor's token holds every scope of an operation."""
        if actor is None or "*" in actor.scopes:
            return
        missing = sorted(one for one in self.needed(document, operation) if not actor.may(one))
        if SESSION in missing:
            raise Forbidden("A personal token cannot do this; sign in for it.")
        if missing:
            lacks = ", ".join(missing)
            raise Forbidden(f"This token lacks {lacks}.", details={"scopes": missing})

    def needed(self, document: DocumentNode, operation: OperationDefinitionNode) -> set[str]:
        """The scopes that an operation needs."""
        fragments = {
            one.name.value: one
            for one in document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }
        root = self._schema.get_root_type(operation.operation)
        action = "write" if operation.operation is OperationType.MUTATION else "read"
        walk = _Walk(self, fragments, action)
        if root is not None:
            walk.selections(root, operation.selection_set, root=True)
        return walk.found

    def of_root(self, name: str, action: str) -> str | None:
        """The scope of a root field; None where only what lies below it counts."""
        noun = SESSION if name in _SESSION_FIELDS else self._roots.get(name, SESSION)
        if name == "viewer" or not noun:
            return None
        return SESSION if noun == SESSION else f"{noun}:{action}"

    def of_leaf(self, parent: Any, name: str) -> str | None:
        """The scope of a value of some type."""
        if isinstance(parent, GraphQLInterfaceType):
            return None if name == "id" else SESSION
        noun = self._types.get(parent.name, SESSION)
        if not noun:
            return None
        return SESSION if noun == SESSION else f"{noun}:read"

    def type_named(self, name: str) -> Any:
        """A type of the schema."""
        return self._schema.type_map[name]


class _Walk:
    """One pass over an operation with its fragments, each of them once."""

    def __init__(
        self, scopes: Scopes, fragments: Mapping[str, FragmentDefinitionNode], action: str
    ) -> None:
        self._scopes = scopes
        self._fragments = fragments
        self._action = action
        self._seen: set[str] = set()
        self.found: set[str] = set()

    def selections(self, parent: Any, chosen: SelectionSetNode, *, root: bool = False) -> None:
        """Everything that is selected of a type."""
        for node in chosen.selections:
            if isinstance(node, FieldNode):
                self._field(parent, node, root=root)
            elif isinstance(node, InlineFragmentNode):
                named = node.type_condition
                kind = self._scopes.type_named(named.name.value) if named else parent
                self.selections(kind, node.selection_set, root=root)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in self._seen:
                self._seen.add(node.name.value)
                fragment = self._fragments[node.name.value]
                kind = self._scopes.type_named(fragment.type_condition.name.value)
                self.selections(kind, fragment.selection_set, root=root)

    def _field(self, parent: Any, node: FieldNode, *, root: bool) -> None:
        name = node.name.value
        if name.startswith("__"):
            return
        scope = self._scopes.of_root(name, self._action) if root else None
        kind = get_named_type(parent.fields[name].type)
        if not root and is_leaf_type(kind):
            scope = self._scopes.of_leaf(parent, name)
        if scope is not None:
            self.found.add(scope)
        if node.selection_set is not None:
            self.selections(kind, node.selection_set)
