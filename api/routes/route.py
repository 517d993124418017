"""Routes: where goods went and what of it does not fit, with proofs as evidence for a dispute."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from api.paths import item_uri
from api.problems import Problem, not_found
from api.route_record import RouteAnswer, route_record
from api.routes.relaying import Use, problems
from api.services import Services
from api.wire import GtinPath, SerialPath
from chain.database import reading
from epcis import canonical
from evidence.proof import ProofUnavailable
from evidence.route_bundle import RouteTooLarge, export_route
from indexer.read.route.of_mirror import route
from indexer.read.route.parts import Rules

router = APIRouter(tags=["routes"])

_USUAL = Rules()
MaxSpeed = Annotated[
    int, Query(alias="maxSpeedKmh", ge=1, le=10**9, description="Faster than this is a contradiction; km/h")
]
Tolerance = Annotated[
    int, Query(alias="placeToleranceM", ge=0, le=10**9, description="Positions this near are one place; m")
]
Skew = Annotated[
    int,
    Query(alias="clockSkewS", ge=0, le=10**9, description="How far a clock may be ahead of the chain's; s"),
]
Thing = Annotated[
    str,
    Query(
        max_length=2048,
        description="Digital Link or EPC URN of an item, lot, logistic unit or asset; or another URN",
        examples=["https://id.gs1.org/00/095213000000000176"],
    ),
]


@router.get(
    "/items/{gtin}/{serial}/route",
    summary="An item's route",
    response_model=RouteAnswer,
    responses=problems(400, 404),
)
def show_item_route(
    services: Use,
    gtin: GtinPath,
    serial: SerialPath,
    max_speed: MaxSpeed = _USUAL.max_speed_kmh,
    tolerance: Tolerance = _USUAL.place_tolerance_m,
    skew: Skew = _USUAL.clock_skew_s,
) -> RouteAnswer:
    """Where it went, by what, with whom, and what of it does not fit."""
    return _route(services, item_uri(gtin, serial), Rules(max_speed, tolerance, skew))


@router.get(
    "/items/{gtin}/{serial}/route/proof",
    summary="An item's route with its proofs",
    response_class=JSONResponse,
    responses=problems(400, 404, 503),
)
def show_item_route_proof(services: Use, gtin: GtinPath, serial: SerialPath) -> Response:
    """Evidence for a dispute: `tradeseal verify FILE` checks it and derives the route anew."""
    name = f"{gtin}-{''.join(c if c.isalnum() else '_' for c in serial)}"
    return _proof(services, item_uri(gtin, serial), name)


@router.get(
    "/routes",
    summary="The route of any thing",
    response_model=RouteAnswer,
    responses=problems(400, 404),
)
def show_route(
    services: Use,
    thing: Thing,
    max_speed: MaxSpeed = _USUAL.max_speed_kmh,
    tolerance: Tolerance = _USUAL.place_tolerance_m,
    skew: Skew = _USUAL.clock_skew_s,
) -> RouteAnswer:
    """As an item's, for a shipment, lot or asset."""
    return _route(services, thing, Rules(max_speed, tolerance, skew))


@router.get(
    "/routes/proof",
    summary="The route of any thing with its proofs",
    response_class=JSONResponse,
    responses=problems(400, 404, 503),
)
def show_route_proof(services: Use, thing: Thing) -> Response:
    """As an item's, for whatever has a GS1 key."""
    return _proof(services, thing, "thing")


def _route(services: Services, thing: str, rules: Rules) -> RouteAnswer:
    with reading(services.mirror) as session:
        found = route(session, thing, rules)
        if not found.known:
            raise not_found("thing", found.route.uri)
        return route_record(session, found)


def _proof(services: Services, thing: str, name: str) -> Response:
    try:
        bundle = export_route(thing, services.deployment, services.mirror, services.store)
    except RouteTooLarge as error:
        raise Problem(400, "invalid-request", str(error)) from None
    except ProofUnavailable as error:
        if not error.gaps:
            raise not_found("thing", error.item) from None
        gaps = [{"pointer": "", "detail": str(gap), "value": gap.cid} for gap in error.gaps]
        raise Problem(
            503, "not-ready", "a bundle is whole or there is none, and content is missing", errors=gaps
        ) from None
    # canonical: who hashes the file finds the same hash again
    return Response(
        canonical.dumps(bundle),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}.route.json"'},
    )
