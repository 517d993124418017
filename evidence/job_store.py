"""Reads and writes capture jobs; decides nothing."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, Table, case, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from chain.bulk import insert_rows
from chain.database import reading, writing
from chain.fields import hex_text
from evidence.tables import CapturedEventRow, CaptureJobRow
from indexer.tables.chainlog import RawLog
from indexer.tables.content import EventProof, SealedEvent

BATCH, ATTESTATION, EXISTING = "batch", "attestation", "existing"
_EVENTS: Final[Table] = CapturedEventRow.__table__  # type: ignore[attr-defined]  # sqlmodel adds it
_EVENT_COLUMNS: Final = (
    *("job_id", "position", "network", "member", "seal_id", "event_hash", "cid"),
    *("source", "root", "leaf", "transaction"),
)
_CAPTURED: Final = (
    *(_EVENTS.c.position, _EVENTS.c.seal_id, _EVENTS.c.event_hash, _EVENTS.c.cid),
    *(_EVENTS.c.source, _EVENTS.c.root, _EVENTS.c.leaf, _EVENTS.c.transaction),
)
_CHUNK = 300  # keys in one IN list: databases bound the parameters of a statement


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event of a job to be written; `source` None stands for that very job."""

    seal_id: bytes
    event_hash: bytes
    cid: str
    root: bytes | None
    leaf: int
    source: str | None = None
    transaction: str | None = None


@dataclass(frozen=True, slots=True)
class CapturedEvent:
    """An event of a job as it is stored; hashes as 0x-hexadecimal text."""

    position: int
    seal_id: str
    event_hash: str
    cid: str
    source: str | None
    root: str | None
    leaf: int
    transaction: str | None


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Where the mirror has an event: root and leaf of its first proof, and the transaction."""

    root: str | None
    leaf: int
    transaction: str


class JobStore:
    """The capture jobs of one network."""

    def __init__(self, engine: Engine, network: str) -> None:
        self._engine = engine
        self._network = network

    def add(
        self,
        kind: str,
        member: int,
        signer: str,
        signed_id: bytes,
        deadline: int,
        events: Sequence[NewEvent],
        call: tuple[str, bytes, int | None] | None,
    ) -> CaptureJobRow:
        """Write a job with its events in one transaction; the same request gives the job it first made.

        `call`: contract, calldata and gas limit; None where nothing has to be sent. One that only exists
        rests on others as far as an event of it has no source.
        """
        contract, data, gas = call or (None, None, None)
        row = CaptureJobRow(
            id=secrets.token_hex(16),
            network=self._network,
            kind=kind,
            member=member,
            signer=signer,
            signed_id=hex_text(signed_id),
            deadline=deadline,
            created_ms=time.time_ns() // 1_000_000,
            contract=contract,
            call=data,
            gas=gas,
            resting=kind == EXISTING and any(event.source is None for event in events),
        )
        try:
            with writing(self._engine) as session:
                session.add(row)
                session.flush()
                rows = (self._event(row, place, event) for place, event in enumerate(events))
                insert_rows(session, _EVENTS, _EVENT_COLUMNS, rows)
        except IntegrityError:
            found = [one for one in self.signed(kind, member, signed_id) if one.deadline == deadline]
            if not found:
                raise
            return found[0]
        return row

    def _event(self, row: CaptureJobRow, position: int, event: NewEvent) -> tuple[Any, ...]:
        """An event's values in the order of `_EVENT_COLUMNS`."""
        return (
            *(row.id, position, self._network, row.member),
            *(hex_text(event.seal_id), hex_text(event.event_hash), event.cid),
            row.id if row.kind != EXISTING else event.source,
            None if event.root is None else hex_text(event.root),
            event.leaf,
            event.transaction,
        )

    def get(self, job_id: str) -> CaptureJobRow | None:
        """A job of this network."""
        with reading(self._engine) as session:
            row = session.get(CaptureJobRow, job_id)
            return row if row is not None and row.network == self._network else None

    def events(self, job_id: str) -> list[CapturedEvent]:
        """A job's events in document order."""
        query = select(*_CAPTURED).where(_EVENTS.c.job_id == job_id).order_by(_EVENTS.c.position)
        with reading(self._engine) as session:
            return [CapturedEvent(*row) for row in session.execute(query)]

    def signed(self, kind: str, member: int, signed_id: bytes) -> list[CaptureJobRow]:
        """Jobs over the same signed root or sealId, newest first: more than one where earlier ones failed."""
        with reading(self._engine) as session:
            query = (
                select(CaptureJobRow)
                .where(
                    col(CaptureJobRow.network) == self._network,
                    col(CaptureJobRow.kind) == kind,
                    col(CaptureJobRow.member) == member,
                    col(CaptureJobRow.signed_id) == hex_text(signed_id),
                )
                .order_by(col(CaptureJobRow.created_ms).desc())
            )
            return list(session.scalars(query))

    def unconfirmed(self) -> list[CaptureJobRow]:
        """Jobs whose contract call nobody has seen at the sender yet, oldest first."""
        with reading(self._engine) as session:
            query = (
                select(CaptureJobRow)
                .where(
                    col(CaptureJobRow.network) == self._network,
                    col(CaptureJobRow.call).is_not(None),
                    col(CaptureJobRow.resting).is_(False),
                    col(CaptureJobRow.confirmed).is_(False),
                )
                .order_by(col(CaptureJobRow.created_ms))
            )
            return list(session.scalars(query))

    def confirm(self, job_ids: Sequence[str]) -> None:
        """Note that the sender has these jobs' calls."""
        self._set(job_ids, confirmed=True)

    # -- jobs that rest on others --------------------------------------------------------------------------

    def resting(self, seen: bool, limit: int, offset: int = 0) -> list[CaptureJobRow]:
        """Jobs that rest on others, seen on the chain or not yet; those seen at the highest block first."""
        number = col(CaptureJobRow.seen_number)
        with reading(self._engine) as session:
            query = (
                select(CaptureJobRow)
                .where(col(CaptureJobRow.network) == self._network, col(CaptureJobRow.resting).is_(True))
                .where(number >= 0 if seen else number < 0)
                .order_by(number.desc(), col(CaptureJobRow.id))
            )
            return list(session.scalars(query.offset(offset).limit(limit)))

    def rest(self, job_ids: Sequence[str], number: int = -1, block_hash: str | None = None) -> None:
        """Note that jobs rest on others, seen at a block of that number and hash if at all."""
        self._set(job_ids, resting=True, seen_number=number, seen_hash=block_hash)

    def rise(self, job_id: str) -> None:
        """Note that a job rests on its own call from now on."""
        self._set([job_id], resting=False)

    def adopt(self, job_id: str) -> None:
        """Let a job's own call be the source of those of its events that others had brought."""
        with writing(self._engine) as session:
            row = session.get_one(CaptureJobRow, job_id)
            alone = _EVENTS.c.seal_id == row.signed_id  # attested by itself, not in a batch
            statement = update(_EVENTS).where(_EVENTS.c.job_id == job_id, _EVENTS.c.source.is_(None))
            session.execute(
                statement.values(
                    source=job_id,
                    root=case((alone, None), else_=row.signed_id),
                    leaf=_EVENTS.c.position,
                    transaction=None,
                )
            )

    def _set(self, job_ids: Sequence[str], **values: Any) -> None:
        with writing(self._engine) as session:
            for chunk in batched_ids(job_ids):
                statement = update(CaptureJobRow).where(col(CaptureJobRow.id).in_(chunk))
                session.execute(statement.values(**values))

    def latest(self, limit: int, before_ms: int | None = None) -> list[CaptureJobRow]:
        """Jobs, newest first."""
        with reading(self._engine) as session:
            query = select(CaptureJobRow).where(col(CaptureJobRow.network) == self._network)
            if before_ms is not None:
                query = query.where(col(CaptureJobRow.created_ms) < before_ms)
            query = query.order_by(col(CaptureJobRow.created_ms).desc(), col(CaptureJobRow.id))
            return list(session.scalars(query.limit(limit)))

    def sources(self, member: int, seal_ids: Sequence[str]) -> list[CapturedEvent]:
        """Events of this member that some job of ours was to put on the chain."""
        found: list[CapturedEvent] = []
        with reading(self._engine) as session:
            for chunk in batched_ids(seal_ids):
                query = select(*_CAPTURED).where(
                    _EVENTS.c.network == self._network,
                    _EVENTS.c.member == member,
                    _EVENTS.c.seal_id.in_(chunk),
                    _EVENTS.c.source == _EVENTS.c.job_id,
                )
                found += [CapturedEvent(*row) for row in session.execute(query)]
        return found


def mirrored(engine: Engine, member: int, seal_ids: Sequence[str]) -> dict[str, Mirrored]:
    """Events of this member that the mirror knows, by sealId."""
    found: dict[str, Mirrored] = {}
    with reading(engine) as session:
        for chunk in batched_ids(seal_ids):
            found.update(_mirrored(session, member, chunk))
    return found


def _mirrored(session: Session, member: int, seal_ids: Sequence[str]) -> dict[str, Mirrored]:
    query = (
        select(SealedEvent.seal_id, EventProof.root, EventProof.position, RawLog.tx_hash)  # type: ignore[call-overload]  # sqlalchemy types no columns of SQLModel classes
        .where(col(SealedEvent.member) == member, col(SealedEvent.seal_id).in_(seal_ids))
        .join(
            EventProof,
            (col(EventProof.block_hash) == col(SealedEvent.block_hash))
            & (col(EventProof.log_index) == col(SealedEvent.log_index))
            & (col(EventProof.position) == col(SealedEvent.position)),
        )
        .join(
            RawLog,
            (col(RawLog.block_hash) == col(SealedEvent.block_hash))
            & (col(RawLog.log_index) == col(SealedEvent.log_index)),
        )
    )
    return {row[0]: Mirrored(row[1], row[2], row[3]) for row in session.execute(query)}


def batched_ids(ids: Sequence[str]) -> list[Sequence[str]]:
    """Keys in portions that a statement can carry."""
    return [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]
