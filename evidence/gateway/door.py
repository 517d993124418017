"""The way to the network's service, as the gateway sees it; `cli.door` speaks it over HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class DoorError(Exception):
    """Base of what a service may answer instead of a job."""


class ServiceAway(DoorError):
    """It cannot be reached, or asks for patience: all wait, `retry_after` seconds if given.

    `answered`: it said so itself, which may be for this one request's sake; `unsent`: it never got to see the
    request.
    """

    def __init__(
        self,
        reason: str,
        retry_after: float | None = None,
        *,
        answered: bool = False,
        unsent: bool = False,
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.answered = answered
        self.unsent = unsent


class Unsettled(DoorError):
    """It may have the request, and gave no answer that says so: tried again as it is, others meanwhile."""


class DeadlinePassed(DoorError):
    """The signed deadline leaves too little time: sign again."""


class SignerRejected(DoorError):
    """The service does not let our key act, now: waited for, and signed again at every try."""


class TooMuch(DoorError):
    """One request is more than the service takes: halve it."""


class Refusal(DoorError):
    """What was posted will never be taken. `events`: index of each bad event -> the reason; empty where the
    whole is at fault."""

    def __init__(self, reason: str, events: Mapping[int, str] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.events = dict(events or {})


@dataclass(frozen=True, slots=True)
class Accepted:
    """A capture job of the service as it stands. `root` (32 bytes): the batch that its events hang on, None
    for an attestation or where they hang on several; `errors` where it failed."""

    job_id: str
    running: bool
    success: bool
    root: bytes | None = None
    transaction: str | None = None
    errors: Sequence[str] = ()


class Door(Protocol):
    """A service's capture interface. Everything may be repeated: the same request gives the same job.

    Raises ServiceAway, Unsettled, DeadlinePassed, SignerRejected, TooMuch, Refusal.
    """

    def capture(self, document: bytes, header: str) -> Accepted:
        """Post an EPCIS document with its `TradeSeal-Capture` header (protocol, section 9)."""
        ...

    def attest(self, request: bytes) -> Accepted:
        """Post the JSON of a single attestation (protocol, section 9)."""
        ...

    def job(self, job_id: str) -> Accepted | None:
        """A job as it stands now; None where the service knows it no more."""
        ...

    def proof(
        self, member: str, seal_id: str, kind: str | None = None, root: str | None = None
    ) -> Mapping[str, Any] | None:
        """Proof (JSON, protocol section 10) of a mirrored event of the member; None where it is not mirrored.

        `kind` (`batch`, `attestation`) and `root` (0x…) ask for that one of several; its `depth` is how many
        blocks are on top of the one that holds it.
        """
        ...
