"""What fields say of themselves: by what their values load, and what they look at.

``Batched`` lets a whole level load in one call.  ``reads`` names the attributes of its parents that
a function looks at, so that nothing else has to be fetched for it, and how it is asked of a whole
column of parents at once.  What says nothing may look at everything.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

LoadMany = Callable[[Any, Any, Sequence[Any]], Awaitable[Sequence[Any]]]
"""Context, batch and distinct keys to values in the order of the keys; raising fails them all."""

_BATCHED: Final = "__batched__"
_READS: Final = "__reads__"


@dataclass(frozen=True, slots=True)
class Reads:
    """What a function of one parent looks at."""

    names: tuple[str, ...]
    many: Callable[..., list[Any]] | None = None
    """The function for whole columns; may raise where for one parent the function would."""
    many_of: Callable[[type], Callable[..., list[Any]]] | None = None
    """The same by the class of the parents, where all are of one."""
    link: str | None = None

    @property
    def attributes(self) -> frozenset[str]:
        """The names, in no order."""
        return frozenset(self.names)


def reads(
    *attributes: str,
    many: Callable[..., list[Any]] | None = None,
    many_of: Callable[[type], Callable[..., list[Any]]] | None = None,
    link: str | None = None,
) -> Callable[[F], F]:
    """Declare what a resolver or a key looks at; it must look at nothing else of its parent.

    A predicate of a type that looks at no attribute is asked once for each class of objects.
    ``many`` takes the columns of these attributes, in their order, and gives what the function
    gives for each parent, its other parameters (info, arguments left out) aside; ``many_of`` makes
    such a function for parents of one class.  ``link`` says of a key that it is what links the
    objects that a sheet of parents has along by this attribute.
    """

    def declare(function: F) -> F:
        setattr(function, _READS, Reads(attributes, many, many_of, link))
        return function

    return declare


def reads_of(function: Any) -> Reads | None:
    """What a function declares to look at."""
    found = getattr(function, _READS, None)
    return found if isinstance(found, Reads) else None


@dataclass(frozen=True, slots=True)
class Batched:
    """How a field loads: ``batch`` names what loads, ``key`` finds the key of one parent.

    ``key`` takes the parent, the field's info and its arguments; a key of None is a null.
    ``view`` turns parent, value and arguments into what is shown. Neither may wait.
    ``narrows`` tells that the batch can be told which attributes of its values are looked at.
    """

    batch: Any
    key: Callable[..., Hashable | None]
    view: Callable[..., Any] | None = None
    narrows: bool = False


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A batch of which only some attributes of the values are looked at."""

    batch: Any
    attributes: frozenset[str]


def batched(resolver: F, declared: Batched) -> F:
    """Declare how a resolver loads; under another executor the resolver itself is called."""
    setattr(resolver, _BATCHED, declared)
    return resolver


def declared_of(resolver: Any) -> Batched | None:
    """What a resolver declares."""
    found = getattr(resolver, _BATCHED, None)
    return found if isinstance(found, Batched) else None
