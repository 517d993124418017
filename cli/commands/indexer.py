"""`tradeseal indexer`: the mirror, by itself."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.failure import Exit
from cli.options import RpcOption
from cli.output import JsonFlag, emit, facts, note, working
from cli.session import Session

if TYPE_CHECKING:
    from cli.installation import Installation
    from indexer.run import Indexer

_app = typer.Typer(help="The mirror of the chain in SQL.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="indexer")


@_app.command("run")
def run(
    rpc: RpcOption = None,
    once: Annotated[bool, typer.Option("--once", help="Stop at the newest block.")] = False,
    json: JsonFlag = False,
) -> None:
    """Mirror the chain until interrupted, or up to its newest block.

    Example: tradeseal indexer run --once
    """
    from cli.installation import opened
    from cli.waiting import until_stopped

    session = Session()
    with opened(session.settings, session.home, rpc) as ours:
        indexer = _indexer(ours)
        progress = _progress(indexer.run_once())
        emit(progress, json, facts(progress))
        if not once:
            note(f"following {ours.rpc.node}; Ctrl-C ends it")
            until_stopped(indexer.run)


@_app.command("check")
def check(rpc: RpcOption = None, json: JsonFlag = False) -> None:
    """Build a second mirror from chain and vault and name every difference (exit 1). Changes nothing.

    Example: tradeseal indexer check
    """
    from cli.installation import opened

    session = Session()
    with (
        opened(session.settings, session.home, rpc) as ours,
        working("building a second mirror", json),
    ):
        found = _indexer(ours).check()
    emit(
        {"clean": not found, "differences": [str(one) for one in found]},
        json,
        "\n".join(str(one) for one in found) or "the mirror is what chain and vault say",
    )
    if found:
        raise typer.Exit(int(Exit.REFUSED))


@_app.command("reindex")
def reindex(rpc: RpcOption = None, json: JsonFlag = False) -> None:
    """Drop the mirror's tables, and no others, and build them again. Refused while `tradeseal up` runs.

    Example: tradeseal indexer reindex
    """
    from cli.installation import opened

    session = Session()
    with (
        opened(session.settings, session.home, rpc, exclusive=True) as ours,
        working("building the mirror again", json),
    ):
        progress = _progress(_indexer(ours).reindex())
    emit(progress, json, facts(progress))


def _indexer(ours: "Installation") -> "Indexer":
    from indexer.run import Indexer

    addresses = ours.deployment.all_addresses()
    return Indexer(ours.mirror, ours.rpc, addresses, ours.store, start_block=ours.deployment.first_block)


def _progress(progress: Any) -> dict[str, int]:
    return {
        "latest": progress.latest,
        "mirrored": progress.mirrored,
        "logs": progress.logs,
        "contents": progress.contents,
        "rolledBack": progress.rolled_back,
        "waiting": progress.waiting,
        "undecoded": progress.undecoded,
    }
