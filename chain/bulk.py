"""Many rows into one table at once: COPY where the database has it, one prepared statement elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from psycopg import Error as PsycopgError
from psycopg import sql
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

_CHUNK: Final = 5_000
"""rows that are held in the driver's form at a time"""
_ESCAPES: Final = {
    ord(mark): f"\\{sign}" for mark, sign in (("\\", "\\"), ("\n", "n"), ("\r", "r"), ("\t", "t"))
}
_Columns = Sequence[Sequence[Any]]


def insert_rows(session: Session, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows within the session's transaction; each gives the driver's values in the order of `names`:
    None, bool, int, float, str or bytes.

    Raises what any statement raises (sqlalchemy.exc): IntegrityError, OperationalError.
    """
    left = iter(rows)
    _insert(session, table, names, iter(lambda: list(zip(*islice(left, _CHUNK), strict=True)), []))


def insert_columns(session: Session, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """As `insert_rows`, the values of each column side by side; all columns are of one length."""
    values = list(columns.values())
    starts = range(0, len(values[0]), _CHUNK)
    blocks = ([column[start : start + _CHUNK] for column in values] for start in starts)
    _insert(session, table, list(columns), blocks)


def _insert(session: Session, table: Table, names: Sequence[str], blocks: Iterable[_Columns]) -> None:
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _copy(connection, table, names, blocks)
        return
    columns, places = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    statement = f'INSERT INTO "{table.name}" ({columns}) VALUES ({places})'  # noqa: S608 - our own names
    for block in blocks:
        connection.exec_driver_sql(statement, list(zip(*block, strict=True)))


def _copy(connection: Connection, table: Table, names: Sequence[str], blocks: Iterable[_Columns]) -> None:
    driver: Any = connection.connection.driver_connection
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for block in blocks:
                lines = zip(*map(_texts, block), strict=True)
                copy.write("\n".join(map("\t".join, lines)) + "\n")
    except PsycopgError as error:
        # as SQLAlchemy's own statements fail, without the rows: who retries knows one kind of failure
        raise DBAPIError.instance(
            f"COPY {table.name}",
            None,
            error,
            PsycopgError,
            hide_parameters=True,
            dialect=connection.dialect,
        ) from error


def _texts(values: Sequence[Any]) -> Iterable[str]:
    """A column in COPY's text format (PostgreSQL manual, COPY, "Text Format")."""
    kinds = set(map(type, values))
    if kinds == {int}:
        return map(str, values)
    if kinds == {str}:
        whole = "".join(values)
        if not any(mark in whole for mark in "\\\n\r\t"):
            return values
    return map(_text, values)


def _text(value: Any) -> str:
    match value:
        case None:
            return "\\N"
        case str():
            return value.translate(_ESCAPES)
        case bool():
            return "t" if value else "f"
        case int():
            return str(int(value))
        case float():
            return repr(value)
        case bytes():
            return f"\\\\x{value.hex()}"
    raise TypeError(f"a {type(value).__name__} is nothing that is copied")
