"""An engine whose driver fails: before statements, before commits, and after commits that really happened."""

import sqlite3
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from tests.simulation.boundary import CALM, Boundary

_FAILURES = ("error", "disconnect")


class FaultyEngine:
    """An engine whose every statement and commit crosses `boundary`.

    Errors are raised where the driver raises its own, so that SQLAlchemy wraps them as it would.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.boundary = Boundary(name)
        self._name = name
        self._postgresql = engine.dialect.name == "postgresql"
        event.listen(engine, "do_execute", self._execute)
        event.listen(engine, "do_executemany", self._execute)
        event.listen(engine, "do_execute_no_params", self._execute_plain)
        self._really_commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._commit  # type: ignore[method-assign, assignment]  # a wrapper of the driver's

    def _execute(self, cursor: Any, statement: str, _parameters: object, _context: object) -> None:
        self._cross(statement.split(None, 1)[0], cursor.connection)

    def _execute_plain(self, cursor: Any, statement: str, _context: object) -> None:
        self._cross(statement.split(None, 1)[0], cursor.connection)

    def _commit(self, connection: Any) -> None:
        self._cross("commit", connection.driver_connection)
        self._really_commit(connection)
        self._cross("committed", connection.driver_connection)

    def _cross(self, what: str, connection: Any) -> None:
        boundary = self.boundary
        kind = boundary.cross(f"{self._name} {what}", boundary.weather.database, _FAILURES)
        if kind == CALM:
            return
        if not self._postgresql:
            text = "disk I/O error" if kind == "disconnect" else "database is locked"
            raise sqlite3.OperationalError(text)
        if kind == "disconnect":
            connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        raise psycopg.OperationalError("canceling statement due to statement timeout")
