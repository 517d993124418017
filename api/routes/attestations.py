"""`/attestations`: single events with the fields that their member signed."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api.bodies import read_bytes
from api.operations import OperationAnswer, Prefer, operation_answer, respond, wait_seconds
from api.routes.epcis import capture_slots, finished
from api.routes.relaying import Use, add_relay, body_of, operation_answers
from chain.requests import ApplyEffect, DeclareError
from evidence.capture import AttestRequest
from evidence.fields import gln_text
from evidence.jobs import Job

router = APIRouter(prefix="/attestations", tags=["attestations"])


@router.post(
    "",
    summary="Attest one event",
    status_code=202,
    responses=operation_answers(),
    openapi_extra=body_of(AttestRequest),
)
async def attest(request: Request, services: Use, prefer: Prefer = None) -> JSONResponse:
    """Records an event with the fields its member signed, and lets the contract that they name act on it.

    The answer is the operation with the capture job beside it.
    """
    body = await read_bytes(request)
    async with capture_slots(request).taken():
        read = await run_in_threadpool(services.capture.read_attestation, body)
    job = await run_in_threadpool(services.capture.accept_attestation, read)
    seconds = wait_seconds(prefer)
    job = await finished(services, job, seconds)
    if job.operation is None:
        return _existing(job)
    recorded = not job.running and job.success
    if recorded and not job.operation.succeeded:  # somebody else relayed what the member signed
        return _existing(job)
    return respond(job.operation, seconds, capture=job.to_json())


def _existing(job: Job) -> JSONResponse:
    """What was on the chain already, in the form of an operation."""
    seal = job.seals[0]
    answer: dict[str, Any] = OperationAnswer(
        id=None if job.operation is None else operation_answer(job.operation).id,
        status="queued" if job.running else "mined",
        purpose=f"attestation {seal.seal_id} of {gln_text(job.member)}",
        transaction=seal.transaction,
        block=None,
        error=None,
    ).to_json()
    # running: the chain has lost what somebody else had relayed, and the service will send it
    return JSONResponse(answer | {"capture": job.to_json()}, 202 if job.running else 200)


add_relay(router, "/effects", ApplyEffect, "Apply an attestation's effect that failed")
add_relay(router, "/errors", DeclareError, "Declare an own event erroneous")
