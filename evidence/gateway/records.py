"""What a gateway knows of an event, a submission and itself, and the proof that it keeps of an event."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from chain.database import reading
from chain.fields import hex_text
from epcis.tiles import inclusion_path
from epcis.tree import leaf_salt
from evidence.gateway.batches import DISSOLVED, FINAL
from evidence.gateway.intake import Lane
from evidence.gateway.spool import ACCEPTED, REFUSED, Spool, portions
from evidence.gateway.tables import BATCH, DOCUMENT, ELSEWHERE, EVENT, SPOOL, TILE


@dataclass(frozen=True, slots=True)
class EventState:
    """Where an event stands. `root` and `leaf`: its batch and place there, once it has one."""

    seal_id: bytes
    event_hash: bytes
    state: str
    """accepted, batched, signed, delivered, final or refused"""
    single: bool
    refusal: str | None
    root: bytes | None
    leaf: int | None
    transaction: str | None
    job_id: str | None
    problem: str | None
    """what keeps it from going on, for the moment"""

    def to_json(self) -> dict[str, Any]:
        """As the gateway answers it."""
        return {
            "sealId": hex_text(self.seal_id),
            "eventHash": hex_text(self.event_hash),
            "state": self.state,
            "kind": "attestation" if self.single else "batch",
            "root": None if self.root is None else hex_text(self.root),
            "index": self.leaf,
            "transaction": self.transaction,
            "job": self.job_id,
            "refusal": self.refusal,
            "problem": self.problem,
        }


class Records:
    """Reads one spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._engine = spool.engine

    def events(self, seal_ids: list[bytes]) -> list[EventState]:
        """Where events stand, in their order, unknown ones left out; an attested one as its attestation."""
        columns = (EVENT.c.seal_id, EVENT.c.event_hash, EVENT.c.single, EVENT.c.leaf, EVENT.c.refusal)
        query = select(
            *columns, BATCH.c.state, BATCH.c.root, BATCH.c.tx, BATCH.c.job_id, BATCH.c.problem
        ).outerjoin(BATCH, BATCH.c.id == EVENT.c.batch_id)
        found: dict[bytes, EventState] = {}
        with reading(self._engine) as session:
            for keys in portions(seal_ids):
                rows = session.execute(query.where(EVENT.c.seal_id.in_(keys)).order_by(EVENT.c.single))
                for row in rows:
                    state = REFUSED if row.refusal is not None else row.state or ACCEPTED
                    found[row.seal_id] = EventState(
                        seal_id=row.seal_id,
                        event_hash=row.event_hash,
                        state=state,
                        single=bool(row.single),
                        refusal=row.refusal,
                        root=None if row.single else row.root,
                        leaf=None if row.single else row.leaf,
                        transaction=row.tx,
                        job_id=row.job_id,
                        problem=row.problem,
                    )
        return [found[one] for one in seal_ids if one in found]

    def proof(self, seal_id: bytes) -> dict[str, Any] | None:
        """The proof of a final event as a bundle has it (protocol, section 10), without the document where
        the spool keeps it no more; None where the event is not final yet or not known.

        Of an event that was attested the proof is the transaction, unless a batch holds it too.
        """
        query = (
            select(EVENT, BATCH.c.seed, BATCH.c.root, BATCH.c.size.label("leaves"), BATCH.c.tx)
            .join(BATCH, BATCH.c.id == EVENT.c.batch_id)
            .where(EVENT.c.seal_id == seal_id, BATCH.c.state == FINAL)
            .order_by(EVENT.c.single)
        )
        with reading(self._engine) as session:
            row = session.execute(query).first()
            if row is None:
                return None
            body = session.execute(select(DOCUMENT.c.body).where(DOCUMENT.c.event_id == row.id)).scalar()
            elsewhere = session.execute(
                select(ELSEWHERE.c.proof).where(ELSEWHERE.c.event_id == row.id)
            ).scalar()
            proof: dict[str, Any]
            if elsewhere is not None:
                proof = json.loads(elsewhere)
            elif row.lane == Lane.EFFECT:
                proof = {"kind": "attestation", "transaction": row.tx}
            else:

                def tile(level: int, place: int) -> bytes:
                    chosen = (TILE.c.batch_id == row.batch_id, TILE.c.level == level, TILE.c.place == place)
                    return session.execute(select(TILE.c.hashes).where(*chosen)).scalar() or b""

                proof = {
                    "kind": "batch",
                    "root": hex_text(row.root),
                    "size": row.leaves,
                    "index": row.leaf,
                    "salt": hex_text(leaf_salt(row.seed, row.leaf, seal_id)),
                    "path": [hex_text(one) for one in inclusion_path(tile, row.leaf, row.leaves)],
                    "transaction": row.tx,
                }
        return {
            "document": None if body is None else json.loads(body),
            "disclosure": None,
            "sealId": hex_text(seal_id),
            "eventHash": hex_text(row.event_hash),
            "member": self._spool.member,
            "proof": proof,
        }

    def status(self) -> dict[str, Any]:
        """How much waits where, and what keeps it."""
        with reading(self._engine) as session:
            spool = session.execute(select(SPOOL)).one()
            states = session.execute(
                select(BATCH.c.state, func.count(), func.sum(BATCH.c.size)).group_by(BATCH.c.state)
            ).all()
            problems = session.scalars(
                select(BATCH.c.problem)
                .where(BATCH.c.problem.is_not(None), BATCH.c.state.not_in((FINAL, DISSOLVED)))
                .distinct()
                .limit(5)
            ).all()
            refused = session.execute(
                select(func.count()).select_from(EVENT).where(EVENT.c.refusal.is_not(None))
            ).scalar_one()
        batched = {state: int(events) for state, _, events in states if state != DISSOLVED}
        under_way = sum(events for state, events in batched.items() if state != FINAL)
        return {
            "member": spool.member,
            "network": spool.network,
            "waitingEvents": spool.waiting_events,
            "waitingBytes": spool.waiting_bytes,
            "mostEvents": self._spool.bounds.events,
            "mostBytes": self._spool.bounds.size,
            "accepted": spool.waiting_events - under_way,
            **{state: batched.get(state, 0) for state in ("batched", "signed", "delivered", "final")},
            "refused": refused,
            "batches": {state: count for state, count, _ in states},
            "problems": list(problems),
        }
