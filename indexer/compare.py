"""Two mirrors of the same blocks hold the same rows: finding out whether they do, and where not."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, Table, select

from chain.database import open_engine, reading
from indexer import ledger
from indexer.tables import metadata

NOT_MIRRORED: Final = frozenset({"mirror_state", "checkpoint", "content_queue"})
"""how far an indexer came and when it tries again: not what it says about the chain"""

Key = tuple[Any, ...]
Rows = dict[Key, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row in which a mirror and the chain differ. `column` is None where a whole row is too much
    (`expected` None) or missing (`found` None)."""

    table: str
    key: Key
    column: str | None
    found: Any
    expected: Any

    def __str__(self) -> str:
        where = f"{self.table} {', '.join(str(part) for part in self.key)}"
        if self.column is not None:
            return f"{where}: {self.column} is {self.found!r}, chain and vault say {self.expected!r}"
        if self.expected is None:
            return f"{where}: neither chain nor vault knows this row"
        return f"{where}: row is missing"


def mirrored_tables() -> list[Table]:
    """Tables that chain and vault alone determine."""
    return [table for table in metadata.sorted_tables if table.name not in NOT_MIRRORED]


def dump(engine: Engine) -> dict[str, Rows]:
    """Everything a mirror says, by table and primary key."""
    content: dict[str, Rows] = {}
    with reading(engine) as session:
        for table in mirrored_tables():
            keys = list(table.primary_key.columns.keys())
            rows = (dict(row) for row in session.execute(select(table)).mappings())
            content[table.name] = {tuple(row[key] for key in keys): row for row in rows}
    return content


def compare(found: dict[str, Rows], expected: dict[str, Rows]) -> list[Difference]:
    """Every difference between two dumps, in order of tables and keys."""
    result = []
    for table in mirrored_tables():
        ours, theirs = found[table.name], expected[table.name]
        for key in sorted(ours.keys() | theirs.keys(), key=repr):
            mine, other = ours.get(key), theirs.get(key)
            if mine is None or other is None:
                result.append(Difference(table.name, key, None, mine, other))
                continue
            result += [
                Difference(table.name, key, column, mine[column], other[column])
                for column in mine
                if mine[column] != other[column]
            ]
    return result


def differences(engine: Engine, rebuild: Callable[[Engine, int], None]) -> list[Difference]:
    """Compare a mirror with one that `rebuild` makes, in a database of its own, up to the same block."""
    with reading(engine) as session:
        head = ledger.load(session).head_number
    with tempfile.TemporaryDirectory(prefix="tradeseal-check-") as folder:
        other = open_engine(f"sqlite:///{Path(folder) / 'mirror.db'}", synchronous="NORMAL")
        try:
            rebuild(other, head)
            return compare(dump(engine), dump(other))
        finally:
            other.dispose()
