"""`tradeseal up`: the whole installation in one process."""

from typing import Annotated

import typer

from cli.failure import Exit, Failure
from cli.output import note
from cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up")(up)


def up(
    port: Annotated[int | None, typer.Option(help="Port of the API; TRADESEAL_PORT otherwise.")] = None,
) -> None:
    """Serve this installation: chain, mirror, keeper, API and pages.

    Without TRADESEAL_RPC_URL it runs an embedded chain in the home folder (TRADESEAL_HOME, ~/.tradeseal).

    Example: tradeseal up --port 8437
    """
    session = Session()
    settings = session.settings.model_copy(update={} if port is None else {"port": port})
    from chain.anvil import AnvilError
    from chain.errors import ChainError
    from chain.signers import SignerError
    from cli.home import HomeError
    from cli.http import serve

    try:
        serve(settings, session.home, note)
    except (HomeError, AnvilError, SignerError) as error:
        raise Failure(str(error)) from None
    except ChainError as error:
        raise Failure(str(error), Exit.UNREACHABLE) from None
