"""`tradeseal oracle`: the keeper alone, and reports by a quorum."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsSeveral, RpcOption
from cli.output import JsonFlag, emit, note, operation_text
from cli.session import Session

_app = typer.Typer(help="Deadlines and quorum reports.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="oracle")


@_app.command("run")
def run(
    rpc: RpcOption = None,
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, then end.")] = False,
    json: JsonFlag = False,
) -> None:
    """Keep deadlines without a service: settle, refund and apply what is due, by this installation's relayer.

    Example: tradeseal oracle run --rpc http://127.0.0.1:8545
    """
    from cli.keeping import keep

    session = Session()
    done = keep(session.settings, session.home, rpc, once, note)
    if once:
        text = "\n".join(f"{one['purpose']}: {one['status']}" for one in done) or "nothing is due"
        emit({"operations": done}, json, text)


@_app.command("customs")
def customs(
    file: Annotated[Path, typer.Argument(help="Decision as JSON or TOML.")],
    signers: AsSeveral,
    json: JsonFlag = False,
) -> None:
    """Report a customs decision, signed by keys of several customs offices.

    The file holds subject, country, decision (released, held, refused, seized), declaration, decidedAt.

    Example: tradeseal oracle customs decision.json --as customs-at --as customs-de
    """
    from cli import acts
    from cli.files import read_table
    from cli.report_files import customs_decision
    from cli.session import deadline

    session = Session()
    decision = customs_decision(read_table(file), deadline())
    operation = session.do(acts.report_customs(session, signers, decision))
    report = "0x" + decision.struct_hash().hex()
    emit({"report": report, "operation": operation}, json, operation_text(operation, report=report))


@_app.command("sensor")
def sensor(
    file: Annotated[Path, typer.Argument(help="Readings as JSON or TOML.")],
    signers: AsSeveral,
    json: JsonFlag = False,
) -> None:
    """Report what a device measured, signed by keys of several oracles.

    The file holds subject, device, measurement (as Temperature), unit (as CEL), readings of time and value.

    Example: tradeseal oracle sensor readings.json --as oracle-1 --as oracle-2
    """
    from cli import acts
    from cli.files import read_table
    from cli.report_files import sensor_window
    from cli.session import deadline

    session = Session()
    window = sensor_window(read_table(file), deadline())
    operation = session.do(acts.report_sensor(session, signers, window))
    report = "0x" + window.struct_hash().hex()
    emit({"report": report, "operation": operation}, json, operation_text(operation, report=report))
