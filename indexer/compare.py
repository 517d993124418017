"""Two mirrors of the same blocks hold the same rows: finding out whether they do, and where not."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import JSON, Column, Engine, String, Table, TypeDecorator
from sqlalchemy.dialects import sqlite
from sqlmodel import Session

from chain.database import open_engine, reading
from indexer import ledger
from indexer.columns import Exact
from indexer.tables import metadata

NOT_MIRRORED: Final = frozenset({"mirror_state", "checkpoint", "content_queue"})
"""how far an indexer came and when it tries again: not what it says about the chain"""

Key = tuple[Any, ...]
Raw = tuple[Any, ...]
"""a row's values as SQLite stores them, whichever database holds it"""
_AT_ONCE: Final = 500
_SQLITE: Final = sqlite.dialect()


@dataclass(frozen=True, slots=True)
class Difference:
    """One row in which a mirror and the chain differ. `column` is None where a whole row is too much
    (`expected` None) or missing (`found` None). Where two values differ only in how they are stored, `found`
    and `expected` are what is stored."""

    table: str
    key: Key
    column: str | None
    found: Any
    expected: Any

    def __str__(self) -> str:
        where = f"{self.table} {', '.join(printable(part) for part in self.key)}"
        if self.column is not None:
            return f"{where}: {self.column} is {self.found!r}, chain and vault say {self.expected!r}"
        if self.expected is None:
            return f"{where}: neither chain nor vault knows this row"
        return f"{where}: row is missing"


class Unreadable:
    """A stored value that is none of its column's type; equal to nothing."""

    def __init__(self, raw: object) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return f"unreadable {self.raw!r}"


def same(one: Any, other: Any) -> bool:
    """Whether two values are one, as in JSON: unlike in Python, 1 is neither true nor 1.0 there."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one.hex() == float(other).hex()
    return bool(one == other)


def printable(value: object) -> str:
    """A value as text that any output takes, bytes that are no UTF-8 written as escapes."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def mirrored_tables() -> list[Table]:
    """Tables that chain and vault alone determine."""
    return [table for table in metadata.sorted_tables if table.name not in NOT_MIRRORED]


@contextmanager
def reading_raw(engine: Engine) -> Iterator[Session]:
    """As `chain.database.reading`; text in SQLite that is no UTF-8 is given with surrogates, not refused."""
    with reading(engine) as session:
        if engine.dialect.name != "sqlite":
            yield session
            return
        driver: Any = session.connection().connection.driver_connection
        driver.text_factory = _any_text
        try:
            yield session
        finally:
            driver.text_factory = str


def _any_text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")


def iter_differences(ours: Engine, theirs: Engine) -> Iterator[Difference]:
    """Every difference between two mirrors, in order of tables and keys; see `differing`."""
    with reading_raw(ours) as mine, reading_raw(theirs) as others:
        yield from differing(mine, others, mirrored_tables())


def differing(ours: Session, theirs: Session, tables: Sequence[Table]) -> Iterator[Difference]:
    """Every difference between two mirrors, in order of tables and keys, whichever databases hold them.

    Both are read once, side by side in the byte order of their keys, a few hundred rows at a time: memory
    does not grow with them. What is stored is compared, not what it is read as: 01 is not 1, nor JSON with
    another space in it the same JSON. Sessions are those of `reading_raw`.
    """
    for table in tables:
        yield from _merged(table, rows(ours, table), rows(theirs, table))


def _merged(table: Table, ours: Iterator[Raw], theirs: Iterator[Raw]) -> Iterator[Difference]:
    places = _key_places(table)

    def order(row: Raw | None) -> list[tuple[int, Any]]:
        return [(9, 0)] if row is None else [_rank(row[place]) for place in places]

    mine, other = next(ours, None), next(theirs, None)
    while mine is not None or other is not None:
        if mine == other and mine is not None and all(map(same, mine, other or ())):
            mine, other = next(ours, None), next(theirs, None)
            continue
        one, two = order(mine), order(other)
        if mine is not None and one < two:
            yield Difference(table.name, _key(table, mine), None, values(table, mine), None)
            mine = next(ours, None)
        elif other is not None and two < one:
            yield Difference(table.name, _key(table, other), None, None, values(table, other))
            other = next(theirs, None)
        elif mine is not None and other is not None:
            yield from _columns(table, mine, other)
            mine, other = next(ours, None), next(theirs, None)


def _columns(table: Table, mine: Raw, other: Raw) -> Iterator[Difference]:
    key = _key(table, mine)
    for column, one, two in zip(table.columns, mine, other, strict=True):
        if not same(one, two):
            found, expected = _read(column, one), _read(column, two)
            if same(found, expected):
                found, expected = one, two
            yield Difference(table.name, key, column.name, found, expected)


@cache
def _key_places(table: Table) -> list[int]:
    names = list(table.columns.keys())
    return [names.index(column.name) for column in table.primary_key.columns]


def _key(table: Table, row: Raw) -> Key:
    columns = list(table.columns)
    return tuple(_read(columns[place], row[place]) for place in _key_places(table))


def values(table: Table, row: Raw) -> dict[str, Any]:
    """A row by column, as Python has it; values that cannot be read are `Unreadable`."""
    return {column.name: _read(column, value) for column, value in zip(table.columns, row, strict=True)}


def _read(column: Column[Any], raw: Any) -> Any:
    read = column.type.dialect_impl(_SQLITE).result_processor(_SQLITE, None)
    if read is None:
        return raw
    try:
        return read(raw)
    except (ValueError, TypeError, ArithmeticError):
        return Unreadable(raw)


def rows(session: Session, table: Table) -> Iterator[Raw]:
    """All rows of a table in the byte order of their keys, a few hundred in memory at a time."""
    dialect = session.get_bind().dialect.name
    query, convert = _query(table, dialect)
    options = {"yield_per": _AT_ONCE, "stream_results": True}
    # closed also where not all rows are asked for
    with closing(session.connection().exec_driver_sql(query, execution_options=options)) as found:
        for row in found:
            yield tuple(row) if convert is None else convert(row)


@cache
def _query(table: Table, dialect: str) -> tuple[str, Callable[[Any], Raw] | None]:
    """What reads a table in order, and what turns its rows into SQLite's form; plain SQL, so that a database
    which is new at every audit has nothing to compile anew."""
    exact = dialect == "postgresql"
    names = [
        f'CAST("{column.name}" AS TEXT)' if exact and isinstance(column.type, JSON) else f'"{column.name}"'
        for column in table.columns
    ]
    order = [
        f'"{column.name}" COLLATE "C"' if exact and _is_text(column) else f'"{column.name}"'
        for column in table.primary_key.columns
    ]
    query = f'SELECT {", ".join(names)} FROM "{table.name}" ORDER BY {", ".join(order)}'  # noqa: S608 - ours
    if not exact:
        return query, None
    forms = [_form(column) for column in table.columns]
    return query, lambda row: tuple(
        value if value is None or form is None else form(value)
        for form, value in zip(forms, row, strict=True)
    )


def _is_text(column: Column[Any]) -> bool:
    """Whether PostgreSQL orders it by a collation; SQLModel's texts and ours stand behind decorators."""
    kind = column.type
    if isinstance(kind, TypeDecorator):
        return isinstance(kind.impl_instance, String) and not isinstance(kind, Exact)
    return isinstance(kind, String)


def _form(column: Column[Any]) -> Callable[[Any], Any] | None:
    """How SQLite stores what PostgreSQL gave; None where both have the same."""
    kind = column.type
    if isinstance(kind, Exact):

        def text(value: Any) -> Any:
            try:
                return kind.text(int(value)) if value == int(value) else Unreadable(value)
            except (ValueError, ArithmeticError):
                return Unreadable(value)

        return text
    return int if kind.python_type is bool else None


def _rank(value: Any) -> tuple[int, Any]:
    """Where a value stands among others of its column, as SQLite orders values of any type."""
    if isinstance(value, Unreadable):  # a number that the column's type cannot hold, as PostgreSQL orders it
        number: Any = value.raw
        return (5, 0) if number != number else (1 if number < 0 else 4, number)
    if value is None:
        return 0, 0
    if isinstance(value, str):
        return 2, value.encode("utf-8", "surrogateescape")
    return (3, value) if isinstance(value, bytes) else (1, value)


def differences(engine: Engine, rebuild: Callable[[Engine, int], None]) -> list[Difference]:
    """Compare a mirror with one that `rebuild` makes, in a database of its own, up to the same block."""
    with reading(engine) as session:
        head = ledger.load(session).head_number
    with tempfile.TemporaryDirectory(prefix="tradeseal-check-") as folder:
        other = open_engine(f"sqlite:///{Path(folder) / 'mirror.db'}", synchronous="NORMAL")
        try:
            rebuild(other, head)
            return list(iter_differences(engine, other))
        finally:
            other.dispose()
