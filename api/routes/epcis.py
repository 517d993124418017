"""`/epcis`: capture of signed documents and queries, as EPCIS 2.0 has them."""

import asyncio
import base64
import binascii
import time
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy import select
from sqlmodel import Session, col

from api import examples
from api.bodies import JSON_TYPES, read_bytes
from api.limits import Slots
from api.operations import Prefer, failed, mirrored, wait_seconds
from api.problems import Problem, invalid, not_found
from api.routes.relaying import WRITES, Use, problems
from api.services import Services
from api.wire import Gln, Hash, TimeQuery, time_text
from chain.database import reading
from evidence.job_proofs import event_proof
from evidence.jobs import Job
from evidence.signature_header import NAME as SIGNATURE_HEADER
from indexer.read import Event, EventQuery, events, events_by_hash
from indexer.read.events import hydrate
from indexer.tables.content import PRESENT, SealedEvent

router = APIRouter(prefix="/epcis", tags=["epcis"])

_CONTEXT: Final = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"
_NI: Final = "ni:///sha-256;"
_DEFAULT_PAGE: Final = 30
_MAX_PAGE: Final = 1_000
_EPCIS_VERSION: Final = {"GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"}

Many = Annotated[list[str] | None, Query(max_length=100)]


# -- capture ---------------------------------------------------------------------------------------------


def capture_slots(request: Request) -> Slots:
    """Where documents wait for their turn to be read."""
    found: Slots = request.app.state.capture_slots
    return found


async def finished(services: Services, job: Job, seconds: int, seals: bool = True) -> Job:
    """The job once its call ended and the mirror has it, or as it is after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while job.running and (left := deadline - time.monotonic()) > 0:
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, 0.25)
        job = await run_in_threadpool(partial(services.capture.job, job.capture_id, seals=seals))
    if seconds and job.success and job.operation is not None and job.operation.block_number is not None:
        await mirrored(services, job.operation.block_number)
    return job


def wants_seals(prefer: list[str] | None) -> bool:
    """Whether an answer lists the seal of every event: not with `Prefer: return=minimal` (RFC 7240)."""
    given = [one.partition(";")[0].strip().lower() for one in ",".join(prefer or []).split(",")]
    return "return=minimal" not in given


def _applied(seconds: int, seals: bool) -> dict[str, str]:
    applied = [*([f"wait={seconds}"] if seconds else []), *([] if seals else ["return=minimal"])]
    return {"Preference-Applied": ", ".join(applied)} if applied else {}


_DOCUMENT_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "An EPCIS 2.0 document or a bare event, as it is",
        "content": {
            kind: {"schema": {"type": "object"}, "example": examples.DOCUMENT} for kind in JSON_TYPES
        },
    }
}


@router.post(
    "/capture",
    summary="Capture a signed EPCIS document",
    status_code=202,
    responses=problems(*WRITES)
    | {202: {"description": "Accepted: a capture job", "content": {"application/json": {}}}},
    openapi_extra=_DOCUMENT_BODY,
)
async def capture_document(
    request: Request,
    services: Use,
    signature: Annotated[
        str | None,
        Header(alias=SIGNATURE_HEADER, description="the member's signature, RFC 9651 (protocol, section 9)"),
    ] = None,
    prefer: Prefer = None,
) -> JSONResponse:
    """Seals the document's events, and anchors their batch as its member signed it.

    With `Prefer: return=minimal` the answer leaves out the seals of the events.
    """
    body = await read_bytes(request)
    seals = wants_seals(prefer)
    async with capture_slots(request).taken():
        capture = await run_in_threadpool(services.capture.read_capture, body, signature)
    job = await run_in_threadpool(partial(services.capture.accept_capture, capture, seals=seals))
    seconds = wait_seconds(prefer)
    job = await finished(services, job, seconds, seals)
    if seconds and not job.running and not job.success:
        if job.operation is not None and job.operation.error is not None:
            raise failed(job.operation)
        raise Problem(
            422, "contract-refused", "; ".join(job.errors) or "the capture failed", job=job.to_json()
        )
    headers = {"Location": f"/epcis/capture/{job.capture_id}", **_EPCIS_VERSION, **_applied(seconds, seals)}
    done = bool(seconds) and not job.running
    return JSONResponse(job.to_json(seals), 200 if done else 202, headers)


@router.get(
    "/capture/{capture_id}",
    summary="A capture job",
    responses=problems(404, 503),
)
def show_capture(services: Use, capture_id: str, prefer: Prefer = None) -> JSONResponse:
    """What became of a capture: `running`, `success`, `errors`, and the seals of its events, unless with
    `Prefer: return=minimal`."""
    seals = wants_seals(prefer)
    return JSONResponse(
        services.capture.job(capture_id, seals=seals).to_json(seals), headers=_applied(0, seals)
    )


# -- queries ---------------------------------------------------------------------------------------------


def event_json(event: Event) -> dict[str, Any]:
    """An event as it was sealed, with its own context and the time its block was made."""
    return {**(event.body or {}), "recordTime": time_text(event.record_time)}


def query_document(found: list[Event]) -> dict[str, Any]:
    """An EPCIS 2.0 query document of events."""
    return {
        "@context": [_CONTEXT],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": time_text(datetime.now(UTC)),
        "epcisBody": {
            "queryResults": {
                "queryName": "SimpleEventQuery",
                "resultsBody": {"eventList": [event_json(event) for event in found]},
            }
        },
    }


@router.get("/events", summary="Query events", responses=problems(400))
def query_events(
    request: Request,
    services: Use,
    event_type: Annotated[list[str] | None, Query(alias="eventType", max_length=10)] = None,
    ge_event_time: Annotated[TimeQuery, Query(alias="GE_eventTime")] = None,
    lt_event_time: Annotated[TimeQuery, Query(alias="LT_eventTime")] = None,
    biz_step: Annotated[Many, Query(alias="EQ_bizStep")] = None,
    disposition: Annotated[Many, Query(alias="EQ_disposition")] = None,
    any_epc: Annotated[Many, Query(alias="MATCH_anyEPC")] = None,
    read_point: Annotated[Many, Query(alias="EQ_readPoint")] = None,
    biz_location: Annotated[Many, Query(alias="EQ_bizLocation")] = None,
    event_id: Annotated[Many, Query(alias="EQ_eventID")] = None,
    per_page: Annotated[int, Query(alias="perPage", ge=1, le=_MAX_PAGE)] = _DEFAULT_PAGE,
    token: Annotated[str | None, Query(alias="nextPageToken", max_length=400)] = None,
) -> JSONResponse:
    """Events by the simple parameters of EPCIS 2.0, newest first. A parameter given several times is met by
    any of its values; the next page is the `Link` with rel="next"."""
    query = EventQuery(
        event_type=event_type or (),
        ge_event_time=ge_event_time,
        lt_event_time=lt_event_time,
        eq_biz_step=biz_step or (),
        eq_disposition=disposition or (),
        match_any_epc=any_epc or (),
        eq_read_point=read_point or (),
        eq_biz_location=biz_location or (),
        eq_event_id=event_id or (),
    )
    after = None if token is None else _cursor(token, query)
    with reading(services.mirror) as session:
        try:
            page = events(session, query, per_page, after)
        except ValueError:
            raise invalid("/query/nextPageToken", "is no token of this service", token) from None
    headers = dict(_EPCIS_VERSION)
    if page.next is not None:
        following = request.url.include_query_params(nextPageToken=_token(page.next, query))
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return JSONResponse(query_document(page.events), headers=headers)


def _digest(query: EventQuery) -> str:
    return sha256(repr(query).encode()).hexdigest()[:16]


def _token(cursor: str, query: EventQuery) -> str:
    return base64.urlsafe_b64encode(f"{_digest(query)}.{cursor}".encode()).decode().rstrip("=")


def _cursor(token: str, query: EventQuery) -> str:
    """The cursor of a token, which counts for the parameters that it was given with."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        raise invalid("/query/nextPageToken", "is no token of this service", token) from None
    digest, _, cursor = text.partition(".")
    if digest != _digest(query):
        raise invalid("/query/nextPageToken", "is of a query with other parameters", token)
    return cursor


@router.get(
    "/events/{seal_id}/proof", summary="One event's proof for its member", responses=problems(400, 404)
)
def show_event_proof(
    services: Use,
    seal_id: Hash,
    member: Annotated[Gln, Query(description="GLN of 13 digits")],
    kind: Annotated[
        Literal["batch", "attestation"] | None, Query(description="this kind alone; else a batch goes first")
    ] = None,
    root: Annotated[Hash | None, Query(description="root of the batch that is meant")] = None,
) -> dict[str, Any]:
    """Index, salt and path of an event in the batch that holds it, or the transaction of its attestation;
    `depth` tells the blocks on top of it."""
    found = event_proof(services.mirror, int(member), seal_id, kind, root)
    if found is None:
        raise not_found("proof of event", seal_id)
    return found


@router.get("/events/{event_id:path}", summary="One event", responses=problems(404, 409))
def show_event(services: Use, event_id: str) -> JSONResponse:
    """The event of an eventID, a sealId or an event hash (ni URI)."""
    with reading(services.mirror) as session:
        found = _find(session, event_id)
    sealed = {one.seal_id for one in found}
    if not found:
        raise not_found("event", event_id)
    if len(sealed) > 1:
        candidates = [
            {"sealId": one.seal_id, "member": one.member, "href": f"/epcis/events/{quote(one.seal_id)}"}
            for one in found
        ]
        raise Problem(
            409,
            "conflict",
            f"{event_id[:200]} is {len(sealed)} different events: ask for one by its sealId",
            candidates=candidates,
        )
    event = next((one for one in found if one.state == PRESENT), found[0])
    if event.body is None:
        raise Problem(
            404,
            "not-found",
            f"event {event.seal_id} is on the chain, its document is not to be had ({event.state})",
            sealId=event.seal_id,
        )
    return JSONResponse(event_json(event), headers=_EPCIS_VERSION)


def _find(session: Session, event_id: str) -> list[Event]:
    if event_id.startswith("0x"):
        query = select(SealedEvent).where(col(SealedEvent.seal_id) == event_id.lower())
        return hydrate(session, list(session.scalars(query)))
    page = events(session, EventQuery(eq_event_id=[event_id]), _MAX_PAGE)
    if page.events or not event_id.startswith(_NI):
        return page.events
    digest = event_id.removeprefix(_NI).partition("?")[0]
    return events_by_hash(session, "0x" + digest.lower())
