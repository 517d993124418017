"""Which content logs and manifests name, and the rows that wait for it.

Whatever order content becomes readable in, the rows end up the same: of several proofs of one event, and of
several logs that name one CID, the first in chain order counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import delete, select, tuple_, update
from sqlmodel import Session, col

from indexer.tables import EventRow
from indexer.tables.content import (
    CONTRADICTS,
    PENDING,
    Content,
    ContentQueue,
    EventEpc,
    EventProof,
    Manifest,
    SealedEvent,
)
from indexer.tables.provenance import Anchored, Attested, Issued
from vault.cid import Cid, InvalidCid

K = TypeVar("K")
_CHUNK = 300  # keys in one IN list: SQLite and PostgreSQL both bound the parameters of a statement
_CLEARED: dict[str, Any] = {
    "reason": None,
    "type": None,
    "event_time": None,
    "event_time_offset": None,
    "event_id": None,
    "action": None,
    "biz_step": None,
    "disposition": None,
    "read_point": None,
    "biz_location": None,
    "declares_error": False,
    "error_reason": None,
    "body": None,
}


@dataclass(frozen=True, slots=True)
class Source:
    """The log that names content."""

    block_hash: str
    log_index: int
    block_number: int


def cid_text(binary: str) -> str | None:
    """Text form of a binary CID in 0x-hexadecimal; None where it is no CID of this system."""
    try:
        return str(Cid.from_bytes(bytes.fromhex(binary[2:])))
    except InvalidCid:
        return None


def add_references(session: Session, rows: Iterable[EventRow]) -> None:
    """Write the rows that wait for the content which these new events name."""
    wanted: list[tuple[str, Source]] = []
    proofs: list[EventProof] = []
    for row in rows:
        source = Source(row.block_hash, row.log_index, row.block_number)
        if isinstance(row, Anchored | Issued):
            manifest = _manifest(row, source)
            session.add(manifest)
            if manifest.state == PENDING:
                wanted.append((manifest.cid, source))
        elif isinstance(row, Attested):
            proofs.append(_attestation(row, source))
    add_proofs(session, proofs)
    want(session, wanted)


def _manifest(row: Anchored | Issued, source: Source) -> Manifest:
    cid = cid_text(row.cid)
    return Manifest(
        block_hash=source.block_hash,
        log_index=source.log_index,
        block_number=source.block_number,
        kind="batch" if isinstance(row, Anchored) else "issue",
        cid=cid or row.cid,
        member=row.member if isinstance(row, Anchored) else row.maker,
        root=row.root,
        size=row.size,
        state=PENDING if cid else CONTRADICTS,
        reason=None if cid else f"cid: {row.cid} is no CIDv1 of this system",
    )


def _attestation(row: Attested, source: Source) -> EventProof:
    return EventProof(
        block_hash=source.block_hash,
        log_index=source.log_index,
        block_number=source.block_number,
        position=0,
        kind="attestation",
        member=row.member,
        seal_id=row.seal_id,
        event_hash=row.event_hash,
        cid=cid_text(row.cid) or row.cid,
        signer=row.signer,
        block_time=row.block_time,
    )


def add_proofs(session: Session, proofs: Sequence[EventProof]) -> None:
    """Write proofs, and one event for all proofs of the same (member, sealId)."""
    if not proofs:
        return
    session.add_all(proofs)
    first: dict[tuple[int, str], EventProof] = {}
    for proof in proofs:
        key = proof.member, proof.seal_id
        if key not in first or _order(proof) < _order(first[key]):
            first[key] = proof
    known: dict[tuple[int, str], SealedEvent] = {}
    for chunk in _chunks(list(first)):
        found = session.scalars(
            select(SealedEvent).where(tuple_(col(SealedEvent.member), col(SealedEvent.seal_id)).in_(chunk))
        )
        known.update({(event.member, event.seal_id): event for event in found})
    wanted = []
    for key, proof in first.items():
        event = known.get(key)
        if event is None:
            session.add(_event(proof))
        elif _order(proof) < _order(event):
            _put_first(session, event, proof)
        else:
            continue
        if _readable(proof.cid):
            wanted.append((proof.cid, Source(proof.block_hash, proof.log_index, proof.block_number)))
    want(session, wanted)


def _order(row: EventProof | SealedEvent) -> tuple[int, int, int]:
    return row.block_number, row.log_index, row.position


def _readable(cid: str) -> bool:
    try:
        Cid.parse(cid)
    except InvalidCid:
        return False
    return True


def _first_proof(proof: EventProof) -> dict[str, Any]:
    readable = _readable(proof.cid)
    return {
        "block_hash": proof.block_hash,
        "log_index": proof.log_index,
        "block_number": proof.block_number,
        "position": proof.position,
        "record_time": proof.block_time,
        "event_hash": proof.event_hash,
        "cid": proof.cid,
        "state": PENDING if readable else CONTRADICTS,
        "reason": None if readable else f"cid: {proof.cid} is no CIDv1 of this system",
    }


def _event(proof: EventProof) -> SealedEvent:
    return SealedEvent(member=proof.member, seal_id=proof.seal_id, **_first_proof(proof))


def _put_first(session: Session, event: SealedEvent, proof: EventProof) -> None:
    """An earlier proof became readable: it decides, and its document is read as if it were the only one."""
    for name, value in {**_CLEARED, **_first_proof(proof)}.items():
        setattr(event, name, value)
    session.execute(
        delete(EventEpc).where(col(EventEpc.member) == event.member, col(EventEpc.seal_id) == event.seal_id)
    )


def want(session: Session, wanted: Sequence[tuple[str, Source]]) -> None:
    """Note that content is named by a log, and have it read."""
    first: dict[str, Source] = {}
    for cid, source in wanted:
        if cid not in first or _place(source) < _place(first[cid]):
            first[cid] = source
    for chunk in _chunks(list(first)):
        known = {c.cid: c for c in session.scalars(select(Content).where(col(Content.cid).in_(chunk)))}
        queued = set(session.scalars(select(col(ContentQueue.cid)).where(col(ContentQueue.cid).in_(chunk))))
        for cid in chunk:
            source = first[cid]
            content = known.get(cid)
            if content is None:
                session.add(Content(cid=cid, **_fields(source)))
            elif _place(source) < (content.block_number, content.log_index):
                for name, value in _fields(source).items():
                    setattr(content, name, value)
            if cid not in queued:
                session.add(ContentQueue(cid=cid))
        again = update(ContentQueue).where(col(ContentQueue.cid).in_(queued))
        session.execute(again.values(next_attempt=0))
    session.flush()


def _place(source: Source) -> tuple[int, int]:
    return source.block_number, source.log_index


def _fields(source: Source) -> dict[str, Any]:
    return {
        "block_hash": source.block_hash,
        "log_index": source.log_index,
        "block_number": source.block_number,
    }


def _chunks(keys: Sequence[K]) -> Iterator[Sequence[K]]:
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]
