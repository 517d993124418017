"""`tradeseal vault`: the stores of off-chain content, their pins and their copies."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from cli.failure import Exit, Failure
from cli.output import JsonFlag, counted, emit, facts, stages, working
from cli.session import Session

if TYPE_CHECKING:
    from vault.content import Vault

_app = typer.Typer(
    help="The stores of off-chain content (TRADESEAL_VAULT).", no_args_is_help=True, rich_markup_mode=None
)

_AWAY = "unreachable"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="vault")


@_app.command("status")
def status(json: JsonFlag = False) -> None:
    """Say of each store what it holds, which pins are lost and which copies it is owed; reads no content.

    Exit code 3 where a store gives no answer.

    Example: tradeseal vault status
    """
    with _opened() as vault:
        stores = [_status(store) for store in _stores(vault)]
        whole = _status(vault) if len(stores) > 1 else stores[0]
    emit({**whole, "stores": stores}, json, "\n\n".join(facts(store) for store in _all(whole, stores)))
    if any(_AWAY in store for store in stores):
        raise typer.Exit(int(Exit.UNREACHABLE))


@_app.command("check")
def check(json: JsonFlag = False) -> None:
    """Read every copy in every store and name what is missing, altered, unpinned or unreadable.

    Exit code 1 where something is damaged, 2 where nothing is but something could not be read, 3 where the
    only store gives no answer. Changes no store; of several, what is found is delivered later or by
    `tradeseal vault repair`.

    Example: tradeseal vault check --json
    """
    with _opened() as vault:
        found = _problems(vault, json)
    emit(
        {"clean": not found, "problems": found},
        json,
        "\n".join(_line(one) for one in found) or "every copy is what its CID says",
    )
    _end(found)


@_app.command("repair")
def repair(json: JsonFlag = False) -> None:
    """Pin again what lost its pin and copy what a store lacks from another that has it; then check.

    Exit code 1 where something stays wrong: a store alone cannot bring back what it lost. 2 where nothing
    does as far as it could be read.

    Example: tradeseal vault repair
    """
    with _opened() as vault:
        with working("repairing", json):
            done = [
                {
                    "cid": one.cid and str(one.cid),
                    "place": one.place,
                    "reason": one.reason,
                    "healed": one.healed,
                }
                for one in vault.repair()
            ]
        left = _problems(vault, json)
    healed = [one for one in done if one["healed"]]
    text = [f"healed  {_line(one)}" for one in healed] + [f"wrong   {_line(one)}" for one in left]
    text.append(f"{counted(len(healed), 'repair')}, {counted(len(left), 'problem')} left")
    emit({"clean": not left, "repairs": done, "problems": left}, json, "\n".join(text))
    _end(left)


def _problems(vault: "Vault", json: bool) -> list[dict[str, Any]]:
    with stages(json) as tell:
        return [
            {
                "cid": one.cid and str(one.cid),
                "place": one.place,
                "reason": one.reason,
                "checked": one.checked,
            }
            for one in vault.verify_all(lambda done, total: tell("vault", done, total))
        ]


def _end(problems: list[dict[str, Any]]) -> None:
    """Exit codes as the audit's: what is damaged outweighs what could not be read."""
    if any(one["checked"] for one in problems):
        raise typer.Exit(int(Exit.REFUSED))
    if problems:
        raise typer.Exit(int(Exit.UNCHECKED))


@contextmanager
def _opened() -> Iterator["Vault"]:
    from cli.content import opened_vault
    from vault.content import StoreUnavailable

    session = Session()
    if not session.home.root.is_dir():
        raise Failure(f"home {session.home.root}: nothing is installed there", Exit.UNCHECKED)
    with opened_vault(session.settings, session.home) as vault:
        try:
            yield vault
        except StoreUnavailable as error:
            raise Failure(str(error), Exit.UNREACHABLE) from None


def _stores(vault: "Vault") -> list["Vault"]:
    from vault.replicated import ReplicatedStore

    return list(vault.stores) if isinstance(vault, ReplicatedStore) else [vault]


def _status(vault: "Vault") -> dict[str, Any]:
    from vault.content import StoreUnavailable

    try:
        return dict(vault.status())
    except StoreUnavailable as error:
        return {"place": vault.place, _AWAY: error.reason}


def _all(whole: dict[str, Any], stores: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [whole, *stores] if len(stores) > 1 else stores


def _line(one: dict[str, Any]) -> str:
    return f"{one['cid'] or '-'}  {one['reason']}  ({one['place']})"
