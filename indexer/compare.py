"""Two mirrors of the same blocks hold the same rows: finding out whether they do, and where not."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, String, Table, collate, select, type_coerce
from sqlalchemy.types import NullType
from sqlmodel import Session

from chain.database import open_engine, reading
from indexer import ledger
from indexer.tables import metadata

NOT_MIRRORED: Final = frozenset({"mirror_state", "checkpoint", "content_queue"})
"""how far an indexer came and when it tries again: not what it says about the chain"""

Key = tuple[Any, ...]
Keyed = tuple[list[tuple[int, Any]], dict[str, Any]]
_AT_ONCE: Final = 500
Rows = dict[Key, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row in which a mirror and the chain differ. `column` is None where a whole row is too much
    (`expected` None) or missing (`found` None)."""

    table: str
    key: Key
    column: str | None
    found: Any
    expected: Any

    def __str__(self) -> str:
        where = f"{self.table} {', '.join(str(part) for part in self.key)}"
        if self.column is not None:
            return f"{where}: {self.column} is {self.found!r}, chain and vault say {self.expected!r}"
        if self.expected is None:
            return f"{where}: neither chain nor vault knows this row"
        return f"{where}: row is missing"


def mirrored_tables() -> list[Table]:
    """Tables that chain and vault alone determine."""
    return [table for table in metadata.sorted_tables if table.name not in NOT_MIRRORED]


def dump(engine: Engine) -> dict[str, Rows]:
    """Everything a mirror says, by table and primary key."""
    content: dict[str, Rows] = {}
    with reading(engine) as session:
        for table in mirrored_tables():
            keys = list(table.primary_key.columns.keys())
            rows = (dict(row) for row in session.execute(select(table)).mappings())
            content[table.name] = {tuple(row[key] for key in keys): row for row in rows}
    return content


def compare(found: dict[str, Rows], expected: dict[str, Rows]) -> list[Difference]:
    """Every difference between two dumps, in order of tables and keys."""
    result = []
    for table in mirrored_tables():
        ours, theirs = found[table.name], expected[table.name]
        for key in sorted(ours.keys() | theirs.keys(), key=repr):
            mine, other = ours.get(key), theirs.get(key)
            if mine is None or other is None:
                result.append(Difference(table.name, key, None, mine, other))
                continue
            result += [
                Difference(table.name, key, column, mine[column], other[column])
                for column in mine
                if mine[column] != other[column]
            ]
    return result


class Unreadable:
    """A stored value that is none of its column's type; equal to nothing."""

    def __init__(self, raw: object) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return f"unreadable {self.raw!r}"


def iter_differences(ours: Engine, theirs: Engine) -> Iterator[Difference]:
    """Every difference between two mirrors, in order of tables and keys, whichever databases hold them.

    Both are read once, side by side in the byte order of their keys, a few hundred rows at a time: memory
    does not grow with them. Values that cannot be read are `Unreadable`, and differ.
    """
    with reading(ours) as mine, reading(theirs) as others:
        for table in mirrored_tables():
            yield from _merged(table, _rows_in_order(mine, table), _rows_in_order(others, table))


def _merged(table: Table, ours: Iterator[Keyed], theirs: Iterator[Keyed]) -> Iterator[Difference]:
    mine, other = next(ours, None), next(theirs, None)
    while mine is not None or other is not None:
        if mine is not None and (other is None or mine[0] < other[0]):
            yield Difference(table.name, _key(table, mine[1]), None, mine[1], None)
            mine = next(ours, None)
        elif other is not None and (mine is None or other[0] < mine[0]):
            yield Difference(table.name, _key(table, other[1]), None, None, other[1])
            other = next(theirs, None)
        elif mine is not None and other is not None:
            key = _key(table, mine[1])
            for column, value in mine[1].items():
                if value != other[1][column]:
                    yield Difference(table.name, key, column, value, other[1][column])
            mine, other = next(ours, None), next(theirs, None)


def _key(table: Table, row: dict[str, Any]) -> Key:
    return tuple(row[column.name] for column in table.primary_key.columns)


def _rows_in_order(session: Session, table: Table) -> Iterator[Keyed]:
    """Rows with what they are ordered by: the key's values, text as UTF-8."""
    dialect = session.get_bind().dialect
    keys = [column.name for column in table.primary_key.columns]
    order: list[ColumnElement[Any]] = list(table.primary_key.columns)
    readers: dict[str, Callable[[Any], Any] | None] = {}
    columns: list[ColumnElement[Any]] = list(table.columns)
    if dialect.name == "postgresql":
        order = [collate(column, "C") if _is_text(column) else column for column in order]
    else:  # SQLite's columns hold anything, so that each value is read by itself
        for column in table.columns:
            readers[column.name] = column.type.dialect_impl(dialect).result_processor(dialect, None)
        columns = [type_coerce(column, NullType()).label(column.name) for column in table.columns]
    query = select(*columns).order_by(*order)
    for found in session.execute(query, execution_options={"yield_per": _AT_ONCE}).mappings():
        row = {name: _value(readers.get(name), value) for name, value in found.items()}
        yield [_rank(row[name]) for name in keys], row


def _is_text(column: ColumnElement[Any]) -> bool:
    return isinstance(column.type, String)


def _value(read: Callable[[Any], Any] | None, raw: Any) -> Any:
    if read is None:
        return raw
    try:
        return read(raw)
    except (ValueError, TypeError, ArithmeticError):
        return Unreadable(raw)


def _rank(value: Any) -> tuple[int, Any]:
    """Where a value stands among others of its column, as SQLite orders values of any type."""
    if isinstance(value, Unreadable):
        value = value.raw
    if value is None:
        return 0, 0
    if isinstance(value, str):
        return 2, value.encode("utf-8", "surrogatepass")
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
