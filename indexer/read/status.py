"""How far the mirror is, and what it could not read."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from indexer.bodies import waiting
from indexer.ledger import undecoded
from indexer.tables.chainlog import MirrorState
from indexer.tables.content import CONTRADICTS, Manifest, SealedEvent


@dataclass(frozen=True, slots=True)
class MirrorStatus:
    """State of a mirror. `mirrored` is one below its first block where it holds none."""

    chain_id: int
    first_block: str
    mirrored: int
    head_hash: str | None
    undecoded_logs: int
    contents_waiting: int
    contradictions: int
    """manifests and documents that are not what the chain says of them"""


def status(session: Session) -> MirrorStatus | None:
    """State of the mirror; None before its first use."""
    state = session.get(MirrorState, 1)
    if state is None:
        return None
    bad = 0
    for table in (Manifest, SealedEvent):
        query = select(func.count()).select_from(table).where(col(table.state) == CONTRADICTS)
        bad += session.scalar(query) or 0
    return MirrorStatus(
        chain_id=int(state.chain_id),
        first_block=state.first_block,
        mirrored=state.head_number,
        head_hash=state.head_hash or None,
        undecoded_logs=undecoded(session),
        contents_waiting=waiting(session),
        contradictions=bad,
    )
