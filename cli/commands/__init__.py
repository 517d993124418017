"""The commands, one module per noun."""

import typer


def register(app: typer.Typer) -> None:
    """Add every command to the program."""
    from cli.commands import (
        capture,
        council,
        demo,
        deploy,
        epcis,
        escrow,
        gateway,
        indexer,
        item,
        key,
        member,
        network,
        oracle,
        proof,
        rights,
        route,
        server,
        token,
        vault,
    )

    for module in (
        server,
        demo,
        network,
        key,
        member,
        council,
        rights,
        item,
        epcis,
        capture,
        gateway,
        token,
        escrow,
        proof,
        route,
        oracle,
        indexer,
        vault,
        deploy,
    ):
        module.register(app)
