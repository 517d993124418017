"""`tradeseal up`: the whole installation in one process."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.failure import Exit, Failure
from cli.output import note
from cli.session import Session

if TYPE_CHECKING:
    from cli.settings import Settings


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
    serve_until_stopped(session, session.settings.model_copy(update={} if port is None else {"port": port}))


def serve_until_stopped(
    session: Session, settings: "Settings", beside: Callable[[], bool] | None = None
) -> None:
    """Serve with errors as failures; see `cli.http.serve`."""
    from chain.anvil import AnvilError
    from chain.errors import ChainError
    from chain.signers import SignerError
    from cli.home import HomeError
    from cli.http import serve

    try:
        serve(settings, session.home, note, beside)
    except (HomeError, AnvilError, SignerError) as error:
        raise Failure(str(error)) from None
    except ChainError as error:
        raise Failure(str(error), Exit.UNREACHABLE) from None
