"""`/items`: issuing, passports, recalls, and everything that is known of one item."""

from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.bodies import read_model
from api.item_record import ItemRecord, item_record, record_rows
from api.operations import Prefer, Relayed, relay
from api.page import acceptable, render_item, render_unknown_item, wants_html
from api.paths import item_path, item_uri
from api.problems import Problem, contract_reason, invalid, not_found, refused
from api.routes.relaying import Use, add_relay, body_of, operation_answers, problems
from api.services import Services
from api.wire import Answer, GtinPath, SerialPath
from chain.bindings.member_registry import MemberRegistry
from chain.database import reading
from chain.errors import CallReverted
from chain.requests import IssueItems, Materialise, RecallItems
from epcis.gs1 import Gs1KeyError
from epcis.tree import TreeError
from evidence.batch import BatchError, build_issue
from evidence.bundle import Trust
from evidence.fields import gln_text
from evidence.proof import ProofUnavailable, export
from evidence.report import Report
from evidence.verify_item import examine
from indexer.read.items import issue_place
from indexer.read.trace import Trace

router = APIRouter(prefix="/items", tags=["items"])


class IssuePlace(Answer):
    """An item's place in the issue that counts: what Materialise takes."""

    issue_id: str
    index: int
    serial: str
    proof: list[str]
    maker: str
    size: int
    root: str
    materialised: bool


@router.post(
    "/issues",
    summary="Issue items",
    status_code=202,
    responses=operation_answers(),
    openapi_extra=body_of(IssueItems),
)
async def issue_items(request: Request, services: Use, prefer: Prefer = None) -> JSONResponse:
    """Publishes the manifest and relays the issue; root, size and CID must be those of the serials."""
    given = await read_model(request, IssueItems)
    await run_in_threadpool(_publish, services, given)
    to, data = given.call(services.deployment)
    purpose = f"IssueItems {given.message.size} of {given.message.gtin:014d}"
    return await relay(services, Relayed(to, data, purpose), prefer)


def _publish(services: Services, given: IssueItems) -> None:
    """Put the manifest into the vault, once it is what the maker signed. Raises Problem where it is not."""
    registry = MemberRegistry(services.deployment.address("MemberRegistry"), services.rpc)
    try:
        member = registry.require_role(given.signer, 0)
    except CallReverted as error:
        raise refused(contract_reason(error.data)) from None
    try:
        batch = build_issue(f"{given.message.gtin:014d}", given.serials, gln_text(member))
    except Gs1KeyError as error:
        raise invalid("/message/gtin", str(error)) from None
    except BatchError as error:
        raise invalid(error.path, str(error)) from None
    computed = {
        "root": "0x" + batch.root.hex(),
        "size": batch.size,
        "cid": "0x" + bytes(batch.manifest_cid).hex(),
    }
    signed = given.message.message()
    errors = [
        {
            "pointer": f"/message/{name}",
            "detail": f"the serials of member {batch.member_gln} lead to {value}",
            "value": str(signed[name]),
        }
        for name, value in computed.items()
        if str(signed[name]) != str(value)
    ]
    if errors:
        raise Problem(
            400, "invalid-request", "the signed issue is not that of the serials given", errors=errors
        )
    services.store.put(batch.manifest)


add_relay(router, "/materialisations", Materialise, "Mint the passport of an issued item to its maker")
add_relay(router, "/recalls", RecallItems, "Stop an item or a whole issue")


def verification(services: Services, gtin: str, serial: str) -> tuple[Report, Trace]:
    """What this service finds of an item now, held against its own deployment, and the rows it looked at."""
    trust = Trust.model_validate(services.deployment.trust_anchor())
    return examine(
        item_uri(gtin, serial),
        services.deployment,
        trust,
        services.rpc,
        services.mirror,
        services.store,
        services.facts,
    )


@router.get(
    "/{gtin}/{serial}",
    summary="An item's page or record",
    response_model=None,
    responses=problems(400, 404, 406)
    | {
        200: {
            "description": "The page for people, or the record for programs, by Accept",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ItemRecord"}},
                "text/html": {},
            },
        }
    },
)
def show_item(request: Request, services: Use, gtin: GtinPath, serial: SerialPath) -> Response:
    """All that is known of an item, and what of it holds when it is checked now."""
    accept = request.headers.get("accept")
    if not acceptable(accept):
        raise Problem(406, "not-acceptable", "an item is given as text/html or application/json")
    html = wants_html(accept)
    report, found = verification(services, gtin, serial)
    if not report.known:
        if html:
            return render_unknown_item(gtin, serial)
        raise not_found("item", item_uri(gtin, serial))
    rows = services.facts.views.read(
        services.mirror, ("record", report.item), partial(record_rows, found), given=found
    )
    record = item_record(rows, gtin, serial, report)
    headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
    if html:
        return render_item(services.public_url, record, headers)
    return Response(record.model_dump_json(by_alias=True), media_type="application/json", headers=headers)


@router.get(
    "/{gtin}/{serial}/proof",
    summary="Proof bundle",
    responses=problems(400, 404, 503),
)
def show_proof(services: Use, gtin: GtinPath, serial: SerialPath) -> JSONResponse:
    """What `tradeseal verify FILE` checks without trusting this service (protocol, section 10)."""
    try:
        bundle = export(item_uri(gtin, serial), services.deployment, services.mirror, services.store)
    except ProofUnavailable as error:
        if not error.gaps:
            raise not_found("item", error.item) from None
        gaps = [{"pointer": "", "detail": str(gap), "value": gap.cid} for gap in error.gaps]
        raise Problem(
            503, "not-ready", "a bundle is whole or there is none, and content is missing", errors=gaps
        ) from None
    name = f"{gtin}-{''.join(c if c.isalnum() else '_' for c in serial)}.proof.json"
    return JSONResponse(bundle, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get(
    "/{gtin}/{serial}/verification",
    summary="What this service finds when it checks the item",
    response_model=dict[str, Any],
    responses=problems(400, 404, 503),
)
def show_verification(services: Use, gtin: GtinPath, serial: SerialPath) -> Response:
    """Chain, mirror and vault held against each other now; for anybody who trusts this service."""
    report, _ = verification(services, gtin, serial)
    if not report.known:
        raise not_found("item", item_uri(gtin, serial))
    return Response(orjson.dumps(report.to_json()), media_type="application/json")


@router.get(
    "/{gtin}/{serial}/issue",
    summary="Where the item was issued",
    response_model=IssuePlace,
    responses=problems(400, 404, 503),
)
def show_issue(services: Use, gtin: GtinPath, serial: SerialPath) -> IssuePlace:
    """Issue, index and inclusion path, as Materialise takes them."""
    uri = item_uri(gtin, serial)
    with reading(services.mirror) as session:
        found = issue_place(session, uri)
    if found is None:
        raise not_found("issue of item", item_path(gtin, serial))
    issue = found.issuance
    if isinstance(found.path, TreeError):
        text = f"the mirror has no proof of the item in issue {issue.issue_id}: {found.path}"
        raise Problem(503, "not-ready", text)
    return IssuePlace(
        issue_id=issue.issue_id,
        index=issue.index,
        serial=issue.serial,
        proof=found.path,
        maker=issue.maker,
        size=issue.size,
        root=issue.root,
        materialised=found.materialised,
    )


__all__ = ["ItemRecord", "router"]
