"""Captures and attestations from the command line: sealed and signed here, posted, waited for."""

import json
import secrets
import time
from typing import Any, Final

from cli import acts, delivering, ordering
from cli.failure import Exit, Failure
from cli.output import counted
from cli.session import Member, Session

_PATIENCE: Final = 120.0
"""Seconds for which a capture may stay on its way to the chain before the command stops looking."""
_POLL: Final = 0.2


def capture(session: Session, key: str, document: bytes, member: Member) -> dict[str, Any]:
    """The finished capture job of a document; `existing` marks events that were captured before.

    Raises Failure where it was refused or failed.
    """
    header, root = acts.signed_batch(session, key, document, member, secrets.token_bytes(32))
    job = finished(session, session.api.post("/epcis/capture", document, {"TradeSeal-Capture": header}))
    # what hangs on another root was anchored by an earlier capture, which the service answered with
    ours = "0x" + root.hex()
    job["seals"] = [{**seal, "existing": seal["existing"] or seal["root"] != ours} for seal in job["seals"]]
    return job


def finished(session: Session, job: Any) -> dict[str, Any]:
    """The job once it has ended well. Raises Failure."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        if not isinstance(job, dict) or "captureID" not in job:
            raise Failure("the service answered with no capture job", Exit.UNREACHABLE)
        if not job["running"]:
            break
        if time.monotonic() >= deadline:
            raise Failure(
                f"capture {job['captureID']} is still running; it goes on without this command",
                Exit.UNREACHABLE,
                job,
            )
        time.sleep(_POLL)
        job = session.api.get(f"/epcis/capture/{job['captureID']}")
    if not job["success"]:
        reasons = "; ".join(str(error.get("detail")) for error in job["errors"]) or "no reason given"
        raise Failure(f"capture {job['captureID']}: {reasons}", problem=job)
    return dict(job)


def attest(session: Session, key: str, event: bytes, subject: str | None) -> dict[str, Any]:
    """The ended operation of an attestation. Raises Failure."""
    message = acts.seal_event(session, event, subject=subject)
    return _attested(session, acts.attest(session, key, event, message))


def prove(
    session: Session, key: str, event: bytes, subject: str | None, order_hash: str, force: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """As `attest`, as an order's proof of delivery: the operation, and the order as it stands then.

    Raises Failure before anything is signed where the order does not wait for this, or the event does not
    look like a delivery (which `force` passes over), and afterwards where delivery was not proven.
    """
    record, order = ordering.record_of(session, order_hash)
    message = acts.seal_event(session, event, subject=subject, order=order)
    delivering.require_due(record, order, message, session.member_of(key).gln)
    if not force:
        delivering.require_plausible(message, _step_of(event), time.time())
    asked_at = session.api.clock
    operation = _attested(session, acts.attest(session, key, event, message, order))
    seal_id = operation["sealId"]
    return operation, delivering.outcome(session, order_hash, seal_id, operation.get("capture"), asked_at)


def _attested(session: Session, act: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    path, body = act
    answer = session.api.post(path, json.dumps(body).encode())
    if not isinstance(answer, dict):
        raise Failure("the service answered with no operation", Exit.UNREACHABLE)
    return {**session.api.settled(answer), "sealId": body["attestation"]["sealId"]}


def _step_of(event: bytes) -> str | None:
    """The business step as the event, or a document's one, has it."""
    found = json.loads(event)
    if "epcisBody" in found:
        body = found["epcisBody"]
        found = body["eventList"][0] if "eventList" in body else body["event"]
    step = found.get("bizStep")
    return None if step is None else str(step)


def job_text(name: str, job: dict[str, Any]) -> str:
    """What became of a file's events, for people."""
    lines = [f"{name}: {counted(len(job['seals']), 'event')} of {job['member']}, capture {job['captureID']}"]
    for seal in job["seals"]:
        before = "captured before" if seal["existing"] else "sealed"
        lines.append(f"  {seal['event']}: {before} {seal['sealId']}  {seal['eventHash']}")
        if seal.get("transaction"):
            lines.append(f"     transaction {seal['transaction']}")
    return "\n".join(lines)
