"""Plans: validated operations compiled once, and what is covered by them."""

from collections.abc import Mapping
from inspect import iscoroutinefunction
from itertools import chain
from typing import Any, Final

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    VariableNode,
    is_interface_type,
    is_non_null_type,
    is_object_type,
    is_required_argument,
    is_union_type,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import (
    VariableValues,
    get_argument_values,
)
from graphql.pyutils import Path

from graph.execution.batched import LoadMany, Narrowed
from graph.execution.calls import Call, Constant, call_of
from graph.execution.coercing import Coercers
from graph.execution.columns import Shape
from graph.execution.literals import Literal, literal
from graph.execution.nodes import conditions_of, descendants
from graph.execution.run import Outcome, Run
from graph.execution.shapes import shape_of
from graph.execution.variables import Variables
from graph.execution.wanted import EVERYTHING, Wanted, settle

_VARIANTS: Final = 64
"""Remembered combinations of the variables in @skip and @include, for each operation."""
_INTROSPECTION: Final = frozenset({"__schema", "__type"})
_TYPE_NAME: Final = GraphQLField(GraphQLNonNull(GraphQLString))


class Plans:
    """Compiles the operations of one schema."""

    def __init__(
        self, schema: strawberry.Schema, load_many: LoadMany, *, hide_suggestions: bool = False
    ) -> None:
        self.strawberry = schema
        self.schema: GraphQLSchema = schema._schema  # noqa: SLF001 - no public name
        self.load_many = load_many
        self.hide_suggestions = hide_suggestions
        self.coercers = Coercers()
        self._calls: dict[int, tuple[Call, bool]] = {}
        self._shapes: dict[int, Shape] = {}
        self._covers = not any(map(_waits_for_types, self.schema.type_map.values()))

    def compile(
        self, document: DocumentNode, operation: OperationDefinitionNode
    ) -> "OperationPlan | None":
        """The plan of a validated operation; None for what the reference has to execute.

        That is introspection, subscriptions, operations with directives of their own, fragments
        with variables, and schemas that wait to tell the type of an object.
        """
        if not self._covers or operation.operation is OperationType.SUBSCRIPTION:
            return None
        if operation.directives:
            return None
        fragments = {
            one.name.value: one
            for one in document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }
        if any(one.variable_definitions for one in fragments.values()):
            return None
        nodes = [operation, *fragments.values()]
        if any(
            isinstance(one, FieldNode) and one.name.value in _INTROSPECTION
            for one in chain.from_iterable(map(descendants, nodes))
        ):
            return None
        return OperationPlan(self, operation, fragments)

    def call(self, definition: GraphQLField) -> tuple[Call, bool]:
        """How a field of the schema is called."""
        found = self._calls.get(id(definition))
        if found is None:
            found = self._calls[id(definition)] = call_of(self.strawberry, definition)
        return found

    def shape(self, definition: GraphQLField) -> Shape:
        """The shape of a field of the schema."""
        found = self._shapes.get(id(definition))
        if found is None:
            found = self._shapes[id(definition)] = shape_of(self.schema, definition.type)
        return found


def _waits_for_types(kind: Any) -> bool:
    if is_object_type(kind):
        return iscoroutinefunction(kind.is_type_of)
    if is_interface_type(kind) or is_union_type(kind):
        return iscoroutinefunction(kind.resolve_type)
    return False


class OperationPlan:
    """One operation, ready to run with any variables."""

    def __init__(
        self,
        plans: Plans,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self.plans = plans
        self.schema = plans.schema
        self.load_many = plans.load_many
        self.operation = operation
        self.fragments = dict(fragments)
        self.details = {name: FragmentDetails(one) for name, one in fragments.items()}
        self._conditions = conditions_of([operation, *fragments.values()])
        self._variants: dict[tuple[bool, ...], list[Selection]] = {}
        self._variables = Variables(self.schema, operation, plans.coercers)

    def values(self, given: Mapping[str, Any]) -> VariableValues | None:
        """Coerced variables; None when one is not what its definition says."""
        return self._variables.of(given)

    def covers(self, variables: VariableValues) -> bool:
        """Whether the conditions of this run are all true or false."""
        return all(type(variables.coerced.get(name)) is bool for name in self._conditions)

    async def run(self, context: Any, variables: VariableValues, root_value: Any = None) -> Outcome:
        """Execute; nothing that a resolver raises is raised here."""
        steps = self._steps(variables)
        if len(steps) == 1:
            return await Run(self, context, variables, root_value).outcome(steps[0])
        data: dict[str, Any] = {}
        errors: list[GraphQLError] = []
        for step in steps:
            outcome = await Run(self, context, variables, root_value).outcome(step)
            errors += outcome.errors
            if outcome.data is None:
                return Outcome(None, errors)
            data.update(outcome.data)
        return Outcome(data, errors)

    def _steps(self, variables: VariableValues) -> list["Selection"]:
        """Root selections, one after another: those of mutations have one field each."""
        key = tuple(variables.coerced[name] for name in self._conditions)
        found = self._variants.get(key)
        if found is None:
            chosen = VariableValues({}, dict(zip(self._conditions, key, strict=True)))
            root = self.schema.get_root_type(self.operation.operation)
            if root is None:
                raise GraphQLError("The schema has no root type for this operation.")
            grouped = collect_fields(
                self.schema,
                self.details,
                chosen,
                root,
                self.operation,
                self.plans.hide_suggestions,
            ).grouped_field_set
            if self.operation.operation is OperationType.MUTATION:
                groups = [{name: details} for name, details in grouped.items()]
            else:
                groups = [grouped]
            found = [Selection(self, root, one, None, chosen) for one in groups]
            settle(found)
            if len(self._variants) >= _VARIANTS:
                self._variants.clear()
            self._variants[key] = found
        return found


class Selection:
    """The fields that are asked of one type in one place."""

    __slots__ = ("completes", "fields", "keys", "starts")

    def __init__(
        self,
        plan: OperationPlan,
        kind: GraphQLObjectType,
        grouped: Mapping[str, list[FieldDetails]],
        path: Path | None,
        chosen: VariableValues,
    ) -> None:
        fields = []
        for key, details in grouped.items():
            name = details[0].node.name.value
            call: tuple[Call, bool] = (Constant(kind.name), False)
            definition = _TYPE_NAME
            if name != "__typename":
                found = plan.schema.get_field(kind, name)
                if found is None:
                    continue
                definition, call = found, plan.plans.call(found)
            fields.append(Field(plan, kind, key, definition, details, call, path, chosen))
        self.fields: tuple[Field, ...] = tuple(fields)
        self.keys = tuple(one.key for one in fields)
        self.starts = tuple((one.call.plain, one.call.start, one) for one in fields)
        """The plain attribute that a field is, if it is one, what starts it, and the field."""
        self.completes = tuple(one.shape.complete for one in fields)


class Field:
    """One field of a selection."""

    __slots__ = (
        "_chosen",
        "_details",
        "_direct",
        "_fixed",
        "_literals",
        "_plan",
        "_selections",
        "call",
        "definition",
        "key",
        "name",
        "narrowed",
        "nodes",
        "parent",
        "path",
        "shape",
        "shared",
        "wanted",
    )

    def __init__(
        self,
        plan: OperationPlan,
        parent: GraphQLObjectType,
        key: str,
        definition: GraphQLField,
        details: list[FieldDetails],
        call: tuple[Call, bool],
        path: Path | None,
        chosen: VariableValues,
    ) -> None:
        self._plan = plan
        self._details = details
        self._chosen = chosen
        self._selections: dict[str, Selection] = {}
        self.parent = parent
        self.key = key
        self.name = details[0].node.name.value
        self.nodes = [one.node for one in details]
        self.definition = definition
        self.call, self.shared = call
        self.shape = plan.plans.shape(definition)
        self.path = Path(path, key, parent.name)
        self.narrowed: Narrowed | None = None
        self.wanted: Wanted = EVERYTHING
        self._fixed: dict[str, Any] | None = None
        self._direct: list[tuple[str, str, bool]] | None = None
        self._literals: list[tuple[str, Literal]] = []
        self._prepare_arguments()

    def selection(self, kind: GraphQLObjectType) -> Selection:
        """What is asked of an object of a type, compiled when the first one comes."""
        found = self._selections.get(kind.name)
        if found is None:
            plan = self._plan
            grouped = collect_subfields(
                plan.schema,
                plan.details,
                self._chosen,
                plan.operation,
                kind,
                self._details,
                plan.plans.hide_suggestions,
            ).grouped_field_set
            found = Selection(plan, kind, grouped, self.path, self._chosen)
            self._selections[kind.name] = found
        return found

    def _prepare_arguments(self) -> None:
        """Part literal arguments, known already, from those that are a variable."""
        node = self.nodes[0]
        direct: list[tuple[str, str, bool]] = []
        fixed = []
        for one in node.arguments or ():
            if isinstance(one.value, VariableNode):
                definition = self.definition.args[one.name.value]
                out = definition.out_name or one.name.value
                required = is_non_null_type(definition.type)
                direct.append((out, one.value.name.value, required))
            elif any(isinstance(below, VariableNode) for below in descendants(one.value)):
                definition = self.definition.args[one.name.value]
                taken = literal(one.value, definition.type)
                if taken is None:
                    return
                self._literals.append((definition.out_name or one.name.value, taken))
            else:
                fixed.append(one)
        known = FieldNode(name=node.name, arguments=tuple(fixed), loc=node.loc)
        # What has to be given, and is by a variable, has no default to be found here.
        given = {
            one.name.value for one in node.arguments or () if isinstance(one.value, VariableNode)
        }
        rest = {
            name: one
            for name, one in self.definition.args.items()
            if name not in given or not is_required_argument(one)
        }
        try:
            found = get_argument_values(GraphQLField(self.definition.type, rest), known)
        except GraphQLError:
            return
        if not any(isinstance(one, list | dict) for one in found.values()):
            # A list or an object is made anew for each run, as its resolver may change it.
            self._fixed, self._direct = found, direct

    def arguments(self, variables: VariableValues) -> dict[str, Any]:
        """Argument values by their names in the schema; raises GraphQLError."""
        if self._direct is None or self._fixed is None:
            return self._by_the_book(variables)
        found = dict(self._fixed)
        coerced = variables.coerced
        for name, variable, required in self._direct:
            value = coerced.get(variable)
            if value is not None or (variable in coerced and not required):
                found[name] = value
            elif required:
                # Absent or null: that is wrong, or there is a default.
                return self._by_the_book(variables)
        for name, taken in self._literals:
            value = taken.filled(coerced)
            if value is Undefined:
                return self._by_the_book(variables)
            found[name] = value
        return found

    def _by_the_book(self, variables: VariableValues) -> dict[str, Any]:
        return get_argument_values(
            self.definition, self.nodes[0], variables, None, self._plan.plans.hide_suggestions
        )
