"""A member's own gateway as one more process, whose way to the service may be lost in both directions."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from evidence.documents import Refused
from evidence.errors import CaptureError, DeadlineOver, SignerRefused, TooLarge, UnknownJob
from evidence.gateway import (
    Accepted,
    DeadlinePassed,
    Effect,
    Gateway,
    GatewayLimits,
    Refusal,
    ServiceAway,
)
from evidence.gateway.door import SignerRejected, TooMuch
from evidence.jobs import Job
from evidence.signature_header import HeaderError
from oracle.keeper import order_data
from tests.simulation.boundary import CALM, Boundary
from tests.simulation.clock import Clock
from tests.simulation.processes import Process, ServingProcess, World
from tests.simulation.requests import Ask
from tests.simulation.scene import CARRIER_, TypedKey

OWNER = CARRIER_
"""whose gateway it is"""
_LOST = ("request lost", "answer lost", "service overloaded")
T = TypeVar("T")


class GatewayProcess(Process):
    """Runs the gateway; `accept` is what its member's machines ask of it."""

    def __init__(self, world: World, serving: ServingProcess, clock: Clock, limits: GatewayLimits) -> None:
        super().__init__("gateway", world)
        self._door = ServiceDoor(serving, self.boundary)
        self._clock = clock
        self._limits = limits

    def start(self) -> None:
        deployment = self.world.scene.deployment
        self.gateway = Gateway(
            self._engine("spool"),
            self._door,
            TypedKey(OWNER.name),
            deployment.domain("EventLedger"),
            network=str(deployment.identity),
            member=OWNER.gln,
            limits=self._limits,
            clock=lambda: self._clock.now,
        )

    def work(self) -> str:
        made = self.gateway.run_once()
        return "idle" if not made.busy and made.next_due is None else f"busy, due {made.next_due}"

    def accept(self, ask: Ask) -> str:
        """Take what a machine of the member gives."""
        if ask.order is None:
            made = self.gateway.accept(ask.document, urgent=ask.number % 3 == 0)
        else:
            effect = Effect(
                subject=ask.order.sscc,
                order=ask.order.hash,
                milestone=1,
                consumer=self.world.scene.deployment.address("Escrow"),
                consumer_data=order_data(ask.order.terms),
            )
            made = self.gateway.accept_effect(ask.document, effect)
        ask.jobs.append(made.id)
        return f"submission {made.id[:8]}"


class ServiceDoor:
    """The service behind the gateway's door, answering as the API does, where anything gets through."""

    def __init__(self, serving: ServingProcess, boundary: Boundary) -> None:
        self._serving = serving
        self._boundary = boundary

    def capture(self, document: bytes, header: str) -> Accepted:
        """POST /epcis/capture."""
        return self._through("capture", lambda: _accepted(self._serving.service.capture(document, header)))

    def attest(self, request: bytes) -> Accepted:
        """POST /attestations."""
        return self._through("attest", lambda: _accepted(self._serving.service.attest(request)))

    def job(self, job_id: str) -> Accepted | None:
        """GET /epcis/capture/{id}."""
        return self._through("job", lambda: self._job(job_id))

    def _job(self, job_id: str) -> Accepted | None:
        try:
            return _accepted(self._serving.service.job(job_id))
        except UnknownJob:
            return None

    def proof(
        self, member: str, seal_id: str, kind: str | None = None, root: str | None = None
    ) -> Mapping[str, Any] | None:
        """GET /epcis/events/{sealId}/proof, from the service's mirror."""
        return self._through("proof", lambda: self._serving.proof(int(member), seal_id, kind, root))

    def _through(self, what: str, act: Callable[[], T]) -> T:
        boundary = self._boundary
        lost = boundary.cross(f"door {what}", boundary.weather.rpc, _LOST)
        if lost == "request lost":
            raise ServiceAway("connection refused")
        if lost == "service overloaded":
            raise ServiceAway("HTTP 503", retry_after=2.0)
        answers: list[T] = []

        def answer() -> str:
            answers.append(act())
            return "answered"

        try:
            said = self._serving.guarded(answer)
        except (CaptureError, Refused, HeaderError) as error:
            boundary.cross(f"door {what} refused")
            raise _as_door(error) from None
        boundary.cross(f"door {what} answered")
        if not answers:
            raise ServiceAway(f"HTTP 503: {said}")
        if lost != CALM:
            raise ServiceAway("the answer was lost")
        return answers[0]


def _accepted(job: Job) -> Accepted:
    roots = {seal.root for seal in job.seals}
    root = next(iter(roots)) if len(roots) == 1 else None
    sent = {seal.transaction for seal in job.seals}
    return Accepted(
        job.capture_id,
        job.running,
        job.success,
        None if root is None else bytes.fromhex(root[2:]),
        next(iter(sent)) if len(sent) == 1 else None,
        job.errors,
    )


def _as_door(error: CaptureError | Refused | HeaderError) -> Exception:
    if isinstance(error, DeadlineOver):
        return DeadlinePassed(str(error))
    if isinstance(error, SignerRefused):
        return SignerRejected(str(error))
    if isinstance(error, TooLarge):
        return TooMuch(str(error))
    events = {}
    if isinstance(error, Refused):
        events = {one.event: one.reason for one in error.errors if one.event is not None}
    return Refusal(str(error), events)
