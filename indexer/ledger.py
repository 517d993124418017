"""Everything that writes the mirror from logs: binding it to a chain, adding spans, undoing them.

Every function takes the transaction it works in; rows and checkpoint are always in the same one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Table, delete, func, not_, or_, select, text, update
from sqlmodel import Session, col

from chain.codec import checksum
from chain.fields import hex_text
from indexer.bulk import insert_columns
from indexer.references import add_references
from indexer.span_rows import SpanRows
from indexer.tables import metadata
from indexer.tables.chainlog import Block, Checkpoint, MirrorState, RawLog
from indexer.tables.content import CONTRADICTS, PRESENT, Content, ContentQueue, Manifest, SealedEvent

KEPT_CHECKPOINTS = 1_000


class IndexerError(Exception):
    """Base of what this room raises."""


class DifferentChainError(IndexerError):
    """The mirror belongs to another chain or deployment than the one it is asked to follow."""


class MirrorWrittenError(IndexerError):
    """Another process wrote this mirror meanwhile; nothing was changed, read again."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a mirror is bound to. `first_block` is 0x-hexadecimal; `addresses` instance name -> EIP-55."""

    chain_id: int
    first_block: str
    addresses: Mapping[str, str]
    start_block: int


def is_bound(session: Session, identity: Identity) -> bool:
    """Whether the mirror is this chain's; False where it is fresh. Raises DifferentChainError."""
    state = session.get(MirrorState, 1)
    if state is None:
        return False
    for name, value in _binding(identity).items():
        found = getattr(state, name)
        if found != value:
            raise DifferentChainError(
                f"mirror is of {name} {found}, the chain to follow has {value}: "
                "`tradeseal indexer reindex` drops the mirror and builds it from this chain"
            )
    return True


def bind(session: Session, identity: Identity) -> None:
    """Bind a fresh mirror to a chain and deployment. Raises DifferentChainError where it is another's."""
    if not is_bound(session, identity):
        session.add(MirrorState(**_binding(identity), head_number=identity.start_block - 1, head_hash=""))
        session.flush()


def _binding(identity: Identity) -> dict[str, Any]:
    addresses = {name: checksum(address) for name, address in sorted(identity.addresses.items())}
    return {
        "chain_id": str(identity.chain_id),
        "first_block": identity.first_block,
        "addresses": addresses,
        "start_block": identity.start_block,
    }


def load(session: Session) -> MirrorState:
    """State of a mirror that is bound. Raises MirrorWrittenError where it was dropped meanwhile."""
    state = session.get(MirrorState, 1)
    if state is None:
        raise MirrorWrittenError("the mirror was dropped by another process")
    return state


def claim(session: Session, generation: int, **values: Any) -> None:
    """Write the state unless someone else did since `generation`. Raises MirrorWrittenError.

    PostgreSQL's disk is not waited for: after a power cut the mirror goes on from what it has.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL synchronous_commit TO off"))
    statement = (
        update(MirrorState)
        .where(col(MirrorState.id) == 1, col(MirrorState.generation) == generation)
        .values(generation=generation + 1, **values)
    )
    result = cast(CursorResult[Any], session.execute(statement))
    if result.rowcount != 1:
        raise MirrorWrittenError(f"generation {generation} of the mirror is over: another process wrote it")


def add_span(session: Session, generation: int, rows: SpanRows) -> None:
    """Write a span's blocks, logs, events and checkpoint."""
    last_hash = hex_text(rows.last.hash)
    claim(session, generation, head_number=rows.last.number, head_hash=last_hash)
    insert_columns(session, Block, rows.blocks)
    insert_columns(session, RawLog, rows.logs)
    for mapped, columns in rows.events.items():
        insert_columns(session, mapped, columns)
    add_references(session, rows.events)
    session.merge(Checkpoint(number=rows.last.number, hash=last_hash, timestamp=rows.last.timestamp))
    session.flush()
    oldest = session.scalar(
        select(col(Checkpoint.number))
        .order_by(col(Checkpoint.number).desc())
        .offset(KEPT_CHECKPOINTS)
        .limit(1)
    )
    if oldest is not None:
        session.execute(delete(Checkpoint).where(col(Checkpoint.number) <= oldest))


def known_blocks(session: Session, below: int, limit: int) -> list[tuple[int, str]]:
    """Number and hash of the blocks the mirror knows below a number, newest first."""
    known: dict[int, str] = {}
    for number, block_hash in (
        (col(Block.number), col(Block.hash)),
        (col(Checkpoint.number), col(Checkpoint.hash)),
    ):
        query = select(number, block_hash).where(number < below).order_by(number.desc()).limit(limit)
        known.update({row[0]: row[1] for row in session.execute(query)})
    return sorted(known.items(), reverse=True)[:limit]


def roll_back(session: Session, generation: int, ancestor: tuple[int, str]) -> None:
    """Forget every block above the ancestor (number and hash) with all that came from it."""
    number, block_hash = ancestor
    claim(session, generation, head_number=number, head_hash=block_hash)
    for table, column in _dated_tables():
        session.execute(delete(table).where(table.c[column] > number))
    # what is read again is only what some row still waits for
    waited = [
        col(ContentQueue.cid).in_(select(col(table.cid)).where(col(table.state).not_in(settled)))
        for table, settled in (
            (Content, [PRESENT]),
            (Manifest, [PRESENT, CONTRADICTS]),
            (SealedEvent, [PRESENT, CONTRADICTS]),
        )
    ]
    session.execute(delete(ContentQueue).where(not_(or_(*waited))))


def _dated_tables() -> Iterator[tuple[Table, str]]:
    for table in metadata.sorted_tables:
        if "block_number" in table.c:
            yield table, "block_number"
        elif table.name in (Block.__tablename__, Checkpoint.__tablename__):
            yield table, "number"


def undecoded(session: Session) -> int:
    """Number of logs kept without a derived row."""
    query = select(func.count()).select_from(RawLog).where(col(RawLog.decode_error).is_not(None))
    return session.scalar(query) or 0
