"""A small world of people and pets whose fields fail by fate, for executors to agree on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any
from zlib import crc32

import strawberry
from strawberry import UNSET, Info, Parent
from strawberry.scalars import JSON

from graph.execution import Batched, batched


@strawberry.enum
class Mood(Enum):
    CALM = "calm"
    WILD = "wild"


@dataclass
class Context:
    """One operation: its fate, what it loaded and what it did."""

    seed: int = 0
    harm: int = 10
    """In so many of a hundred places something goes wrong."""
    loads: list[list[Any]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    async def load(self, batch: Any, key: Any) -> Any:
        value = (await batch(self, [key]))[0]
        if isinstance(value, Exception):
            raise value
        return value

    def fate(self, *about: Any) -> int:
        return crc32(repr((self.seed, about)).encode())

    def twist(self, value: Any, *about: Any) -> Any:
        """A value, or what fate makes of it."""
        fate = self.fate(*about)
        if fate % 100 >= self.harm:
            return value
        kind = fate // 100 % 6
        if kind == 0:
            raise ValueError(f"broken {about}")
        if kind == 1:
            return KeyError(f"returned {about}")
        return None if kind < 5 else object()


class Being:
    """A row: attributes are made up, and some of them fail."""

    def __init__(self, context: Context, kind: str, id: int) -> None:
        self.context = context
        self.kind = kind
        self.number = id

    def __getattr__(self, name: str) -> Any:
        makers: dict[str, Callable[[], Any]] = {
            "name": lambda: f"{self.kind} {self.number}",
            "age": lambda: self.number * 7,
            "mood": lambda: Mood.CALM if self.number % 2 else Mood.WILD,
            "score": lambda: self.number / 4,
            "known": lambda: bool(self.number % 3),
            "tags": lambda: [f"t{one}" for one in range(self.number % 4)],
            "matrix": lambda: [[1, None], None, [], [self.number]],
            "facts": lambda: {"b": [1, 2], "a": None},
            "friends": lambda: tuple(self.other(one) for one in range(self.number % 4)),
            "maybe_friends": lambda: [self.other(1), None, self.other(2)],
            "stream": lambda: (self.other(one) for one in range(2)),
            "boss": lambda: self.other(5),
        }
        if name not in makers:
            raise AttributeError(name)
        return self.context.twist(makers[name](), self.kind, self.number, name)

    def other(self, step: int, kind: str = "Person") -> "Being":
        return Being(self.context, kind, (self.number * 3 + step) % 11)


async def beings(context: Context, keys: Sequence[Any]) -> list[Any]:
    """A batch: one load for all keys, in which single keys may fail."""
    context.loads.append(list(keys))
    found: list[Any] = []
    for key in keys:
        try:
            found.append(context.twist(Being(context, "Person", key), "load", key))
        except ValueError as error:
            found.append(error)
    return found


def linked(key: Callable[..., Any], view: Callable[..., Any] | None = None) -> Any:
    """A declared edge with an argument."""

    async def resolve(row: Parent[Any], info: Info, step: int = 1) -> Any:
        wanted = key(row, info, step=step)
        if wanted is None:
            return None
        value = await info.context.load(beings, wanted)
        return value if view is None else view(row, value, step=step)

    return strawberry.field(resolver=batched(resolve, Batched(beings, key, view)))


def _friend_key(row: Being, info: Any, step: int = 1) -> Any:
    number = (row.number * 2 + step) % 7
    row.context.twist(0, "key", row.number)
    return None if number == 3 else number


def _view(row: Being, value: Any, step: int = 1) -> Any:
    return row.context.twist(value, "view", row.number)


@strawberry.interface
class Node:
    name: str | None

    @strawberry.field
    def id(row: Parent[Being]) -> strawberry.ID:
        return row.context.twist(f"{row.kind}:{row.number}", row.kind, row.number, "id")


@strawberry.input
class Greeting:
    words: list[str]
    mood: Mood = Mood.CALM
    times: int | None = UNSET
    inner: "Greeting | None" = None


@strawberry.type
class Person(Node):
    name: str
    age: int | None
    mood: Mood
    score: float | None
    known: bool
    tags: list[str]
    matrix: list[list[int | None] | None] | None
    facts: JSON | None
    friends: list["Person"]
    maybe_friends: list["Person | None"] | None
    stream: list["Person"] | None
    boss: "Person"
    friend: "Person | None" = linked(_friend_key)
    best: "Person" = linked(_friend_key)
    seen: "Person | None" = linked(_friend_key, _view)

    @classmethod
    def is_type_of(cls, obj: Any, info: Any) -> bool:
        return isinstance(obj, Being) and obj.kind == "Person"

    @strawberry.field
    def loud(row: Parent[Being]) -> str:
        return row.context.twist(str(row.number).upper(), "loud", row.number)

    @strawberry.field
    async def slow(row: Parent[Being], info: Info, ticks: int = 1) -> str:
        for _ in range(ticks % 4):
            await asyncio.sleep(0)
        return row.context.twist(f"{info.field_name} {ticks}", "slow", row.number)

    @strawberry.field
    async def slow_or_not(row: Parent[Being]) -> str | None:
        return row.context.twist("x", "slow_or_not", row.number)

    @strawberry.field(graphql_type=str | None)
    def late(row: Parent[Being]) -> Any:
        async def later() -> Any:
            await asyncio.sleep(0)
            return row.context.twist("late", "late", row.number)

        return later() if row.number % 2 else "at once"

    @strawberry.field(graphql_type=list[str | None] | None)
    def late_items(row: Parent[Being]) -> Any:
        async def later(one: int) -> Any:
            await asyncio.sleep(0)
            return row.context.twist(str(one), "late_items", row.number, one)

        return [later(0), "1", later(2)]

    @strawberry.field
    def greet(
        row: Parent[Being],
        greeting: Greeting | None = None,
        mood: Mood = Mood.WILD,
        ids: list[strawberry.ID] | None = None,
        share: float = 0.5,
    ) -> str:
        parts = [repr(greeting), mood.name, repr(ids), repr(share)]
        if greeting is not None:
            greeting.words.append("changed")
        return row.context.twist(" ".join(parts), "greet", row.number)

    @strawberry.field
    def pet(row: Parent[Being]) -> "Pet | None":
        kind = "Cat" if row.number % 2 else "Dog"
        found: Any = row.context.twist(row.other(1, kind), "pet", row.number)
        return found

    @strawberry.field
    def pets(row: Parent[Being]) -> list["Pet"]:
        found: Any = [row.other(one, "Cat" if one % 2 else "Dog") for one in range(3)]
        return row.context.twist(found, "pets", row.number)

    @strawberry.field
    def around(row: Parent[Being]) -> list[Node | None]:
        kinds = ["Person", "Cat", "Dog", "Ghost"]
        found: Any = [row.other(one, kinds[(row.number + one) % 4]) for one in range(3)]
        return row.context.twist(found, "around", row.number)


@strawberry.type
class Cat(Node):
    name: str | None
    age: int

    @classmethod
    def is_type_of(cls, obj: Any, info: Any) -> bool:
        return isinstance(obj, Being) and obj.kind == "Cat"

    @strawberry.field
    async def owner(row: Parent[Being]) -> Person:
        found: Any = row.context.twist(row.other(2), "owner", row.number)
        return found


@strawberry.type
class Dog(Node):
    name: str
    mood: Mood | None

    @classmethod
    def is_type_of(cls, obj: Any, info: Any) -> bool:
        return isinstance(obj, Being) and obj.kind == "Dog"


Pet = Annotated[Cat | Dog, strawberry.union("Pet")]


@strawberry.type
class Query:
    @strawberry.field
    def person(self, info: Info, id: int) -> Person | None:
        found: Any = info.context.twist(Being(info.context, "Person", id % 11), "person", id)
        return found

    @strawberry.field
    async def me(self, info: Info) -> Person:
        found: Any = Being(info.context, "Person", 1)
        return found

    @strawberry.field
    async def people(
        self, info: Info, first: int = 4, ids: list[int] | None = None
    ) -> list[Person]:
        numbers = ids if ids is not None else range(abs(first) % 6)
        found: Any = [Being(info.context, "Person", one % 11) for one in numbers]
        return found

    @strawberry.field
    def node(self, info: Info, id: int) -> Node | None:
        kind = ["Person", "Cat", "Dog", "Ghost"][id % 4]
        found: Any = info.context.twist(Being(info.context, kind, id % 11), "node", id)
        return found

    @strawberry.field
    def pets(self, info: Info) -> list["Pet"] | None:
        found: Any = [Being(info.context, "Cat" if one % 2 else "Dog", one) for one in range(4)]
        return found


@strawberry.type
class Done:
    person: Person
    note: str | None = None


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def touch(self, info: Info, id: int) -> Done | None:
        info.context.log.append(f"begin {id}")
        await asyncio.sleep(0)
        info.context.log.append(f"end {id}")
        found: Any = Done(person=Being(info.context, "Person", id % 11))  # type: ignore[arg-type]
        return info.context.twist(found, "touch", id)

    @strawberry.mutation
    def must(self, info: Info, id: int) -> Person:
        info.context.log.append(f"must {id}")
        found: Any = info.context.twist(Being(info.context, "Person", id % 11), "must", id)
        return found


SCHEMA = strawberry.Schema(query=Query, mutation=Mutation, types=[Cat, Dog, Person])
