"""`/rights`: licences, and whether goods may be sold under one."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.operations import ContractReason
from api.problems import contract_reason, not_found
from api.routes.relaying import Use, add_relay, problems
from api.wire import Answer, Gln, GlnQuery, Gtin, Hash, HashPath, Moment
from chain.bindings.rights_registry import RightsRegistry
from chain.database import reading
from chain.errors import CallReverted
from chain.requests import GrantLicence, RevokeLicence
from indexer import read

router = APIRouter(prefix="/rights", tags=["rights"])


class MarkAnswer(Answer):
    """A trademark: territories per ISO 3166-1 alpha-2, classes per the Nice Agreement."""

    id: str
    owner: str
    name: str
    territories: list[str]
    nice_classes: list[int]
    registered_at: Moment
    valid_until: Moment
    cancelled_at: Moment | None


class LicenceAnswer(Answer):
    """A licence; `quantity` and `consumed` count items, `live` is of now."""

    id: str
    mark: MarkAnswer | None
    licensor: str
    licensee: str
    gtins: list[str]
    territories: list[str]
    granted_at: Moment
    valid_from: Moment
    valid_until: Moment
    quantity: int
    consumed: int
    signer: str
    revoked_at: Moment | None
    revocation: str | None
    live: bool


class LicencesAnswer(Answer):
    """Licences in the order they were granted."""

    licences: list[LicenceAnswer]


class RightsAnswer(Answer):
    """Whether the rights registry allows it now, and its own reason where it does not."""

    allowed: bool
    reason: ContractReason | None


def licence_answer(licence: read.Licence) -> LicenceAnswer:
    """A licence with its standing of now."""
    return LicenceAnswer(
        mark=None if licence.mark is None else MarkAnswer.model_validate(licence.mark),
        live=licence.live_at(datetime.now(UTC)),
        **{
            name: getattr(licence, name)
            for name in LicenceAnswer.model_fields
            if name not in ("mark", "live")
        },
    )


@router.get("/licences", summary="Licences", response_model=LicencesAnswer, responses=problems(400))
def list_licences(services: Use, licensor: GlnQuery = None, licensee: GlnQuery = None) -> LicencesAnswer:
    """Licences, of one licensor or licensee where given."""
    with reading(services.mirror) as session:
        found = read.licences(session, licensor, licensee)
    return LicencesAnswer(licences=[licence_answer(one) for one in found])


@router.get(
    "/licences/{licence_id}",
    summary="One licence",
    response_model=LicenceAnswer,
    responses=problems(400, 404),
)
def show_licence(services: Use, licence_id: HashPath) -> LicenceAnswer:
    """The licence of an id."""
    with reading(services.mirror) as session:
        found = read.licence(session, licence_id)
    if found is None:
        raise not_found("licence", licence_id)
    return licence_answer(found)


@router.get(
    "/check",
    summary="Whether goods may be sold under a licence",
    response_model=RightsAnswer,
    responses=problems(400, 502, 503),
)
def check_rights(
    services: Use,
    licence: Annotated[Hash, Query(description="the licence's id")],
    member: Annotated[Gln, Query(description="GLN of who sells")],
    gtin: Annotated[Gtin, Query(description="what is sold")],
    to: Annotated[
        str, Query(pattern="^[A-Z]{2}$", description="destination, ISO 3166-1 alpha-2", examples=["CH"])
    ],
) -> RightsAnswer:
    """Asks the rights registry itself, as an escrow does."""
    registry = RightsRegistry(services.deployment.address("RightsRegistry"), services.rpc)
    try:
        registry.check(bytes.fromhex(licence[2:]), int(member), int(gtin), to.encode("ascii"))
    except CallReverted as error:
        reason = ContractReason.model_validate(contract_reason(error.data))
        return RightsAnswer(allowed=False, reason=reason)
    return RightsAnswer(allowed=True, reason=None)


add_relay(router, "/licences", GrantLicence, "Grant a licence")
add_relay(router, "/revocations", RevokeLicence, "End a licence")
