"""Stored operations: the documents behind the rows, read and joined at the start, checked when first run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_list_type,
    parse,
    print_ast,
    type_from_ast,
)

from graph.engine import Compiled, Engine
from rest_compat.routes import Endpoint

_FOLDER: Final = Path(__file__).parent / "operations"


class BadOperations(Exception):
    """A row and its operation, or an operation and the schema, do not fit."""


@dataclass(frozen=True)
class Stored:
    """One operation with what the doors need to know of it."""

    name: str
    document: DocumentNode
    """The operation and the fragments that it uses."""
    engine: Engine = field(repr=False)
    node: OperationDefinitionNode
    root: str
    """The single root field (its response name)."""
    variables: Mapping[str, "Variable"]
    shape: str
    """``connection``, ``payload`` or ``plain``: how the root field becomes ``data``."""
    inner: str | None
    """The object field of a payload."""
    instead: str | None
    """The object field that is there where that one is not: an invitation and no member."""
    body_fields: frozenset[str]
    """Names that the answered object shows: what a PUT may send back."""
    returns: GraphQLNamedType

    @cached_property
    def text(self) -> str:
        """The document as text."""
        return print_ast(self.document)

    @cached_property
    def compiled(self) -> Compiled:
        """Ready to run; raises BadOperations where the schema has no such fields.

        Two hundred operations take a tenth of the start, and nobody asks them all: this is done
        when one is first asked, or soon after the start (``Engine.prepare``).
        """
        compiled = self.engine.compile(self.text, trusted=True)
        if compiled.refused is not None:
            text = compiled.refused.message
            raise BadOperations(f"The stored operation {self.name} is not valid: {text}")
        return compiled

    @property
    def repeats(self) -> bool:
        """Whether its answer tells apart what it made and what was there already."""
        return isinstance(self.returns, GraphQLObjectType) and "created" in self.returns.fields

    @property
    def writes(self) -> bool:
        """Whether it is a mutation."""
        return self.node.operation is OperationType.MUTATION


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared variable: its named type, whether it is a list and whether it is required."""

    type: GraphQLNamedType
    many: bool
    required: bool

    @property
    def input_fields(self) -> frozenset[str]:
        """Field names of an input object; empty for anything else."""
        if isinstance(self.type, GraphQLInputObjectType):
            return frozenset(self.type.fields)
        return frozenset()


def load_operations(engine: Engine, endpoints: Sequence[Endpoint]) -> dict[str, Stored]:
    """All stored operations by name; raises BadOperations for rows that fit none, and the like."""
    documents = [parse(path.read_text()) for path in sorted(_FOLDER.glob("*.graphql"))]
    fragments: dict[str, FragmentDefinitionNode] = {}
    operations: dict[str, OperationDefinitionNode] = {}
    for node in (node for document in documents for node in document.definitions):
        if isinstance(node, FragmentDefinitionNode):
            fragments[node.name.value] = node
        elif isinstance(node, OperationDefinitionNode) and node.name is not None:
            if node.name.value in operations:
                raise BadOperations(f"The operation {node.name.value} is stored twice.")
            operations[node.name.value] = node
    stored = {name: _prepare(engine, name, node, fragments) for name, node in operations.items()}
    _check_rows(endpoints, stored)
    engine.later.extend(partial(getattr, one, "compiled") for one in stored.values())
    return stored


def _prepare(
    engine: Engine,
    name: str,
    node: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Stored:
    used = _used_fragments(node.selection_set, fragments)
    document = DocumentNode(definitions=(node, *used))
    fields = [one for one in node.selection_set.selections if isinstance(one, FieldNode)]
    if len(fields) != 1 or len(node.selection_set.selections) != 1:
        raise BadOperations(f"The stored operation {name} needs exactly one root field.")
    root = fields[0]
    root_type = cast("GraphQLObjectType", engine.schema.get_root_type(node.operation))
    if root.name.value not in root_type.fields:
        raise BadOperations(f"The stored operation {name} asks for no field of the schema.")
    returns = get_named_type(root_type.fields[root.name.value].type)
    shape, inner, instead = _shape(returns)
    return Stored(
        name=name,
        document=document,
        engine=engine,
        node=node,
        root=root.alias.value if root.alias else root.name.value,
        variables=_variables(node, engine.schema),
        shape=shape,
        inner=inner,
        instead=instead,
        body_fields=_body_fields(root, inner, fragments),
        returns=returns,
    )


def _used_fragments(
    selection: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> list[FragmentDefinitionNode]:
    """Fragments that a selection reaches, each once."""
    found: dict[str, FragmentDefinitionNode] = {}
    waiting = [selection]
    while waiting:
        for one in waiting.pop().selections:
            name = getattr(one, "name", None)
            inner = getattr(one, "selection_set", None)
            if inner is not None:
                waiting.append(inner)
            elif one.kind == "fragment_spread" and name is not None:
                if name.value not in fragments:
                    raise BadOperations(f"There is no fragment {name.value}.")
                if name.value not in found:
                    found[name.value] = fragments[name.value]
                    waiting.append(fragments[name.value].selection_set)
    return list(found.values())


def _variables(node: OperationDefinitionNode, schema: GraphQLSchema) -> dict[str, Variable]:
    found = {}
    for one in node.variable_definitions or ():
        kind: Any = type_from_ast(schema, one.type)
        required = str(kind).endswith("!") and one.default_value is None
        bare = kind.of_type if str(kind).endswith("!") else kind
        found[one.variable.name.value] = Variable(
            get_named_type(kind), is_list_type(bare), required
        )
    return found


def _shape(returns: GraphQLNamedType) -> tuple[str, str | None, str | None]:
    if returns.name.endswith("Connection"):
        return "connection", None, None
    if returns.name.endswith("Payload") and isinstance(returns, GraphQLObjectType):
        objects = [
            name
            for name, field in returns.fields.items()
            if isinstance(get_named_type(field.type), GraphQLObjectType)
        ]
        if len(objects) == 1 and returns.fields.keys() <= {objects[0], "created"}:
            return "payload", objects[0], None
        if returns.fields.keys() == {*objects, "invited"}:
            return "payload", objects[0], objects[1]
    return "plain", None, None


def _body_fields(
    root: FieldNode, inner: str | None, fragments: Mapping[str, FragmentDefinitionNode]
) -> frozenset[str]:
    """Names that the object of an answer shows."""
    selection = root.selection_set
    if inner is not None and selection is not None:
        for one in selection.selections:
            if isinstance(one, FieldNode) and one.name.value == inner:
                selection = one.selection_set
    names: set[str] = set()
    for one in selection.selections if selection is not None else ():
        if isinstance(one, FieldNode):
            names.add(one.alias.value if one.alias else one.name.value)
        elif one.kind == "fragment_spread":
            inside = fragments[one.name.value].selection_set  # type: ignore[attr-defined]
            names |= {i.name.value for i in inside.selections if isinstance(i, FieldNode)}
    return frozenset(names)


def path_names(path: str) -> list[str]:
    """The parameters of a path, in order."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _check_rows(endpoints: Iterable[Endpoint], stored: Mapping[str, Stored]) -> None:
    """Refuse unknown and unused operations, lost path parameters and shadowed rows."""
    used: set[str] = set()
    seen: list[Endpoint] = []
    for row in endpoints:
        if row.operation not in stored:
            raise BadOperations(f"{row.method} {row.path} names no stored operation.")
        used.add(row.operation)
        for name in path_names(row.path):
            if name not in stored[row.operation].variables:
                raise BadOperations(f"{row.path} has {{{name}}}, {row.operation} has no ${name}.")
        for other in seen:
            if other.method == row.method and _shadows(other.path, row.path):
                raise BadOperations(f"{row.method} {row.path} is shadowed by {other.path}.")
        seen.append(row)
    unused = sorted(set(stored) - used)
    if unused:
        raise BadOperations(f"Stored operations without a row: {', '.join(unused)}.")


def _shadows(one: str, other: str) -> bool:
    """Whether every request for the second path would match the first."""
    first, second = one.split("/"), other.split("/")
    return len(first) == len(second) and all(
        a == b or a.startswith("{") for a, b in zip(first, second, strict=True)
    )
