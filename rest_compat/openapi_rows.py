"""One row with its stored operation and its root field, as an operation of OpenAPI."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    SelectionSetNode,
    get_named_type,
    is_non_null_type,
    type_from_ast,
    value_from_ast_untyped,
)

from graph.context import Services
from graph.engine import Engine
from resolvers.limits import POLICIES
from rest_compat import openapi_parts as parts
from rest_compat.openapi_examples import Examples
from rest_compat.openapi_schemas import (
    Json,
    Schemas,
    always_there,
    bare,
    closed,
    described,
    id_schema,
    list_limits,
    sayings,
    without_null,
    wrapped,
)
from rest_compat.routes import Endpoint
from rest_compat.stored import Stored

HEADERS_AND_BODY: Final = frozenset({"idempotencyKey", "expectedVersion", "unchanged", "body"})
"""Variables that no query parameter fills."""
# The second keyword is OpenAPI 3.1's, the first is what forms for people look for.
_FILE: Final[Json] = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
}
_REPLACED_BY_FILE: Final = frozenset({"content", "contentType", "filename", "uploadId"})
"""Fields of an input for which the file part of a form stands."""


class Door(Protocol):
    """What the description needs to know of the REST door."""

    @property
    def services(self) -> Services:
        """Public address and build."""

    @property
    def engine(self) -> Engine:
        """Holds the schema."""

    @property
    def operations(self) -> Mapping[str, Stored]:
        """The stored operations by name."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """The rows."""

    def twin(self, row: Endpoint) -> Endpoint | None:
        """The GET that answers the object that a write has made or changed."""


class Row:
    """One row on its way to an OpenAPI operation."""

    def __init__(self, door: Door, row: Endpoint, schemas: Schemas) -> None:
        self.door = door
        self.row = row
        self.schemas = schemas
        self.operation = operation = door.operations[row.operation]
        self.fragments = {
            one.name.value: one
            for one in operation.document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }
        self.root = cast("FieldNode", operation.node.selection_set.selections[0])
        root_type = door.engine.schema.get_root_type(operation.node.operation)
        self.field = cast("GraphQLObjectType", root_type).fields[self.root.name.value]
        self.said = dict(sayings(self.root, self.field))
        self.types = {
            one.variable.name.value: type_from_ast(door.engine.schema, one.type)
            for one in operation.node.variable_definitions or ()
        }
        self.defaults = {
            one.variable.name.value: value_from_ast_untyped(one.default_value)
            for one in operation.node.variable_definitions or ()
            if one.default_value is not None
        }

    def described(self) -> Json:
        """The row as an OpenAPI operation."""
        row, name = self.row, self.row.operation
        sentence = self.field.description or name
        verb = "mutation" if self.operation.writes else "query"
        twin = f"The same as the {verb} `{self.root.name.value}` of the graph."
        body = self._body()
        return {
            "operationId": name[0].lower() + name[1:],
            "tags": [row.path.split("/")[1]],
            "summary": re.split(r"[.;] |\.$", sentence)[0],
            "description": f"{sentence}\n\n{twin}",
            "parameters": [*self._path(), *self._query(), *self._headers()],
            **({"requestBody": body} if body else {}),
            "responses": self._responses(has_body=body is not None),
            **({"security": []} if row.public else {}),
        }

    def _path_names(self) -> list[str]:
        return [part[1:-1] for part in self.row.path.split("/") if part.startswith("{")]

    def _free(self) -> list[str]:
        """Variables that neither path nor headers fill."""
        taken = HEADERS_AND_BODY.union(self._path_names())
        return [name for name in self.operation.variables if name not in taken]

    def _query_names(self) -> list[str]:
        """Variables that are query parameters: what is not the body's."""
        in_body = self.operation.writes and "body" not in self.operation.variables
        if self.row.read is not None or (in_body and self.row.method != "DELETE"):
            return []
        return self._free()

    def _body_names(self) -> list[str]:
        """Variables that are fields of the body; a DELETE has one only if it needs a variable."""
        names = self._free()
        if not self.operation.writes or "body" in self.operation.variables:
            return []
        needed = any(self.operation.variables[name].required for name in names)
        return names if self.row.method != "DELETE" or needed else []

    def _path(self) -> Iterator[Json]:
        segments = self.row.path.split("/")
        for name in self._path_names():
            noun = segments[segments.index(f"{{{name}}}") - 1]
            owner = noun[:-3] + "y" if noun.endswith("ies") else noun
            leaf = self.schemas.leaf(name, owner, self.said.get(name, ""))
            schema = self._worded(name) or bare(self.types[name], leaf)
            yield parts.parameter("path", name, schema, self.said.get(name), required=True)

    def _query(self) -> Iterator[Json]:
        elsewhere = self._body_names()
        for name in self._query_names():
            said = self.said.get(name)
            required = self.operation.variables[name].required and not elsewhere
            if name in parts.PAGING:
                yield parts.parameter("query", name, *parts.PAGING[name])
                continue
            if elsewhere and self.operation.variables[name].required:
                said = f"{said} Give them here or in the body, not in both."
            schema = self._worded(name) or self._variable(name, typed=False)
            more = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
            yield parts.parameter("query", name, schema, said, required=required, **more)

    def _worded(self, name: str) -> Json | None:
        """A value of query or path that the row translates into an enum's."""
        words = self.row.words.get(name)
        if words is None:
            return None
        kind = self.operation.variables[name].type
        schema: Json = {"type": "string", "enum": list(words)}
        if isinstance(kind, GraphQLEnumType):
            lines = [
                f"- `{word}`: {kind.values[value].description}" for word, value in words.items()
            ]
            schema["description"] = "\n".join(lines)
        chosen = [word for word, value in words.items() if value == self.defaults.get(name)]
        return {**schema, "default": chosen[0]} if chosen else schema

    def _variable(self, name: str, *, typed: bool) -> Json:
        """The schema of a variable; null is for bodies, and not for what has a default."""
        kind, said = self.types[name], self.said.get(name, "")
        leaf = self.schemas.leaf(name, self.row.operation, said, typed=typed)
        if self.operation.variables[name].type.name == "RawRow":
            # The graph lets a row be null, to tell it as that row's error: nobody should send one.
            kind = GraphQLNonNull(GraphQLList(GraphQLNonNull(get_named_type(cast("Any", kind)))))
            leaf = self._raw_row
        default = self.defaults.get(name)
        optional = typed and default is None
        schema = wrapped(kind, leaf, said) if optional else bare(kind, leaf, said)
        if self.operation.variables[name].many:
            # How many rows a batch takes is told where the batch is.
            schema |= list_limits(self.field.description or "")
        return schema if default is None else {**schema, "default": default}

    def _raw_row(self, _: object) -> Json:
        """A row of a batch: the body of the operation on a single one.

        The scalar says only that much, so the pair is found by name: CreateTransactions has rows
        of CreateTransaction.  A row that changes something also has the single one's path id.
        """
        single = self.door.operations.get(self.row.operation.removesuffix("s"))
        if single is None or "body" not in single.variables:
            return {"type": "object"}
        if "id" not in single.variables:
            return self._input(single)

        def make() -> Json:
            row = self._put(single)
            key = described(id_schema("id", single.name), "Which one to change.")
            properties = {**row["properties"], "id": key}
            return {**row, "properties": properties, "required": ["id", *row.get("required", [])]}

        return self.schemas.ref(f"{single.name}Row", make)

    def _input(self, operation: Stored) -> Json:
        """The schema of an operation's ``$body``."""
        kind = cast("GraphQLInputObjectType", operation.variables["body"].type)
        if "unchanged" in operation.variables:
            return self.schemas.ref(f"{operation.name}Body", lambda: self._put(operation))
        return self.schemas.ref(kind.name, lambda: self.schemas.input_object(kind))

    def _put(self, operation: Stored) -> Json:
        """An input that may also carry what GET answered, so that it can be sent back."""
        kind = cast("GraphQLInputObjectType", operation.variables["body"].type)
        schema = self.schemas.input_object(kind)
        row = next(one for one in self.door.endpoints if one.operation == operation.name)
        answer = Row(self.door, row, self.schemas).data()
        shown = (
            self.schemas.named[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        )
        for name, field in shown["properties"].items():
            if name not in schema["properties"]:
                schema["properties"][name] = {**field, "readOnly": True}
            elif always_there(field):
                schema["properties"][name] = without_null(schema["properties"][name])
        if "version" in shown["properties"]:
            said = "The version you have seen, as If-Match; another one is STALE_OBJECT."
            version = {"type": "integer", "format": "int32", "minimum": 1}
            schema["properties"]["version"] = described(version, said)
        return {**schema, "title": kind.name}

    def _body(self) -> Json | None:
        """What the request carries."""
        variable = self.operation.variables.get("body")
        names = self._body_names()
        if variable is not None and isinstance(variable.type, GraphQLInputObjectType):
            schema = (
                # Only the form shows these fields: no name for them without it.
                self.schemas.input_object(variable.type)
                if self.row.read == "multipart"
                else self._input(self.operation)
            )
            # Every field of it optional: then nothing at all is an empty object.
            needed = any(is_non_null_type(one.type) for one in variable.type.fields.values())
            required = variable.required and needed
        elif names or self.row.read is not None:
            properties = {
                name: described(self._variable(name, typed=True), self.said.get(name))
                for name in names
            }
            wanted = [name for name in names if self.operation.variables[name].required]
            schema = closed(properties, wanted, title=self.row.operation)
            required = bool(wanted) and self.row.method != "DELETE"
        else:
            return None
        content = {}
        if self.row.read == "json_or_multipart":
            self._need_upload(schema)
        if self.row.read != "multipart":
            content["application/json"] = self._with_example(schema)
        if self.row.read is not None:
            content["multipart/form-data"] = self._with_example(self._form(schema))
        return {"required": required or self.row.read is not None, "content": content}

    def _need_upload(self, schema: Json) -> None:
        """In JSON there is no file: it has to be named."""
        whole = self.schemas.named[schema["$ref"].rpartition("/")[2]]
        whole["properties"]["uploadId"] = without_null(whole["properties"]["uploadId"])
        whole.setdefault("required", []).append("uploadId")

    def _form(self, schema: Json) -> Json:
        """The fields as parts of a form, with the file in the place of its id."""
        if "$ref" in schema:
            schema = self.schemas.named[schema["$ref"].rpartition("/")[2]]
        properties = {
            name: without_null(field)
            for name, field in schema["properties"].items()
            if name not in _REPLACED_BY_FILE
        }
        wanted = [name for name in schema.get("required", []) if name in properties]
        properties["file"] = described(_FILE, "The file; a declared type is optional.")
        wanted = list(dict.fromkeys([*wanted, "file"]))
        return closed(properties, wanted, title=self.row.operation)

    def _example(self, schema: Json) -> object:
        return Examples(self.schemas.named).of(schema, "", self.row.operation)

    def _with_example(self, schema: Json) -> Json:
        example = Examples(self.schemas.named, request=True).of(schema, "", self.row.operation)
        return {"schema": schema, "example": example}

    def data(self, field: str | None = None) -> Json:
        """The schema of ``data`` in the answer: what the operation selects, or a field of that."""
        operation, selection = self.operation, self.root.selection_set
        if selection is None:
            leaf = self.schemas.leaf(self.root.name.value, operation.name, "")
            return bare(self.field.type, leaf)
        if operation.shape == "plain":
            return bare(self.field.type, lambda kind: self._selected(selection, kind))
        if operation.shape == "connection":
            return self._selected(selection, operation.returns)
        owner = cast("GraphQLObjectType", operation.returns).fields
        chosen = next(
            one
            for one in selection.selections
            if isinstance(one, FieldNode) and one.name.value == (field or operation.inner)
        )
        kind, inside = owner[chosen.name.value].type, cast("SelectionSetNode", chosen.selection_set)
        return bare(kind, lambda named: self._selected(inside, named))

    def _selected(self, selection: SelectionSetNode, kind: Any) -> Json:
        return self.schemas.selected(selection, kind, self.fragments)

    def _validator(self) -> bool:
        """Whether the answer has an entity tag; what goes on changing has none yet."""
        row = self.row
        if row.public or row.secret or row.expires:
            return False
        if not self.operation.writes:
            return True
        seen = "version" in self.operation.body_fields and row.status != 202
        return seen and self.door.twin(row) is not None

    def _headers(self) -> Iterator[Json]:
        known = self.operation.variables
        if "idempotencyKey" in known:
            yield parts.header_ref("Idempotency-Key")
        if "expectedVersion" in known:
            yield parts.header_ref("If-Match")
        if not self.operation.writes and self._validator():
            yield parts.header_ref("If-None-Match")

    def _responses(self, *, has_body: bool) -> Json:
        row, writes = self.row, self.operation.writes
        shown = {"id", "userId"} & self.operation.body_fields
        made = row.method == "POST" and row.status in {201, 202}
        counted = not row.public or self.root.name.value in POLICIES
        sent = ["X-Request-Id"]
        sent += ["RateLimit", "RateLimit-Policy"] if counted else []
        sent += ["ETag"] if self._validator() else []
        sent += ["Change-Cursor"] if not writes and not row.public else []
        sent += ["Location"] if made and shown else []
        sent += ["Idempotency-Replayed"] if "idempotencyKey" in self.operation.variables else []
        if row.write is not None:
            success = parts.download([*sent, "Content-Disposition"])
        else:
            schema = parts.envelope(self.data(), row.message)
            said = self.operation.returns.description
            success = parts.success(schema, self._example(schema), sent, said)
        found = {str(row.status): success}
        if self.operation.repeats:
            headers = {
                name: value for name, value in success["headers"].items() if name != "Location"
            }
            found["200"] = {**success, "description": "It was there already.", "headers": headers}
        if self.operation.instead is not None:
            schema = parts.envelope(self.data(self.operation.instead), row.message)
            sent = [name for name in sent if name != "ETag"]
            example, said = self._example(schema), "An invitation was sent."
            found["202"] = parts.success(schema, example, sent, said)
        if row.later is not None:
            waits = parts.envelope({"type": "object", "maxProperties": 0}, row.later)
            found["202"] = parts.success(waits, self._example(waits), sent, row.later)
        if not writes and self._validator():
            found["304"] = {"$ref": "#/components/responses/NotModified"}
        statuses = [400, 401, 403, 422, 429, 500, 503]
        statuses += [404] if self._path_names() else []
        statuses += [409] if writes else []
        statuses += [410] if row.ages else []
        statuses += [412] if "expectedVersion" in self.operation.variables else []
        statuses += [413, 415] if has_body else []
        return found | {str(one): parts.error_ref(one) for one in sorted(statuses)}
