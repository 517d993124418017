"""Which content logs and manifests name, and the rows that wait for it.

Whatever order content becomes readable in, the rows end up the same: of several proofs of one event, and of
several logs that name one CID, the first in chain order counts.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import Session

from indexer.bulk import Columns, Row, among, insert, rows_of, table_of
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


def add_references(session: Session, events: Mapping[type[EventRow], Columns]) -> None:
    """Write the rows that wait for the content which these new events name."""
    rows = {table: rows_of(events[table]) for table in (Anchored, Issued, Attested) if table in events}
    manifests = [_manifest(row, "batch", row["member"]) for row in rows.get(Anchored, ())]
    manifests += [_manifest(row, "issue", row["maker"]) for row in rows.get(Issued, ())]
    insert(session, Manifest, manifests)
    add_proofs(session, [_attestation(row) for row in rows.get(Attested, ())])
    want(session, [(row["cid"], _source(row)) for row in manifests if row["state"] == PENDING])


def _source(row: Row) -> Source:
    return Source(row["block_hash"], row["log_index"], row["block_number"])


def _manifest(row: Row, kind: str, member: int) -> Row:
    cid = cid_text(row["cid"])
    return {
        "block_hash": row["block_hash"],
        "log_index": row["log_index"],
        "block_number": row["block_number"],
        "kind": kind,
        "cid": cid or row["cid"],
        "member": member,
        "root": row["root"],
        "size": row["size"],
        "state": PENDING if cid else CONTRADICTS,
        "reason": None if cid else f"cid: {row['cid']} is no CIDv1 of this system",
    }


def _attestation(row: Row) -> Row:
    return {
        "block_hash": row["block_hash"],
        "log_index": row["log_index"],
        "block_number": row["block_number"],
        "position": 0,
        "kind": "attestation",
        "member": row["member"],
        "seal_id": row["seal_id"],
        "event_hash": row["event_hash"],
        "cid": cid_text(row["cid"]) or row["cid"],
        "signer": row["signer"],
        "block_time": row["block_time"],
    }


def add_proofs(session: Session, proofs: Sequence[Row]) -> None:
    """Write proofs, and one event for all proofs of the same (member, sealId)."""
    if not proofs:
        return
    insert(session, EventProof, proofs)
    first: dict[int, dict[str, Row]] = defaultdict(dict)
    for proof in proofs:
        of_member, seal_id = first[proof["member"]], proof["seal_id"]
        if seal_id not in of_member or _order(proof) < _order(of_member[seal_id]):
            of_member[seal_id] = proof
    fresh: list[Row] = []
    for member, of_member in first.items():
        known = _known(session, member, list(of_member))
        earlier = [seal_id for seal_id, place in known.items() if _order(of_member[seal_id]) < place]
        _forget(session, member, earlier)
        again = set(earlier)
        fresh += [proof for seal_id, proof in of_member.items() if seal_id not in known or seal_id in again]
    # an earlier proof decides, and its document is read as if it were the only one
    events = [_event(proof) for proof in fresh]
    insert(session, SealedEvent, events)
    want(session, [(row["cid"], _source(row)) for row in events if row["state"] == PENDING])


def _known(session: Session, member: int, seal_ids: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Which of a member's events there are, with the place of their first proof."""
    events = table_of(SealedEvent).c
    query = select(events.seal_id, events.block_number, events.log_index, events.position)
    found = session.execute(query.where(events.member == member, among(session, events.seal_id, seal_ids)))
    return {row[0]: (row[1], row[2], row[3]) for row in found}


def _forget(session: Session, member: int, seal_ids: Sequence[str]) -> None:
    if seal_ids:
        for table in (table_of(EventEpc), table_of(SealedEvent)):
            session.execute(
                delete(table).where(table.c.member == member, among(session, table.c.seal_id, seal_ids))
            )


def _order(proof: Row) -> tuple[int, int, int]:
    return proof["block_number"], proof["log_index"], proof["position"]


def _readable(cid: str) -> bool:
    try:
        Cid.parse(cid)
    except InvalidCid:
        return False
    return True


def _event(proof: Row) -> Row:
    readable = _readable(proof["cid"])
    return {
        "member": proof["member"],
        "seal_id": proof["seal_id"],
        "block_hash": proof["block_hash"],
        "log_index": proof["log_index"],
        "block_number": proof["block_number"],
        "position": proof["position"],
        "record_time": proof["block_time"],
        "event_hash": proof["event_hash"],
        "cid": proof["cid"],
        "state": PENDING if readable else CONTRADICTS,
        "reason": None if readable else f"cid: {proof['cid']} is no CIDv1 of this system",
        "declares_error": False,
    }


def want(session: Session, wanted: Iterable[tuple[str, Source]]) -> None:
    """Note that content is named by a log, and have it read."""
    first: dict[str, Source] = {}
    for cid, source in wanted:
        if cid not in first or _place(source) < _place(first[cid]):
            first[cid] = source
    if not first:
        return
    content, queue = table_of(Content).c, table_of(ContentQueue)
    cids = list(first)
    query = select(content.cid, content.block_number, content.log_index)
    found = session.execute(query.where(among(session, content.cid, cids)))
    known = {row[0]: (row[1], row[2]) for row in found}
    queued = set(session.scalars(select(queue.c.cid).where(among(session, queue.c.cid, cids))))
    new = [cid for cid in cids if cid not in known]
    insert(session, Content, [{"cid": cid, "state": PENDING, **_fields(first[cid])} for cid in new])
    earlier = [cid for cid, place in known.items() if _place(first[cid]) < place]
    if earlier:
        session.execute(
            update(table_of(Content)).where(content.cid == bindparam("named")),
            [{"named": cid, **_fields(first[cid])} for cid in earlier],
        )
    waiting = [cid for cid in cids if cid not in queued]
    # due at once, since block numbers are times long past, and what came first is read first
    rows = [{"cid": cid, "attempts": 0, "next_attempt": first[cid].block_number} for cid in waiting]
    insert(session, ContentQueue, rows)
    if queued:
        session.execute(update(queue).where(among(session, queue.c.cid, list(queued))).values(next_attempt=0))


def _place(source: Source) -> tuple[int, int]:
    return source.block_number, source.log_index


def _fields(source: Source) -> dict[str, Any]:
    return {
        "block_hash": source.block_hash,
        "log_index": source.log_index,
        "block_number": source.block_number,
    }
