"""Every command explains itself with an example that it would take, and can answer in JSON."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cli.main import app

_ROOT = typer.main.get_command(app)
_WITHOUT_JSON = {"up", "demo"}
"""they run until they are ended, or show something to people"""


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Commands by their words; typed loosely, because typer brings a click of its own."""
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from _commands(inner, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(_commands(_ROOT))


def _example(command: Any) -> list[str]:
    found = re.search(r"Example: tradeseal (.+?)(?:\n\n|\Z)", command.help or "", re.DOTALL)
    assert found is not None, "no example"
    return shlex.split(" ".join(found[1].split()))


def test_all_nouns_are_there() -> None:
    wanted = (
        "up network operation key member council rights item epcis capture attest token escrow proof verify "
        "audit trust oracle indexer deploy vault gateway route"
    )
    assert set(wanted.split()) <= {name.split()[0] for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_the_command_takes(name: str) -> None:
    words = _example(COMMANDS[name])
    path = name.split()
    assert words[: len(path)] == path
    COMMANDS[name].make_context(name, words[len(path) :])  # raises where an option or argument is wrong


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - _WITHOUT_JSON))
def test_every_command_answers_in_json(name: str) -> None:
    assert "--json" in {option for one in COMMANDS[name].params for option in one.opts}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_parameter_is_explained(name: str) -> None:
    for one in COMMANDS[name].params:
        assert getattr(one, "help", None), f"{name}: {one.name}"


def test_help_imports_nothing_that_takes_long() -> None:
    code = (
        "import sys; from cli.main import main; main(['--help']); main(['escrow', 'open', '--help']); "
        "slow = {'web3', 'eth_account', 'sqlalchemy', 'httpx', 'fastapi', 'eth_abi', 'segno', "
        "'rich.table'}; print(sorted(slow & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"
