"""Everything a mirror says at one time, to be held against what it says later."""

from typing import Any

from sqlalchemy import Engine

from indexer.compare import Difference, Key, mirrored_tables, reading_raw, rows, same, values

Rows = dict[Key, dict[str, Any]]


def dump(engine: Engine) -> dict[str, Rows]:
    """All rows, by table and primary key."""
    content: dict[str, Rows] = {}
    with reading_raw(engine) as session:
        for table in mirrored_tables():
            keys = [column.name for column in table.primary_key.columns]
            found = (values(table, row) for row in rows(session, table))
            content[table.name] = {tuple(row[key] for key in keys): row for row in found}
    return content


def compare(found: dict[str, Rows], expected: dict[str, Rows]) -> list[Difference]:
    """Every difference between two dumps."""
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
                if not same(mine[column], other[column])
            ]
    return result
