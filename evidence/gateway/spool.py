"""Accepted events in SQL: acknowledged is what is committed, and the same event is the same row.

Many who submit at once share one transaction: whoever finds nobody writing writes for all who wait.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Engine, delete, insert, select, update
from sqlmodel import Session

from chain.bulk import insert_rows
from chain.database import reading, writing
from chain.fields import hex_text
from evidence.documents import EventError, Refused
from evidence.gateway.intake import Lane, NewEvent
from evidence.gateway.limits import Bounds
from evidence.gateway.tables import BATCH, DOCUMENT, EVENT, HEAD, SPOOL, SUBMISSION

ACCEPTED, REFUSED = "accepted", "refused"
_KEYS: Final = 5_000  # in one IN list: SQLite takes 32,766 parameters
_HEADS: Final = 10_000  # contexts remembered
_GROUP: Final = 20_000  # events of one transaction
_EVENT_COLUMNS: Final = (
    *("id", "seal_id", "single", "event_hash", "cid", "head_id"),
    *("lane", "size", "accepted_ms", "effect"),
)


class SpoolError(Exception):
    """A spool that cannot be used as asked."""


class SpoolFull(SpoolError):
    """Nothing was taken, since too much waits already; to be tried again in `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: int = 5) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an acknowledged event is known as. `state`: as EventState has it; `again`: it was there before."""

    seal_id: bytes
    event_hash: bytes
    state: str
    again: bool

    def to_json(self) -> dict[str, Any]:
        """For the answer to whoever submitted."""
        return {
            "sealId": hex_text(self.seal_id),
            "eventHash": hex_text(self.event_hash),
            "state": self.state,
            "again": self.again,
        }


@dataclass(slots=True)
class _Request:
    """Events that somebody waits for the durability of."""

    events: Sequence[NewEvent]
    done: bool = False
    receipts: list[Receipt] = field(default_factory=list)
    error: BaseException | None = None


@dataclass(slots=True)
class _Writing:
    """What one transaction is going to write."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    documents: list[tuple[int, bytes]] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class _Known:
    """A row that is there; `id` None: it is being written in this very transaction."""

    id: int | None
    single: int
    batch_id: int | None
    refusal: str | None
    effect: str | None
    state: str | None

    @property
    def text(self) -> str:
        return REFUSED if self.refusal is not None else self.state or ACCEPTED


class Spool:
    """One member's accepted events for one network. Threads and processes may share it."""

    def __init__(
        self, engine: Engine, network: str, member: str, bounds: Bounds, clock: Callable[[], float]
    ) -> None:
        """`engine`: with the tables of `evidence.gateway.migrations`; `network`: chain id and first block;
        `member`: GLN of 13 digits. Raises SpoolError where the spool is another's."""
        self.engine = engine
        self.member = member
        self.bounds = bounds
        self.clock = clock
        self._heads: dict[bytes, int] = {}
        self._queue: list[_Request] = []
        self._queueing = threading.Lock()
        self._committing = threading.Lock()
        self._claim(network)

    def _claim(self, network: str) -> None:
        mine = {"network": network, "member": self.member}
        with writing(self.engine) as session:
            found = session.execute(select(SPOOL)).one_or_none()
            if found is None:
                empty = {"waiting_events": 0, "waiting_bytes": 0, "next_event": 1}
                session.execute(insert(SPOOL).values(id=1, **mine, **empty))
                return
        for name, value in mine.items():
            if getattr(found, name) != value:
                raise SpoolError(f"spool: {name} is {getattr(found, name)}, not {value}; it needs its own")

    def now_ms(self) -> int:
        """The clock in Unix milliseconds."""
        return int(self.clock() * 1000)

    # -- accepting ---------------------------------------------------------------------------------------

    def accept(self, events: Sequence[NewEvent]) -> list[Receipt]:
        """Keep events durably, all or none; gives a receipt for each, in order.

        Raises SpoolFull, Refused where an event was submitted before with another effect, SQLAlchemyError
        where the database fails: nothing of it is acknowledged then.
        """
        mine = _Request(events)
        with self._queueing:
            self._queue.append(mine)
        with self._committing:
            while not mine.done:  # those before it may fill a transaction by themselves
                self._write(self._group())
        if mine.error is not None:
            raise mine.error
        return mine.receipts

    def _group(self) -> list[_Request]:
        """Those whose turn it is, in order: as many as one transaction should carry."""
        with self._queueing:
            count = size = 0
            for request in self._queue:
                if count and size + len(request.events) > _GROUP:
                    break
                count, size = count + 1, size + len(request.events)
            group, self._queue = self._queue[:count], self._queue[count:]
            return group

    def _write(self, group: Sequence[_Request]) -> None:
        try:
            with writing(self.engine) as session:
                spool = session.execute(select(SPOOL).with_for_update()).one()
                new = _Writing()
                known = self._known(session, {one.seal_id for each in group for one in each.events})
                room = (
                    self.bounds.events - spool.waiting_events,
                    self.bounds.size - spool.waiting_bytes,
                )
                for request in group:
                    try:
                        self._take(session, request, known, new, spool.next_event, room)
                    except (SpoolFull, Refused) as error:
                        request.error = error
                if new.rows:
                    insert_rows(session, EVENT, _EVENT_COLUMNS, new.rows)
                if new.documents:
                    insert_rows(session, DOCUMENT, ("event_id", "body"), new.documents)
                if new.size:
                    waiting = {
                        "waiting_events": SPOOL.c.waiting_events + len(new.documents),
                        "waiting_bytes": SPOOL.c.waiting_bytes + new.size,
                        "next_event": spool.next_event + len(new.rows),
                    }
                    session.execute(update(SPOOL).values(waiting))
                for request in group:
                    if request.error is None:
                        self._remember(session, [one.seal_id for one in request.events])
        except BaseException as error:
            self._heads.clear()  # some may have been made by what was undone
            for request in group:
                request.error, request.receipts = error, []
            if not isinstance(error, Exception):
                raise
        finally:
            for request in group:
                request.done = True

    def _take(
        self,
        session: Session,
        request: _Request,
        known: dict[tuple[bytes, int], _Known],
        new: _Writing,
        next_event: int,
        room: tuple[int, int],
    ) -> None:
        """Prepare one request's rows; what is there already is answered as it stands."""
        now = self.now_ms()
        fresh: list[NewEvent] = []
        size = 0
        for one in request.events:
            found = self._found(known, one)
            if found is not None and found.effect not in (None, one.effect) and one.effect is not None:
                raise Refused([EventError(0, "", "was submitted before with another effect")])
            if found is None or found.refusal is not None:
                fresh.append(one)
                size += one.size
        taken = len(new.documents) + len(fresh), new.size + size
        if fresh and (taken[0] > room[0] or taken[1] > room[1]):
            raise SpoolFull(
                f"spool: {self.bounds.events - room[0]} events ({self.bounds.size - room[1]} bytes) wait for "
                f"the service, {self.bounds.events} events ({self.bounds.size} bytes) are the most"
            )
        for one in request.events:
            single = int(one.lane == Lane.EFFECT)
            found = self._found(known, one)
            request.receipts.append(
                Receipt(
                    one.seal_id,
                    one.event_hash,
                    ACCEPTED if found is None or found.refusal is not None else found.text,
                    found is not None,
                )
            )
            if found is not None and found.refusal is None:
                if single and not found.single:
                    new.size += self._attest_instead(session, one, found)
                continue
            if found is not None and found.id is not None:
                self._again(session, one, found.id, now)
                event_id = found.id
            else:
                event_id = next_event + len(new.rows)
                new.rows.append(
                    (
                        *(event_id, one.seal_id, single, one.event_hash, one.cid),
                        *(self._head(session, one.head), int(one.lane), one.size, now, one.effect),
                    )
                )
            new.documents.append((event_id, one.document))
            new.size += one.size
            known[one.seal_id, single] = _Known(None, single, None, None, one.effect, None)

    def _found(self, known: dict[tuple[bytes, int], _Known], one: NewEvent) -> _Known | None:
        """The row that already stands for an event: an attestation does for a batch, not the reverse."""
        alone, batched = known.get((one.seal_id, 1)), known.get((one.seal_id, 0))
        if one.lane != Lane.EFFECT:
            return alone if alone is not None and alone.refusal is None else batched
        if alone is not None:
            return alone
        open_ = batched is not None and batched.batch_id is None and batched.refusal is None
        return batched if open_ and batched is not None and batched.id is not None else None

    def _attest_instead(self, session: Session, one: NewEvent, found: _Known) -> int:
        """What still waits for a batch is attested, since a contract turned out to act on it; bytes more."""
        values = {"single": 1, "lane": int(Lane.EFFECT), "effect": one.effect, "size": one.size}
        session.execute(update(EVENT).where(EVENT.c.id == found.id).values(values))
        found.single, found.effect = 1, one.effect
        return one.size - len(one.document)

    def _again(self, session: Session, one: NewEvent, event_id: int, now: int) -> None:
        """What was refused is tried anew."""
        values = {"refusal": None, "lane": int(one.lane), "accepted_ms": now, "effect": one.effect}
        values["size"] = one.size
        session.execute(delete(DOCUMENT).where(DOCUMENT.c.event_id == event_id))
        session.execute(update(EVENT).where(EVENT.c.id == event_id).values(values))

    def _known(self, session: Session, seal_ids: Iterable[bytes]) -> dict[tuple[bytes, int], _Known]:
        columns = (EVENT.c.id, EVENT.c.seal_id, EVENT.c.single, EVENT.c.batch_id, EVENT.c.refusal)
        query = select(*columns, EVENT.c.effect, BATCH.c.state).outerjoin(
            BATCH, BATCH.c.id == EVENT.c.batch_id
        )
        found: dict[tuple[bytes, int], _Known] = {}
        for keys in portions(list(seal_ids)):
            for row in session.execute(query.where(EVENT.c.seal_id.in_(keys))):
                known = _Known(row.id, row.single, row.batch_id, row.refusal, row.effect, row.state)
                found[row.seal_id, row.single] = known
        return found

    def _head(self, session: Session, context: bytes) -> int:
        known = self._heads.get(context)
        if known is None:
            digest = sha256(context).digest()
            query = select(HEAD.c.id).where(HEAD.c.digest == digest)
            known = session.execute(query).scalar_one_or_none()
            if known is None:
                session.execute(insert(HEAD).values(context=context, digest=digest))
                known = session.execute(query).scalar_one()
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            self._heads[context] = known
        return int(known)

    def waiting(self) -> int:
        """Events that are neither final nor refused."""
        with reading(self.engine) as session:
            return int(session.execute(select(SPOOL.c.waiting_events)).scalar_one())

    # -- submissions -------------------------------------------------------------------------------------

    def _remember(self, session: Session, seal_ids: Sequence[bytes]) -> None:
        """Which events came together."""
        row = {"id": submission_id(seal_ids), "created_ms": self.now_ms(), "seal_ids": b"".join(seal_ids)}
        if session.execute(select(SUBMISSION.c.id).where(SUBMISSION.c.id == row["id"])).first() is None:
            session.execute(insert(SUBMISSION).values(row))

    def submission(self, name: str) -> tuple[int, list[bytes]] | None:
        """(Unix milliseconds, sealIds) of a submission; None for one that is not known."""
        with reading(self.engine) as session:
            row = session.execute(select(SUBMISSION).where(SUBMISSION.c.id == name)).one_or_none()
        if row is None:
            return None
        joined: bytes = row.seal_ids
        return row.created_ms, [joined[start : start + 32] for start in range(0, len(joined), 32)]


def submission_id(seal_ids: Sequence[bytes]) -> str:
    """By what events that came together can be asked for: the same events, the same id."""
    return sha256(b"".join(seal_ids)).hexdigest()[:32]


def portions(keys: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Keys in portions that a statement can carry."""
    return [keys[start : start + _KEYS] for start in range(0, len(keys), _KEYS)]
