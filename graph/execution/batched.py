"""Fields that say by what their values load, so that a whole level loads in one call."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

LoadMany = Callable[[Any, Any, Sequence[Any]], Awaitable[Sequence[Any]]]
"""Context, batch and distinct keys to values in the order of the keys; raising fails them all."""

_MARK: Final = "__batched__"


@dataclass(frozen=True, slots=True)
class Batched:
    """How a field loads: ``batch`` names what loads, ``key`` finds the key of one parent.

    ``key`` takes the parent, the field's info and its arguments; a key of None is a null.
    ``view`` turns parent, value and arguments into what is shown. Neither may wait.
    """

    batch: Any
    key: Callable[..., Hashable | None]
    view: Callable[..., Any] | None = None


def batched(resolver: F, declared: Batched) -> F:
    """Declare how a resolver loads; under another executor the resolver itself is called."""
    setattr(resolver, _MARK, declared)
    return resolver


def declared_of(resolver: Any) -> Batched | None:
    """What a resolver declares."""
    found = getattr(resolver, _MARK, None)
    return found if isinstance(found, Batched) else None
