"""Batches of a spool in SQL: closed, signed, delivered, final, each step one transaction.

A step changes a batch only where it still stands as the step found it, so that whoever else works on the same
spool, or worked before a crash, does nothing twice.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, text, update
from sqlmodel import Session

from chain.bulk import insert_rows
from chain.database import reading, writing
from epcis.gs1 import parse_gln
from epcis.tiles import reader, root_of, tiles_of
from epcis.tree import event_leaf, leaf_hash, leaf_salt
from evidence.batch import batch_manifest
from evidence.gateway.intake import Effect, Lane, join
from evidence.gateway.limits import Closing
from evidence.gateway.spool import Spool
from evidence.gateway.tables import BATCH, DOCUMENT, ELSEWHERE, EVENT, HEAD, SPOOL, TILE
from vault.cid import Cid
from vault.unixfs import cid_of

BATCHED, SIGNED, DELIVERED, FINAL, DISSOLVED = "batched", "signed", "delivered", "final", "dissolved"
OPEN_STATES: Final = (BATCHED, SIGNED, DELIVERED)
# in full, as their indexes have them: a database that sees parameters cannot tell that an index will do
_WATCHED: Final = text("gateway_batch.final_ms IS NOT NULL AND gateway_batch.pruned = 0")
_REFUSED: Final = text("gateway_event.refusal IS NOT NULL")


@dataclass(frozen=True, slots=True)
class ClosedBatch:
    """A batch as it stands. `root` is the sealId where it is a single attestation (`lane` EFFECT)."""

    id: int
    lane: Lane
    state: str
    head_id: int
    seed: bytes
    root: bytes
    manifest_cid: bytes | None
    size: int
    bytes: int
    closed_ms: int
    deadline: int | None
    header: str | None
    job_id: str | None
    tries: int
    next_ms: int
    problem: str | None

    @property
    def single(self) -> bool:
        """Whether it is one event to be attested."""
        return self.lane == Lane.EFFECT


class Batches:
    """The batches of one spool."""

    def __init__(self, spool: Spool, closing: Closing, seed: Callable[[], bytes]) -> None:
        """`seed` gives 32 secret random bytes for each batch."""
        self._spool = spool
        self._engine = spool.engine
        self._gln = parse_gln(spool.member)
        self._seed = seed
        self.closing = closing

    # -- closing -----------------------------------------------------------------------------------------

    def close(self, lane: Lane, most: int) -> int | None:
        """Close the batch of a lane's oldest event, of at most `most` events; its size, None for none.

        Whether it is due is for `due_in` to say.
        """
        with writing(self._engine) as session:
            session.execute(select(SPOOL.c.id).with_for_update()).one()
            oldest = self._oldest(session, lane)
            if oldest is None:
                return None  # another process closed it
            limit = 1 if lane == Lane.EFFECT else most
            rows = list(session.execute(self._waiting(lane, oldest.head_id, limit)))
            rows = rows[: self._fitting(rows)]
            self._write(session, lane, oldest.head_id, rows)
            return len(rows)

    def soon(self) -> Lane | None:
        """The first lane in which something waits that closes at once."""
        lanes = [int(one) for one in Lane if one != Lane.BULK]
        query = select(EVENT.c.lane).where(
            EVENT.c.batch_id.is_(None), EVENT.c.refusal.is_(None), EVENT.c.lane.in_(lanes)
        )
        with reading(self._engine) as session:
            found = session.execute(query.order_by(EVENT.c.lane, EVENT.c.id).limit(1)).scalar_one_or_none()
        return None if found is None else Lane(found)

    def due_in(self) -> float | None:
        """Seconds until a bulk batch closes (0: now); None where nothing waits."""
        lane = Lane.BULK
        with reading(self._engine) as session:
            oldest = self._oldest(session, lane)
            if oldest is None:
                return None
            age = (self._spool.now_ms() - oldest.accepted_ms) / 1000
            if age >= self.closing.age:
                return 0
            sizes = self._waiting(lane, oldest.head_id, self.closing.events).subquery()
            count, size = session.execute(select(func.count(), func.sum(sizes.c.size))).one()
            full = count >= self.closing.events or (size or 0) >= self.closing.size
            # a clock that was set back must not hold events for long
            return 0 if full else min(self.closing.age - age, self.closing.age)

    def _open(self, lane: Lane) -> ColumnElement[bool]:
        return and_(EVENT.c.batch_id.is_(None), EVENT.c.refusal.is_(None), EVENT.c.lane == int(lane))

    def _oldest(self, session: Session, lane: Lane) -> Row[Any] | None:
        query = select(EVENT.c.head_id, EVENT.c.accepted_ms).where(self._open(lane))
        return session.execute(query.order_by(EVENT.c.id).limit(1)).one_or_none()

    def _waiting(self, lane: Lane, head_id: int, limit: int) -> Any:
        columns = (EVENT.c.id, EVENT.c.seal_id, EVENT.c.event_hash, EVENT.c.cid, EVENT.c.size)
        query = select(*columns).where(self._open(lane), EVENT.c.head_id == head_id)
        return query.order_by(EVENT.c.id).limit(limit)

    def _fitting(self, rows: Sequence[Row[Any]]) -> int:
        """How many of them are within the bytes of a batch; at least one."""
        size = 0
        for count, row in enumerate(rows):
            size += row.size
            if count and size > self.closing.size:
                return count
        return len(rows)

    def _write(self, session: Session, lane: Lane, head_id: int, rows: Sequence[Row[Any]]) -> None:
        seed = self._seed()
        values: dict[str, Any] = {
            "lane": int(lane),
            "state": BATCHED,
            "head_id": head_id,
            "seed": seed,
            "size": len(rows),
            "bytes": sum(row.size for row in rows),
            "closed_ms": self._spool.now_ms(),
            "tries": 0,
            "next_ms": 0,
            "pruned": 0,
        }
        if lane == Lane.EFFECT:
            values["root"] = rows[0].seal_id
            tiles = []
        else:
            salts = [leaf_salt(seed, place, row.seal_id) for place, row in enumerate(rows)]
            tiles = list(
                tiles_of(
                    [
                        leaf_hash(event_leaf(row.seal_id, row.event_hash, salt))
                        for row, salt in zip(rows, salts, strict=True)
                    ]
                )
            )
            values["root"] = root_of(reader(tiles), len(rows))
            manifest = batch_manifest(
                self._gln,
                values["root"],
                [
                    (row.seal_id, row.event_hash, salt, str(Cid.from_bytes(row.cid)))
                    for row, salt in zip(rows, salts, strict=True)
                ],
            )
            values["manifest_cid"] = bytes(cid_of(manifest))
        batch_id = session.execute(insert(BATCH).values(values).returning(BATCH.c.id)).scalar_one()
        insert_rows(
            session,
            TILE,
            ("batch_id", "level", "place", "hashes"),
            [(batch_id, tile.level, tile.index, tile.hashes) for tile in tiles],
        )
        place = func.row_number().over(order_by=EVENT.c.id) - 1
        chosen = (
            select(EVENT.c.id, place.label("leaf"))
            .where(self._open(lane), EVENT.c.head_id == head_id, EVENT.c.id <= rows[-1].id)
            .subquery()
        )
        assigned = update(EVENT).where(EVENT.c.id == chosen.c.id)
        session.execute(assigned.values(batch_id=batch_id, leaf=chosen.c.leaf))

    # -- looking -----------------------------------------------------------------------------------------

    def get(self, batch_id: int) -> ClosedBatch | None:
        """A batch as it stands now."""
        columns = [getattr(BATCH.c, name) for name in ClosedBatch.__dataclass_fields__]
        with reading(self._engine) as session:
            row = session.execute(select(*columns).where(BATCH.c.id == batch_id)).one_or_none()
        return None if row is None else ClosedBatch(**{**row._mapping, "lane": Lane(row.lane)})

    def waiting_for(self, states: Sequence[str], lanes: Sequence[Lane]) -> list[ClosedBatch]:
        """Batches in some states and lanes, oldest first."""
        columns = [getattr(BATCH.c, name) for name in ClosedBatch.__dataclass_fields__]
        query = select(*columns).where(
            BATCH.c.state.in_(states), BATCH.c.lane.in_([int(one) for one in lanes])
        )
        with reading(self._engine) as session:
            return [
                ClosedBatch(**{**row._mapping, "lane": Lane(row.lane)})
                for row in session.execute(query.order_by(BATCH.c.lane, BATCH.c.id))
            ]

    def document(self, batch: ClosedBatch) -> bytes:
        """The EPCIS document of a batch: the same bytes whenever it is asked for."""
        query = (
            select(DOCUMENT.c.body)
            .join(EVENT, EVENT.c.id == DOCUMENT.c.event_id)
            .where(EVENT.c.batch_id == batch.id)
            .order_by(EVENT.c.leaf)
        )
        with reading(self._engine) as session:
            head = session.execute(select(HEAD.c.context).where(HEAD.c.id == batch.head_id)).scalar_one()
            bodies = list(session.scalars(query))
        created = datetime.fromtimestamp(batch.closed_ms / 1000, UTC)
        return join(head, bodies, created.isoformat(timespec="milliseconds").replace("+00:00", "Z"))

    def single(self, batch: ClosedBatch) -> tuple[bytes, Effect]:
        """The sealed document of an attestation, and the effect it is for."""
        query = (
            select(DOCUMENT.c.body, EVENT.c.effect)
            .join(EVENT, EVENT.c.id == DOCUMENT.c.event_id)
            .where(EVENT.c.batch_id == batch.id)
        )
        with reading(self._engine) as session:
            row = session.execute(query).one()
        return row.body, Effect.model_validate_json(row.effect)

    def seal_ids(self, batch: ClosedBatch) -> list[tuple[int, bytes]]:
        """(event id, sealId) of a batch's events, in leaf order."""
        query = select(EVENT.c.id, EVENT.c.seal_id).where(EVENT.c.batch_id == batch.id)
        with reading(self._engine) as session:
            return [(row.id, row.seal_id) for row in session.execute(query.order_by(EVENT.c.leaf))]

    # -- steps -------------------------------------------------------------------------------------------

    def record_signed(self, batch: ClosedBatch, header: str, deadline: int) -> bool:
        """Store what is going to be posted, before it is."""
        return self._step(batch, state=SIGNED, header=header, deadline=deadline)

    def record_delivered(self, batch: ClosedBatch, job_id: str) -> bool:
        """Store the job that the service answered with."""
        return self._step(batch, state=DELIVERED, job_id=job_id, next_ms=0, problem=None)

    def record_problem(
        self, batch: ClosedBatch, problem: str, next_ms: int, *, sign_again: bool = False
    ) -> bool:
        """Store what keeps a batch from going on, and when it is tried again."""
        again = {"state": BATCHED, "job_id": None} if sign_again else {}
        return self._step(batch, problem=_text(problem), next_ms=next_ms, tries=batch.tries + 1, **again)

    def _step(self, batch: ClosedBatch, **values: Any) -> bool:
        with writing(self._engine) as session:
            return self._change(session, batch, values)

    def _change(self, session: Session, batch: ClosedBatch, values: Mapping[str, Any]) -> bool:
        same = (BATCH.c.id == batch.id, BATCH.c.state == batch.state, BATCH.c.pruned == 0)
        statement = update(BATCH).where(*same)
        changed: Any = session.execute(statement.values(values))
        return bool(changed.rowcount)

    def record_final(
        self,
        batch: ClosedBatch,
        transaction: str | None,
        next_ms: int,
        elsewhere: Mapping[int, Any] | None = None,
    ) -> bool:
        """All of its events are anchored; `elsewhere`: event id -> proof, where it was by another capture;
        `next_ms`: when to look whether they still are, in Unix milliseconds."""
        now = self._spool.now_ms()
        values = {"state": FINAL, "tx": transaction, "final_ms": now, "next_ms": next_ms, "problem": None}
        with writing(self._engine) as session:
            session.execute(select(SPOOL.c.id).with_for_update()).one()
            if not self._change(session, batch, values):
                return False
            rows = [(event_id, json.dumps(proof)) for event_id, proof in (elsewhere or {}).items()]
            insert_rows(session, ELSEWHERE, ("event_id", "proof"), rows)
            self._less(session, batch.size, batch.bytes)
            return True

    def dissolve(self, batch: ClosedBatch, refused: Mapping[int, str]) -> bool:
        """Take a batch apart: what the service refused (leaf -> reason) stays out, the rest waits again.

        The documents of what stays out are kept: they were acknowledged, and may be nowhere else.
        Nothing of it was taken by the service: it takes a document whole or not at all.
        """
        with writing(self._engine) as session:
            session.execute(select(SPOOL.c.id).with_for_update()).one()
            if not self._change(session, batch, {"state": DISSOLVED}):
                return False
            sizes = 0
            for leaf, reason in refused.items():
                query = select(EVENT.c.id, EVENT.c.size)
                query = query.where(EVENT.c.batch_id == batch.id, EVENT.c.leaf == leaf)
                row = session.execute(query).one_or_none()
                if row is not None:
                    sizes += row.size
                    session.execute(update(EVENT).where(EVENT.c.id == row.id).values(refusal=_text(reason)))
            back = update(EVENT).where(EVENT.c.batch_id == batch.id)
            session.execute(back.values(batch_id=None, leaf=None))
            session.execute(delete(TILE).where(TILE.c.batch_id == batch.id))
            self._less(session, len(refused), sizes)
            return True

    def _less(self, session: Session, events: int, size: int) -> None:
        session.execute(
            update(SPOOL).values(
                waiting_events=SPOOL.c.waiting_events - events, waiting_bytes=SPOOL.c.waiting_bytes - size
            )
        )

    # -- what is final -----------------------------------------------------------------------------------

    def watched(self, most: int) -> list[ClosedBatch]:
        """Final batches that the chain may yet lose, those first that are to be looked at soonest."""
        columns = [getattr(BATCH.c, name) for name in ClosedBatch.__dataclass_fields__]
        query = select(*columns).where(_WATCHED).order_by(BATCH.c.next_ms, BATCH.c.id).limit(most)
        with reading(self._engine) as session:
            return [ClosedBatch(**{**row._mapping, "lane": Lane(row.lane)}) for row in session.execute(query)]

    def elsewhere(self, batch: ClosedBatch) -> list[tuple[bytes, str]]:
        """(sealId, proof) of those of a batch's events that another capture had anchored, in leaf order."""
        query = select(EVENT.c.seal_id, ELSEWHERE.c.proof).join(ELSEWHERE, ELSEWHERE.c.event_id == EVENT.c.id)
        query = query.where(EVENT.c.batch_id == batch.id).order_by(EVENT.c.leaf)
        with reading(self._engine) as session:
            return [(row.seal_id, row.proof) for row in session.execute(query)]

    def look_later(self, batch: ClosedBatch, next_ms: int) -> None:
        """Note when a final batch is looked at again (Unix milliseconds)."""
        self._step(batch, next_ms=next_ms)

    def record_deep(self, batch: ClosedBatch, transaction: str | None) -> bool:
        """Nothing undoes it any more: its documents go. `transaction`: of its call, None for several."""
        values: dict[str, Any] = {"pruned": 1}
        if transaction is not None:
            values["tx"] = transaction
        with writing(self._engine) as session:
            if not self._change(session, batch, values):
                return False
            events = select(EVENT.c.id).where(EVENT.c.batch_id == batch.id)
            session.execute(delete(DOCUMENT).where(DOCUMENT.c.event_id.in_(events)))
        return True

    def record_lost(self, batch: ClosedBatch, problem: str) -> bool:
        """It was final, and is in no block any more: followed as if just delivered, or posted again."""
        state = BATCHED if batch.job_id is None else DELIVERED
        values = {"state": state, "tx": None, "final_ms": None, "next_ms": 0, "problem": _text(problem)}
        with writing(self._engine) as session:
            session.execute(select(SPOOL.c.id).with_for_update()).one()
            if not self._change(session, batch, values):
                return False
            events = select(EVENT.c.id).where(EVENT.c.batch_id == batch.id)
            session.execute(delete(ELSEWHERE).where(ELSEWHERE.c.event_id.in_(events)))
            self._less(session, -batch.size, -batch.bytes)
        return True

    def forget_refused(self, before_ms: int) -> int:
        """Drop the documents of events that were accepted by then and refused; number of those."""
        old = select(EVENT.c.id).where(_REFUSED, EVENT.c.accepted_ms <= before_ms)
        with writing(self._engine) as session:
            session.execute(select(SPOOL.c.id).with_for_update()).one()
            gone: Any = session.execute(delete(DOCUMENT).where(DOCUMENT.c.event_id.in_(old)))
            return int(gone.rowcount)


def _text(given: str) -> str:
    """What others say, as every database takes it: no NUL, no half of a surrogate pair, no books."""
    return given[:2_000].replace("\0", "").encode("utf-8", "replace").decode("utf-8")
