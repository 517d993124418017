"""`tradeseal proof`, `verify`, `audit`, `trust`: what can be checked, by whom, against what."""

from pathlib import Path
from typing import Annotated

import typer

from cli.failure import Exit, Failure
from cli.options import ItemArgument, Output, RpcOption
from cli.output import JsonFlag, counted, emit, facts, stages, working
from cli.session import Session

_proof = typer.Typer(help="Proof bundles.", no_args_is_help=True, rich_markup_mode=None)
_trust = typer.Typer(
    help="The trust anchor of this installation.", no_args_is_help=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_proof, name="proof")
    app.command("verify")(verify)
    app.command("audit")(audit)
    app.add_typer(_trust, name="trust")


@_proof.command("export")
def export(
    item: ItemArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="File to write.")],
    json: JsonFlag = False,
) -> None:
    """Write everything that proves an item's record to one file, to be checked by anybody.

    Example: tradeseal proof export 09521300000107/A1 -o a1.proof.json
    """
    from cli.files import write_bytes
    from cli.verifying import fetch_bundle
    from evidence.bundle import BundleError, read_bundle

    data = fetch_bundle(Session(), item)
    try:
        bundle = read_bundle(data)
    except BundleError as error:
        raise Failure(f"the service gave no proof bundle: {error}", Exit.UNREACHABLE) from None
    write_bytes(output, data + b"\n")
    found = {"item": bundle.item, "events": len(bundle.events), "file": str(output)}
    emit(found, json, facts(found))


def verify(
    subject: Annotated[str, typer.Argument(metavar="ITEM|FILE", help="An item, or a proof bundle's file.")],
    rpc: RpcOption = None,
    trust: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Trust anchor; TRADESEAL_TRUST, else this installation's own."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Check a record link by link. Exit 0 verified, 1 contradicted, 2 something could not be checked.

    The trust anchor never comes from the bundle or the service; without one, nothing on a chain is believed.

    Example: tradeseal verify a1.proof.json --rpc https://node.example --trust trust.json
    """
    from cli.verifying import report_text
    from cli.verifying import verify as check

    with working("verifying", json):
        report = check(Session(), subject, rpc, trust)
    emit(report.to_json(), json, report_text(report))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def audit(rpc: RpcOption = None, json: JsonFlag = False) -> None:
    """Read chain, mirror and vault again from the first block and name everything that does not fit (exit 1).

    Exit 2 where all that was read fits and something could not be read, as of a store that gives no answer.

    Example: tradeseal audit --json
    """
    from cli.installation import opened
    from evidence.audit import audit as check

    session = Session()
    with opened(session.settings, session.home, rpc) as ours, stages(json) as progress:
        report = check(ours.deployment, ours.rpc, ours.mirror, ours.store, progress)
    count = len(report.findings)
    text = "\n".join(
        [
            *(str(one) for one in report.findings),
            counted(count, "finding") if count else "everything fits: no findings",
        ]
    )
    emit(report.to_json(), json, text)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


@_trust.command("show")
def show_trust(json: JsonFlag = False) -> None:
    """Show what this installation trusts: chain id, first block's hash, contract addresses.

    Example: tradeseal trust show
    """
    found = _own_trust()
    kept = {name: value for name, value in found.items() if name not in ("type", "version")}
    emit(found, json, facts(kept))


@_trust.command("export")
def export_trust(output: Output = None, json: JsonFlag = False) -> None:
    """Write the trust anchor, to be handed to verifiers by a way that nobody can forge.

    Example: tradeseal trust export -o trust.json
    """
    from cli.files import write_json

    found = _own_trust()
    if output is None:
        emit(found, True)
        return
    write_json(output, found)
    emit(found, json, f"written to {output}")


def _own_trust() -> dict[str, object]:
    from cli.installation import trust_of

    session = Session()
    trust = trust_of(session.settings, session.home, None)
    if trust is None:
        raise Failure(
            f"home {session.home.root}: holds no trust anchor; start `tradeseal up`, or set TRADESEAL_TRUST",
            Exit.UNCHECKED,
        )
    return dict(trust.to_json())
