"""Capture jobs as callers see them: GS1's EPCISCaptureJob, and the seals that came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chain.fields import hex_text
from chain.operation import Operation
from epcis.cbv_hash import ni
from evidence.fields import gln_text


@dataclass(frozen=True, slots=True)
class Seal:
    """One event of a job. `root` and `leaf` are of the batch that holds it, `root` None for an attestation;
    `transaction` (0x…) is None until it is mined."""

    index: int
    seal_id: str
    event_hash: bytes
    cid: str
    root: str | None
    leaf: int
    transaction: str | None
    existing: bool
    """captured before, by another job"""

    def to_json(self) -> dict[str, Any]:
        """As the API gives it; `eventHash` as an ni URI (RFC 6920)."""
        return {
            "event": self.index,
            "sealId": self.seal_id,
            "eventHash": ni(self.event_hash),
            "cid": self.cid,
            "root": self.root,
            "index": self.leaf,
            "transaction": self.transaction,
            "existing": self.existing,
        }


@dataclass(frozen=True, slots=True)
class Job:
    """A capture job. `operation` is the outbox's, None where nothing new had to be sent."""

    capture_id: str
    kind: str
    """batch, attestation or existing"""
    member: int
    signer: str
    created_at: datetime
    finished_at: datetime | None
    running: bool
    success: bool
    errors: tuple[str, ...]
    seals: tuple[Seal, ...]
    operation: Operation | None
    root: str | None = None
    """0x…, of the batch that all of its events hang on; None for an attestation or for several batches"""

    @property
    def transaction(self) -> str | None:
        """0x…, of the call that was mined for this job; None where it made none, or not yet."""
        made = self.operation
        return None if made is None or made.transaction_hash is None else hex_text(made.transaction_hash)

    @property
    def status(self) -> str:
        """running, success or failure."""
        return "running" if self.running else "success" if self.success else "failure"

    def to_json(self, seals: bool = True) -> dict[str, Any]:
        """GS1's EPCISCaptureJob with member and signer beside it, and the seal of each event or not."""
        body: dict[str, Any] = {
            "captureID": self.capture_id,
            "createdAt": _time(self.created_at),
            "running": self.running,
            "success": self.success,
            "captureErrorBehaviour": "rollback",
            "errors": [
                {"type": "epcisException:ImplementationException", "title": "Not anchored", "detail": text}
                for text in self.errors
            ],
            "status": self.status,
            "kind": self.kind,
            "member": gln_text(self.member),
            "signer": self.signer,
            "root": self.root,
            "transaction": self.transaction,
        }
        if seals:
            body["seals"] = [seal.to_json() for seal in self.seals]
        if self.finished_at is not None:
            body["finishedAt"] = _time(self.finished_at)
        if self.operation is not None and self.operation.problem is not None:
            body["waitsFor"] = self.operation.problem
        return body


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
