"""What an operation looks at: for each place in it, the attributes of the objects that stand there.

It is found out once, when an operation is compiled, from what fields say of themselves
(``reads``).  A resolver that gives objects may ask for it (``wanted_of``) and leave out the rest.
A field that says nothing looks at everything, so that a missing word costs time and no answer.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from graphql import GraphQLObjectType, get_named_type

from graph.execution.batched import Batched, Narrowed

if TYPE_CHECKING:
    from graph.execution.operation import Field, Selection

Attributes = frozenset[str] | None
"""Names of attributes; None for all of them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked at of the objects of one place."""

    attributes: Attributes
    follows: tuple[Narrowed, ...] = ()
    """Batches that load by these objects, each with what is looked at of its values."""
    below: Mapping[str, "Wanted"] = field(default_factory=dict)
    """The same for the objects of a field, by its name."""

    _among: dict[tuple[tuple[str, ...], ...], "Wanted"] = field(default_factory=dict)

    def among(self, *paths: tuple[str, ...]) -> "Wanted":
        """What is looked at of the objects behind some paths of fields, together."""
        if self is EVERYTHING:
            return self
        known = self._among.get(paths)
        if known is None:
            known = self._among[paths] = joined(self._at(path) for path in paths)
        return known

    def _at(self, path: tuple[str, ...]) -> "Wanted | None":
        found: Wanted | None = self
        for name in path:
            found = None if found is None else found.below.get(name)
        return found


EVERYTHING: Final = Wanted(None)


def wanted_of(info: Any) -> Wanted:
    """What is looked at of the objects of a field, by the info of its resolver."""
    raw = getattr(info, "_raw_info", info)
    found = getattr(raw, "wanted", None)
    return found if isinstance(found, Wanted) else EVERYTHING


def joined(some: Iterable[Wanted | None]) -> Wanted:
    """What is looked at in any of some places."""
    attributes: Attributes = frozenset()
    follows: dict[Narrowed, None] = {}
    below: dict[str, Wanted] = {}
    for one in some:
        if one is None:
            continue
        attributes = either(attributes, one.attributes)
        follows |= dict.fromkeys(one.follows)
        for name, more in one.below.items():
            below[name] = joined((below.get(name), more))
    return Wanted(attributes, tuple(follows), below)


def either(one: Attributes, other: Attributes) -> Attributes:
    """The attributes of both."""
    return None if one is None or other is None else one | other


def settle(roots: Iterable["Selection"]) -> None:
    """Find out for all fields below some selections what is looked at behind them.

    A batch is narrowed alike wherever the operation loads by it, so that what was loaded for one
    place is good for the other.
    """
    roots = list(roots)
    looked: dict[Any, Attributes] = {}
    for one in _fields(roots):
        declared = _narrowing(one)
        if declared is not None:
            found = _looked_at(one)
            looked[declared.batch] = either(looked.get(declared.batch, frozenset()), found)
    for one in _fields(roots):
        declared = _narrowing(one)
        if declared is not None:
            attributes = looked[declared.batch]
            if attributes is not None:
                one.narrowed = Narrowed(declared.batch, attributes)
    for one in _fields(roots):
        one.wanted = _wanted(one)


def _fields(selections: Iterable["Selection"]) -> Iterator["Field"]:
    """All fields in places whose type is known before anything runs."""
    for selection in selections:
        for one in selection.fields:
            yield one
            kind = _object_type(one)
            if kind is not None:
                yield from _fields([one.selection(kind)])


def _object_type(one: "Field") -> GraphQLObjectType | None:
    kind = get_named_type(one.definition.type)
    return kind if isinstance(kind, GraphQLObjectType) else None


def _narrowing(one: "Field") -> Batched | None:
    """How a field loads, where that can be told what is looked at.

    A view may look at everything.
    """
    declared = one.call.declared
    return declared if declared is not None and declared.narrows and not declared.view else None


def _looked_at(one: "Field") -> Attributes:
    """Attributes of a field's objects that their selection looks at."""
    kind = _object_type(one)
    if kind is None:
        return None
    found: Attributes = frozenset()
    for below in one.selection(kind).fields:
        found = either(found, below.call.reads)
    return found


def _wanted(one: "Field") -> Wanted:
    kind = _object_type(one)
    if kind is None:
        return EVERYTHING
    fields = one.selection(kind).fields
    below: dict[str, Wanted] = {}
    for each in fields:
        if _object_type(each) is not None:
            below[each.name] = joined((below.get(each.name), _wanted(each)))
    follows = dict.fromkeys(each.narrowed for each in fields if each.narrowed is not None)
    return Wanted(_looked_at(one), tuple(follows), below)
