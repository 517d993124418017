"""`tradeseal capture`, `tradeseal attest`: events become sealed and signed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.failure import Exit, Failure
from cli.options import As, order_hash
from cli.output import JsonFlag, emit, note, operation_text, working
from cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("capture")(capture)
    app.command("attest")(attest)


def capture(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="EPCIS 2.0 JSON-LD documents.")],
    signer: As,
    json: JsonFlag = False,
) -> None:
    """Seal the events of documents, sign them here, and wait until they are anchored on the chain.

    Every file is tried; an event that was captured before points to its seal. The exit code is the worst one.

    Example: tradeseal capture production.jsonld inspection.jsonld --as maker
    """
    from cli.capturing import capture as capture_document
    from cli.capturing import job_text
    from cli.files import read_bytes

    session = Session()
    member = session.member_of(signer)
    reports: list[dict[str, Any]] = []
    worst = Exit.DONE
    for place, path in enumerate(files, 1):
        try:
            with working(f"{place} of {len(files)}: {path.name}", json):
                job = capture_document(session, signer, read_bytes(path), member)
        except Failure as failure:
            worst = max(worst, failure.code)
            problem = failure.problem or {"detail": str(failure)}
            reports.append(
                {"file": str(path), "captured": False, "exit": int(failure.code), "problem": problem}
            )
            note(f"{path}: {failure}")
            continue
        reports.append({"file": str(path), "captured": True, "job": job})
        if not json:
            typer.echo(job_text(str(path), job))
    if json:
        emit({"files": reports}, json)
    if worst is not Exit.DONE:
        raise typer.Exit(int(worst))


def attest(
    file: Annotated[Path, typer.Argument(help="One EPCIS event with its @context, or a document of one.")],
    signer: As,
    subject: Annotated[
        str | None,
        typer.Option(help="What it is about, where the event names several things: Digital Link or EPC URN."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            metavar="ORDER", parser=order_hash, help="Order (hash or signed file) whose delivery this proves."
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="With --order: also an event of the future or of another business step."
        ),
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Attest one event by itself, so that contracts can act on it.

    With --order it says what it did to the order, and exits with 1 where delivery was not proven by it.

    Example: tradeseal attest delivery.jsonld --as carrier --order 0x5c…e1
    """
    from cli.capturing import attest as attest_event
    from cli.capturing import prove
    from cli.delivering import effect_text
    from cli.files import read_bytes

    session = Session()
    content = read_bytes(file)
    if order is None:
        with working("attesting", json):
            operation = attest_event(session, signer, content, subject)
        emit(operation, json, operation_text(operation, seal=operation["sealId"]))
        return
    with working("attesting", json):
        operation, record = prove(session, signer, content, subject, order, force)
    effect = {name: record[name] for name in ("hash", "status", "outcome", "provenBy", "windowEnd")}
    said = operation_text(operation, seal=operation["sealId"])
    emit({**operation, "order": effect}, json, f"{said}\n{effect_text(record)}")
