"""Where in which pack a piece of content lies: a small SQLite file beside the packs.

It holds nothing that the packs do not say themselves, and is made anew from them where it is lost or damaged.
Each method is a handful of calls into SQLite however many pieces it is about: every such call lets other
threads in, and may wait long for its turn to go on.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vault.content import StoreUnavailable

_WAIT: Final = 30.0  # seconds for another process's transaction
_DIGEST: Final = 32
_PAGE: Final = 5_000
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS pack (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS piece (
    digest BLOB PRIMARY KEY, pack INTEGER NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS piece_pack ON piece (pack, start);
"""
_FIND: Final = """
WITH RECURSIVE wanted(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM wanted WHERE i + 1 < ?2)
SELECT json_group_array(json_array(i, pack.name, piece.start, piece.size))
FROM wanted CROSS JOIN piece ON piece.digest = substr(?1, i * 32 + 1, 32) JOIN pack ON pack.id = piece.pack
"""
_ADD: Final = """
INTO piece SELECT substr(?1, key * 32 + 1, 32), ?2, json_extract(value, '$[0]'), json_extract(value, '$[1]')
FROM json_each(?3)
"""
_FORGET: Final = "DELETE FROM piece WHERE pack = (SELECT id FROM pack WHERE name = ?)"
_PIECES: Final = """
SELECT group_concat(hex(digest), ''), json_group_array(json_array(start, size))
FROM (SELECT digest, start, size FROM piece WHERE pack = (SELECT id FROM pack WHERE name = ?) ORDER BY start)
"""
_DIGESTS: Final = """
SELECT group_concat(hex(digest), '')
FROM (SELECT digest FROM piece WHERE digest > ? ORDER BY digest LIMIT ?)
"""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a piece of content lies: `start` and `size` in bytes of the pack of that name."""

    pack: str
    start: int
    size: int


Piece = tuple[bytes, int, int]
"""SHA-256, start, size"""


class PackIndex:
    """The file; may be used by several threads and processes. Errors are StoreUnavailable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def destroy(self) -> None:
        """Remove the file, to be made anew."""
        with self._lock:
            self._drop()
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    # -- writing

    def add(self, pack: str, pieces: Sequence[Piece], *, instead: bool = True) -> None:
        """Note what lies in a pack, all or nothing; `instead`: also where another pack has it already.

        A pack that is noted already stays as it is.
        """
        joined = b"".join(digest for digest, _, _ in pieces)
        places = json.dumps([(start, size) for _, start, size in pieces])
        with self._using() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                made = database.execute("INSERT OR IGNORE INTO pack (name) VALUES (?)", (pack,))
                if made.rowcount:
                    verb = "INSERT OR REPLACE" if instead else "INSERT OR IGNORE"
                    database.execute(f"{verb} {_ADD}", (joined, made.lastrowid, places))
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise

    def forget(self, pack: str) -> None:
        """Leave a pack out, and what lies in it."""
        with self._using() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                database.execute(_FORGET, (pack,))
                database.execute("DELETE FROM pack WHERE name = ?", (pack,))
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise

    # -- reading

    def find(self, digests: Sequence[bytes]) -> dict[bytes, Place]:
        """Where content lies, by its SHA-256; what no pack has is left out."""
        if not digests:
            return {}
        (text,) = self._row(_FIND, b"".join(digests), len(digests))
        return {digests[i]: Place(pack, start, size) for i, pack, start, size in json.loads(text)}

    def packs(self) -> set[str]:
        """Names of all packs."""
        (text,) = self._row("SELECT json_group_array(name) FROM pack")
        return set(json.loads(text))

    def pieces(self, pack: str) -> list[Piece]:
        """What lies in a pack, by its start."""
        joined, places = self._row(_PIECES, pack)
        digests = _split(bytes.fromhex(joined or ""))
        return [(digest, *place) for digest, place in zip(digests, json.loads(places), strict=True)]

    def digests(self) -> Iterator[bytes]:
        """SHA-256 of every piece of content, in their order."""
        last = b""
        while True:
            (joined,) = self._row(_DIGESTS, last, _PAGE)
            found = _split(bytes.fromhex(joined or ""))
            yield from found
            if len(found) < _PAGE:
                return
            last = found[-1]

    def totals(self) -> tuple[int, int]:
        """Pieces of content, and their bytes."""
        count, size = self._row("SELECT count(*), coalesce(sum(size), 0) FROM piece")
        return count, size

    def _row(self, query: str, *values: Any) -> Any:
        with self._using() as database:
            return database.execute(query, values).fetchone()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._database is None:
                    self._database = self._open()
                yield self._database
            except sqlite3.Error as error:
                self._drop()  # what is wrong with the file may have been put right since
                raise StoreUnavailable(str(self.path), str(error)) from error

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=_WAIT, check_same_thread=False, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            # a power cut may take the last packs from it, which are noted again when the store is opened
            database.execute("PRAGMA synchronous=NORMAL")
            database.executescript(_TABLES)
        except BaseException:
            database.close()
            raise
        return database


def _split(joined: bytes) -> list[bytes]:
    return [joined[at : at + _DIGEST] for at in range(0, len(joined), _DIGEST)]
