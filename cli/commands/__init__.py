"""The commands, one module per noun."""

import typer


def register(app: typer.Typer) -> None:
    """Add every command to the program."""
    from cli.commands import demo, network, server

    server.register(app)
    demo.register(app)
    network.register(app)
