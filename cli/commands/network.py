"""`tradeseal network`, `tradeseal operation`: what the service serves and what became of a request."""

from typing import Annotated

import typer

from cli.output import JsonFlag, emit, facts
from cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("network")(network)
    app.command("operation")(operation)


def network(json: JsonFlag = False) -> None:
    """Show chain id, first block and contract addresses of the network.

    Example: tradeseal network --json
    """
    session = Session()
    found = session.api.get("/network")
    node = session.rpc_url
    text = facts(
        {
            "service": session.api.base_url,
            **({} if node is None else {"node": node}),
            "chain id": found["chainId"],
            "first block": found["firstBlockHash"],
            **found["contracts"],
            **{f"token {code}": at for code, at in found["tokens"].items()},
        }
    )
    emit(found, json, text)


def operation(
    number: Annotated[int, typer.Argument(help="The operation's number.")], json: JsonFlag = False
) -> None:
    """Show what became of a relayed request.

    Example: tradeseal operation 17
    """
    found = Session().api.get(f"/operations/{number}")
    emit(found, json, facts({name: value for name, value in found.items() if value is not None}))
