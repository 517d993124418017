"""`tradeseal route`: where goods went, and the same with its proofs as evidence for a dispute."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.failure import Exit, Failure
from cli.output import JsonFlag, counted, emit, facts, table
from cli.session import Session

_app = typer.Typer(help="Routes of goods.", no_args_is_help=True, rich_markup_mode=None)
ThingArgument = Annotated[
    str,
    typer.Argument(
        metavar="THING",
        help="Digital Link, EPC URN, GTIN/SERIAL, 00/SSCC or another AI/VALUE (8003, 8004, …).",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="route")


@_app.command("show")
def show(
    thing: ThingArgument,
    max_speed: Annotated[
        int | None, typer.Option(metavar="KM/H", min=1, help="Faster than this is a contradiction; 1000.")
    ] = None,
    tolerance: Annotated[
        int | None, typer.Option(metavar="M", min=0, help="Positions this near are one place; 1000.")
    ] = None,
    skew: Annotated[
        int | None, typer.Option(metavar="S", min=0, help="How far a clock may be ahead of the chain's; 300.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Show where a thing went, by what, with whom, and what of it does not fit.

    Example: tradeseal route show 00/095060001343522226
    """
    from cli.item_names import thing_link

    found = Session().api.get(
        "/routes",
        thing=thing_link(thing),
        maxSpeedKmh=max_speed,
        placeToleranceM=tolerance,
        clockSkewS=skew,
    )
    if json:
        emit(found, json)
        return
    names = {one["gln"]: one["name"] for one in found["parties"]}
    typer.echo(facts(_summary(found)))
    rows = [_row(node, names) for node in found["nodes"]]
    if rows:
        table("Route", ("time", "step", "where", "in", "carrier", "signed by", "documents"), rows)
    handovers = [
        (one["time"], _party(one["from"], names), _party(one["to"], names), one["basis"])
        for one in found["custody"]
    ]
    if handovers:
        table("Custody", ("time", "from", "to", "by"), handovers)
    for one in (*found["customs"], *found["sensors"]):
        typer.echo(_report(one))
    for one in found["findings"]:
        typer.echo(f"{one['severity']}: {one['text']}  ({', '.join(ref['sealId'] for ref in one['events'])})")
    for one in found["voided"]:
        typer.echo(f"taken back by {_party(one['member'], names)}: {one['sealId']}")
    for text in found["truncated"]:
        typer.echo(f"not all is shown: {text}")


@_app.command("export")
def export(
    thing: ThingArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="File to write.")],
    json: JsonFlag = False,
) -> None:
    """Write a route with everything that proves it to one file; its hash is the evidence of a dispute.

    Example: tradeseal route export 09521300000107/A1 -o a1.route.json
    """
    from hashlib import sha256

    from cli.files import write_bytes
    from cli.item_names import thing_link
    from epcis import canonical
    from evidence.bundle import BundleError
    from evidence.route_bundle import read_route_bundle
    from vault.unixfs import cid_of

    answer = Session().api.get("/routes/proof", thing=thing_link(thing))
    data = canonical.dumps(answer)
    try:
        bundle = read_route_bundle(data)
    except BundleError as error:
        raise Failure(f"the service gave no route bundle: {error}", Exit.UNREACHABLE) from None
    write_bytes(output, data)
    findings = bundle.route.get("findings")
    found = {
        "thing": bundle.proof.item,
        "events": len(bundle.proof.events),
        "findings": len(findings) if isinstance(findings, list) else 0,
        "file": str(output),
        "sha256": "0x" + sha256(data).hexdigest(),
        "cid": str(cid_of(data)),
    }
    text = facts(found)
    text += f"\n\nin a dispute: tradeseal escrow dispute ORDER --evidence {output} --as KEY"
    emit(found, json, text)


def _summary(found: dict[str, Any]) -> dict[str, object]:
    severities = [one["severity"] for one in found["findings"]]
    counts = [
        counted(severities.count(name), noun)
        for name, noun in (
            ("contradiction", "contradiction"),
            ("suspicion", "suspicious thing"),
            ("unknown", "unknown leg"),
        )
        if name in severities
    ]
    return {
        "thing": found["thing"],
        "nodes": len(found["nodes"]),
        "findings": ", ".join(counts) or "none",
    }


def _row(node: dict[str, Any], names: dict[str, str]) -> tuple[object, ...]:
    place, position = node["place"], node["position"]
    where = [] if place is None else [place["gln"] or place["id"]]
    where += [] if position is None else [f"{position['latitude']:.4f}, {position['longitude']:.4f}"]
    carrier = node["carrier"]
    return (
        node["time"]["utc"],
        (node["bizStep"] or node["type"] or "-").rpartition("BizStep-")[2],
        "; ".join(where) or "-",
        node["vehicle"] or (node["units"][-1] if node["units"] else "-"),
        "-" if carrier is None else _party(carrier["party"], names),
        ", ".join(_party(one["member"], names) for one in node["events"]),
        ", ".join(one["id"] for one in node["documents"]) or "-",
    )


def _party(gln: str | None, names: dict[str, str]) -> str:
    return "-" if gln is None else names.get(gln) or gln


def _report(one: dict[str, Any]) -> str:
    if "decision" in one:
        return f"customs {one['country']}: {one['decision']} at {one['decidedAt']}"
    low, high = one["minimum"] / 1e6, one["maximum"] / 1e6
    return f"measured {low:g} to {high:g} {one['unit']}, {one['start']} to {one['end']}"
