"""Statements in the driver's own words: written with SQLAlchemy, compiled once, run by asyncpg.

SQLAlchemy stays what writes the SQL. Building a statement, finding it in a cache by all of its
parts and wrapping its rows costs more than the work itself, so statements go past its engine: a
``Prepared`` statement is compiled at its first use and afterwards only gets its values; any other
is found by SQLAlchemy's own cache key.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, cast

from asyncpg import Record
from sqlalchemy import ARRAY, Dialect, Executable, LargeBinary, Numeric, Table, insert
from sqlalchemy.sql.compiler import SQLCompiler

from models.spread import Spread, spread_of

_REMEMBERED: Final = 1_000

Processor = Callable[[Any], Any]


class Prepared:
    """A statement of a module, with named parameters, that is compiled once."""

    __slots__ = ("_made", "part", "statement")

    def __init__(self, statement: Executable, *, part: str | None = None) -> None:
        """``part`` is what a draft calls that which it says (``models.drafting``)."""
        self.statement = statement
        self.part = part
        self._made: Written | None = None

    def written(self, dialect: Dialect) -> "Written":
        """The statement in the driver's words."""
        if self._made is None:
            self._made = _written(self.statement.compile(dialect=dialect))  # type: ignore[attr-defined]
        return self._made


class Inserted(Prepared):
    """An insert of rows that name some columns."""

    __slots__ = ("_names", "_spread")

    def __init__(self, into: Table, names: Sequence[str]) -> None:
        super().__init__(insert(into), part=into.name)
        self._names = names
        self._spread: Spread | None = None

    def written(self, dialect: Dialect) -> "Written":
        """The statement in the driver's words."""
        if self._made is None:
            made = self.statement.compile(dialect=dialect, column_keys=self._names)  # type: ignore[attr-defined]
            self._made = _written(made)
        return self._made

    def spread(self, dialect: Dialect) -> Spread:
        """The same for many rows at once; the server plans and checks it only once."""
        if self._spread is None:
            self._spread = spread_of(self.written(dialect).sql)
        return self._spread


class Joined:
    """Statements without results, joined into one: they reach the server in one round trip.

    All of them see what was before the first, so no two may touch the same row.
    """

    _PLACE: Final = re.compile(r"\$([0-9]+)")

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, str] = OrderedDict()

    def write(
        self, dialect: Dialect, queued: Sequence[tuple[Prepared, Sequence[Mapping[str, Any]]]]
    ) -> tuple[str, list[Any]]:
        """The text of them all, and their values in order."""
        key = tuple((one, len(rows) > 1) for one, rows in queued)
        values: list[Any] = []
        texts = []
        for one, rows in queued:
            written = one.written(dialect)
            if written.expands:
                raise TypeError("A statement whose lists are written out has no text to join.")
            text, arguments = written.sql, written.arguments
            if len(rows) == 1:
                mine = arguments(rows[0])
            elif isinstance(one, Inserted):
                spread = one.spread(dialect)
                text, mine = spread.sql, spread.arguments(map(arguments, rows))
            else:
                raise TypeError("Only an insert takes many rows at once.")
            texts.append((text, len(values)))
            values += mine
        joined = self._known.get(key)
        if joined is None:
            joined = self._known[key] = self._text(texts)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return joined, values

    def _text(self, texts: Sequence[tuple[str, int]]) -> str:
        """Statements, with how many values lie before those of each, as one."""

        def moved(text: str, before: int) -> str:
            return self._PLACE.sub(lambda found: f"${int(found[1]) + before}", text)

        *first, last = [moved(text, before) for text, before in texts]
        named = ", ".join(f"part{number} AS ({text})" for number, text in enumerate(first, 1))
        return f"WITH {named} {last}" if named else last


class Forms:
    """Prepared statements of a family: one for each form that was asked for lately."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._known: OrderedDict[Hashable, Prepared] = OrderedDict()

    def get(self, form: Hashable, build: Callable[[], Executable]) -> Prepared:
        """The statement of a form, built when it is asked for first."""
        found = self._known.get(form)
        if found is None:
            found = self._known[form] = Prepared(build())
            if len(self._known) > self._remembered:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(form)
        return found


class Line(Record):
    """A row whose columns are attributes, as those of SQLAlchemy are."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def _asdict(self) -> dict[str, Any]:
        """Columns by name."""
        return dict(self.items())


class Parsed(tuple[Any, ...]):
    """A row with columns that were made out of what the driver gave."""

    __slots__ = ()
    names: tuple[str | None, ...] = ()

    def _asdict(self) -> dict[str, Any]:
        """Columns by name."""
        return {str(name): cell for name, cell in zip(self.names, self, strict=True)}


@dataclass(frozen=True, slots=True)
class Written:
    """A compiled statement: its text, where its values go and what its rows look like."""

    sql: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    """Values that the statement brought along."""
    cells: Callable[[Mapping[str, Any]], Sequence[Any]]
    """Takes the values out of a mapping in their order."""
    processors: tuple[tuple[int, Processor], ...]
    """What the driver does not take as it is."""
    arrays: tuple[int, ...]
    """Values that the driver takes as lists."""
    line: type[Line]
    readers: tuple[tuple[int, Processor], ...]
    """Columns whose values the driver does not give as they are meant."""
    parsed: "type[Parsed]"
    """Rows of a statement that has such columns."""
    compiler: SQLCompiler
    expands: bool

    def read(self, found: Sequence[Any]) -> Sequence[Any]:
        """Rows as they are meant."""
        if not self.readers:
            return found
        rows = []
        for one in found:
            cells = list(one)
            for index, reader in self.readers:
                cells[index] = reader(cells[index])
            rows.append(self.parsed(cells))
        return rows

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The values of a run in their order."""
        if not (self.processors or self.fixed):
            return [values[name] for name in self.names]
        return self.processed({**self.fixed, **values} if self.fixed else values)

    def processed(self, found: Mapping[str, Any]) -> list[Any]:
        """Complete values in their order, as the driver takes them."""
        values = list(self.cells(found))
        for at in self.arrays:
            if type(values[at]) is not list and values[at] is not None:
                values[at] = list(values[at])
        for at, process in self.processors:
            values[at] = process(values[at])
        return values


class Writer:
    """Finds or makes the compiled form of statements."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: OrderedDict[Any, Written] = OrderedDict()

    def write(
        self, statement: Executable | Prepared, values: Mapping[str, Any] | None
    ) -> tuple[Written, str, list[Any]]:
        """The compiled statement, its text and its values in order."""
        if isinstance(statement, Prepared):
            written = statement.written(self._dialect)
            if not written.expands:
                return written, written.sql, written.arguments(values or {})
            return written, *_expanded(written, dict(written.fixed) | dict(values or {}))
        written, bound = self._form(statement, values)
        given = dict(written.compiler.construct_params(values, extracted_parameters=bound))
        if written.expands:
            return written, *_expanded(written, given)
        return written, written.sql, written.processed(given)

    def write_spread(
        self, statement: Inserted, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[str, list[str]]:
        """The text of an insert of many rows at once, and theirs."""
        written, spread = statement.written(self._dialect), statement.spread(self._dialect)
        return spread.sql, spread.arguments(map(written.arguments, rows))

    def write_many(
        self, statement: Executable | Prepared, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[str, list[list[Any]]]:
        """The text of a statement that runs once for each row of values, and those in order.

        All rows name the same values; lists in them are arrays, for the text is one.
        """
        if isinstance(statement, Prepared):
            written = statement.written(self._dialect)
            return written.sql, [written.arguments(row) for row in rows]
        written, bound = self._form(statement, rows[0])
        if written.expands:
            raise TypeError("A statement of many rows has one text: use arrays for its lists.")
        construct = written.compiler.construct_params
        return written.sql, [
            written.processed(construct(row, extracted_parameters=bound)) for row in rows
        ]

    def _form(self, statement: Executable, values: Mapping[str, Any] | None) -> tuple[Written, Any]:
        """The compiled statement, and the values that it brings along by their place in it."""
        # What is inserted or changed are the columns that are named, as SQLAlchemy has it.
        names = tuple(values) if values and statement.is_dml else None
        key = statement._generate_cache_key()  # type: ignore[attr-defined] # noqa: SLF001
        if key is None:
            written = _written(statement.compile(dialect=self._dialect, column_keys=names))  # type: ignore[attr-defined]
            return written, None
        found = self._known.get((key.key, names))
        if found is None:
            # Values are found by their place in the key that the statement was compiled with.
            found = _written(
                statement.compile(dialect=self._dialect, cache_key=key, column_keys=names)  # type: ignore[attr-defined]
            )
            self._known[key.key, names] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end((key.key, names))
        return found, key.bindparams


def _expanded(written: Written, given: dict[str, Any]) -> tuple[str, list[Any]]:
    """Text and values of a statement whose lists are written out item by item."""
    state = written.compiler.construct_expanded_state(given, escape_names=False)
    known = cast("Mapping[str, Processor]", written.compiler._bind_processors)  # noqa: SLF001
    processors = {**known, **state.processors}
    names = state.positiontup or ()
    return state.statement, [
        processors[name](state.parameters[name]) if name in processors else state.parameters[name]
        for name in names
    ]


def _written(compiler: Any) -> Written:
    if not isinstance(compiler, SQLCompiler):
        raise TypeError("Only statements that are compiled to SQL can be run.")
    columns = compiler._result_columns or []  # noqa: SLF001 - names and types of what comes back
    names = [column.keyname for column in columns]
    readers = []
    for index, column in enumerate(columns):
        reader = _reader(column.type, compiler.dialect)
        if reader is not None:
            readers.append((index, reader))
    expands = bool(compiler.post_compile_params or compiler.literal_execute_params)
    names_of = tuple(compiler.positiontup or ())
    done = cast("Mapping[str, Processor]", compiler._bind_processors)  # noqa: SLF001 - what the types do to values
    processors, arrays = [], []
    for at, name in enumerate(names_of):
        kind = compiler.binds[name].type if name in compiler.binds else None
        if isinstance(kind, ARRAY) and kind.dimensions is None and _taken(kind.item_type, compiler):
            arrays.append(at)
        elif name in done and not isinstance(kind, LargeBinary):
            processors.append((at, done[name]))
    return Written(
        sql=compiler.string,
        names=names_of,
        fixed={
            name: value
            for name, value in compiler.construct_params(_check=False).items()
            if value is not None
        },
        cells=_cells(names_of),
        processors=tuple(processors),
        arrays=tuple(arrays),
        line=type("Line", (Line,), _members(names)),
        parsed=type("Parsed", (Parsed,), _members(names) | {"names": tuple(names)}),
        readers=tuple(readers),
        compiler=compiler,
        expands=expands,
    )


def _cells(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    """Takes named values out of a mapping, also none or a single one."""
    if len(names) < 2:
        return lambda found: [found[name] for name in names]
    return itemgetter(*names)


def _taken(kind: Any, compiler: SQLCompiler) -> bool:
    """Whether the driver takes values of a type as they are."""
    if isinstance(kind, LargeBinary):
        # Its processor makes bytes out of bytes.
        return True
    return kind.dialect_impl(compiler.dialect).bind_processor(compiler.dialect) is None


def _reader(kind: Any, dialect: Dialect) -> Processor | None:
    """What makes a value out of the driver's; None where that is the value already."""
    if isinstance(kind, ARRAY) and _reader(kind.item_type, dialect) is None:
        return None
    if isinstance(kind, Numeric) and kind.asdecimal:
        return None  # the driver gives exact decimals for numeric columns
    found: Processor | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return found


def _members(names: Sequence[str | None]) -> dict[str, Any]:
    """Members of a type of rows: named columns are found by their place."""
    members: dict[str, Any] = {"__slots__": ()}
    for index, name in enumerate(names):
        if name is not None and not name.startswith("_"):
            members.setdefault(name, property(itemgetter(index)))
    return members
