"""Wrong input values told field by field: what stands in a document and what comes as a variable."""

import re
from typing import Any, Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    VariableDefinitionNode,
    Visitor,
    is_required_argument,
    validate_input_literal,
    visit,
)

from resolvers.errors import FieldError

_REQUIRED_FIELD: Final = re.compile(r"to include required field '(\w+)'")
_UNKNOWN_FIELD: Final = re.compile(r"not to include unknown field '([^']*)'")
_SENTENCES: Final = (
    # What the executor begins its message with, and what we say instead.  Its own words repeat
    # the whole value, which may be long or private.
    (re.compile(r"of non-null type"), "REQUIRED", "May not be null."),
    (re.compile(r"of type '.*' to be an object"), "INVALID_TYPE", "Must be an object."),
    (re.compile(r"^Int cannot"), "INVALID_TYPE", "Must be a whole number."),
    (re.compile(r"^String cannot"), "INVALID_TYPE", "Must be text."),
    (re.compile(r"^ID cannot"), "INVALID_TYPE", "An id is text."),
    (re.compile(r"^Boolean cannot"), "INVALID_TYPE", "Must be true or false."),
)
_ENUM: Final = re.compile(r"in '(\w+)' enum|^Enum '(\w+)'")


def field_error(path: str, message: str, schema: GraphQLSchema) -> FieldError:
    """One coercion error of the executor in our words, without the offending value."""
    found = _REQUIRED_FIELD.search(message)
    if found is not None:
        return FieldError(f"{path}.{found[1]}", "REQUIRED", "Required.")
    found = _UNKNOWN_FIELD.search(message)
    if found is not None:
        return FieldError(f"{path}.{found[1][:100]}", "UNKNOWN_FIELD", "There is no such field.")
    found = _ENUM.search(message)
    if found is not None:
        kind = schema.type_map.get(found[1] or found[2])
        words = ", ".join(kind.values) if isinstance(kind, GraphQLEnumType) else ""
        return FieldError(path, "INVALID", f"Must be one of {words}.")
    for pattern, code, sentence in _SENTENCES:
        if pattern.search(message):
            return FieldError(path, code, sentence)
    return FieldError(path, "INVALID", message.rpartition("; ")[2])


def literal_errors(schema: GraphQLSchema, document: DocumentNode) -> list[FieldError]:
    """The wrong values that stand in a document itself, by argument and path within it.

    For documents whose validation failed: its errors name places in the text but not the field,
    and those of our own scalars not even that.
    """
    info = TypeInfo(schema)
    finder = _Literals(schema, info)
    visit(document, TypeInfoVisitor(info, finder))
    return list(dict.fromkeys(finder.wrong))


class _Literals(Visitor):
    """Checks arguments and default values as it passes them."""

    def __init__(self, schema: GraphQLSchema, info: TypeInfo) -> None:
        super().__init__()
        self._schema = schema
        self._info = info
        self.wrong: list[FieldError] = []

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Arguments of a field that exists."""
        definition = self._info.get_field_def()
        if definition is not None:
            self._arguments(node, definition.args)

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        """Arguments of a directive that exists."""
        definition = self._info.get_directive()
        if definition is not None:
            self._arguments(node, definition.args)

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> None:
        """The default value of a variable."""
        kind = self._info.get_input_type()
        if node.default_value is not None and kind is not None:
            self._literal(node.variable.name.value, node.default_value, kind)

    def _arguments(
        self, node: FieldNode | DirectiveNode, known: dict[str, GraphQLArgument]
    ) -> None:
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        for name, value in given.items():
            if name in known:
                self._literal(name, value, known[name].type)
            else:
                sentence = "There is no such argument."
                self.wrong.append(FieldError(name[:100], "UNKNOWN_FIELD", sentence))
        for name, argument in known.items():
            if name not in given and is_required_argument(argument):
                self.wrong.append(FieldError(name, "REQUIRED", "Required."))

    def _literal(self, name: str, value: ValueNode, kind: GraphQLInputType) -> None:
        def note(error: GraphQLError, path: list[str | int]) -> None:
            where = ".".join(str(part) for part in (name, *path))
            self.wrong.append(field_error(where, error.message, self._schema))

        validate_input_literal(value, kind, note, hide_suggestions=True)
