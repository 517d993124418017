"""`/escrows`: orders, their money and what moves it."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from api.bodies import read_model
from api.operations import Prefer, Relayed, relay
from api.orders import OrderAnswer, OrdersAnswer, Teller
from api.problems import Problem, invalid, not_found
from api.routes.relaying import Use, add_relay, body_of, operation_answers, problems
from api.routes.tokens import tokens_of
from api.services import Services
from api.wire import GlnQuery, HashPath
from chain import requests
from chain.bindings import types
from chain.database import reading
from indexer import read

router = APIRouter(prefix="/escrows", tags=["escrows"])

OfOrder = (
    requests.OpenOrder
    | requests.FundOrder
    | requests.ConfirmOrder
    | requests.DisputeOrder
    | requests.RuleOrder
    | requests.SettleOrder
    | requests.RefundOrder
)
R = TypeVar("R", bound=OfOrder)


def order_hash(services: Services, order: types.Order) -> str:
    """An order's hash: its EIP-712 digest under the escrow's domain."""
    return "0x" + order.signing_hash(services.deployment.domain("Escrow")).hex()


@router.post(
    "",
    summary="Open an order that both sides signed",
    status_code=202,
    responses=operation_answers(),
    openapi_extra=body_of(requests.OpenOrder),
)
async def open_order(request: Request, services: Use, prefer: Prefer = None) -> JSONResponse:
    """Opens the order; the answer is the operation with the order's hash as `order`."""
    given = await read_model(request, requests.OpenOrder)
    to, data = given.call(services.deployment)
    found = order_hash(services, given.order)
    return await relay(services, Relayed(to, data, f"OpenOrder {found}"), prefer, order=found)


@router.get("", summary="Orders", response_model=OrdersAnswer, responses=problems(400, 502, 503))
def list_orders(
    request: Request,
    services: Use,
    member: GlnQuery = None,
    status: Annotated[
        str | None, Query(description="open, funded, proven, disputed or closed", examples=["funded"])
    ] = None,
) -> OrdersAnswer:
    """Orders in the order they were opened; `member` is the GLN of buyer, seller, prover or arbiter."""
    names = {one.name.lower(): one for one in types.Status if one is not types.Status.NONE}
    if status is not None and status not in names:
        raise invalid("/query/status", f"must be one of {', '.join(names)}", status)
    with reading(services.mirror) as session:
        teller = Teller(session, tokens_of(request))
        found = read.orders(session, member, None if status is None else names[status])
        return OrdersAnswer(orders=teller.tell_all(found))


@router.get(
    "/{order}", summary="One order", response_model=OrderAnswer, responses=problems(400, 404, 502, 503)
)
def show_order(request: Request, services: Use, order: HashPath) -> OrderAnswer:
    """An order with its terms, its steps, its money, and what is missing next."""
    with reading(services.mirror) as session:
        found = read.order(session, order)
        if found is None:
            raise not_found("order", order)
        return Teller(session, tokens_of(request)).tell(found)


add_relay(
    router,
    "/withdrawals",
    requests.Withdraw,
    "Pay an account's credit to that account",
    repeatable=True,
    purpose=lambda request: f"Withdraw {request.token} to {request.account}",
)


def _add_step(path: str, model: type[R], summary: str) -> None:
    async def endpoint(
        request: Request, services: Use, order: HashPath, prefer: Prefer = None
    ) -> JSONResponse:
        given = await read_model(request, model)
        found = order_hash(services, given.order)
        if found != order:
            raise Problem(
                400,
                "invalid-request",
                f"the order of the body hashes to {found}, the path says {order}",
                errors=[{"pointer": "/order", "detail": f"hashes to {found}", "value": order}],
            )
        to, data = given.call(services.deployment)
        call = Relayed(to, data, f"{model.__name__} {found}")
        return await relay(services, call, prefer, order=found)

    router.add_api_route(
        "/{order}" + path,
        endpoint,
        methods=["POST"],
        name=model.__name__,
        summary=summary,
        description=model.__doc__,
        status_code=202,
        responses=operation_answers(),
        openapi_extra=body_of(model),
    )


_add_step("/funding", requests.FundOrder, "Fund an order")
_add_step("/consents", requests.ConfirmOrder, "Consent to pay the seller at once")
_add_step("/disputes", requests.DisputeOrder, "Dispute a delivery")
_add_step("/rulings", requests.RuleOrder, "Rule a dispute")
_add_step("/settlement", requests.SettleOrder, "Settle an order whose window or ruling deadline is over")
_add_step("/refund", requests.RefundOrder, "Refund an order that was not delivered in time")
