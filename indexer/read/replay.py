"""What was read before and still stands: the same statements asked again at once, their answers compared.

What a read model says follows from the answers to its statements. Whoever keeps both finds out by one round
trip whether it would say the same now: every row is read by the database again, compared byte for byte, and
only what is made of it is spared. One changed, added or removed row leads to reading everything anew.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from psycopg import RawCursor
from sqlalchemy import Connection, Engine, event
from sqlmodel import Session

from chain.database import reading

T = TypeVar("T")
_MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_KEPT: Final = 65_536
_MOST_STATEMENTS: Final = 60
_NAMED: Final = re.compile(r"%\((\w+)\)s")
Statement = tuple[str, Any]
"""as the driver was given it: text and parameters"""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was made of which answers. Without `question` it was read once, and not looked at again."""

    mirror: Engine
    given: object
    value: Any = None
    question: "_Question | None" = None
    answers: list[Any] | None = None
    weight: int = 64


class Replays:
    """The read models asked for last, up to 64 MB of answers; for many threads and several mirrors."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Known] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    def read(self, mirror: Engine, key: Hashable, make: Callable[[Session], T], given: object = None) -> T:
        """What `make` gives for a session of one consistent view, or gave when its answers were the same.

        `make` must depend on nothing but its statements' answers and `given`, which is compared by identity.
        What it gave is shared by all who ask: nobody may change it. Nothing is kept of a first time, since
        most things are asked for once.
        """
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
        if known is not None and (known.mirror is not mirror or known.given is not given):
            known = None
        if known is not None and known.question is not None:
            with _snapshot(mirror) as connection:
                if known.question.ask(connection) == known.answers:
                    return cast("T", known.value)
        with reading(mirror) as session:
            with _noting(session.connection()) as asked:
                value = make(session)
            found = _Known(mirror, given)
            if known is not None and len(asked) <= _MOST_STATEMENTS:
                question = _Question(mirror, asked)
                answers = question.ask(session.connection())
                weight = len(question.text) + sum(len(str(part)) for row in answers for part in row)
                found = _Known(mirror, given, value, question, answers, weight)
        self._keep(key, found)
        return value

    def _keep(self, key: Hashable, found: _Known) -> None:
        with self._lock:
            old = self._kept.pop(key, None)
            self._weight += found.weight - (0 if old is None else old.weight)
            self._kept[key] = found
            while self._weight > _MOST_BYTES or len(self._kept) > _MOST_KEPT:
                _, dropped = self._kept.popitem(last=False)
                self._weight -= dropped.weight


class _Question:
    """Statements as one. Of PostgreSQL each row comes as its text, which says exactly what it holds; SQLite,
    to which there is no way to save, is asked one by one."""

    def __init__(self, mirror: Engine, asked: list[Statement]) -> None:
        self._asked = asked
        self.text = ""
        self._parameters: tuple[Any, ...] = ()
        if mirror.dialect.name == "postgresql":
            parts, parameters = [], list[Any]()
            for number, (statement, given) in enumerate(asked):
                own = _numbered(statement, len(parameters))
                parts.append(f"SELECT {number}, p::text FROM ({own}) AS p")  # noqa: S608 - asked before
                parameters += [given[name] for name in _NAMED.findall(statement)]
            self.text, self._parameters = " UNION ALL ".join(parts), tuple(parameters)

    def ask(self, connection: Connection) -> list[Any]:
        """The answers, in an order that does not depend on how the database went about it."""
        if not self._asked:
            return []
        if self.text:
            with _as_written(connection):
                rows = connection.exec_driver_sql(self.text, self._parameters).tuples().all()
            return sorted(cast("list[tuple[int, str]]", rows))
        return [
            (number, *row)
            for number, one in enumerate(self._asked)
            for row in connection.exec_driver_sql(*one)
        ]


def _numbered(statement: str, before: int) -> str:
    """A statement with PostgreSQL's own placeholders, behind so many others."""
    pieces = _NAMED.split(statement)[::2]
    own = "".join(f"{piece}${number}" for number, piece in enumerate(pieces[:-1], before + 1)) + pieces[-1]
    return own.replace("%%", "%")


@contextmanager
def _as_written(connection: Connection) -> Iterator[None]:
    """Let psycopg take PostgreSQL's own placeholders, instead of looking for its own in a long text."""
    driver: Any = connection.connection.driver_connection
    before = driver.cursor_factory
    driver.cursor_factory = RawCursor
    try:
        yield
    finally:
        driver.cursor_factory = before


@contextmanager
def _snapshot(mirror: Engine) -> Iterator[Connection]:
    """A connection on which what is asked is of one moment."""
    if mirror.dialect.name != "postgresql":
        with reading(mirror) as session:
            yield session.connection()
        return
    # one statement is of one moment by itself: no transaction to begin and to end
    with mirror.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@contextmanager
def _noting(connection: Connection) -> Iterator[list[Statement]]:
    """Every statement that is asked on a connection."""
    asked: list[Statement] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(connection, "before_cursor_execute", note)
