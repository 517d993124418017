"""The mirror against one built anew from chain and vault, row by row."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from chain.codec import checksum
from chain.database import open_engine, reading
from chain.deployment import Deployment
from chain.fields import hex_text
from chain.rpc import Rpc
from evidence.findings import Finding
from indexer.compare import Key, Rows, compare, mirrored_tables
from indexer.run import Indexer
from indexer.schema import migrate
from indexer.tables.chainlog import Checkpoint, MirrorState
from vault.store import ContentStore


class Unreadable:
    """A stored value that is none of its column's type; equal to nothing."""

    def __init__(self, raw: object) -> None:
        self._raw = raw

    def __repr__(self) -> str:
        return f"unreadable {self._raw!r}"


@contextmanager
def rebuilt(deployment: Deployment, rpc: Rpc, store: ContentStore, until: int) -> Iterator[Engine]:
    """A mirror of its own, built from chain and vault up to block `until`. Raises ChainError."""
    with tempfile.TemporaryDirectory(prefix="tradeseal-audit-") as folder:
        file = Path(folder) / "mirror.db"
        file.write_bytes(_empty_mirror())
        engine = open_engine(f"sqlite:///{file}", synchronous="NORMAL")
        try:
            indexer = Indexer(
                engine, rpc, deployment.all_addresses(), store, start_block=deployment.first_block
            )
            indexer.run_once(until)
            yield engine
        finally:
            engine.dispose()


@cache
def _empty_mirror() -> bytes:
    """The file of a mirror that holds nothing: migrated once, for many audits."""
    with tempfile.TemporaryDirectory(prefix="tradeseal-audit-") as folder:
        file = Path(folder) / "mirror.db"
        engine = open_engine(f"sqlite:///{file}", synchronous="NORMAL")
        migrate(engine)
        engine.dispose()  # the last connection moves the write-ahead log into the file
        return file.read_bytes()


def dump(engine: Engine) -> dict[str, Rows]:
    """Everything a mirror says, by table and primary key; what cannot be read becomes `Unreadable`."""
    with reading(engine) as session:
        return {table.name: _rows(session, table) for table in mirrored_tables()}


def _rows(session: Session, table: Table) -> Rows:
    keys = list(table.primary_key.columns.keys())
    try:
        rows = [dict(row) for row in session.execute(select(table)).mappings()]
    except (SQLAlchemyError, ValueError, TypeError, ArithmeticError):
        rows = list(_one_by_one(session, table))
    return {tuple(row[key] for key in keys): row for row in rows}


def _one_by_one(session: Session, table: Table) -> Iterator[dict[str, Any]]:
    """Rows of a table in which some value cannot be read, value by value."""
    dialect = session.get_bind().dialect
    readers = {
        column.name: column.type.dialect_impl(dialect).result_processor(dialect, None)
        for column in table.columns
    }
    for row in session.execute(text(f'SELECT * FROM "{table.name}"')).mappings():  # noqa: S608 - our own table
        values = {}
        for name, read in readers.items():
            raw = row[name]
            try:
                values[name] = raw if read is None else read(raw)
            except (ValueError, TypeError, ArithmeticError):
                values[name] = Unreadable(raw)
        yield values


def mirror_findings(ours: dict[str, Rows], theirs: dict[str, Rows]) -> Iterator[Finding]:
    """Rows that chain and vault do not bear out; those that damaged content keeps from being rebuilt are left
    to the findings about that content."""
    excused = _Excused(ours, theirs)
    for difference in compare(ours, theirs):
        if not excused.covers(difference.table, difference.key):
            place = f"{difference.table}/{'/'.join(str(part) for part in difference.key)}"
            if difference.column is not None:
                place += f"/{difference.column}"
            yield Finding("mirror", place, str(difference))


class _Excused:
    """Rows behind content that the vault no longer gives as it was."""

    def __init__(self, ours: dict[str, Rows], theirs: dict[str, Rows]) -> None:
        self._cids = {key[0] for key, row in theirs["content"].items() if row["state"] != "present"}
        self._logs = {
            key for key, row in theirs["manifest"].items() if row["kind"] and row["cid"] in self._cids
        }
        self._events: set[Key] = set()
        for side in (ours, theirs):
            for key, row in side["event_proof"].items():
                if key[:2] in self._logs or row["cid"] in self._cids:
                    self._events.add((row["member"], row["seal_id"]))
                    if key[:2] in self._logs:
                        self._cids.add(row["cid"])

    def covers(self, table: str, key: Key) -> bool:
        """Whether a row of that table and key cannot be rebuilt because of the damage."""
        if table == "content":
            return key[0] in self._cids
        if table in ("manifest", "event_proof", "issued_item", "merkle_tile"):
            return key[:2] in self._logs
        return table in ("sealed_event", "event_epc") and key[:2] in self._events


def mirror_state(session: Session) -> dict[str, Any] | None:
    """What a mirror says of itself, by column (some may be `Unreadable`); None where it is empty."""
    return next(iter(_rows(session, MirrorState.__table__).values()), None)  # type: ignore[attr-defined]  # SQLModel adds it


def state_findings(
    session: Session, state: dict[str, Any] | None, deployment: Deployment, rpc: Rpc
) -> Iterator[Finding]:
    """How far the mirror says it came, against the chain. Raises ChainError."""
    if state is None:
        yield Finding("mirror", "mirror_state", "the mirror is empty: it was never indexed")
        return
    wanted: Mapping[str, Any] = {
        "chain_id": str(deployment.chain_id),
        "first_block": hex_text(deployment.identity.first_block_hash),
        "addresses": {name: checksum(at) for name, at in sorted(deployment.all_addresses().items())},
        "start_block": deployment.first_block,
    }
    for name, value in wanted.items():
        if state[name] != value:
            text = f"is {state[name]!r}, the deployment says {value!r}"
            yield Finding("mirror", f"mirror_state/{name}", text)
    rows = _rows(session, Checkpoint.__table__)  # type: ignore[attr-defined]  # likewise
    places = [("mirror_state/head", state["head_number"], state["head_hash"], None)]
    if state["head_hash"] == "" and state["head_number"] == deployment.first_block - 1:
        places = []  # bound to the chain, and no block was mirrored yet
    places += [
        (f"checkpoint/{row['number']}", row["number"], row["hash"], row["timestamp"]) for row in rows.values()
    ]
    numbers = [number for _, number, _, _ in places if is_height(number)]
    blocks = dict(zip(numbers, rpc.get_blocks(numbers), strict=True))
    for place, number, block_hash, timestamp in sorted(places, key=lambda one: str(one[0])):
        block = blocks.get(number) if is_height(number) else None
        if block is None or block.number != number:
            yield Finding("mirror", place, f"the chain has no block {number!r}")
        elif hex_text(block.hash) != block_hash:
            yield Finding("mirror", place, f"hash is {block_hash}, the chain's is {hex_text(block.hash)}")
        elif timestamp is not None and timestamp != block.timestamp:
            yield Finding("mirror", place, f"timestamp is {timestamp}, the chain's is {block.timestamp}")


def is_height(value: object) -> bool:
    """Whether a stored value can be the number of a block."""
    return isinstance(value, int) and value >= 0
