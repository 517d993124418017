"""Batches on their way: signed with the member's key, posted, followed until they are final."""

import json
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from chain.bindings.types import Anchor
from chain.codec import Domain, TypedMessage
from chain.fields import hex_text
from chain.signers import Signer, SignerError
from evidence.batch import attestation
from evidence.gateway.batches import BATCHED, DELIVERED, SIGNED, Batches, ClosedBatch
from evidence.gateway.door import (
    Accepted,
    DeadlinePassed,
    Door,
    Refusal,
    ServiceAway,
    SignerRejected,
    TooMuch,
    Unsettled,
)
from evidence.gateway.limits import Delivery
from evidence.signature_header import SignatureHeader

_log = logging.getLogger(__name__)

_DOUBLINGS: Final = 20  # of a pause, beyond which it only overflows
_WIDE: Final = 1 << 20  # events: a batch that may be so large is not narrowed any more


class Courier:
    """Takes one gateway's batches to the service. Every step may be repeated after a crash."""

    def __init__(
        self,
        batches: Batches,
        door: Door,
        signer: Signer,
        domain: Domain,
        member: str,
        settings: Delivery,
        clock: Callable[[], float],
    ) -> None:
        self._batches = batches
        self._door = door
        self._signer = signer
        self._domain = domain
        self._member = member
        self._settings = settings
        self._clock = clock
        self._polls: dict[int, tuple[int, float]] = {}  # batch -> looks at its job, time of the next one
        self._narrow: int | None = None
        self._taken = 0  # posts that the service answered with a job
        self._blamed: dict[int, int] = {}  # batch of one, refused for no fault of its own -> `_taken` then
        self._failures_of: dict[int, int] = {}  # attestation -> how often a contract refused it
        self._signed_here: set[int] = set()
        self._doubts: dict[
            int, int
        ] = {}  # batch -> until when (Unix seconds) the service may have it anchored
        self._at_work: set[int] = set()
        self._lock = threading.Lock()
        self._failures = 0
        self.away_until = 0.0
        """Unix seconds before which the service is left alone"""
        self.away_reason: str | None = None
        self._most: int | None = None

    @property
    def most(self) -> int | None:
        """Events of a batch at most: what the service takes, or less while a bad event is looked for."""
        found = [one for one in (self._most, self._narrow) if one is not None]
        return min(found) if found else None

    def due(self, batch: ClosedBatch) -> float:
        """Unix seconds from which `go` does something for a batch."""
        looked = self._polls.get(batch.id, (0, 0.0))[1] if batch.state == DELIVERED else 0.0
        when = (self.away_until, batch.next_ms / 1000, looked)
        # no pause is that long: the clock was set back, and nobody waits for it to catch up
        latest = self._clock() + 2 * self._settings.backoff[1] + self._settings.poll[1]
        return max(0.0 if one > latest else one for one in when)

    def at_work(self, batch: ClosedBatch) -> bool:
        """Whether a thread is just taking a step for it."""
        with self._lock:
            return batch.id in self._at_work

    def stuck(self, batch: ClosedBatch) -> bool:
        """Whether a batch makes no headway, so that others need not wait for it."""
        tries, seconds = self._settings.set_aside_after
        long = batch.state == DELIVERED and self._clock() - batch.closed_ms / 1000 > seconds
        return batch.tries >= tries or long

    def go(self, batch: ClosedBatch) -> bool:
        """One step for a batch that is due; whether anything changed. Threads never work on the same one.

        Nothing is raised for what a service may answer or for what is wrong with one batch, which waits with
        its problem; SQLAlchemyError is where the database is at fault, and SignerError.
        """
        now = self._clock()
        if now < self.due(batch):
            return False
        with self._lock:
            if batch.id in self._at_work:
                return False
            self._at_work.add(batch.id)
        try:
            current = self._batches.get(batch.id)  # another thread may have gone on with it since
            if current is None or current.state != batch.state:
                return False
            try:
                return self._step(current, now)
            except ServiceAway as away:
                self._leave_alone(current, now, away)
            except Unsettled as unsettled:
                self._reached()
                self._doubt(current)
                self._hold(current, now, str(unsettled))
            except (SignerError, OperationalError, InterfaceError):
                raise
            except Exception as error:
                if isinstance(error, SQLAlchemyError) and not isinstance(error, DBAPIError):
                    raise
                _log.exception("gateway of %s: batch %d", self._member, batch.id)
                said = error.orig if isinstance(error, DBAPIError) else error  # without what was to be stored
                self._doubt(current)
                self._hold(current, now, f"{type(error).__name__}: {said}")
            return False
        finally:
            with self._lock:
                self._at_work.discard(batch.id)

    def _leave_alone(self, batch: ClosedBatch, now: float, away: ServiceAway) -> None:
        self._failures += 1
        pause = max(self._pause(self._failures), min(away.retry_after or 0.0, self._settings.backoff[1]))
        self.away_until = now + pause
        if self.away_reason is None:
            _log.warning("gateway of %s: service away: %s", self._member, away)
        self.away_reason = str(away)
        if not away.unsent:
            self._doubt(batch)
        if away.answered:  # others go first then, lest it says so to this one alone
            self._hold(batch, now + pause, str(away))

    def _hold(self, batch: ClosedBatch, now: float, problem: str) -> None:
        """Try the same again, ever later; the others go on."""
        next_ms = int((now + self._pause(batch.tries + 1)) * 1000)
        self._batches.record_problem(batch, problem, next_ms)

    def _doubt(self, batch: ClosedBatch) -> None:
        """The service may have it, though it does not say so."""
        if batch.deadline is not None:  # signed once, whatever became of it since
            self._doubts[batch.id] = max(batch.deadline, self._doubts.get(batch.id, 0))

    def _step(self, batch: ClosedBatch, now: float) -> bool:
        if batch.state == DELIVERED:
            return self._follow(batch, now)
        if batch.state == BATCHED or not self._fresh(batch, now):
            return self._sign(batch, now)
        return self._post(batch, now)

    # -- signing -----------------------------------------------------------------------------------------

    def _fresh(self, batch: ClosedBatch, now: float) -> bool:
        return batch.deadline is not None and batch.deadline >= now + self._settings.deadline_margin

    def _sign(self, batch: ClosedBatch, now: float) -> bool:
        """Sign, or sign again with a later deadline: the seed stays, and with it root and identity."""
        deadline = int(now) + self._settings.deadline
        if batch.single:
            header = self._signed_attestation(batch, deadline)
        else:
            assert batch.manifest_cid is not None  # noqa: S101 - only attestations have none
            anchor = Anchor(batch.root, batch.size, batch.manifest_cid, deadline)
            signature = self._signature(anchor)
            header = SignatureHeader(self._signer.address, batch.seed, deadline, signature).serialise()
        if batch.id not in self._signed_here:
            self._doubt(batch)  # of the signature before, whoever made it may have posted it
        self._signed_here.add(batch.id)
        return self._batches.record_signed(batch, header, deadline)

    def _signed_attestation(self, batch: ClosedBatch, deadline: int) -> str:
        document, effect = self._batches.single(batch)
        message = attestation(
            document,
            subject=effect.subject,
            deadline=deadline,
            order=effect.order,
            milestone=effect.milestone,
            consumer=effect.consumer,
        ).message
        request = {
            "event": json.loads(document),
            "attestation": message.message(),
            "signer": self._signer.address,
            "signature": hex_text(self._signature(message)),
            "consumerData": hex_text(effect.consumer_data),
        }
        return json.dumps(request)

    def _signature(self, message: TypedMessage) -> bytes:
        return self._signer.sign_typed(message.typed_data(self._domain))

    # -- posting -----------------------------------------------------------------------------------------

    def _post(self, batch: ClosedBatch, now: float) -> bool:
        assert batch.header is not None  # noqa: S101 - a signed batch has one
        if batch.id not in self._signed_here:
            self._doubt(batch)  # whoever signed it may have posted it
        try:
            if batch.single:
                job = self._door.attest(batch.header.encode())
            else:
                job = self._door.capture(self._batches.document(batch), batch.header)
        except DeadlinePassed as passed:
            self._reached()
            # a service whose clock runs ahead of ours would make us sign at every pass
            return self._retry(batch, now, str(passed), at_once=batch.tries == 0)
        except SignerRejected as rejected:
            self._reached()
            return self._retry(batch, now, str(rejected))
        except TooMuch as error:
            self._reached()
            return self._smaller(batch, now, str(error))
        except Refusal as refusal:
            self._reached()
            return self._refused(batch, now, refusal)
        self._reached()
        self._taken += 1
        return self._settle(batch, job, now)

    def _refused(self, batch: ClosedBatch, now: float, refusal: Refusal) -> bool:
        if batch.single:
            if refusal.events or self._failed_for_good(batch):
                return self._dissolve(batch, {0: refusal.reason})
            return self._retry(batch, now, refusal.reason)
        named = {leaf: reason for leaf, reason in refusal.events.items() if 0 <= leaf < batch.size}
        if self._in_doubt(batch, now):
            return self._ask_whether_anchored(batch, now, refusal.reason)
        if named:
            return self._dissolve(batch, named)
        if batch.size == 1:
            # only while others are taken is the event at fault, not the service or what is between
            if self._taken > self._blamed.setdefault(batch.id, self._taken):
                return self._dissolve(batch, {0: refusal.reason})
            return self._retry(batch, now, refusal.reason)
        # something is wrong with one of them and nobody says with which: look for it in halves
        self._narrow = batch.size // 2
        return self._dissolve(batch, {})

    def _smaller(self, batch: ClosedBatch, now: float, reason: str) -> bool:
        """The service's bound stays in force for as long as this process runs."""
        if self._in_doubt(batch, now):
            return self._ask_whether_anchored(batch, now, reason)
        if batch.size == 1:
            return self._dissolve(batch, {0: reason})
        self._most = batch.size // 2
        _log.warning("gateway of %s: batches of at most %d events: %s", self._member, self._most, reason)
        return self._dissolve(batch, {})

    def _failed_for_good(self, batch: ClosedBatch) -> bool:
        """Whether an attestation was refused often enough; times without an answer do not count."""
        failures = self._failures_of[batch.id] = self._failures_of.get(batch.id, 0) + 1
        return failures >= self._settings.attestation_tries

    def _dissolve(self, batch: ClosedBatch, refused: dict[int, str]) -> bool:
        self._forget(batch)
        return self._batches.dissolve(batch, refused)

    def _in_doubt(self, batch: ClosedBatch, now: float) -> bool:
        """Whether it may yet be anchored by a signature that was posted before."""
        return now <= self._doubts.get(batch.id, 0) + self._settings.deadline_margin

    def _ask_whether_anchored(self, batch: ClosedBatch, now: float, reason: str) -> bool:
        """A batch that may be anchored is not taken apart: its events would be anchored again."""
        proofs: dict[int, Any] = {}
        for event_id, seal_id in self._batches.seal_ids(batch):
            proof = self._door.proof(self._member, hex_text(seal_id))
            if proof is None:
                self._hold(batch, now, f"{reason} (it was posted before and may be anchored still)")
                return False
            proofs[event_id] = proof
        return self._final(batch, None, proofs)

    def _forget(self, batch: ClosedBatch) -> None:
        for known in (self._polls, self._blamed, self._failures_of, self._doubts):
            known.pop(batch.id, None)
        self._signed_here.discard(batch.id)

    # -- following ---------------------------------------------------------------------------------------

    def _follow(self, batch: ClosedBatch, now: float) -> bool:
        assert batch.job_id is not None  # noqa: S101 - a delivered batch has one
        job = self._door.job(batch.job_id)
        self._reached()
        if job is None:
            self._doubt(batch)
            reason = f"the service knows job {batch.job_id} no more"
            return self._retry(batch, now, reason, at_once=batch.tries == 0)
        return self._settle(batch, job, now)

    def _settle(self, batch: ClosedBatch, job: Accepted, now: float) -> bool:
        """What a job says of a batch: it goes on, is final, or failed."""
        if job.running:
            return self._look_again(batch, job, now)
        if not job.success:
            self._polls.pop(batch.id, None)
            reason = "; ".join(job.errors) or "the service gives no reason"
            if batch.single and self._failed_for_good(batch):
                return self._dissolve(batch, {0: reason})
            return self._retry(batch, now, reason)
        if self._narrow is not None and not batch.single:
            wider = self._narrow * 2  # what is good goes on in ever larger batches
            self._narrow = wider if wider < _WIDE else None
        if batch.single or job.root == batch.root:
            return self._final(batch, job.transaction)
        return self._elsewhere(batch, job, now)

    def _look_again(self, batch: ClosedBatch, job: Accepted, now: float) -> bool:
        first, most = self._settings.poll
        looks = self._polls.get(batch.id, (0, 0.0))[0]
        self._polls[batch.id] = min(looks + 1, _DOUBLINGS), now + min(first * 1.5**looks, most)
        if batch.state == DELIVERED and batch.problem is None:
            return False
        return self._batches.record_delivered(batch, job.job_id) and batch.state != DELIVERED

    def _elsewhere(self, batch: ClosedBatch, job: Accepted, now: float) -> bool:
        """Another capture of the member had anchored all of it: its proofs are the ones that hold."""
        proofs: dict[int, Any] = {}
        for event_id, seal_id in self._batches.seal_ids(batch):
            proof = self._door.proof(self._member, hex_text(seal_id))
            if proof is None:
                return self._look_again(batch, job, now)  # not mirrored yet
            proofs[event_id] = proof
        return self._final(batch, job.transaction, proofs)

    def _final(
        self, batch: ClosedBatch, transaction: str | None, elsewhere: dict[int, Any] | None = None
    ) -> bool:
        self._forget(batch)
        next_ms = int((self._clock() + self._settings.watch[0]) * 1000)
        return self._batches.record_final(batch, transaction, next_ms, _kept(elsewhere))

    # -- pauses ------------------------------------------------------------------------------------------

    def _retry(self, batch: ClosedBatch, now: float, reason: str, *, at_once: bool = False) -> bool:
        """Sign again and post again: at once, or ever later."""
        pause = 0.0 if at_once else self._pause(batch.tries + 1)
        return self._batches.record_problem(
            batch, reason, int((now + pause) * 1000), sign_again=batch.state in (SIGNED, DELIVERED)
        )

    def _pause(self, failures: int) -> float:
        first, most = self._settings.backoff
        return float(min(first * 2 ** min(failures - 1, _DOUBLINGS), most))

    def _reached(self) -> None:
        if self.away_reason is not None:
            _log.info("gateway of %s: the service answers again", self._member)
        self._failures, self.away_until, self.away_reason = 0, 0.0, None


def _kept(proofs: dict[int, Any] | None) -> dict[int, Any]:
    """Proofs as they are kept for good: how deep they were when they were asked for is not."""
    return {
        event_id: {name: value for name, value in proof.items() if name != "depth"}
        for event_id, proof in (proofs or {}).items()
    }
