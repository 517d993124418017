"""The door of a member's own gateway: plain EPCIS in, receipts, states and proofs out."""

import asyncio
import logging
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api import problems
from api.bodies import JSON_TYPES, parse, read_bytes
from api.gateway_guard import Guard
from api.limits import BodyLimit, SecurityHeaders, Slots
from api.problems import Problem, not_found
from api.wire import Hash
from evidence.fields import Record
from evidence.gateway import Effect, Gateway, SpoolFull, Submission

_log = logging.getLogger(__name__)

_READERS: Final = 4
"""documents read at a time: each is held in memory as a whole"""
_BODIES: Final = 16
"""bodies that arrive at a time, for the same reason; it bounds what slow clients hold"""
_BODY_SECONDS: Final = 60.0


class EffectRequest(Record):
    """`POST /attestations`: one bare event, and what a contract is to do on it."""

    event: dict[str, Any]
    effect: Effect = Effect()


def create_gateway_app(gateway: Gateway, token: str | None = None) -> FastAPI:
    """The application over a gateway that somebody else drives. `token`: bearer token asked of everybody."""

    app = FastAPI(title="TradeSeal gateway", version="1", docs_url=None, redoc_url=None)
    slots, bodies = Slots(_READERS), Slots(_BODIES)
    problems.install(app)
    app.add_exception_handler(SpoolFull, _full)
    for kind in problems.DATABASE_AWAY:
        app.add_exception_handler(kind, _database_away)

    @app.post("/epcis/capture", status_code=202, summary="Submit plain EPCIS 2.0")
    async def capture(
        request: Request,
        urgent: Annotated[bool, Query(description="its batch closes at once")] = False,
    ) -> JSONResponse:
        """Seals the events of a document or a bare event and keeps them; acknowledged is what is durable."""
        body = await _body(request, bodies)
        async with slots.taken():
            submission = await run_in_threadpool(lambda: gateway.accept(body, urgent=urgent))
        return _receipts(submission)

    @app.post("/attestations", status_code=202, summary="Submit one event that a contract acts on")
    async def attest(request: Request) -> JSONResponse:
        """The event is attested singly, before anything else."""
        body = await _body(request, bodies)
        async with slots.taken():
            submission = await run_in_threadpool(lambda: _attest(gateway, body))
        return _receipts(submission)

    @app.get("/capture/{capture_id}", summary="A submission")
    def submission(capture_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")]) -> dict[str, Any]:
        """Its events as they stand now: accepted, batched, signed, delivered, final or refused."""
        found = gateway.submission(capture_id)
        if found is None:
            raise not_found("capture", capture_id)
        return found

    @app.get("/events/{seal_id}", summary="An event")
    def event(seal_id: Hash) -> dict[str, Any]:
        """Where an accepted event stands."""
        found = gateway.event(bytes.fromhex(seal_id[2:]))
        if found is None:
            raise not_found("event", seal_id)
        return found.to_json()

    @app.get("/events/{seal_id}/document", summary="An event's document")
    def sealed(seal_id: Hash) -> Response:
        """The sealed document of an event that waits or was refused."""
        found = gateway.document(bytes.fromhex(seal_id[2:]))
        if found is None:
            raise not_found("document of event", seal_id)
        return Response(found, media_type="application/ld+json")

    @app.get("/events/{seal_id}/proof", summary="An event's proof")
    def proof(seal_id: Hash) -> dict[str, Any]:
        """Index, salt and path of a final event in its anchored batch."""
        found = gateway.proof(bytes.fromhex(seal_id[2:]))
        if found is not None:
            return found
        known = gateway.event(bytes.fromhex(seal_id[2:]))
        if known is None:
            raise not_found("event", seal_id)
        raise Problem(404, "not-found", f"event {seal_id} is {known.state}: it has no proof yet")

    @app.get("/status", summary="How much waits where")
    def status() -> dict[str, Any]:
        """Counts of events by state, bounds, and what keeps them."""
        return gateway.status()

    @app.get("/health", summary="Whether it takes events")
    def health() -> JSONResponse:
        """200 while there is room in the spool, whether or not the service answers; else 503."""
        full, waiting = gateway.full()
        away = gateway.courier.away_reason is not None  # why is for those who may ask
        body = {"takesEvents": not full, "waitingEvents": waiting, "serviceAway": away}
        return JSONResponse(body, 503 if full else 200)

    app.add_middleware(BodyLimit, limit=gateway.limits.bounds.document_size)
    app.add_middleware(Guard, token=token)
    app.add_middleware(SecurityHeaders)
    return app


async def _body(request: Request, bodies: Slots) -> bytes:
    """A JSON body, in time. Raises Problem.

    Its type must be said: without one a web page's form could pass for it.
    """
    if not request.headers.get("content-type", "").strip():
        raise Problem(
            415,
            "unsupported-media-type",
            f"Content-Type: is missing, {' or '.join(JSON_TYPES)} is needed",
            headers={"Accept-Post": ", ".join(JSON_TYPES)},
        )
    async with bodies.taken():
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                return await read_bytes(request)
        except TimeoutError:
            raise Problem(
                408,
                "not-ready",
                f"the body did not arrive within {_BODY_SECONDS:.0f} s",
                headers={"Connection": "close"},
            ) from None


def _attest(gateway: Gateway, body: bytes) -> Submission:
    request = parse(body, EffectRequest)
    return gateway.accept_effect(request.event, request.effect)


def _receipts(submission: Submission) -> JSONResponse:
    return JSONResponse(submission.to_json(), 202, {"Location": f"/capture/{submission.id}"})


async def _database_away(request: Request, error: Exception) -> JSONResponse:
    _log.error("spool: %s: %s", type(error).__name__, getattr(error, "orig", None) or error)
    detail = "the spool's database does not answer, or its disk is full: nothing of the request was taken"
    return problems.answer(request, Problem(503, "not-ready", detail, headers={"Retry-After": "5"}))


async def _full(request: Request, error: Exception) -> JSONResponse:
    after = error.retry_after if isinstance(error, SpoolFull) else 5
    problem = Problem(503, "not-ready", str(error), headers={"Retry-After": str(after)})
    return problems.answer(request, problem)
