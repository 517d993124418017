"""`tradeseal`: the command line. Commands live in cli/commands, one module per noun."""

import os
import sys
from collections.abc import Sequence

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
    """Entry point."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run a command and give its exit code; a failure becomes one message, never a trace.

    TRADESEAL_DEBUG=1 lets the trace of what nobody expected through.
    """
    try:
        app(args=list(arguments), prog_name="tradeseal")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(Exit.DONE if end.code is None else Exit.REFUSED)
    except Failure as failure:
        return _tell(failure, arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return int(Exit.DONE)
    except Exception as error:
        if os.environ.get("TRADESEAL_DEBUG"):
            raise
        return _tell(_expected(error), arguments)
    return int(Exit.DONE)


def _expected(error: Exception) -> Failure:
    """A failure in words for what commands let through from the rooms below."""
    from chain.codec import FieldError
    from chain.deployment import DeploymentError
    from chain.errors import ChainError
    from chain.signers import SignerError
    from cli.home import HomeError

    if isinstance(error, HomeError | SignerError | FieldError | DeploymentError):
        return Failure(str(error), Exit.UNCHECKED)
    if isinstance(error, ChainError):
        return Failure(str(error), Exit.UNREACHABLE)
    text = f"unexpected {type(error).__name__}: {error} (TRADESEAL_DEBUG=1 shows where)"
    return Failure(" ".join(text.split()), Exit.UNCHECKED)


def _tell(failure: Failure, arguments: Sequence[str]) -> int:
    import json

    if "--json" in arguments:
        problem = failure.problem or {"detail": str(failure)}
        typer.echo(json.dumps({"failed": True, "exit": int(failure.code), **problem}, indent=2))
    typer.echo(f"tradeseal: {failure}", err=True)
    return int(failure.code)
