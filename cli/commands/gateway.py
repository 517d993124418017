"""`tradeseal gateway`: a member's own gateway, and what is asked of it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.failure import Exit, Failure
from cli.options import As
from cli.output import JsonFlag, counted, emit, facts, note
from cli.session import Session

_app = typer.Typer(
    help="A member's own gateway: plain EPCIS in, sealed, batched, signed and anchored.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
To = Annotated[
    str | None,
    typer.Option("--to", metavar="URL", help="Gateway; TRADESEAL_GATEWAY_URL, else http://127.0.0.1:8438."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="gateway")


@_app.command("run")
def run(
    signer: As,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where it listens.")] = "127.0.0.1:8438",
    spool: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Its folder; HOME/gateway/KEY otherwise.")
    ] = None,
    batch_events: Annotated[int, typer.Option(min=1, max=10_000, help="Events of a batch at most.")] = 2_000,
    batch_age: Annotated[
        float, typer.Option(min=0, max=3_600, help="Seconds that an event waits for company at most.")
    ] = 0.5,
    spool_events: Annotated[
        int, typer.Option(min=1, help="Events that may wait; beyond it submissions are refused.")
    ] = 1_000_000,
    json: JsonFlag = False,
) -> None:
    """Take EPCIS events, acknowledge what is durable, and get it anchored under this member's signature.

    Other machines can submit only where TRADESEAL_GATEWAY_TOKEN is set. It works on while the
    service is away.

    Example: tradeseal gateway run --as maker
    """
    from cli.gatewaying import folder_of, serve
    from evidence.gateway import Bounds, Closing, GatewayLimits

    session = Session()
    limits = GatewayLimits(Closing(events=batch_events, age=batch_age), Bounds(events=spool_events))

    def tell(where: dict[str, Any]) -> None:
        if json:
            emit(where, json)
        else:
            note(f"gateway of {where['member']} serving {where['url']}, spool {where['spool']}")

    serve(session, signer, listen, folder_of(session, signer, spool), tell, limits)


@_app.command("submit")
def submit(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…|-", help="EPCIS documents, or one JSON a line (NDJSON).")
    ],
    to: To = None,
    urgent: Annotated[bool, typer.Option("--urgent", help="Close their batch at once.")] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for room in a full spool.")] = 60.0,
    json: JsonFlag = False,
) -> None:
    """Give events to a gateway. What it acknowledges is durable; `gateway status` tells how far it is.

    Example: tradeseal gateway submit production.jsonld
    """
    from cli.submitting import GatewayClient, documents_of

    session = Session()
    client = GatewayClient.of(session, to)
    reports: list[dict[str, Any]] = []
    worst = Exit.DONE
    for name in files:
        for place, answer in client.submit_all(documents_of(name), urgent, patience):
            label = f"{name}:{place}"
            if isinstance(answer, Failure):
                worst = max(worst, answer.code)
                note(f"{label}: {answer}")
                reports.append(
                    {
                        "document": label,
                        "accepted": False,
                        "problem": answer.problem or {"detail": str(answer)},
                    }
                )
                continue
            reports.append({"document": label, "accepted": True, **answer})
            if not json:
                fresh = sum(not one["again"] for one in answer["receipts"])
                count = counted(len(answer["receipts"]), "event")
                typer.echo(f"{label}: {count} accepted, {fresh} new, capture {answer['captureID']}")
    if json:
        emit({"documents": reports}, json)
    if worst is not Exit.DONE:
        raise typer.Exit(int(worst))


@_app.command("status")
def status(to: To = None, json: JsonFlag = False) -> None:
    """How many events wait where, and what keeps them.

    Example: tradeseal gateway status
    """
    from cli.submitting import GatewayClient

    told = GatewayClient.of(Session(), to).get("/status")
    shown = {
        "member": told["member"],
        "waiting": f"{told['waitingEvents']} of {told['mostEvents']} events, {told['waitingBytes']} bytes",
        **{name: told[name] for name in ("accepted", "batched", "signed", "delivered", "final", "refused")},
        "longest wait": f"{told['waitingSeconds']:.0f} s",
        "service": f"away: {told['away']}" if told["away"] else "answers",
        **({"at fault here": told["fault"]} if told["fault"] else {}),
        **{
            f"batch {one['batch']}": f"{counted(one['events'], 'event')} {one['state']}, tried "
            f"{counted(one['tries'], 'time')}, next in {one['nextTrySeconds']:.0f} s: {one['problem']}"
            for one in told["held"]
        },
        **{f"refused {one['sealId']}": one["reason"] for one in told["refusals"]},
    }
    emit(told, json, facts(shown))


@_app.command("proof")
def proof(
    seal_id: Annotated[str, typer.Argument(metavar="SEALID", help="The event's identity, 0x…")],
    to: To = None,
    json: JsonFlag = False,
) -> None:
    """Index, salt and path of a final event in its anchored batch, as JSON. Exit 1 where there is none yet.

    Example: tradeseal gateway proof 0x5c…e1
    """
    from cli.acts import hash32
    from cli.submitting import GatewayClient

    hash32(seal_id, "SEALID")
    emit(GatewayClient.of(Session(), to).get(f"/events/{seal_id.lower()}/proof"), True)
