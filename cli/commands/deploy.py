"""`tradeseal deploy`: a network's contracts, once."""

from typing import Annotated

import typer

from cli.options import RpcOption
from cli.output import JsonFlag, emit, facts, note
from cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("deploy")(deploy)


def deploy(
    seat: Annotated[
        list[str], typer.Option("--seat", metavar="NAME|ADDRESS", help="Seat of the council; repeatable.")
    ],
    threshold: Annotated[int, typer.Option(min=2, help="Approvals that a council's action needs.")],
    token: Annotated[
        list[str] | None,
        typer.Option(
            "--token",
            metavar="CUR:DECIMALS:GLN:SYMBOL:NAME",
            help="Fiat-pegged token and its issuer; repeatable.",
        ),
    ] = None,
    rpc: RpcOption = None,
    json: JsonFlag = False,
) -> None:
    """Put the contracts on an external chain, paid for by this installation's relayer key.

    Interrupted, it goes on where it was. The deployer ends without any right.

    Example: tradeseal deploy --rpc http://127.0.0.1:8545 --seat a --seat b --seat c --threshold 2
    --token "EUR:2:9521307000018:TSEUR:TradeSeal Euro"
    """
    from cli.deploying import deploy_network, parse_token

    session = Session()
    tokens = [parse_token(one) for one in token or []]
    seats = [session.address_of(one) for one in seat]
    found = deploy_network(session.settings, session.home, rpc, seats, threshold, tokens, note)
    text = facts({"chain id": found.chain_id, **found.contracts, **found.tokens})
    emit(found.to_json(), json, text)
