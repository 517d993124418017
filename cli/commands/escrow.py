"""`tradeseal escrow`: an order is signed, opened, funded, shown."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands import escrow_money
from cli.failure import Exit, Failure
from cli.options import As, AsSeveral, HashArgument, Output
from cli.output import JsonFlag, emit, facts, operation_text, table
from cli.session import Session

_app = typer.Typer(help="Escrow of one order for one shipment.", no_args_is_help=True, rich_markup_mode=None)
_OrderFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="Order file (JSON or TOML, docs/orders.md) or signed order.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    escrow_money.register(_app)
    app.add_typer(_app, name="escrow")


@_app.command("sign")
def sign(file: _OrderFile, signers: AsSeveral, output: Output = None, json: JsonFlag = False) -> None:
    """Sign an order as buyer or seller, to be passed on to the other side; the first signature fixes it.

    Example: tradeseal escrow sign order.toml --as buyer -o signed.json
    """
    from cli import ordering
    from cli.files import write_json

    session = Session()
    document = ordering.sign(session, ordering.load(session, file), signers)
    record = document.to_json()
    if output is not None:
        write_json(output, record)
        missing = ", ".join(document.missing) or "nobody"
        emit(
            record,
            json,
            facts({"order": record["hash"], "file": output, "still to sign": missing}),
        )
    else:
        emit(record, True)


@_app.command("open")
def open_order(
    file: _OrderFile,
    signers: Annotated[
        list[str] | None,
        typer.Option("--as", metavar="KEY", help="Local key of a side that has not signed; repeatable."),
    ] = None,
    output: Output = None,
    json: JsonFlag = False,
) -> None:
    """Open an order that both sides signed, or sign it with the local keys of both and open it.

    Example: tradeseal escrow open order.toml --as buyer --as seller
    """
    from cli import ordering
    from cli.files import write_json

    session = Session()
    document = ordering.sign(session, ordering.load(session, file), signers or [])
    act = ordering.open_act(session, document)
    if output is not None:
        write_json(output, document.to_json())
    operation = session.do(act)
    identity = "0x" + document.hash.hex()
    emit({"order": identity, "operation": operation}, json, operation_text(operation, order=identity))


@_app.command("fund")
def fund(order: HashArgument, signer: As, json: JsonFlag = False) -> None:
    """Lock the order's amount, by one signature of the buyer's account.

    Example: tradeseal escrow fund 0x5c…e1 --as buyer-account
    """
    from cli import acts, ordering

    session = Session()
    record, terms = ordering.record_of(session, order)
    ordering.require_buyer_account(session, signer, terms, "the money")
    operation = session.do(acts.fund(session, signer, terms, ordering.currency_of(session, terms)))
    money = ordering.money_text(record["amount"])
    emit(
        {"order": order, "amount": record["amount"], "operation": operation},
        json,
        operation_text(operation, order=order, locked=money),
    )


@_app.command("show")
def show(order: HashArgument, json: JsonFlag = False) -> None:
    """Show an order: where it stands, what happened, who must act next.

    Example: tradeseal escrow show 0x5c…e1
    """
    from cli import ordering

    session = Session()
    record, _ = ordering.record_of(session, order)
    if json:
        emit(record, json)
        return
    typer.echo(facts(ordering.summary(record)))
    steps = [(one["at"], one["name"], one["transaction"]) for one in record["steps"]]
    table("Steps", ("time", "step", "transaction"), steps)


@_app.command("list")
def list_orders(
    member: Annotated[
        str | None, typer.Option(metavar="GLN", help="Only where this member takes part.")
    ] = None,
    status: Annotated[str | None, typer.Option(help="open, funded, proven, disputed or closed.")] = None,
    json: JsonFlag = False,
) -> None:
    """List orders with what each waits for.

    Example: tradeseal escrow list --member 9521300000046 --status funded
    """
    from cli import ordering

    known = ("open", "funded", "proven", "disputed", "closed")
    if status is not None and status not in known:
        raise Failure(f"status {status!r}: there are {', '.join(known)}", Exit.UNCHECKED)
    found = Session().api.get("/escrows", member=member, status=status)
    if json:
        emit(found, json)
        return
    rows = [
        (one["hash"], ordering.status_text(one), ordering.money_text(one["amount"]), one["next"])
        for one in found["orders"]
    ]
    table("Orders", ("order", "status", "amount", "next"), rows)
