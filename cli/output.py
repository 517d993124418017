"""What commands print: text for people on stdout, or one JSON document with `--json`; notes go to stderr."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]


def emit(data: Any, as_json: bool, text: str | None = None) -> None:
    """Print data as JSON, or its text for people."""
    if as_json or text is None:
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        typer.echo(text)


def note(text: str) -> None:
    """A remark that is not the command's result."""
    typer.echo(text, err=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], wraps: bool = False) -> None:
    """A table for people; where the lines are too short for it, one block a row: hashes must stay whole.

    With `wraps` the cells are words and are broken between them instead.
    """
    from rich.console import Console
    from rich.table import Table

    cells = [list(columns), *([str(cell) for cell in row] for row in rows)]
    width = sum(max(len(row[place]) for row in cells) + 3 for place in range(len(columns))) + 1
    if width > Console().width and not wraps:
        typer.echo(f"{title}\n")
        for line in cells[1:]:
            typer.echo(facts({name: cell for name, cell in zip(columns, line, strict=True) if cell}) + "\n")
        return
    drawn = Table(title=title, title_justify="left", header_style="bold")
    for place, column in enumerate(columns):
        drawn.add_column(column, overflow="fold", no_wrap=wraps and place == 0)
    for row in rows:
        drawn.add_row(*(str(cell) for cell in row))
    Console().print(drawn)


def counted(number: int, noun: str) -> str:
    """A number of things: `1 finding`, `2 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def facts(values: Mapping[str, object]) -> str:
    """Names and values, one a line."""
    width = max((len(name) for name in values), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in values.items())


def operation_text(operation: Mapping[str, Any], **more: object) -> str:
    """A relayed request that ended well, for people; `more` comes first."""
    block = operation.get("block")
    said = {
        **{name.replace("_", " "): value for name, value in more.items()},
        "done": operation.get("purpose"),
        "transaction": operation.get("transaction"),
        "block": block if block is not None else "-",
    }
    return facts(said)


@contextmanager
def stages(quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars on stderr, one a stage: gives a function of stage, done, total."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _stage, _done, _total: None
        return
    with Progress(console=console, transient=True) as bars:
        known: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in known:
                known[stage] = bars.add_task(stage, total=total or None)
            bars.update(known[stage], completed=done, total=total or None)

        yield tell


@contextmanager
def working(what: str, quiet: bool = False) -> Iterator[None]:
    """A spinner on stderr while something takes long."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(what):
        yield
