"""Documents made at random over any schema: valid ones with variables, fragments and conditions."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
)


@dataclass
class Maker:
    """Writes one document; ``known`` gives values for scalars, by name of type and argument."""

    schema: GraphQLSchema
    random: Random
    known: dict[str, list[Any]]
    depth: int = 4
    omit: frozenset[str] = frozenset()
    variables: dict[str, tuple[str, Any]] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    aliases: int = 0

    @classmethod
    def seeded(
        cls,
        schema: GraphQLSchema,
        seed: int,
        known: dict[str, list[Any]],
        *,
        depth: int,
        omit: frozenset[str] = frozenset(),
    ) -> "Maker":
        """A maker whose documents follow from a number."""
        return cls(schema, Random(seed), known, depth, omit)  # noqa: S311 - nothing is kept secret by it

    def document(self, operation: str = "query") -> tuple[str, dict[str, Any]]:
        """A document and its variables."""
        root = getattr(self.schema, f"{operation}_type")
        body = self.selection(root, self.depth)
        definitions = ", ".join(f"${name}: {kind}" for name, (kind, _) in self.variables.items())
        head = f"{operation} Made({definitions})" if definitions else f"{operation} Made"
        text = "\n".join([f"{head} {body}", *self.fragments.values()])
        return text, {
            name: value for name, (_, value) in self.variables.items() if value is not ...
        }

    def selection(self, kind: Any, depth: int) -> str:
        """Fields of a type in braces."""
        parts = [self.part(kind, depth) for _ in range(self.random.randint(1, 4))]
        return "{ " + " ".join(part or "__typename" for part in parts) + " }"

    def part(self, kind: Any, depth: int) -> str:
        """A field, an inline fragment or a spread."""
        roll = self.random.random()
        if is_abstract_type(kind) and roll < 0.55:
            kinds = list(self.schema.get_possible_types(kind))
            inner = self.random.choice(kinds)
            return f"... on {inner.name}{self.condition()} {self.selection(inner, depth)}"
        if roll < 0.06:
            return f"...{self.condition()} {self.selection(kind, depth)}"
        if roll < 0.12 and len(self.fragments) < 3:
            name = f"F{len(self.fragments)}"
            self.fragments[name] = ""
            self.fragments[name] = f"fragment {name} on {kind.name} {self.selection(kind, depth)}"
            return f"...{name}{self.condition()} " + (f"...{name}" if roll < 0.08 else "")
        return self.field(kind, depth)

    def field(self, kind: Any, depth: int) -> str:
        """A field with alias, arguments, condition and selection."""
        fields = (
            getattr(kind, "fields", {})
            if not is_abstract_type(kind) or is_interface_type(kind)
            else {}
        )
        names = [
            name
            for name, one in fields.items()
            if name not in self.omit and (depth > 0 or is_leaf_type(get_named_type(one.type)))
        ]
        if not names or self.random.random() < 0.05:
            return f"__typename{self.condition()}"
        name = self.random.choice(names)
        one: GraphQLField = fields[name]
        arguments = self.arguments(one.args)
        named = get_named_type(one.type)
        below = "" if is_leaf_type(named) else " " + self.selection(named, depth - 1)
        alias = ""
        if arguments or self.random.random() < 0.15:
            self.aliases += 1
            alias = f"a{self.aliases}: "
        return f"{alias}{name}{arguments}{self.condition()}{below}"

    def condition(self) -> str:
        """Now and then a condition, by a literal or a variable."""
        if self.random.random() > 0.12:
            return ""
        word = self.random.choice(["skip", "include"])
        if self.random.random() < 0.4:
            return f" @{word}(if: {self.random.choice(['true', 'false'])})"
        name = f"b{self.random.randint(0, 2)}"
        if name not in self.variables:
            given = self.random.choice([True, False])
            self.variables[name] = ("Boolean!", given)
            if self.random.random() < 0.2:
                self.variables[name] = ("Boolean! = false", ...)
        return f" @{word}(if: ${name})"

    def arguments(self, arguments: dict[str, GraphQLArgument]) -> str:
        """Some arguments, all required ones among them."""
        found = []
        for name, one in arguments.items():
            if not is_required_argument(one) and self.random.random() < 0.5:
                continue
            if self.random.random() < 0.5:
                variable = f"v{len(self.variables)}"
                value = self.value(one.type, name)
                if not is_non_null_type(one.type) and self.random.random() < 0.2:
                    value = ...
                self.variables[variable] = (str(one.type), value)
                found.append(f"{name}: ${variable}")
            else:
                found.append(f"{name}: {self.literal(one.type, self.value(one.type, name))}")
        return f"({', '.join(found)})" if found else ""

    def value(self, kind: Any, name: str) -> Any:
        """A value as JSON has it."""
        if not is_non_null_type(kind) and self.random.random() < 0.1:
            return None
        return self.required(kind, name)

    def _some(self, kind: Any, name: str) -> Any:
        if is_list_type(kind):
            return [self.required(kind.of_type, name) for _ in range(self.random.randint(0, 3))]
        if is_enum_type(kind):
            return self.random.choice(list(kind.values))
        if is_input_object_type(kind):
            return {
                key: self.required(one.type, key)
                for key, one in kind.fields.items()
                if is_non_null_type(one.type) or self.random.random() < 0.4
            }
        choices = self.known.get(f"{kind.name}.{name}") or self.known[kind.name]
        return self.random.choice(choices)

    def required(self, kind: Any, name: str) -> Any:
        """A value that is not null."""
        return self._some(kind.of_type if is_non_null_type(kind) else kind, name)

    def literal(self, kind: Any, value: Any) -> str:
        """A value as a document has it."""
        if is_non_null_type(kind):
            kind = kind.of_type
        if value is None:
            return "null"
        if is_list_type(kind):
            return "[" + ", ".join(self.literal(kind.of_type, one) for one in value) + "]"
        if is_enum_type(kind):
            return str(value)
        if is_input_object_type(kind):
            inner = (f"{k}: {self.literal(kind.fields[k].type, v)}" for k, v in value.items())
            return "{" + ", ".join(inner) + "}"
        if isinstance(value, bool):
            return "true" if value else "false"
        return f'"{value}"' if isinstance(value, str) else str(value)
