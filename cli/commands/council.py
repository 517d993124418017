"""`tradeseal council`: who sits in it, what was proposed; approvals and execution."""

from typing import Annotated

import typer

from cli.commands import council_propose
from cli.options import AsSeveral
from cli.output import JsonFlag, emit, facts, operation_text, table
from cli.session import Session

_app = typer.Typer(help="The council above everything.", no_args_is_help=True, rich_markup_mode=None)
_ActionArgument = Annotated[
    str, typer.Argument(metavar="ID|FILE", help="The action's id, its beginning, or a file of `propose -o`.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    council_propose.register(_app)
    app.add_typer(_app, name="council")


@_app.command("list")
def list_council(
    open_only: Annotated[bool, typer.Option("--open", help="Leave out executed actions.")] = False,
    json: JsonFlag = False,
) -> None:
    """List seats and actions with their approvals.

    Example: tradeseal council list --open
    """
    found = Session().api.get("/council", open="true" if open_only else None)
    if json:
        emit(found, json)
        return
    typer.echo(f"{found['threshold']} of {len(found['seats'])} seats: {', '.join(found['seats'])}")
    rows = [
        (
            one["id"],
            sum(approval["present"] for approval in one["approvals"]),
            one["executedAt"] or f"open until {one['deadline']}",
        )
        for one in found["actions"]
    ]
    table("Actions", ("id", "approvals", "executed"), rows)


@_app.command("show")
def show(action: _ActionArgument, json: JsonFlag = False) -> None:
    """Show what an action does, decoded from what seats sign.

    Example: tradeseal council show 0x5c6e0d1f2a
    """
    from cli import council_flow

    session = Session()
    found = council_flow.find_action(session, action)
    said = council_flow.file_of(found, council_flow.describe(session, found))
    emit(said, json, facts({"id": said["id"], "does": said["description"], "target": found.target}))


@_app.command("approve")
def approve(
    action: _ActionArgument,
    seats: AsSeveral,
    execute: Annotated[bool, typer.Option("--execute", help="Carry it out afterwards.")] = False,
    json: JsonFlag = False,
) -> None:
    """Approve an action as one or several local seats.

    Example: tradeseal council approve 0x5c6e0d1f2a --as council-2 --execute
    """
    from cli import council_flow

    session = Session()
    found = council_flow.find_action(session, action)
    does = council_flow.describe(session, found)
    operations = council_flow.approve(session, found, seats)
    if execute:
        operations.append(council_flow.carry_out(session, found))
    identity = council_flow.action_id(found)
    emit(
        {"id": identity, "description": does, "executed": execute, "operations": operations},
        json,
        operation_text(operations[-1], action=identity, does=does),
    )


@_app.command("execute")
def execute(action: _ActionArgument, json: JsonFlag = False) -> None:
    """Carry out an action that enough seats approved; anybody may.

    Example: tradeseal council execute 0x5c6e0d1f2a
    """
    from cli import council_flow

    session = Session()
    found = council_flow.find_action(session, action)
    operation = council_flow.carry_out(session, found)
    does = council_flow.describe(session, found)
    identity = council_flow.action_id(found)
    emit(
        {"id": identity, "description": does, "executed": True, "operations": [operation]},
        json,
        operation_text(operation, action=identity, does=does),
    )
