"""Many rows of the mirror at once.

Rows are mappings by column name, with Python values as the ORM takes them; what a row leaves out is NULL.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import JSON, ColumnElement, Table, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text, TypeEngine
from sqlmodel import Session

from chain import bulk
from indexer.columns import ChainText, Exact
from indexer.tables.base import MirrorTable

Row = Mapping[str, Any]
Columns = Mapping[str, Sequence[Any]]
"""values by column name, all of one length"""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JsonText:
    """JSON that is text already, for a JSON column."""

    text: str


class JsonTexts(list[str]):
    """A JSON column whose values are text already."""


def table_of(mapped: type[MirrorTable]) -> Table:
    """The table behind a class."""
    table: Table = mapped.__table__  # type: ignore[attr-defined]  # SQLAlchemy adds it
    return table


def insert(session: Session, mapped: type[MirrorTable], rows: Sequence[Row]) -> None:
    """Add rows: COPY on PostgreSQL, one prepared statement on SQLite.

    Raises SQLAlchemy's DBAPIError as an ORM flush would, ValueError for what a column cannot hold.
    """
    names = table_of(mapped).columns.keys()
    insert_columns(session, mapped, {name: [row.get(name) for row in rows] for name in names})


def insert_columns(session: Session, mapped: type[MirrorTable], columns: Columns) -> None:
    """As `insert`, from columns of one length; what is left out is NULL."""
    if not next(iter(columns.values())):
        return
    table = table_of(mapped)
    dialect = session.get_bind().dialect.name
    converted = {
        name: _converted(table.columns[name].type, values, dialect) for name, values in columns.items()
    }
    bulk.insert_columns(session, table, converted)


def rows_of(columns: Columns) -> list[Row]:
    """The rows that stand side by side in columns."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _converted(kind: TypeEngine[Any], values: Sequence[Any], dialect: str) -> Sequence[Any]:
    """The driver's values of a column."""
    convert: Callable[[Any], Any]
    if isinstance(kind, JSON):
        if isinstance(values, JsonTexts):
            return values
        convert = _json
    elif isinstance(kind, Exact):
        # COPY takes an integer of any width for NUMERIC
        convert = kind.checked if dialect == "postgresql" else kind.text
    elif isinstance(kind, ChainText):
        convert = kind.cleaned
    else:
        return values
    return [value if value is None else convert(value) for value in values]


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
