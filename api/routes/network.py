"""`/network`, `/operations`, `/health`, `/metrics`: what this service serves and how it is."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api import metrics
from api.health import look
from api.operations import OperationAnswer, operation_answer
from api.routes.relaying import Use, problems
from chain.database import reading
from indexer.read import council

router = APIRouter(tags=["service"])


@router.get("/network", summary="Chain, contracts and tokens")
def show_network(services: Use) -> dict[str, Any]:
    """For clients that build requests. It is no trust anchor: that comes from elsewhere."""
    with reading(services.mirror) as session:
        found = council(session)
    seats = {"seats": found.seats, "threshold": found.threshold} if found else None
    return {**services.deployment.to_json(), "council": seats}


@router.get(
    "/operations/{operation_id}",
    summary="What became of a relayed request",
    response_model=OperationAnswer,
    responses=problems(400, 404),
)
def show_operation(services: Use, operation_id: int) -> OperationAnswer:
    """An operation as it stands now."""
    return operation_answer(services.sender.operation(operation_id))


@router.get(
    "/health",
    summary="Whether everything runs",
    responses={503: {"description": "Something does not: the checks say what"}},
)
def show_health(services: Use) -> JSONResponse:
    """200 where node, workers, mirror and vault are in order, else 503; the same form both times."""
    health = look(services)
    return JSONResponse(health, 200 if health["status"] == "ok" else 503, {"Cache-Control": "no-store"})


@router.get(
    "/metrics",
    summary="The same for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def show_metrics(services: Use) -> Response:
    """Prometheus text format: node, workers, sender, the mirror's lag and stalls, vault, process."""
    return Response(
        metrics.exposition(services),
        media_type=metrics.CONTENT_TYPE,
        headers={"Cache-Control": "no-store"},
    )
