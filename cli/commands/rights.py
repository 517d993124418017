"""`tradeseal rights`: licences."""

from typing import Annotated

import typer

from cli.failure import Exit
from cli.options import As
from cli.output import JsonFlag, emit, facts, operation_text, table
from cli.session import Session

_app = typer.Typer(help="Trademarks and licences.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="rights")


@_app.command("list")
def list_licences(
    licensor: Annotated[str | None, typer.Option(metavar="GLN", help="Only of this licensor.")] = None,
    licensee: Annotated[str | None, typer.Option(metavar="GLN", help="Only of this licensee.")] = None,
    json: JsonFlag = False,
) -> None:
    """List licences with their standing.

    Example: tradeseal rights list --licensee 9521300000022
    """
    found = Session().api.get("/rights/licences", licensor=licensor, licensee=licensee)
    if json:
        emit(found, json)
        return
    rows = [
        (
            one["id"],
            (one["mark"] or {}).get("name", "-"),
            one["licensee"],
            " ".join(one["gtins"]),
            " ".join(one["territories"]),
            f"{one['consumed']} of {one['quantity']}",
            "live" if one["live"] else "revoked" if one["revokedAt"] else "not live",
        )
        for one in found["licences"]
    ]
    columns = ("id", "mark", "licensee", "GTINs", "territories", "used", "standing")
    table("Licences", columns, rows)


@_app.command("check")
def check(
    gtin: Annotated[str, typer.Argument(help="GTIN of 8, 12, 13 or 14 digits.")],
    to: Annotated[str, typer.Option(help="Destination, ISO 3166-1 alpha-2.")],
    licence: Annotated[str, typer.Option(metavar="ID", help="The licence, 0x and 64 digits.")],
    member: Annotated[str, typer.Option(metavar="GLN", help="Who brings the goods there.")],
    json: JsonFlag = False,
) -> None:
    """Ask whether a member may bring goods to a country under a licence. Exit 1 where it may not.

    Example: tradeseal rights check 09521300000107 --to DE --licence 0x5c…e1 --member 9521300000022
    """
    from cli import acts

    acts.hash32(licence, "licence")
    acts.country(to)
    found = Session().api.get(
        "/rights/check",
        gtin=f"{acts.gtin(gtin):014d}",
        to=to,
        licence=licence,
        member=f"{acts.gln(member, 'member'):013d}",
    )
    reason = found.get("reason") or {}
    text = "allowed" if found["allowed"] else f"not allowed: {reason.get('text') or reason.get('error')}"
    emit(found, json, text)
    if not found["allowed"]:
        raise typer.Exit(int(Exit.REFUSED))


@_app.command("grant")
def grant(
    licensee: Annotated[str, typer.Argument(metavar="GLN", help="Who may make and sell.")],
    mark: Annotated[str, typer.Option(metavar="0x…", help="The mark's id, 32 bytes.")],
    gtin: Annotated[list[str], typer.Option(help="GTIN; repeatable.")],
    territory: Annotated[list[str], typer.Option(help="ISO 3166-1 alpha-2; repeatable.")],
    quantity: Annotated[int, typer.Option(min=1, help="Items that may be issued under it.")],
    signer: As,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="Days for which it is valid.")] = 365,
    json: JsonFlag = False,
) -> None:
    """Grant a licence, as the owner of the mark.

    Example: tradeseal rights grant 9521300000022 --mark 0x5c…e1 --gtin 09521300000107 --territory DE
    --territory AT --quantity 1000 --as brand
    """
    from cli import acts

    session = Session()
    path, request = acts.grant_licence(
        session,
        signer,
        mark=acts.hash32(mark, "mark"),
        licensee=licensee,
        gtins=gtin,
        territories=territory,
        quantity=quantity,
        days=days,
    )
    operation = session.api.submit(path, request)
    terms = request.message  # type: ignore[attr-defined]  # a licence's request
    found = {"licence": "0x" + terms.struct_hash().hex(), "operation": operation}
    emit(found, json, operation_text(operation, licence=found["licence"]))


@_app.command("revoke")
def revoke(
    licence: Annotated[str, typer.Argument(metavar="ID", help="The licence, 0x and 64 digits.")],
    reason: Annotated[str, typer.Option(metavar="FILE|0x…", help="The published reason, or its SHA-256.")],
    signer: As,
    json: JsonFlag = False,
) -> None:
    """End a licence at once, as its licensor.

    Example: tradeseal rights revoke 0x5c…e1 --reason notice.pdf --as brand
    """
    from cli import acts
    from cli.options import evidence_hash

    session = Session()
    act = acts.revoke_licence(session, signer, acts.hash32(licence, "licence"), evidence_hash(reason))
    operation = session.do(act)
    emit(operation, json, operation_text(operation, licence=licence))


@_app.command("marks")
def marks(json: JsonFlag = False) -> None:
    """List the trademarks that licences rest on.

    Example: tradeseal rights marks
    """
    licences = Session().api.get("/rights/licences")["licences"]
    found = {one["mark"]["id"]: one["mark"] for one in licences if one["mark"]}
    if json:
        emit({"marks": list(found.values())}, json)
        return
    for one in found.values():
        typer.echo(
            facts(
                {
                    "mark": one["name"],
                    "id": one["id"],
                    "owner": one["owner"],
                    "territories": " ".join(one["territories"]),
                    "valid until": one["validUntil"],
                }
            )
        )
