"""What all routes share: services, descriptions of problems, and the route that relays a request."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from api import examples
from api.bodies import read_model
from api.operations import OperationAnswer, Prefer, Relayed, relay
from api.problems import MEDIA_TYPE, Problem
from api.services import Services
from chain.requests import Request as ChainRequest

R = TypeVar("R", bound=ChainRequest)

_WHEN = {
    304: "Not modified",
    400: "The body or a parameter cannot be read; names pointer and value",
    403: "No signature, or one that does not count",
    404: "Not known here",
    406: "No representation asked for can be given",
    409: "At odds with an earlier request, or ambiguous",
    410: "The signed deadline is over",
    413: "The body is over the limit, which is named",
    415: "The media type is not taken",
    422: "The contract refuses, with its own reason",
    502: "The chain's node answered nonsense",
    503: "The chain's node cannot be reached",
}
WRITES = (400, 403, 410, 413, 415, 422, 502, 503)


async def services_of(request: Request) -> Services:
    """What the application was built with; no thread is worth waiting for here."""
    found: Services = request.app.state.services
    return found


Use = Annotated[Services, Depends(services_of)]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI descriptions of the problems that a route may answer."""
    return {
        status: {
            "description": _WHEN[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted(statuses)
    }


def body_of(model: type[Any], *media_types: str) -> dict[str, Any]:
    """OpenAPI description of a body that `api.bodies` reads as `model`, with its example."""
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {"schema": reference, "example": examples.REQUESTS[model]}
    return {
        "requestBody": {
            "required": True,
            "content": dict.fromkeys(media_types or ("application/json",), content),
        }
    }


def operation_answers() -> dict[int | str, dict[str, Any]]:
    """OpenAPI descriptions of what a write answers."""
    content = {"application/json": {"example": examples.OPERATION}}
    return {
        200: {
            "model": OperationAnswer,
            "description": "It ended well while it was waited for",
            "content": content,
        },
        202: {"model": OperationAnswer, "description": "Accepted; see Location", "content": content},
        **problems(*WRITES),
    }


async def only_known_parameters(request: Request) -> None:
    """Refuse query parameters that a route does not have: a filter that is misspelt would filter nothing."""
    route = request.scope.get("route")
    dependant = getattr(route, "dependant", None)
    if dependant is None or not request.query_params:
        return
    known = {field.alias for field in dependant.query_params}
    for name, value in request.query_params.multi_items():
        if name not in known:
            errors = [
                {"pointer": f"/query/{name[:60]}", "detail": "is no parameter here", "value": value[:200]}
            ]
            takes = ", ".join(sorted(known)) or "none"
            raise Problem(
                400, "invalid-request", f"parameter {name[:60]!r} is not known, {takes} are", errors=errors
            )


def purpose_of(request: ChainRequest) -> str:
    """What an operation is for, in the words of its request."""
    return type(request).__name__


def add_relay(
    router: APIRouter,
    path: str,
    model: type[R],
    summary: str,
    *,
    repeatable: bool = False,
    purpose: Callable[[R], str] = purpose_of,
) -> None:
    """Add a route that takes a request of `model`, relays its call and answers with the operation."""

    async def endpoint(request: Request, services: Use, prefer: Prefer = None) -> JSONResponse:
        given = await read_model(request, model)
        to, data = given.call(services.deployment)
        return await relay(services, Relayed(to, data, purpose(given), repeatable), prefer)

    router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        name=model.__name__,
        summary=summary,
        description=model.__doc__,
        status_code=202,
        responses=operation_answers(),
        openapi_extra=body_of(model),
    )
