"""`tradeseal member`: organisations, their keys and accounts."""

from typing import Annotated, Any

import typer

from cli.failure import Exit, Failure
from cli.options import As, GlnArgument
from cli.output import JsonFlag, emit, facts, table
from cli.session import Session

_ACTIVITIES = 10
"""roles of contracts/access/Roles.sol other than KEY_ADMIN"""

_app = typer.Typer(help="Organisations of the network.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="member")


@_app.command("list")
def list_members(json: JsonFlag = False) -> None:
    """List all organisations with their roles.

    Example: tradeseal member list
    """
    found = Session().api.get("/members")
    if json:
        emit(found, json)
        return
    rows = [
        (
            one["gln"],
            one["name"] if one["active"] else f"{one['name']} (suspended)",
            one["country"],
            ", ".join(one["roles"]),
        )
        for one in found["members"]
    ]
    table("Members", ("GLN", "name", "in", "roles"), rows, wraps=True)


@_app.command("show")
def show(gln: GlnArgument, json: JsonFlag = False) -> None:
    """Show one organisation with its keys.

    Example: tradeseal member show 9521300000015
    """
    found = Session().api.get(f"/members/{_checked(gln)}")
    if json:
        emit(found, json)
        return
    kept = {
        "GLN": found["gln"],
        "name": found["name"],
        "country": found["country"],
        "account": found["account"],
        "roles": ", ".join(found["roles"]),
        "admitted": found["admittedAt"],
        "standing": "active" if found["active"] else f"suspended, decision {found['suspension']}",
    }
    typer.echo(facts(kept))
    rows = [
        (key["address"], key["validFrom"], key["revokedAt"] or key["validUntil"], _limits(key))
        for key in found["keys"]
    ]
    table("Keys", ("address", "from", "until", "may"), rows)


@_app.command("grant-key")
def grant_key(
    gln: GlnArgument,
    key: Annotated[str, typer.Option("--key", metavar="NAME", help="Local key to grant; it signs, too.")],
    signer: As,
    days: Annotated[int, typer.Option(min=1, max=1096, help="Days for which it acts.")] = 730,
    role: Annotated[
        list[str] | None,
        typer.Option(help="Limit the key to a role; repeatable. Otherwise it gets all that --as has."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Give a member a further key; signed by a key that may administer its keys, and by the new one.

    Without --role the new key may do all that the granting one may, administer keys (KEY_ADMIN) included.

    Example: tradeseal member grant-key 9521300000015 --key brand-2 --as brand
    """
    from cli import member_acts

    session = Session()
    member = session.member_of(_checked(gln))
    own = member_acts.granted_roles(session, session.api.get(f"/members/{member.gln:013d}"), signer)
    _report(session.do(member_acts.grant_key(session, signer, member, key, days, role or own)), json)


@_app.command("revoke-key")
def revoke_key(
    gln: GlnArgument,
    key: Annotated[str, typer.Option("--key", metavar="NAME|ADDRESS", help="Key to end.")],
    signer: As,
    force: Annotated[
        bool, typer.Option("--force", help="Also the last key that may administer the member's keys.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """End a key of a member at once.

    Example: tradeseal member revoke-key 9521300000015 --key brand-2 --as brand
    """
    from cli import member_acts

    session = Session()
    member = session.member_of(_checked(gln))
    address = session.address_of(key)
    if not force:
        member_acts.require_other_admin(session.api.get(f"/members/{member.gln:013d}"), address)
    _report(session.do(member_acts.revoke_key(session, signer, member, address)), json)


@_app.command("change-account")
def change_account(
    gln: GlnArgument,
    account: Annotated[
        str, typer.Option(metavar="NAME", help="Local key of the account from now on; it signs, too.")
    ],
    signer: As,
    nonce: Annotated[
        int | None, typer.Option(min=0, help="Number of earlier changes; asked of the chain otherwise.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Change the account that holds a member's passports.

    Example: tradeseal member change-account 9521300000015 --account treasury --as brand
    """
    from cli import member_acts

    session = Session()
    member = session.member_of(_checked(gln))
    if nonce is None:
        nonce = _next_nonce(session, member.gln)
    _report(session.do(member_acts.change_account(session, signer, member, account, nonce)), json)


def _next_nonce(session: Session, gln: int) -> int:
    from chain.bindings.member_registry import MemberRegistry
    from chain.rpc import Rpc

    url = session.rpc_url
    if url is None:
        raise Failure("no chain to ask for the nonce: set TRADESEAL_RPC_URL, or give --nonce", Exit.UNCHECKED)
    with Rpc(url) as rpc:
        return MemberRegistry(session.network.address("MemberRegistry"), rpc).account_nonce(gln)


def _checked(gln: str) -> str:
    from cli import acts

    return f"{acts.gln(gln):013d}"


def _limits(key: dict[str, Any]) -> str:
    activities = [name for name in key["roles"] if name != "KEY_ADMIN"]
    shown = ["all its member's roles"] if len(activities) == _ACTIVITIES else activities
    return ", ".join([*shown, *(["KEY_ADMIN"] if "KEY_ADMIN" in key["roles"] else [])])


def _report(operation: dict[str, Any], json: bool) -> None:
    from cli.output import operation_text

    emit(operation, json, operation_text(operation))
