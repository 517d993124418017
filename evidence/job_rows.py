"""Many rows into one table at once: COPY where the database has it, one prepared statement elsewhere."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Table, insert
from sqlmodel import Session


def insert_rows(session: Session, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, given as values in the order of `names`, within the session's transaction.

    Raises IntegrityError (sqlalchemy.exc) where SQLite refuses one, psycopg's own UniqueViolation where
    PostgreSQL does: callers make sure of their keys first.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        columns = ", ".join(f'"{name}"' for name in names)
        with driver.cursor().copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
        return
    listed = [tuple(row) for row in rows]
    if listed:
        statement = insert(table).values(dict.fromkeys(names))
        compiled = statement.compile(dialect=connection.dialect)
        order = [names.index(name) for name in compiled.positiontup or ()]
        connection.exec_driver_sql(str(compiled), [tuple(row[place] for place in order) for row in listed])
