"""Many rows into one table at once: COPY where the database has it, one prepared statement elsewhere."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Error as PsycopgError
from sqlalchemy import Table, insert
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session


def insert_rows(session: Session, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, given as values in the order of `names`, within the session's transaction.

    Raises what any statement raises (sqlalchemy.exc): IntegrityError, OperationalError.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        columns = ", ".join(f'"{name}"' for name in names)
        statement = f'COPY "{table.name}" ({columns}) FROM STDIN'
        try:
            with driver.cursor().copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        except PsycopgError as error:
            # as SQLAlchemy's own statements fail, without the rows: who retries knows one kind of failure
            raise DBAPIError.instance(
                statement, None, error, PsycopgError, hide_parameters=True, dialect=connection.dialect
            ) from error
        return
    listed = [tuple(row) for row in rows]
    if listed:
        compiled = insert(table).values(dict.fromkeys(names)).compile(dialect=connection.dialect)
        order = [names.index(name) for name in compiled.positiontup or ()]
        connection.exec_driver_sql(str(compiled), [tuple(row[place] for place in order) for row in listed])
