"""Many rows of the mirror at once.

Rows are mappings by column name, with Python values as the ORM takes them; what a row leaves out is NULL.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import JSON, ColumnElement, Table, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text, TypeEngine
from sqlmodel import Session

from chain.bulk import insert_rows
from indexer.columns import ChainText, Exact
from indexer.tables.base import MirrorTable

Row = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JsonText:
    """JSON that is text already, for a JSON column."""

    text: str


def table_of(mapped: type[MirrorTable]) -> Table:
    """The table behind a class."""
    table: Table = mapped.__table__  # type: ignore[attr-defined]  # SQLAlchemy adds it
    return table


def insert(session: Session, mapped: type[MirrorTable], rows: Sequence[Row]) -> None:
    """Add rows: COPY on PostgreSQL, one prepared statement on SQLite.

    Raises SQLAlchemy's DBAPIError as an ORM flush would, ValueError for what a column cannot hold.
    """
    if not rows:
        return
    table = table_of(mapped)
    names, values = _plan(table, session.get_bind().dialect.name)
    insert_rows(session, table, names, map(values, rows))


@cache
def _plan(table: Table, dialect: str) -> tuple[list[str], Callable[[Row], tuple[Any, ...]]]:
    """Names of a table's columns, and what makes the driver's values of a row."""
    columns = [(column.name, _converter(column.type, dialect)) for column in table.columns]

    def values(row: Row) -> tuple[Any, ...]:
        get = row.get
        made = []
        for name, convert in columns:
            value = get(name)
            made.append(value if value is None or convert is None else convert(value))
        return tuple(made)

    return [name for name, _ in columns], values


def _converter(kind: TypeEngine[Any], dialect: str) -> Callable[[Any], Any] | None:
    if isinstance(kind, JSON):
        return _json
    if isinstance(kind, Exact):
        # COPY takes an integer of any width for NUMERIC
        return kind.checked if dialect == "postgresql" else kind.text
    return kind.cleaned if isinstance(kind, ChainText) else None


def _json(value: Any) -> str:
    return value.text if isinstance(value, JsonText) else json.dumps(value)


def among(session: Session, column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """Whether a text column is one of many values: one parameter, however many there are."""
    if session.get_bind().dialect.name == "postgresql":
        return column == any_(literal(list(values), ARRAY(Text)))
    return column.in_(select(func.json_each(json.dumps(values)).table_valued("value").c.value))


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
