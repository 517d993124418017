"""The proof of one member's event out of the mirror, for whoever captured it and keeps proofs of its own."""

from typing import Any

from sqlalchemy import Engine, select
from sqlmodel import col

from chain.database import reading
from chain.fields import hex_text, raw_bytes
from epcis.tree import TreeError, event_leaf
from indexer.ledger import load
from indexer.read.tiles import proven_path
from indexer.tables.chainlog import RawLog
from indexer.tables.content import EventProof

_BATCH = "batch"


def event_proof(
    mirror: Engine, member: int, seal_id: str, kind: str | None = None, root: str | None = None
) -> dict[str, Any] | None:
    """Proof of an event (protocol, section 10) by its first batch, else by its attestation, with `depth`: the
    blocks on top of it as far as the mirror has read.

    `kind` (`batch`, `attestation`) and `root` (0x…) leave out others. None where the mirror has no such event
    of the member, or has not read its batch's manifest yet.
    """
    query = (
        select(EventProof, RawLog.tx_hash)  # type: ignore[call-overload]  # sqlalchemy types no columns of SQLModel classes
        .join(
            RawLog,
            (col(RawLog.block_hash) == col(EventProof.block_hash))
            & (col(RawLog.log_index) == col(EventProof.log_index)),
        )
        .where(col(EventProof.member) == member, col(EventProof.seal_id) == seal_id)
        .order_by(col(EventProof.block_number), col(EventProof.log_index))
    )
    if kind is not None:
        query = query.where(col(EventProof.kind) == kind)
    if root is not None:
        query = query.where(col(EventProof.root) == root)
    with reading(mirror) as session:
        rows = session.execute(query).all()
        if not rows:
            return None
        head = load(session).head_number
        for proof, transaction in rows:
            if proof.kind != _BATCH or proof.size is None or proof.root is None or proof.salt is None:
                continue
            try:
                leaf = event_leaf(raw_bytes(seal_id), raw_bytes(proof.event_hash), raw_bytes(proof.salt))
                place = proof.block_hash, proof.log_index
                path = proven_path(session, *place, leaf, proof.position, proof.size, proof.root)
            except (TreeError, ValueError):
                continue  # its manifest is not there yet or not any more, or its rows are no indexer's
            return {
                "kind": _BATCH,
                "root": proof.root,
                "size": proof.size,
                "index": proof.position,
                "salt": proof.salt,
                "path": [hex_text(one) for one in path],
                "transaction": transaction,
                "depth": head - proof.block_number,
            }
    for proof, transaction in rows:
        if proof.kind != _BATCH:
            return {"kind": "attestation", "transaction": transaction, "depth": head - proof.block_number}
    return None
