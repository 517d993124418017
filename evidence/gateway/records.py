"""What a gateway knows of an event, a submission and itself, and the proof that it keeps of an event."""

import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlmodel import Session

from chain.database import reading
from chain.fields import hex_text
from epcis.tiles import inclusion_path
from epcis.tree import leaf_salt
from evidence.gateway.batches import FINAL, OPEN_STATES
from evidence.gateway.intake import Lane
from evidence.gateway.spool import ACCEPTED, REFUSED, Spool, portions
from evidence.gateway.tables import BATCH, DOCUMENT, ELSEWHERE, EVENT, SPOOL, TILE

_TOLD: Final = 20  # held batches and refusals that a status lists


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

    def document(self, seal_id: bytes) -> bytes | None:
        """The sealed document of an event that waits or was refused; None where the spool has it no more."""
        query = (
            select(DOCUMENT.c.body)
            .join(EVENT, EVENT.c.id == DOCUMENT.c.event_id)
            .where(EVENT.c.seal_id == seal_id)
            .limit(1)
        )
        with reading(self._engine) as session:
            return session.execute(query).scalar()

    def status(self) -> dict[str, Any]:
        """How much waits where and for how long, what keeps it, and what was refused last."""
        now = self._spool.now_ms()
        open_ = BATCH.c.state.in_(OPEN_STATES)
        fields = (BATCH.c.id, BATCH.c.state, BATCH.c.size, BATCH.c.tries, BATCH.c.next_ms, BATCH.c.problem)
        with reading(self._engine) as session:
            spool = session.execute(select(SPOOL)).one()
            states = session.execute(
                select(BATCH.c.state, func.count(), func.sum(BATCH.c.size))
                .where(open_)
                .group_by(BATCH.c.state)
            ).all()
            held = session.execute(
                select(*fields).where(open_, BATCH.c.problem.is_not(None)).order_by(BATCH.c.id).limit(_TOLD)
            ).all()
            out = EVENT.c.refusal.is_not(None)
            refused = session.execute(select(func.count()).select_from(EVENT).where(out)).scalar_one()
            refusals = session.execute(
                select(EVENT.c.seal_id, EVENT.c.refusal).where(out).order_by(EVENT.c.id.desc()).limit(_TOLD)
            ).all()
            since = [
                session.execute(select(func.min(BATCH.c.closed_ms)).where(open_)).scalar(),
                *(self._oldest(session, lane) for lane in Lane),
            ]
        events = {state: int(size) for state, _, size in states}
        oldest = [one for one in since if one is not None]
        return {
            "member": spool.member,
            "network": spool.network,
            "waitingEvents": spool.waiting_events,
            "waitingBytes": spool.waiting_bytes,
            "mostEvents": self._spool.bounds.events,
            "mostBytes": self._spool.bounds.size,
            "waitingSeconds": max(0.0, (now - min(oldest)) / 1000) if oldest else 0.0,
            "accepted": spool.waiting_events - sum(events.values()),
            **{state: events.get(state, 0) for state in OPEN_STATES},
            # every row waits, was refused, or is final; counting those would take ever longer
            "final": spool.next_event - 1 - spool.waiting_events - refused,
            "refused": refused,
            "batches": {state: count for state, count, _ in states},
            "problems": list(dict.fromkeys(one.problem for one in held))[:5],
            "held": [
                {
                    "batch": one.id,
                    "state": one.state,
                    "events": one.size,
                    "tries": one.tries,
                    "nextTrySeconds": max(0.0, (one.next_ms - now) / 1000),
                    "problem": one.problem,
                }
                for one in held
            ],
            "refusals": [{"sealId": hex_text(one.seal_id), "reason": one.refusal} for one in refusals],
        }

    def _oldest(self, session: Session, lane: Lane) -> int | None:
        """When the event was accepted (Unix milliseconds) that is the next to be batched."""
        waits = (EVENT.c.batch_id.is_(None), EVENT.c.refusal.is_(None), EVENT.c.lane == int(lane))
        query = select(EVENT.c.accepted_ms).where(*waits).order_by(EVENT.c.id).limit(1)
        return session.execute(query).scalar()

    def full(self) -> tuple[bool, int]:
        """Whether the spool takes no more, and the events that wait in it; costs one row."""
        with reading(self._engine) as session:
            row = session.execute(select(SPOOL.c.waiting_events, SPOOL.c.waiting_bytes)).one()
        bounds = self._spool.bounds
        full = row.waiting_events >= bounds.events or row.waiting_bytes >= bounds.size
        return full, int(row.waiting_events)
