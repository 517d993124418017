"""Two mirrors side by side: every row that differs is named, whichever databases hold them."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Dialect, Engine, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.schema import CreateColumn

from chain.database import open_engine, reading
from indexer import compare as comparing
from indexer import schema
from indexer.compare import iter_differences
from indexer.run import Indexer
from indexer.tables import metadata
from tests.indexer.devchain import DevChain
from tests.indexer.samples import batch, event, issue
from tests.indexer.snapshots import compare, dump
from vault.store import LocalStore

pytestmark = pytest.mark.slow


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Engine]:
    """A mirror on SQLite, whatever the first is on."""
    opened = open_engine(f"sqlite:///{tmp_path / 'other.db'}", synchronous="NORMAL")
    schema.migrate(opened)
    yield opened
    opened.dispose()


def test_same_blocks_on_both_databases_are_the_same(
    chain: DevChain, engine: Engine, other: Engine, store: LocalStore
) -> None:
    """NUL, characters beyond the first plane, large numbers and half-written JSON of strangers among them."""
    ledger = chain.deploy()
    odd = event(
        "A1", **{"example:note": "a\0b \U0001f600 ￿ é", "example:number": 2**53 - 1, "example:z": 1e300}
    )
    chain.emit(ledger, *batch(store, [odd, event("a2"), event("B3", eventID="urn:x:\0")]).log())
    chain.emit(ledger, *issue(store, ["a", "B", "_", "1", "Z-9"])[1])
    for one in (engine, other):
        Indexer(one, chain.rpc, {"EventLedger": ledger}, store).run_once()
    assert [str(one) for one in iter_differences(engine, other)] == []
    assert compare(dump(engine), dump(other)) == []


def test_every_difference_is_named_in_the_order_of_keys(migrated: Engine, other: Engine) -> None:
    """Keys whose order depends on a database's collation: case, punctuation, letters beyond ASCII."""
    seed = 11
    draw = random.Random(seed)
    table = metadata.tables["content"]
    names = [*"aAbBzZ_-.~09éÉß你", "ab", "a-b", "a b", "A-B", "\U0001f600", "�"]
    rows = [
        {"cid": name, "block_hash": "0x", "log_index": i, "block_number": 1, "state": "present"}
        for i, name in enumerate(names)
    ]
    for one in (migrated, other):
        draw.shuffle(rows)
        with one.begin() as connection:
            connection.execute(insert(table), rows)
    assert list(iter_differences(migrated, other)) == []
    gone, extra, changed = draw.sample(names, 3)
    with migrated.begin() as connection:
        connection.execute(delete(table).where(table.c.cid == gone))
        connection.execute(update(table).where(table.c.cid == changed).values(state="missing"))
    with other.begin() as connection:
        connection.execute(delete(table).where(table.c.cid == extra))
    found = {
        (one.key[0], one.column, one.found is None, one.expected is None)
        for one in iter_differences(migrated, other)
    }
    assert found == {
        (gone, None, True, False),
        (extra, None, False, True),
        (changed, "state", False, False),
    }, seed


def test_value_that_its_column_cannot_hold_is_a_difference(other: Engine, tmp_path: Path) -> None:
    ours = open_engine(f"sqlite:///{tmp_path / 'ours.db'}", synchronous="NORMAL")
    schema.migrate(ours)
    row = {
        "block_hash": "0x1", "log_index": 0, "block_number": 1, "kind": "batch", "cid": "c",
        "member": 7, "root": "r", "size": 2, "state": "present", "reason": None,
    }  # fmt: skip
    for one in (ours, other):
        with one.begin() as connection:
            connection.execute(insert(metadata.tables["manifest"]), [row])
    with ours.begin() as connection:
        connection.execute(text("UPDATE manifest SET size = 'two'"))
    assert [str(one) for one in iter_differences(ours, other)] == [
        "manifest 0x1, 0: size is unreadable 'two', chain and vault say 2"
    ]
    with reading(other) as session:
        assert session.scalar(select(metadata.tables["manifest"].c.size)) == 2
    ours.dispose()


POSTGRESQL: Dialect = dialect()  # type: ignore[no-untyped-call]  # sqlalchemy leaves its dialects untyped


def test_every_key_that_is_text_is_read_in_byte_order_on_postgresql() -> None:
    """A database's own locale would put keys elsewhere than the comparison expects them."""
    for table in comparing.mirrored_tables():
        query, _ = comparing._query(table, "postgresql")
        order = query.rpartition(" ORDER BY ")[2].split(", ")
        for column, said in zip(table.primary_key.columns, order, strict=True):
            kept_as = str(CreateColumn(column).compile(dialect=POSTGRESQL)).split()[1]
            assert said == f'"{column.name}"' + (' COLLATE "C"' if kept_as in ("VARCHAR", "TEXT") else "")
