"""From GraphQL types and selections to JSON Schemas."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    ObjectValueNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

Json = dict[str, Any]
Leaf = Callable[[GraphQLNamedType], Json]
"""The schema of a named type, without its lists and its nullability."""

AMOUNT: Final = r"^-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?$"
# What is sent is at most 10^14 minor units, with at most the four digits that a currency has.
AMOUNT_SENT: Final = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?$"
CURRENCY: Final = "^[A-Z]{3}$"
COLOR: Final = "^#[0-9a-fA-F]{6}$"
_KEY: Final = "^[a-z0-9_]{1,40}$"
ID_BODY: Final = "[0-7][0-9a-hjkmnp-tv-z]{25}$"
_ANY_PREFIX: Final = "^[a-z]{3,5}_"

# The type name in an id is decided where ids are made, out of reach of this room.  A noun that is
# missing here only means that the pattern takes an id of any type.
_PREFIXES: Final[Mapping[str, str]] = {
    "account": "acct", "balance": "acct", "budget": "bdgt", "category": "cat", "file": "file",
    "group": "grp", "grouptransaction": "gtxn", "import": "imp", "invitation": "inv",
    "invitedby": "user", "item": "item", "member": "user", "moveto": "cat",
    "notification": "notif", "parent": "cat", "profile": "user", "rate": "rate", "refundof": "txn",
    "rule": "rule", "session": "ses", "template": "tmpl", "token": "tok", "transaction": "txn",
    "transfer": "txn", "tx": "gtxn", "upload": "file", "user": "user", "viewer": "user",
}  # fmt: skip

# What a name alone says; limits in the description go before these.
_BY_FIELD: Final[Mapping[str, Json]] = {
    "email": {"format": "email"},
    "locale": {"pattern": "^[a-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$"},
    "password": {"format": "password", "minLength": 1, "maxLength": 1024},
    "tag": {"minLength": 1, "maxLength": 60},
}

_NUMBER_WORDS: Final = {"two": 2}
_LENGTHS: Final = (
    # How a description words a limit, and the keywords of its groups, for text and for lists.
    (re.compile(r"\b([\d,]+) to ([\d,]+) characters"), ("minLength", "maxLength")),
    (re.compile(r"\b[Uu]p to ([\d,]+) characters"), ("maxLength",)),
    (re.compile(r"\b[Aa]t least ([\d,]+) characters"), ("minLength",)),
)
# A plural has to follow, or the limits of a list's values would be taken for those of the list.
_COUNTS: Final = (
    (re.compile(r"\b([\d,]+) to ([\d,]+) (?!characters)[a-z]+s\b"), ("minItems", "maxItems")),
    (re.compile(r"\b(?:[Uu]p to|[Aa]t most) ([\d,]+) (?!characters)[a-z]+s\b"), ("maxItems",)),
    (re.compile(r"\b[Aa]t least ([\d,]+|two) (?!characters)[a-z]+s\b"), ("minItems",)),
)


def _limits(description: str, wordings: Iterable[tuple[re.Pattern[str], tuple[str, ...]]]) -> Json:
    """Limits that a description states: what people read is what programs check."""
    found: Json = {}
    for pattern, keywords in wordings:
        match = pattern.search(description)
        for keyword, text in zip(keywords, match.groups() if match else (), strict=False):
            bare = text.replace(",", "")
            number = int(bare) if bare.isdecimal() else _NUMBER_WORDS.get(bare)
            if number is not None:
                found.setdefault(keyword, number)
    return found


def list_limits(description: str) -> Json:
    """Limits on the length of a list."""
    return _limits(description, _COUNTS)


def id_schema(field: str, owner: str) -> Json:
    """An id: its prefix by the field's name (``accountId``), of a bare ``id`` by the owner's."""
    bare_id = field in {"id", "ids"}
    text = (owner if bare_id else field.removesuffix("Ids").removesuffix("Id")).lower()
    # The noun that ends last names the thing: an item of a budget, a transaction of a group.
    nouns = [noun for noun in _PREFIXES if noun in text]
    noun = max(nouns, key=lambda one: (text.rindex(one) + len(one), len(one)), default=None)
    start = f"^{_PREFIXES[noun]}_" if noun else _ANY_PREFIX
    return {"type": "string", "pattern": start + ID_BODY}


def _text(field: str, description: str) -> Json:
    found: Json = {"type": "string", **_BY_FIELD.get(field, {})}
    if field.endswith("Url"):
        found["format"] = "uri"
    if "ISO 4217" in description:
        found["pattern"] = CURRENCY
    elif "#rrggbb" in description:
        found["pattern"] = COLOR
    elif "a-z, 0-9 and _" in description:
        found["pattern"] = _KEY
    return found | _limits(description, _LENGTHS)


def scalar_schema(name: str, field: str, owner: str, description: str, *, typed: bool) -> Json:
    """The schema of a scalar; ``typed`` is a JSON input, where an amount may be a number too."""
    if name == "ID":
        return id_schema(field, owner)
    if name == "String":
        return _text(field, description)
    if name == "Amount":
        if not typed:
            return {"type": "string", "pattern": AMOUNT}
        bounds = {"minimum": -(10**14), "maximum": 10**14}
        return {"type": ["string", "number"], "pattern": AMOUNT_SENT, **bounds}
    known: dict[str, Json] = {
        "Boolean": {"type": "boolean"},
        "Date": {"type": "string", "format": "date"},
        "Float": {"type": "number"},
        "Instant": {"type": "string", "format": "date-time"},
        "Int": {"type": "integer", "format": "int32"},
        "JSONObject": {"type": "object"},
    }
    return dict(known.get(name, {}))


def nullable(schema: Json) -> Json:
    """The same schema or null."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    kind = schema.get("type")
    if kind is None:
        return schema
    return {**schema, "type": [*(kind if isinstance(kind, list) else [kind]), "null"]}


def without_null(schema: Json) -> Json:
    """The same schema where null cannot be said: in forms."""
    if "anyOf" in schema:
        more = {name: value for name, value in schema.items() if name != "anyOf"}
        return {**schema["anyOf"][0], **more}
    kind = schema.get("type")
    if not isinstance(kind, list):
        return schema
    kinds = [one for one in kind if one != "null"]
    return {**schema, "type": kinds[0] if len(kinds) == 1 else kinds}


def always_there(schema: Json) -> bool:
    """Whether an answer always holds a value there: then null cannot clear it. A list it empties."""
    kind = schema.get("type", "")
    return "anyOf" not in schema and kind != "array" and "null" not in kind


def wrapped(kind: Any, leaf: Leaf, description: str = "") -> Json:
    """A type with its lists and its nullability around the schema of its named type."""
    if is_non_null_type(kind):
        return bare(kind.of_type, leaf, description)
    return nullable(bare(kind, leaf, description))


def bare(kind: Any, leaf: Leaf, description: str = "") -> Json:
    """A type without its own nullability: that of its entries stays."""
    inner = kind.of_type if is_non_null_type(kind) else kind
    if is_list_type(inner):
        items = wrapped(inner.of_type, leaf)
        return {"type": "array", "items": items, **list_limits(description)}
    return leaf(cast("GraphQLNamedType", inner))


def closed(properties: Json, required: list[str], **more: Any) -> Json:
    """An object with these properties and no others."""
    return {
        "type": "object",
        **{name: value for name, value in more.items() if value},
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def described(schema: Json, text: str | None) -> Json:
    """The schema with a description (a reference may have one beside it)."""
    return {**schema, "description": text} if text else schema


def page(rows: Json) -> Json:
    """A page of a list."""
    properties = {
        "items": {**rows, "maxItems": 100},
        "nextCursor": {
            "type": ["string", "null"],
            "description": "Send it as cursor for the next page; null on the last one.",
        },
        "hasMore": {"type": "boolean", "description": "Whether another page follows."},
    }
    return closed(properties, list(properties))


class Schemas:
    """Named schemas, collected while the operations are described."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.named: Json = {}

    def ref(self, name: str, make: Callable[[], Json]) -> Json:
        """A reference to a named schema, made at its first use."""
        if name not in self.named:
            self.named[name] = {}  # a type that holds itself finds its name taken
            self.named[name] = make()
        return {"$ref": f"#/components/schemas/{name}"}

    def _enum(self, kind: GraphQLEnumType) -> Json:
        lines = [f"- `{name}`: {value.description}" for name, value in kind.values.items()]
        text = "\n".join([kind.description or "", "", *lines])
        return {"type": "string", "description": text, "enum": list(kind.values)}

    def leaf(self, field: str, owner: str, description: str, *, typed: bool = False) -> Leaf:
        """Schemas of scalars, enums and inputs that are called so in that owner."""

        def of(kind: GraphQLNamedType) -> Json:
            if isinstance(kind, GraphQLEnumType):
                return self.ref(kind.name, lambda: self._enum(kind))
            if isinstance(kind, GraphQLInputObjectType):
                return self.ref(kind.name, lambda: self.input_object(kind))
            return scalar_schema(kind.name, field, owner, description, typed=typed)

        return of

    def input_object(self, kind: GraphQLInputObjectType) -> Json:
        """An input as the body that is sent."""
        properties: Json = {}
        for name, field in kind.fields.items():
            said = field.description or ""
            leaf = self.leaf(name, kind.name, said, typed=True)
            properties[name] = described(wrapped(field.type, leaf, said), said)
        required = [name for name, field in kind.fields.items() if is_non_null_type(field.type)]
        return closed(properties, required, description=kind.description)

    def selected(
        self,
        selection: SelectionSetNode,
        kind: GraphQLNamedType,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> Json:
        """What is selected of an object; a fragment alone is a named schema."""
        names = {one.name.value: one for one in selection.selections if isinstance(one, FieldNode)}
        if kind.name.endswith("Connection") and {"nodes", "pageInfo"} <= names.keys():
            return page(self._field(names["nodes"], kind, fragments))
        first = selection.selections[0]
        if isinstance(first, FragmentSpreadNode) and len(selection.selections) == 1:
            fragment = fragments[first.name.value]
            inner = self._schema.type_map[fragment.type_condition.name.value]
            name = fragment.name.value.removesuffix("Body")
            return self.ref(name, lambda: self._object(fragment.selection_set, inner, fragments))
        return {**self._object(selection, kind, fragments), "title": kind.name}

    def _object(
        self,
        selection: SelectionSetNode,
        kind: GraphQLNamedType,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> Json:
        properties: Json = {}
        required: list[str] = []
        for one in selection.selections:
            if isinstance(one, FieldNode):
                name = one.alias.value if one.alias else one.name.value
                properties[name] = self._field(one, kind, fragments)
                required.append(name)
                continue
            if isinstance(one, InlineFragmentNode):
                inner_selection, condition = one.selection_set, one.type_condition
            else:
                spread = fragments[cast("FragmentSpreadNode", one).name.value]
                inner_selection, condition = spread.selection_set, spread.type_condition
            inner = self._schema.type_map[condition.name.value] if condition else kind
            part = self._object(inner_selection, inner, fragments)
            properties |= part["properties"]
            # Fields of one of several possible types are only there for that type.
            if inner is kind:
                required += part.get("required", [])
        return closed(properties, list(dict.fromkeys(required)), description=kind.description)

    def _field(
        self,
        node: FieldNode,
        owner: GraphQLNamedType,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> Json:
        if not isinstance(owner, GraphQLObjectType | GraphQLInterfaceType):
            return {"type": "string"}  # of a union only __typename can be asked
        if node.name.value == "__typename":
            return {"type": "string"}
        field = owner.fields[node.name.value]
        said = field.description or ""
        inside = node.selection_set
        if inside is None:
            leaf = self.leaf(node.name.value, owner.name, said)
        else:

            def leaf(kind: GraphQLNamedType) -> Json:
                return self.selected(inside, kind, fragments)

        return described(wrapped(field.type, leaf), said)


def sayings(root: FieldNode, field: GraphQLField) -> Iterator[tuple[str, str]]:
    """What the schema says of each variable: where it is used, alone or inside of an input."""
    waiting: list[tuple[ValueNode, GraphQLArgument | GraphQLInputField]] = [
        (one.value, field.args[one.name.value]) for one in root.arguments or ()
    ]
    while waiting:
        value, place = waiting.pop()
        if isinstance(value, VariableNode):
            yield value.name.value, place.description or ""
        elif isinstance(value, ObjectValueNode):
            kind = get_named_type(place.type)
            if isinstance(kind, GraphQLInputObjectType):
                waiting += [(one.value, kind.fields[one.name.value]) for one in value.fields]
    inside = get_named_type(field.type)
    if root.selection_set is not None and isinstance(inside, GraphQLObjectType):
        for one in root.selection_set.selections:
            if isinstance(one, FieldNode) and one.name.value in inside.fields:
                yield from sayings(one, inside.fields[one.name.value])
