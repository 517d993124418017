"""The gateway as a whole: `accept` from any thread, `run_once` from one or several, `proof` for good."""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from chain.codec import Domain
from chain.signers import Signer
from epcis.model import TooManyEvents
from evidence.errors import TooLarge
from evidence.gateway.batches import OPEN_STATES, Batches, ClosedBatch
from evidence.gateway.delivery import Courier
from evidence.gateway.door import Door
from evidence.gateway.intake import Effect, Lane, NewEvent, read, read_effect
from evidence.gateway.limits import GatewayLimits
from evidence.gateway.records import EventState, Records
from evidence.gateway.spool import Receipt, Spool, submission_id
from evidence.gateway.watch import Watch

_SOON = (Lane.EFFECT, Lane.URGENT)
_LEAST_REST = 0.005  # seconds
_REFUSED_EVERY = 3_600.0  # seconds between looks for refused documents that are old enough to go


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did. `busy`: something changed, so that the next pass may find more; `next_due`: seconds
    until something is due, None where nothing is under way."""

    busy: bool
    next_due: float | None


@dataclass(frozen=True, slots=True)
class Submission:
    """An acknowledged document: by `id` its events can be asked for together."""

    id: str
    receipts: list[Receipt]

    def to_json(self) -> dict[str, Any]:
        """As the gateway answers it."""
        return {
            "captureID": self.id,
            "receipts": [{"event": place, **one.to_json()} for place, one in enumerate(self.receipts)],
        }


class Gateway:
    """One member's gateway to one network. Threads and processes may share its spool.

    No thread is started and nothing sleeps: the caller drives `run_once`, and the clock is given.
    """

    def __init__(
        self,
        engine: Engine,
        door: Door,
        signer: Signer,
        domain: Domain,
        *,
        network: str,
        member: str,
        limits: GatewayLimits | None = None,
        clock: Callable[[], float] = time.time,
        seed: Callable[[], bytes] = lambda: secrets.token_bytes(32),
    ) -> None:
        """`engine`: with the tables of `evidence.gateway.migrations.upgrade_gateway`; `domain`: the
        EventLedger's; `network`: chain id and first block as text; `member`: GLN of 13 digits; `clock`: Unix
        seconds; `seed`: 32 secret random bytes for each batch.

        Raises SpoolError where the spool is another member's or network's.
        """
        self.limits = limits or GatewayLimits()
        self._clock = clock
        self.spool = Spool(engine, network, member, self.limits.bounds, clock)
        self.batches = Batches(self.spool, self.limits.closing, seed)
        self.courier = Courier(self.batches, door, signer, domain, member, self.limits.delivery, clock)
        self.watch = Watch(self.batches, door, member, self.limits.delivery, clock)
        self._records = Records(self.spool)
        self._refused_looked = 0.0
        self._news = threading.Condition()
        self._arrived = 0  # submissions, and of these what does not wait for company
        self._hurried = 0
        self.faults: dict[str, str] = {}
        """what the last pass of each thread failed with, where it did; kept by whoever drives them"""

    # -- taking ------------------------------------------------------------------------------------------

    def accept(self, document: bytes, *, urgent: bool = False) -> Submission:
        """Take an EPCIS 2.0 document or a bare event: once this returns, its events are durable.

        `urgent`: its batch closes at once. Raises TooLarge, Refused naming every bad event, SpoolFull;
        nothing of the document is taken then.
        """
        return self._submit(self.read(document, urgent=urgent))

    def read(self, document: bytes, *, urgent: bool = False) -> list[NewEvent]:
        """As `accept`, without keeping anything."""
        bounds = self.limits.bounds
        if len(document) > bounds.document_size:
            raise TooLarge("bytes of the document", len(document), bounds.document_size)
        try:
            return read(document, bounds.document_events, urgent)
        except TooManyEvents as error:
            raise TooLarge("events of one document", error.count, error.most) from None

    def accept_effect(self, event: bytes | dict[str, Any], effect: Effect) -> Submission:
        """Take one event that a contract is to act on: it is attested singly, before anything else.

        Raises Refused, SpoolFull.
        """
        return self._submit([read_effect(event, effect)])

    def _submit(self, events: Sequence[NewEvent]) -> Submission:
        receipts = self.spool.accept(events)
        with self._news:
            self._arrived += 1
            self._hurried += any(one.lane != Lane.BULK for one in events)
            self._news.notify_all()
        return Submission(submission_id([one.seal_id for one in events]), receipts)

    # -- working -----------------------------------------------------------------------------------------

    def turn(self, most: float, *, soon_only: bool = False) -> Pass:
        """A pass, and then rest until the next is due: at the latest after `most` seconds, and at once where
        something is accepted that does not wait for company, or anything while nothing was under way.

        Raises as `run_once` does.
        """
        with self._news:
            arrived, hurried = self._arrived, self._hurried
        done = self.run_once(soon_only=soon_only)
        if done.busy:
            return done
        idle = done.next_due is None and not soon_only
        with self._news:
            self._news.wait_for(
                lambda: self._hurried != hurried or (idle and self._arrived != arrived),
                most if done.next_due is None else min(max(done.next_due, _LEAST_REST), most),
            )
        return done

    def run_once(self, *, soon_only: bool = False) -> Pass:
        """Do what is due: attestations with an effect first, then urgent events, then batches that close by
        size or age. `soon_only` leaves out these last: a thread of its own that runs so keeps large documents
        on their way from delaying what contracts wait for.

        Raises SQLAlchemyError, SignerError; the next pass goes on from what is stored.
        """
        lanes = _SOON if soon_only else tuple(Lane)
        open_ = self.batches.waiting_for(OPEN_STATES, lanes)
        busy = self._close_soon(open_)
        crowded = False
        if not soon_only:
            closing = self.batches.due_in()
            crowded = closing == 0 and not self._room(open_, Lane.BULK)
            while closing == 0 and self._room(open_, Lane.BULK) and self._close(Lane.BULK, open_):
                busy, closing = True, self.batches.due_in()
            self._forget_refused()
        # once for the signature, once for the way to the service, the sooner lanes first each time
        for _ in range(2):
            if busy or any(self._due_in(batch) <= 0 for batch in open_):
                busy = self._go(self.batches.waiting_for(OPEN_STATES, lanes)) or busy
        watched = None
        if not soon_only:
            changed, watched = self.watch.look()
            busy = changed or busy
        if busy:
            return Pass(True, 0.0)
        due = [self._due_in(batch) for batch in open_]
        if watched is not None:
            due.append(watched)
        if not soon_only and closing is not None:
            due.append(self.limits.delivery.poll[0] if crowded else closing)
        return Pass(False, min(due) if due else None)

    def _go(self, open_: list[ClosedBatch]) -> bool:
        """A step for each batch that is due; of those that make no headway one, after the others."""
        stuck = [batch for batch in open_ if self.courier.stuck(batch)]
        busy = False
        for batch in open_:
            if batch not in stuck:
                busy = self.courier.go(batch) or busy
        due = [batch for batch in stuck if self.courier.due(batch) <= self._clock()]
        if due:
            busy = self.courier.go(min(due, key=self.courier.due)) or busy
        return busy

    def _close_soon(self, open_: list[ClosedBatch]) -> bool:
        """Close what does not wait for company, each lane within its bound."""
        closed = False
        while (lane := self.batches.soon()) is not None:
            if not self._room(open_, lane):
                # the other lane may have room: its events are not behind these
                lane = Lane.URGENT if lane == Lane.EFFECT else lane
                if not self._room(open_, lane):
                    return closed
            if not self._close(lane, open_):
                return closed
            closed = True
        return closed

    def _room(self, open_: list[ClosedBatch], lane: Lane) -> bool:
        """Whether one more may be under way: the rest waits in the spool, and its batches grow there."""
        delivery = self.limits.delivery
        most = delivery.attestations_in_flight if lane == Lane.EFFECT else delivery.in_flight
        mine = [batch for batch in open_ if batch.lane == lane]
        stuck = sum(self.courier.stuck(batch) for batch in mine)
        return len(mine) - min(stuck, delivery.set_aside) < most

    def _close(self, lane: Lane, open_: list[ClosedBatch]) -> bool:
        most = min(self.limits.closing.events, self.courier.most or self.limits.closing.events)
        if self.batches.close(lane, most) is None:
            return False
        open_[:] = self.batches.waiting_for(OPEN_STATES, tuple({*(one.lane for one in open_), lane}))
        return True

    def _due_in(self, batch: ClosedBatch) -> float:
        """Seconds; a batch that another thread has in hand is looked at again when that may be done."""
        if self.courier.at_work(batch):
            return self.limits.delivery.poll[0]
        return max(0.0, self.courier.due(batch) - self._clock())

    def _forget_refused(self) -> None:
        now = self._clock()
        if abs(now - self._refused_looked) < _REFUSED_EVERY:
            return
        self._refused_looked = now
        self.batches.forget_refused(int((now - self.limits.delivery.keep_refused) * 1000))

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return self.spool.waiting() == 0

    # -- telling -----------------------------------------------------------------------------------------

    def submission(self, name: str) -> dict[str, Any] | None:
        """A submission with its events as they stand now; None for one that is not known."""
        found = self.spool.submission(name)
        if found is None:
            return None
        created_ms, seal_ids = found
        events = self._records.events(seal_ids)
        return {
            "captureID": name,
            "createdAt": created_ms / 1000,
            "running": any(one.state not in ("final", "refused") for one in events),
            "success": all(one.state == "final" for one in events),
            "events": [one.to_json() for one in events],
        }

    def event(self, seal_id: bytes) -> EventState | None:
        """Where an event stands; None for one that was never accepted."""
        return next(iter(self._records.events([seal_id])), None)

    def document(self, seal_id: bytes) -> bytes | None:
        """The sealed document (RFC 8785 bytes) of an event that waits or was refused; None for others."""
        return self._records.document(seal_id)

    def proof(self, seal_id: bytes) -> dict[str, Any] | None:
        """Index, salt and path of a final event (see Records.proof); None where there is none yet."""
        return self._records.proof(seal_id)

    def status(self) -> dict[str, Any]:
        """How much waits where, and what keeps it."""
        return {**self._records.status(), "away": self.courier.away_reason, "fault": self.fault}

    @property
    def fault(self) -> str | None:
        """What this machine's own database or key fails with, in whichever thread."""
        return next(iter(dict(self.faults).values()), None)

    def full(self) -> tuple[bool, int]:
        """Whether the spool takes no more, and the events that wait in it."""
        return self._records.full()
