"""Reads content behind the chain from the vault and fills the rows that wait for it."""

import time
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import func, insert, select
from sqlmodel import Session, col

from chain.fields import hex_text
from epcis import digital_link
from epcis.tiles import Tile
from indexer.document import ContradictionError, open_batch, open_issue, read_document
from indexer.references import add_proofs
from indexer.tables.content import (
    CONTRADICTS,
    CORRUPT,
    MISSING,
    PENDING,
    PRESENT,
    Content,
    ContentQueue,
    EventEpc,
    EventProof,
    IssuedItem,
    Manifest,
    MerkleTile,
    SealedEvent,
)
from indexer.tables.provenance import Anchored, Issued
from vault.cid import Cid
from vault.store import CorruptContent, MissingContent, VaultError

_AT_ONCE: Final = 64
_FIRST_RETRY_MS: Final = 1_000
_LAST_RETRY_MS: Final = 300_000


class Reader(Protocol):
    """Where content is read from; `vault.store.ContentStore` is one."""

    def get(self, cid: Cid) -> bytes:
        """The whole content, checked. Raises MissingContent, CorruptContent."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What the vault gave for one CID; `state` is pending where the vault itself failed."""

    cid: str
    state: str
    content: bytes = b""
    reason: str | None = None


def clock_ms() -> int:
    """Unix milliseconds, for retries alone: nothing mirrored depends on it."""
    return time.time_ns() // 1_000_000


def due(session: Session, now_ms: int, limit: int = _AT_ONCE) -> list[str]:
    """CIDs to read now, those never tried first."""
    query = (
        select(col(ContentQueue.cid))
        .where(col(ContentQueue.next_attempt) <= now_ms)
        .order_by(col(ContentQueue.next_attempt), col(ContentQueue.cid))
        .limit(limit)
    )
    return list(session.scalars(query))


def waiting(session: Session) -> int:
    """Number of CIDs that could not be read so far."""
    return session.scalar(select(func.count()).select_from(ContentQueue)) or 0


def untried(session: Session) -> int:
    """Number of CIDs that were never asked for."""
    query = select(func.count()).select_from(ContentQueue).where(col(ContentQueue.attempts) == 0)
    return session.scalar(query) or 0


def read(store: Reader, cid: str) -> Reading:
    """Ask the vault, outside of any transaction."""
    try:
        return Reading(cid, PRESENT, store.get(Cid.parse(cid)))
    except MissingContent as error:
        return Reading(cid, MISSING, reason=str(error))
    except CorruptContent as error:
        return Reading(cid, CORRUPT, reason=str(error))
    except (VaultError, OSError) as error:
        return Reading(cid, PENDING, reason=f"{type(error).__name__}: {error}")


def apply(session: Session, reading: Reading, now_ms: int) -> None:
    """Fill the rows that wait for this content, or say what is wrong with it and when it is tried again."""
    content = session.get(Content, reading.cid)
    queued = session.get(ContentQueue, reading.cid)
    if content is None or queued is None:  # rolled back while it was read
        return
    if reading.state != PRESENT:
        _postpone(queued, reading.reason, now_ms)
    if reading.state == PENDING:
        return
    content.state = reading.state
    if reading.state == PRESENT:
        session.delete(queued)
    session.flush()
    for manifest in _open_manifests(session, reading.cid):
        if reading.state == PRESENT:
            _fill_manifest(session, manifest, reading.content)
        else:
            manifest.state, manifest.reason = reading.state, None
    for event in _open_events(session, reading.cid):
        if reading.state == PRESENT:
            _fill_event(session, event, reading.content)
        else:
            event.state, event.reason = reading.state, None
    session.flush()


def postpone(session: Session, cid: str, reason: str, now_ms: int) -> None:
    """Try a piece of content again later, its rows staying as they are."""
    queued = session.get(ContentQueue, cid)
    if queued is not None:
        _postpone(queued, reason, now_ms)


def _postpone(queued: ContentQueue, reason: str | None, now_ms: int) -> None:
    queued.attempts += 1
    pause = min(_LAST_RETRY_MS, _FIRST_RETRY_MS << min(queued.attempts - 1, 20))
    queued.next_attempt = now_ms + pause
    queued.reason = reason


def _open_manifests(session: Session, cid: str) -> list[Manifest]:
    open_states = col(Manifest.state).not_in([PRESENT, CONTRADICTS])
    query = select(Manifest).where(col(Manifest.cid) == cid, open_states)
    return list(session.scalars(query.order_by(col(Manifest.block_number), col(Manifest.log_index))))


def _open_events(session: Session, cid: str) -> list[SealedEvent]:
    open_states = col(SealedEvent.state).not_in([PRESENT, CONTRADICTS])
    query = select(SealedEvent).where(col(SealedEvent.cid) == cid, open_states)
    return list(session.scalars(query.order_by(col(SealedEvent.member), col(SealedEvent.seal_id))))


def _fill_manifest(session: Session, manifest: Manifest, content: bytes) -> None:
    try:
        if manifest.kind == "batch":
            _fill_batch(session, manifest, content)
        else:
            _fill_issue(session, manifest, content)
    except ContradictionError as error:
        manifest.state, manifest.reason = CONTRADICTS, str(error)
    else:
        manifest.state, manifest.reason = PRESENT, None


def _fill_batch(session: Session, manifest: Manifest, content: bytes) -> None:
    batch = open_batch(content, manifest.member, manifest.root, manifest.size)
    log = session.get_one(Anchored, (manifest.block_hash, manifest.log_index))
    proofs = [
        EventProof(
            block_hash=manifest.block_hash,
            log_index=manifest.log_index,
            block_number=manifest.block_number,
            position=position,
            kind="batch",
            member=manifest.member,
            seal_id=leaf.seal_id,
            event_hash=leaf.event_hash,
            cid=leaf.cid,
            signer=log.signer,
            block_time=log.block_time,
            root=manifest.root,
            size=manifest.size,
            salt=leaf.salt,
        )
        for position, leaf in enumerate(batch.leaves)
    ]
    add_proofs(session, proofs)
    _add_tiles(session, manifest, batch.tiles)


def _add_tiles(session: Session, manifest: Manifest, tiles: list[Tile]) -> None:
    session.execute(
        insert(MerkleTile),
        [
            {
                "block_hash": manifest.block_hash,
                "log_index": manifest.log_index,
                "block_number": manifest.block_number,
                "level": tile.level,
                "position": tile.index,
                "hashes": tile.hashes,
            }
            for tile in tiles
        ],
    )


def _fill_issue(session: Session, manifest: Manifest, content: bytes) -> None:
    log = session.get_one(Issued, (manifest.block_hash, manifest.log_index))
    issue = open_issue(content, manifest.member, manifest.root, manifest.size, log.gtin)
    for position, serial in enumerate(issue.serials):
        try:
            uri = digital_link.item_uri(f"{log.gtin:014d}", serial)
        except ValueError as error:
            raise ContradictionError(f"gtin: {error}") from error
        session.add(
            IssuedItem(
                block_hash=manifest.block_hash,
                log_index=manifest.log_index,
                block_number=manifest.block_number,
                position=position,
                issue_id=log.issue_id,
                serial=serial,
                uri=uri,
                item_id=hex_text(digital_link.item_id(uri)),
            )
        )
    _add_tiles(session, manifest, issue.tiles)


def _fill_event(session: Session, event: SealedEvent, content: bytes) -> None:
    try:
        document = read_document(content, event.seal_id, event.event_hash)
    except ContradictionError as error:
        event.state, event.reason = CONTRADICTS, str(error)
        return
    for name, value in document.columns.items():
        setattr(event, name, value)
    event.state, event.reason = PRESENT, None
    session.add_all(
        EventEpc(
            member=event.member,
            seal_id=event.seal_id,
            position=position,
            block_number=event.block_number,
            role=thing.role,
            uri=thing.uri,
            item_id=thing.item_id,
            quantity=thing.quantity,
            unit=thing.unit,
        )
        for position, thing in enumerate(document.things)
    )
