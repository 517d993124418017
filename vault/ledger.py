"""What an installation remembers of its stores, in one small SQLite file: pins it set, copies it owes.

It holds nothing that content depends on: a lost ledger loses neither content nor the way to it, only the
knowledge which pins there should be and which store still lacks what.
"""

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vault.cid import Cid
from vault.content import StoreUnavailable

_WAIT: Final = 30.0  # seconds for another process's transaction
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS pinned (
    place TEXT NOT NULL, cid TEXT NOT NULL, pin TEXT NOT NULL, PRIMARY KEY (place, cid, pin)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pinned_pin ON pinned (place, pin);
CREATE TABLE IF NOT EXISTS owed (
    place TEXT NOT NULL, cid TEXT NOT NULL, reason TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (place, cid)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Owed:
    """A copy that a store should have and has not; `since` in Unix seconds."""

    cid: Cid
    place: str
    reason: str
    since: int


class Ledger:
    """The file; may be used by several threads and processes. Errors are StoreUnavailable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(
                path, timeout=_WAIT, check_same_thread=False, isolation_level=None
            )
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(_TABLES)
        except sqlite3.Error as error:
            raise StoreUnavailable(str(path), str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def note_pin(self, place: str, pin: str, cids: Iterable[Cid]) -> None:
        """Remember that content is held by a pin of the store at `place`."""
        rows = [(place, str(cid), pin) for cid in cids]
        with self._writing() as database:
            database.executemany("INSERT OR IGNORE INTO pinned VALUES (?, ?, ?)", rows)
            database.executemany("DELETE FROM pinned WHERE place = ? AND cid = ? AND pin = ''", _pairs(rows))

    def forget_pin(self, place: str, pin: str, gone: Iterable[Cid] = ()) -> None:
        """Forget a pin; what is `gone` with it stays remembered as content without a pin."""
        with self._writing() as database:
            database.execute("DELETE FROM pinned WHERE place = ? AND pin = ?", (place, pin))
            database.executemany(
                "INSERT OR IGNORE INTO pinned VALUES (?, ?, '')", [(place, str(cid)) for cid in gone]
            )

    def pins(self, place: str) -> set[str]:
        """Pins that there should be; empty text stands for content that lost its pin."""
        return {str(row[0]) for row in self._rows("SELECT DISTINCT pin FROM pinned WHERE place = ?", place)}

    def pinned(self, place: str, pin: str | None = None) -> list[Cid]:
        """Content that there should be, of one pin or of all."""
        if pin is None:
            rows = self._rows("SELECT DISTINCT cid FROM pinned WHERE place = ?", place)
        else:
            rows = self._rows("SELECT cid FROM pinned WHERE place = ? AND pin = ?", place, pin)
        return [Cid.parse(row[0]) for row in rows]

    def pins_of(self, place: str, cids: Iterable[Cid]) -> dict[Cid, list[str]]:
        """Pins that hold content, of that which was put before; empty text for a lost one."""
        found: dict[Cid, list[str]] = {}
        for cid in cids:
            rows = self._rows("SELECT pin FROM pinned WHERE place = ? AND cid = ?", place, str(cid))
            if rows:
                found[cid] = [str(row[0]) for row in rows]
        return found

    def owe(self, place: str, reasons: Iterable[tuple[Cid, str]]) -> None:
        """Remember that a store lacks content, and why; what is owed already keeps its date."""
        now = int(time.time())
        rows = [(place, str(cid), reason, now) for cid, reason in reasons]
        with self._writing() as database:
            database.executemany(
                "INSERT INTO owed VALUES (?, ?, ?, ?)"
                " ON CONFLICT (place, cid) DO UPDATE SET reason = excluded.reason",
                rows,
            )

    def settle(self, place: str, cids: Iterable[Cid]) -> None:
        """Remember that a store has content now."""
        rows = [(place, str(cid)) for cid in cids]
        with self._writing() as database:
            database.executemany("DELETE FROM owed WHERE place = ? AND cid = ?", rows)

    def owed(self, place: str, limit: int = -1, after: str = "") -> list[Owed]:
        """Copies that a store lacks, by CID, from the first one behind `after`."""
        rows = self._rows(
            "SELECT cid, reason, since FROM owed WHERE place = ? AND cid > ? ORDER BY cid LIMIT ?",
            place,
            after,
            limit,
        )
        return [Owed(Cid.parse(cid), place, reason, since) for cid, reason, since in rows]

    def owed_count(self, place: str) -> int:
        """Number of copies that a store lacks."""
        return int(self._rows("SELECT count(*) FROM owed WHERE place = ?", place)[0][0])

    def _rows(self, query: str, *values: str | int) -> Sequence[tuple]:  # type: ignore[type-arg]  # as each query says
        try:
            with self._lock:
                return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(str(self.path), str(error)) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield self._database
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
                self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreUnavailable(str(self.path), str(error)) from error


def _pairs(rows: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    return [(place, cid) for place, cid, _ in rows]
