"""The commands, one module per noun."""

import typer


def register(app: typer.Typer) -> None:
    """Add every command to the program."""
    from cli.commands import network, server

    server.register(app)
    network.register(app)
