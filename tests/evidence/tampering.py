"""Random changes of vault and mirror, each of which says what must be named and how it is undone."""

import random
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import JSON, Engine, String, Table, and_, select, text
from sqlalchemy.exc import DataError, IntegrityError

from chain.database import writing
from indexer.bulk import JsonText, insert, table_of
from indexer.columns import ChainText
from indexer.compare import mirrored_tables, reading_raw, rows, values
from indexer.tables.base import MirrorTable
from indexer.tables.chainlog import Checkpoint, MirrorState
from indexer.tables.content import ContentQueue
from tests.evidence.vault_tampering import Tampering, tamper_vault
from vault.store import LocalStore

_STATE: Final = MirrorState.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_CHECKPOINT: Final = Checkpoint.__table__  # type: ignore[attr-defined]  # likewise
_MAPPED: Final[dict[str, type[MirrorTable]]] = {
    table_of(mapper.class_).name: mapper.class_ for mapper in MirrorTable._sa_registry.mappers
}
_QUEUE: Final = ContentQueue.__table__  # type: ignore[attr-defined]  # likewise
Row = dict[str, Any]


def tamper(rng: random.Random, mirror: Engine, store: LocalStore) -> Tampering:
    """Make one random change."""
    while True:
        made = tamper_vault(rng, store) if rng.random() < 0.3 else _mirror(rng, mirror)
        if made is not None:
            return made


# -- mirror ------------------------------------------------------------------------------------------------


def _mirror(rng: random.Random, mirror: Engine) -> Tampering | None:
    table = rng.choice([*mirrored_tables(), _STATE, _CHECKPOINT, _QUEUE])
    with reading_raw(mirror) as session:
        found = list(rows(session, table))
    if not found:
        return None
    raw = rng.choice(found)
    row = values(table, raw)
    kept = _kept(table, row, raw)
    way = rng.choice(["column", "column", "column", "stored", "deleted", "added"])
    if table is _CHECKPOINT and way == "deleted":
        return None  # fewer checkpoints are still true
    if table is _QUEUE and way == "column":
        return _queue(rng, mirror, row)
    try:
        if way == "stored":
            return _stored(rng, mirror, table, row)
        if way == "deleted":
            _execute(mirror, table.delete().where(_is(table, row)))
            return _told(mirror, table, kept, f"{table.name}: deleted {_key(table, row)}", None)
        if way == "added":
            other = _other_key(rng, table, row)
            _execute(mirror, table.insert().values(**other))
            return _told(mirror, table, other, f"{table.name}: added {_key(table, other)}", other)
        column = rng.choice(list(table.columns))
        if (table.name, column.name) == ("mirror_state", "generation"):
            return None  # only too few writes can be told, which is tried by itself
        if row[column.name] is None and not isinstance(column.type, String | ChainText):
            value: Any = rng.randrange(1, 1000)
        else:
            value = another(rng, row[column.name], column.nullable)
        if value is _NOTHING:
            return None
        changed = {**row, column.name: value}
        _execute(mirror, table.update().where(_is(table, row)).values({column.name: value}))
    except (IntegrityError, DataError, ValueError, OverflowError):
        return None  # the database itself refuses such a row
    what = f"{table.name}: {column.name} of {_key(table, row)} from {row[column.name]!r} to {value!r}"
    named = row if not column.primary_key else changed
    place = f"{table.name}/{_key(table, named)}"
    if table is _STATE:
        place = _state_place(column.name)
    return Tampering(what[:400], "mirror", (place,), partial(_restore, mirror, table, changed, kept))


def _told(mirror: Engine, table: Table, row: Row, what: str, added: Row | None) -> Tampering:
    undo = partial(_restore, mirror, table, added, None if added else row)
    place = f"{table.name}/{_key(table, row)}"
    if table is _STATE:
        place = "mirror_state/id" if added else "mirror_state"
    return Tampering(what[:400], "mirror", (place,), undo)


def _state_place(column: str) -> str:
    return f"mirror_state/{column.removesuffix('_number').removesuffix('_hash')}"


def _queue(rng: random.Random, mirror: Engine, row: Row) -> Tampering:
    """Content that waits is put off for good, or its row says what no indexer writes."""
    tried = row["attempts"] > 0
    changed = {
        **row,
        **rng.choice(
            [
                {"next_attempt": rng.choice([1 << 60, -1, row["next_attempt"] + 10**8])},
                {"attempts": -1},
                {"reason": None if tried else "no answer"},
                {"attempts": 0 if tried else 7},
            ]
        ),
    }
    _execute(mirror, _QUEUE.update().where(_is(_QUEUE, row)).values(**changed))
    place = f"content_queue/{row['cid']}"
    undo = partial(_restore, mirror, _QUEUE, changed, row)
    return Tampering(f"{place}: {row} to {changed}"[:400], "mirror", (place,), undo)


def _stored(rng: random.Random, mirror: Engine, table: Table, row: Row) -> Tampering | None:
    """A value that reads as before, or as none of its type, is stored otherwise: only SQLite takes any."""
    if mirror.dialect.name != "sqlite":
        return None
    column = rng.choice(list(table.columns))
    name, kept = column.name, rng.choice(["text", "json", "number", "bytes"])
    with mirror.connect() as connection:
        query = text(f'SELECT rowid, "{name}" FROM "{table.name}"')  # noqa: S608 - our own names
        found: dict[int, Any] = dict(connection.execute(query).tuples().all())
        where = [place for place, value in found.items() if value is not None]
        if not where:
            return None
        place = rng.choice(where)
        keys = connection.execute(
            select(*table.primary_key.columns).where(text("rowid = :place")), {"place": place}
        ).one()
    value = found[place]
    other = {
        "text": f" {value}" if isinstance(value, str) else f"{value}x",
        "json": value.replace(":", ": ", 1) if isinstance(value, str) and ":" in value else None,
        "number": value + 2 if isinstance(value, int) else None,
        "bytes": value.encode() if isinstance(value, str) else None,
    }[kept]
    if other is None or other == value or column.primary_key or table in (_STATE, _QUEUE):
        return None
    update = text(f'UPDATE "{table.name}" SET "{name}" = :value WHERE rowid = :place')  # noqa: S608 - likewise
    _execute(mirror, update.bindparams(value=other, place=place))
    return Tampering(
        f"{table.name}: {name} of row {place} stored as {other!r}, not {value!r}"[:400],
        "mirror",
        (f"{table.name}/{'/'.join(map(str, keys))}",),
        partial(_execute, mirror, update.bindparams(value=value, place=place)),
    )


def _kept(table: Table, row: Row, raw: Sequence[Any]) -> Row:
    """A row to be put back as it was stored, JSON in the same spelling."""
    stored = zip(table.columns, raw, strict=True)
    texts = {
        column.name: JsonText(value)
        for column, value in stored
        if isinstance(column.type, JSON) and value is not None
    }
    return {**row, **texts}


def _restore(mirror: Engine, table: Table, found: Row | None, wanted: Row | None) -> None:
    with writing(mirror) as session:
        if found is not None:
            session.connection().execute(table.delete().where(_is(table, found)))
        if wanted is not None:
            insert(session, _MAPPED[table.name], [wanted])


def _execute(mirror: Engine, statement: Any) -> None:
    with writing(mirror) as session:
        session.connection().execute(statement)


def _is(table: Table, row: Row) -> Any:
    return and_(*(column == row[column.name] for column in table.primary_key.columns))


def _key(table: Table, row: Row) -> str:
    return "/".join(str(row[column.name]) for column in table.primary_key.columns)


def _other_key(rng: random.Random, table: Table, row: Row) -> Row:
    column = rng.choice(list(table.primary_key.columns))
    value = another(rng, row[column.name], False)
    return {**row, column.name: value}


_NOTHING: Final = object()


def another(rng: random.Random, value: Any, nullable: bool) -> Any:
    """Some other value of the same kind, often a near miss."""
    if value is None:
        return rng.choice(["", "0x" + "00" * 32, "x"]) if nullable else _NOTHING
    if nullable and rng.random() < 0.15:
        return None
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        found = rng.choice(
            [value + 1, max(0, value - 1), value ^ 1 << rng.randrange(16), 0, rng.getrandbits(40)]
        )
        return found if found != value else value + 1
    if isinstance(value, float):
        return value + rng.choice([0.5, 1e-6, -1.0])
    if isinstance(value, bytes):
        place = rng.randrange(len(value)) if value else 0
        return rng.choice(
            [value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :], value[:-1], value + b"\0"]
        )
    if isinstance(value, str):
        return _other_text(rng, value)
    return _other_json(rng, value)


def _other_text(rng: random.Random, value: str) -> str:
    place = rng.randrange(len(value)) if value else 0
    found = rng.choice(
        [
            value + " ",
            " " + value,
            value.swapcase(),
            value[:-1],
            value[:place] + rng.choice("0123456789abcdefXYZ") + value[place + 1 :],
            "",
            "0x" + "00" * 32,
        ]
    )
    return found if found != value else value + "x"


def _other_json(rng: random.Random, value: Any) -> Any:
    """The same JSON with one thing in it changed."""
    if isinstance(value, dict) and value:
        name = rng.choice(sorted(value))
        if rng.random() < 0.2:
            return {one: held for one, held in value.items() if one != name}
        return {**value, name: _other_json(rng, value[name])}
    if isinstance(value, list) and value:
        place = rng.randrange(len(value))
        return [_other_json(rng, held) if i == place else held for i, held in enumerate(value)]
    if isinstance(value, bool):
        return rng.choice([not value, int(value)])
    if isinstance(value, int):
        return rng.choice([value + 1, value + 0.5, str(value)])
    if isinstance(value, str):
        return _other_text(rng, value)
    return rng.choice(["x", 0, False])
