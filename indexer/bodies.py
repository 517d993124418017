"""Reads content behind the chain from the vault and fills the rows that wait for it."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sqlalchemy import delete, func, select, update
from sqlmodel import Session, col

from epcis import digital_link
from epcis.tiles import Tile
from indexer.bulk import JsonText, Row, among, chunks, insert, table_of
from indexer.document import ContradictionError, Document, open_batch, open_issue, read_document
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
    IssuedItem,
    Manifest,
    MerkleTile,
    SealedEvent,
)
from indexer.tables.provenance import Anchored, Issued
from vault.cid import Cid
from vault.store import CorruptContent, MissingContent, VaultError

_FIRST_RETRY_MS: Final = 1_000
LAST_RETRY_MS: Final = 300_000
_TURN: Final = 1_000
_TURN_BYTES: Final = 16 << 20
_PART: Final = 100
"""pieces of content and their bytes in one transaction, and documents asked of the vault at a time"""


class Reader(Protocol):
    """Where content is read from; `vault.store.ContentStore` is one."""

    def get(self, cid: Cid) -> bytes:
        """The whole content, checked. Raises VaultError."""
        ...

    def get_many(self, cids: Sequence[Cid]) -> list[bytes | VaultError]:
        """Content in the order asked for; where one cannot be had, the error in its place."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """Content to read now, with what the logs say of it: (sealId, event hash) of the events it may be."""

    cid: str
    manifest: bool
    """whether a manifest lies there, which may be large"""
    events: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the vault gave for one CID; `state` is pending where the vault itself failed."""

    cid: str
    state: str
    content: bytes = b""
    reason: str | None = None
    documents: dict[tuple[str, str], Document | ContradictionError] = field(default_factory=dict)
    """read already, by sealId and event hash"""

    def document(self, seal_id: str, event_hash: str) -> Document:
        """The content as that event. Raises ContradictionError."""
        key = seal_id, event_hash
        if key not in self.documents:
            self.prepare(key)
        found = self.documents[key]
        if isinstance(found, ContradictionError):
            raise found
        return found

    def prepare(self, key: tuple[str, str]) -> None:
        """Read the content as that event beforehand."""
        try:
            self.documents[key] = read_document(self.content, *key)
        except ContradictionError as error:
            self.documents[key] = error


def clock_ms() -> int:
    """Unix milliseconds, for retries alone: nothing mirrored depends on it."""
    return time.time_ns() // 1_000_000


def due(session: Session, now_ms: int, limit: int) -> list[Due]:
    """Content to read now, that never tried first."""
    queue, events, manifests = table_of(ContentQueue).c, table_of(SealedEvent).c, table_of(Manifest).c
    query = select(queue.cid).where(queue.next_attempt <= now_ms)
    cids = list(session.scalars(query.order_by(queue.next_attempt, queue.cid).limit(limit)))
    is_open = events.state.not_in([PRESENT, CONTRADICTS])
    named = select(events.cid, events.seal_id, events.event_hash)
    expected: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for cid, seal_id, event_hash in session.execute(named.where(among(session, events.cid, cids), is_open)):
        expected[cid].add((seal_id, event_hash))
    behind = set(session.scalars(select(manifests.cid).where(among(session, manifests.cid, cids))))
    return [Due(cid, cid in behind, tuple(expected[cid])) for cid in cids]


def waiting(session: Session) -> int:
    """Number of CIDs that could not be read so far."""
    return session.scalar(select(func.count()).select_from(ContentQueue)) or 0


def untried(session: Session) -> int:
    """Number of CIDs that were never asked for."""
    query = select(func.count()).select_from(ContentQueue).where(col(ContentQueue.attempts) == 0)
    return session.scalar(query) or 0


def read(store: Reader, wanted: Sequence[Due]) -> list[Reading]:
    """Ask the vault, outside of any transaction, and read documents as the events they should be."""
    try:
        answers: list[bytes | VaultError | OSError] = list(
            store.get_many([Cid.parse(one.cid) for one in wanted])
        )
    except (VaultError, OSError) as error:
        answers = [error] * len(wanted)
    readings = []
    for one, answer in zip(wanted, answers, strict=True):
        reading = _reading(one.cid, answer)
        if reading.state == PRESENT:
            for key in one.events:
                reading.prepare(key)
        readings.append(reading)
    return readings


def turns(store: Reader, wanted: Sequence[Due]) -> Iterator[list[Reading]]:
    """The content in turns that are bounded in bytes: manifests are read one by one, documents in groups."""
    turn: list[Reading] = []
    weight = 0
    for part in _parts(wanted):
        turn += read(store, part)
        weight += sum(len(one.content) for one in turn[-len(part) :])
        if weight >= _TURN_BYTES or len(turn) >= _TURN:
            yield turn
            turn, weight = [], 0
    if turn:
        yield turn


def _parts(wanted: Sequence[Due]) -> Iterator[Sequence[Due]]:
    for manifest in (one for one in wanted if one.manifest):
        yield [manifest]
    yield from chunks([one for one in wanted if not one.manifest], _PART)


def _reading(cid: str, answer: bytes | VaultError | OSError) -> Reading:
    if isinstance(answer, bytes):
        return Reading(cid, PRESENT, answer)
    if isinstance(answer, MissingContent):
        return Reading(cid, MISSING, reason=str(answer))
    if isinstance(answer, CorruptContent):
        return Reading(cid, CORRUPT, reason=str(answer))
    return Reading(cid, PENDING, reason=f"{type(answer).__name__}: {answer}")


def apply(session: Session, readings: Sequence[Reading], now_ms: int) -> None:
    """Fill the rows that wait for this content, or say what is wrong with it and when it is tried again."""
    content, queue = table_of(Content), table_of(ContentQueue)
    cids = [one.cid for one in readings]
    query = select(queue.c.cid, queue.c.attempts).join(content, content.c.cid == queue.c.cid)
    attempts = dict(session.execute(query.where(among(session, queue.c.cid, cids))).tuples().all())
    known = {one.cid: one for one in readings if one.cid in attempts}  # others were rolled back meanwhile
    failed = [(one, attempts[one.cid]) for one in known.values() if one.state != PRESENT]
    if failed:
        _postpone(session, failed, now_ms)
    told = {cid: one for cid, one in known.items() if one.state != PENDING}
    present = [cid for cid, one in told.items() if one.state == PRESENT]
    for state in (PRESENT, MISSING, CORRUPT):
        of_state = [cid for cid, one in told.items() if one.state == state]
        if of_state:
            session.execute(
                update(content).where(among(session, content.c.cid, of_state)).values(state=state)
            )
    if present:
        session.execute(delete(queue).where(among(session, queue.c.cid, present)))
    _fill_manifests(session, told)
    _fill_events(session, told)


def postpone(session: Session, reading: Reading, reason: str, now_ms: int) -> None:
    """Try a piece of content again later, its rows staying as they are."""
    query = select(col(ContentQueue.attempts)).where(col(ContentQueue.cid) == reading.cid)
    attempts = session.scalar(query)
    if attempts is not None:
        _postpone(session, [(Reading(reading.cid, PENDING, reason=reason), attempts)], now_ms)


def _postpone(session: Session, failed: Sequence[tuple[Reading, int]], now_ms: int) -> None:
    """Write queued rows anew, which is quicker than updating them."""
    rows: list[Row] = []
    for reading, attempts in failed:
        pause = min(LAST_RETRY_MS, _FIRST_RETRY_MS << min(attempts, 20))
        rows.append(
            {
                "cid": reading.cid,
                "attempts": attempts + 1,
                "next_attempt": now_ms + pause,
                "reason": reading.reason,
            }
        )
    queue = table_of(ContentQueue)
    session.execute(delete(queue).where(among(session, queue.c.cid, [row["cid"] for row in rows])))
    insert(session, ContentQueue, rows)


def _fill_manifests(session: Session, told: dict[str, Reading]) -> None:
    manifests = table_of(Manifest)
    is_open = manifests.c.state.not_in([PRESENT, CONTRADICTS])
    for state in (MISSING, CORRUPT):
        of_state = [cid for cid, one in told.items() if one.state == state]
        if of_state:
            waiting = update(manifests).where(among(session, manifests.c.cid, of_state), is_open)
            session.execute(waiting.values(state=state, reason=None))
    present = [cid for cid, one in told.items() if one.state == PRESENT]
    query = select(manifests).where(among(session, manifests.c.cid, present), is_open)
    rows = session.execute(query.order_by(manifests.c.block_number, manifests.c.log_index)).mappings().all()
    for row in map(dict, rows):
        state, reason = PRESENT, None
        try:
            fill = _fill_batch if row["kind"] == "batch" else _fill_issue
            fill(session, row, told[row["cid"]].content)
        except ContradictionError as error:
            state, reason = CONTRADICTS, str(error)
        place = manifests.c.block_hash == row["block_hash"], manifests.c.log_index == row["log_index"]
        session.execute(update(manifests).where(*place).values(state=state, reason=reason))


def _place(manifest: Row) -> dict[str, Any]:
    return {name: manifest[name] for name in ("block_hash", "log_index", "block_number")}


def _fill_batch(session: Session, manifest: Row, content: bytes) -> None:
    batch = open_batch(content, manifest["member"], manifest["root"], manifest["size"])
    log = session.get_one(Anchored, (manifest["block_hash"], manifest["log_index"]))
    shared = {
        **_place(manifest),
        "kind": "batch",
        "member": manifest["member"],
        "signer": log.signer,
        "block_time": log.block_time,
        "root": manifest["root"],
        "size": manifest["size"],
    }
    proofs = [
        {
            **shared,
            "position": position,
            "seal_id": leaf.seal_id,
            "event_hash": leaf.event_hash,
            "cid": leaf.cid,
            "salt": leaf.salt,
        }
        for position, leaf in enumerate(batch.leaves)
    ]
    add_proofs(session, proofs)
    _add_tiles(session, manifest, batch.tiles)


def _add_tiles(session: Session, manifest: Row, tiles: list[Tile]) -> None:
    shared = _place(manifest)
    rows = [{**shared, "level": tile.level, "position": tile.index, "hashes": tile.hashes} for tile in tiles]
    insert(session, MerkleTile, rows)


def _fill_issue(session: Session, manifest: Row, content: bytes) -> None:
    log = session.get_one(Issued, (manifest["block_hash"], manifest["log_index"]))
    issue = open_issue(content, manifest["member"], manifest["root"], manifest["size"], log.gtin)
    shared = {**_place(manifest), "issue_id": log.issue_id}
    gtin = f"{log.gtin:014d}"
    rows = []
    for position, serial in enumerate(issue.serials):
        try:
            uri = digital_link.item_uri(gtin, serial)
        except ValueError as error:
            raise ContradictionError(f"gtin: {error}") from error
        item_id = "0x" + digital_link.item_id(uri).hex()
        rows.append({**shared, "position": position, "serial": serial, "uri": uri, "item_id": item_id})
    insert(session, IssuedItem, rows)
    _add_tiles(session, manifest, issue.tiles)


def _fill_events(session: Session, told: dict[str, Reading]) -> None:
    """Events whose document was told of; their rows are put in anew, which is quicker than updating them."""
    events = table_of(SealedEvent)
    is_open = among(session, events.c.cid, list(told)), events.c.state.not_in([PRESENT, CONTRADICTS])
    filled: list[Row] = []
    things: list[Row] = []
    for found in session.execute(select(events).where(*is_open)).mappings().all():
        row = dict(found)
        reading = told[row["cid"]]
        row["state"], row["reason"] = reading.state, None
        if reading.state == PRESENT:
            try:
                document = reading.document(row["seal_id"], row["event_hash"])
            except ContradictionError as error:
                row["state"], row["reason"] = CONTRADICTS, str(error)
            else:
                row.update(document.columns, body=JsonText(document.text))
                things += _things(row, document)
        filled.append(row)
    if filled:
        session.execute(delete(events).where(*is_open))
        insert(session, SealedEvent, filled)
        insert(session, EventEpc, things)


def _things(event: Row, document: Document) -> list[Row]:
    shared = {name: event[name] for name in ("member", "seal_id", "block_number")}
    return [
        {
            **shared,
            "position": position,
            "role": thing.role,
            "uri": thing.uri,
            "item_id": thing.item_id,
            "quantity": thing.quantity,
            "unit": thing.unit,
        }
        for position, thing in enumerate(document.things)
    ]
