"""`/members`: organisations, their roles and keys."""

from fastapi import APIRouter

from api.problems import not_found
from api.routes.relaying import Use, add_relay, problems
from api.wire import Answer, GlnPath, Moment
from chain.database import reading
from chain.requests import ChangeAccount, GrantKey, RevokeKey
from indexer.read import member, members

router = APIRouter(prefix="/members", tags=["members"])


class KeyAnswer(Answer):
    """A signing key; it acts from `validFrom` to before `validUntil`, or until it was revoked."""

    address: str
    roles: list[str]
    valid_from: Moment
    valid_until: Moment
    revoked_at: Moment | None


class MemberAnswer(Answer):
    """An organisation as the registry has it now; `country` is ISO 3166-1 alpha-2."""

    gln: str
    name: str
    country: str
    account: str
    roles: list[str]
    active: bool
    admitted_at: Moment
    suspension: str | None
    keys: list[KeyAnswer]


class MembersAnswer(Answer):
    """All organisations, in the order of their admission."""

    members: list[MemberAnswer]


@router.get("", summary="Organisations with roles and keys", response_model=MembersAnswer)
def list_members(services: Use) -> MembersAnswer:
    """Every organisation that the council admitted."""
    with reading(services.mirror) as session:
        return MembersAnswer(members=[MemberAnswer.model_validate(one) for one in members(session)])


@router.get("/{gln}", summary="One organisation", response_model=MemberAnswer, responses=problems(400, 404))
def show_member(services: Use, gln: GlnPath) -> MemberAnswer:
    """The organisation of a GLN."""
    with reading(services.mirror) as session:
        found = member(session, gln)
    if found is None:
        raise not_found("member", gln)
    return MemberAnswer.model_validate(found)


add_relay(router, "/keys", GrantKey, "Add a key of a member")
add_relay(router, "/key-revocations", RevokeKey, "End a key of a member")
add_relay(router, "/accounts", ChangeAccount, "Change a member's account")
