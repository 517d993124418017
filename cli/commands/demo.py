"""`tradeseal demo`: the story, told on the embedded chain, and the server left running for a look."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.failure import Exit, Failure
from cli.output import counted, note
from cli.session import Session

if TYPE_CHECKING:
    from cli.story.story import Told


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End after the story instead of serving on.")] = False,
    documents: Annotated[
        Path | None, typer.Option(help="Folder of EPCIS documents to tell instead of the built-in ones.")
    ] = None,
) -> None:
    """Tell the whole story: members, licence, items, events, customs, sensor, escrow, refused copy, audit.

    Starts the service if none runs in the home folder. An interrupted story goes on where it was.

    Example: tradeseal demo --exit
    """
    session = Session()
    session.home.create()
    if session.home.served:
        _tell(session, documents)
        return
    from cli.commands.server import serve_until_stopped

    failures: list[BaseException] = []

    def beside() -> bool:
        try:
            _tell(session, documents)
        except BaseException as failure:
            failures.append(failure)
            return False
        if not leave:
            note("\nThe service keeps running: open the page above, then press Ctrl-C to end it.")
        return not leave

    quiet = session.settings.model_copy(update={"log_level": "WARNING"})
    serve_until_stopped(session, quiet, beside)
    if failures:
        raise failures[0]


def _tell(session: Session, documents: Path | None) -> None:
    from cli.story.proof import show_proofs, wait_for_service
    from cli.story.story import DOCUMENTS, Story

    wait_for_service(session)
    typer.echo("TradeSeal: from a signed event to a scanned proof and a paid escrow\n")
    story = Story(session, _say, documents or DOCUMENTS)
    if story.steps_before:
        typer.echo(
            f"Told before, {counted(story.steps_before, 'step')} of it: nothing happens twice, "
            "only what is missing is done now.\n"
        )
    told = story.tell()
    show_proofs(session, told, _say)
    _show_code(session, told)


def _say(heading: str, sentence: str) -> None:
    typer.echo(f"{typer.style(heading.ljust(20), bold=True)} {sentence}")


def _show_code(session: Session, told: "Told") -> None:
    import segno

    service = session.home.read_service()
    if service is None:
        raise Failure("the service says nowhere that it runs", Exit.UNREACHABLE)
    link = service["publicUrl"] + told.item.removeprefix("https://id.gs1.org")
    typer.echo(f"\nScan or open {link}\n")
    segno.make(link, error="m", micro=False).terminal(compact=True)
