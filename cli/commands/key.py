"""`tradeseal key`: local encrypted keys."""

from typing import Annotated

import typer

from cli.failure import Exit, Failure
from cli.output import JsonFlag, emit, facts, table
from cli.session import Session

_app = typer.Typer(help="Local encrypted keys.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="key")


@_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    json: JsonFlag = False,
) -> None:
    """Make a new key in an encrypted keystore of this installation.

    The password comes from TRADESEAL_PASSWORD, else from the installation's own password file.

    Example: tradeseal key new brand
    """
    from chain.signers import SignerError
    from cli.home import HomeError

    home = Session().home
    try:
        home.create()
        address = home.create_key(name)
        path = home.key_path(name)
    except (HomeError, SignerError) as error:
        raise Failure(str(error), Exit.UNCHECKED) from None
    found = {"name": name, "address": address, "file": str(path)}
    emit(found, json, facts(found))


@_app.command("list")
def list_keys(json: JsonFlag = False) -> None:
    """List the local keys with their addresses.

    Example: tradeseal key list --json
    """
    home = Session().home
    found = [{"name": name, "address": Session().address_of(name)} for name in home.key_names()]
    if json:
        emit({"keys": found}, json)
    else:
        table(f"Keys in {home.keys}", ("name", "address"), [(one["name"], one["address"]) for one in found])
