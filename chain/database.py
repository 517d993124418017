"""Engines and transactions for the rooms that keep state in SQL: SQLite here, PostgreSQL in production."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool
from sqlmodel import Session

_READ_ONLY: Final = "tradeseal_read_only"
_BUSY_SECONDS: Final = 30
_POOL: Final = 10
_RECYCLE_SECONDS: Final = 1800
_CONNECTION: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    # a peer that vanished without a word is noticed within a minute, also while an answer is waited for
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 4,
    "tcp_user_timeout": 60_000,
    # a transaction whose program hangs must not hold its locks for good; long statements are nobody's fault
    "options": "-c idle_in_transaction_session_timeout=3600000 -c lock_timeout=60000",
    "application_name": "tradeseal",
}
"""libpq's parameters; what a URL's query says counts before them"""


def open_engine(url: str, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> Engine:
    """An engine for a database URL (`sqlite:///file.db`, `postgresql+psycopg://…`).

    SQLite gets write-ahead logging, foreign keys, a busy timeout, and `synchronous`: FULL survives a power
    cut, NORMAL may lose the last transactions then (fit for what can be built again, like the mirror).
    Its transactions take the write lock when they begin, so that two processes wait for each other and
    never fail half-way; `reading` does not take it.
    PostgreSQL gets a pool, keepalives and limits on waiting for locks; the URL's own query counts first.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(
            parsed,
            hide_parameters=True,  # documents, salts and signatures are no matter for logs
            pool_pre_ping=True,
            pool_size=_POOL,
            max_overflow=_POOL,
            pool_timeout=_BUSY_SECONDS,
            pool_recycle=_RECYCLE_SECONDS,
            connect_args={**_CONNECTION, **_stated(parsed)},
        )
    memory = parsed.database in (None, "", ":memory:")
    engine = create_engine(
        parsed,
        hide_parameters=True,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
        **({"poolclass": StaticPool} if memory else {}),
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver would begin late, and commit before DDL
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
        _use_write_ahead_log(cursor)
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get(_READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _stated(url: URL) -> dict[str, Any]:
    return {name: value for name, value in url.query.items() if name in _CONNECTION}


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """The first process to open a file switches it; SQLite does not wait by itself for that switch."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One transaction: committed at the end, rolled back on any error."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view that waits for no writer and changes nothing."""
    with engine.connect().execution_options(**_read_options(engine)) as connection:
        session = Session(connection, expire_on_commit=False)
        try:
            yield session
        finally:
            session.close()


def is_passing(error: DBAPIError) -> bool:
    """Whether the database gave up this transaction for another's sake: it may be tried again at once.

    Deadlock, serialisation failure, lock not to be had (SQLSTATE 40P01, 40001, 55P03).
    """
    return getattr(error.orig, "sqlstate", None) in ("40P01", "40001", "55P03")


def _read_options(engine: Engine) -> dict[str, Any]:
    if engine.dialect.name == "sqlite":
        return {_READ_ONLY: True}
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
