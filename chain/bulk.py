"""Many rows into one table at once: COPY where the database has it, one prepared statement elsewhere."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from psycopg import Error as PsycopgError
from psycopg import sql
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

_CHUNK: Final = 5_000
"""rows that are held in the driver's form at a time"""


def insert_rows(session: Session, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows within the session's transaction; each gives the driver's values in the order of `names`.

    Raises what any statement raises (sqlalchemy.exc): IntegrityError, OperationalError.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _copy(connection, table, names, rows)
        return
    columns, places = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    statement = f'INSERT INTO "{table.name}" ({columns}) VALUES ({places})'  # noqa: S608 - our own names
    left = iter(rows)
    while chunk := [tuple(row) for row in islice(left, _CHUNK)]:
        connection.exec_driver_sql(statement, chunk)


def _copy(connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    driver: Any = connection.connection.driver_connection
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
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
