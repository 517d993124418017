"""`tradeseal`: the command line. Commands live in cli/commands, one module per noun."""

import sys

import typer

from cli.failure import Exit, Failure

app = typer.Typer(
    name="tradeseal",
    help="Sealed product histories, escrow and brand rights on a consortium chain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _register() -> None:
    from cli import commands

    commands.register(app)


_register()


def run() -> None:
    """Entry point: runs a command and turns its failure into a message and an exit code."""
    try:
        app()
    except Failure as failure:
        _tell(failure)
        sys.exit(int(failure.code))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(int(Exit.DONE))


def _tell(failure: Failure) -> None:
    import json

    if "--json" in sys.argv:
        problem = failure.problem or {"detail": str(failure)}
        typer.echo(json.dumps({"failed": True, "exit": int(failure.code), **problem}, indent=2))
    typer.echo(f"tradeseal: {failure}", err=True)
