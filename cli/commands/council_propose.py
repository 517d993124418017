"""`tradeseal council propose`: what the council can decide, one command a decision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsSeveral, GlnArgument, Output
from cli.output import JsonFlag, emit, operation_text
from cli.session import Session

if TYPE_CHECKING:
    from cli.acts import Setter

_app = typer.Typer(help="Propose an action to the council.", no_args_is_help=True, rich_markup_mode=None)
_Execute = Annotated[bool, typer.Option("--execute", help="Carry it out when the seats given here suffice.")]
_Open = Annotated[int, typer.Option("--days", min=1, max=365, help="Days for which it can be approved.")]
_Key = Annotated[str, typer.Option("--key", metavar="NAME|ADDRESS", help="Signing key.")]
_Reason = Annotated[
    str, typer.Option("--reason", metavar="FILE|0x…", help="The published decision, or its SHA-256.")
]
_Mark = Annotated[str, typer.Option("--mark", metavar="0x…", help="The mark's id, 32 bytes.")]
_Role = Annotated[list[str], typer.Option("--role", help="Role, as MAKER or brand-owner; repeatable.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="propose")


@dataclass(frozen=True, slots=True)
class _How:
    seats: Sequence[str]
    execute: bool
    days: int
    output: Path | None
    json: bool


def _propose(make: "Callable[[Session], Setter]", how: _How) -> None:
    from cli import acts, council_flow
    from cli.files import write_json

    session = Session()
    action = acts.council_action(session, make(session), how.days)
    does = council_flow.describe(session, action)
    record = council_flow.file_of(action, does)
    if how.output is not None:
        write_json(how.output, record)
    operations = council_flow.approve(session, action, how.seats)
    if how.execute:
        operations.append(council_flow.carry_out(session, action))
    emit(
        {**record, "executed": how.execute, "operations": operations},
        how.json,
        operation_text(operations[-1], action=record["id"], does=does),
    )


@_app.command("admit")
def admit(
    gln: GlnArgument,
    name: Annotated[str, typer.Option(help="The organisation's name.")],
    country: Annotated[str, typer.Option(help="ISO 3166-1 alpha-2.")],
    role: _Role,
    key: _Key,
    seats: AsSeveral,
    account: Annotated[
        str | None,
        typer.Option(metavar="NAME|ADDRESS", help="Holds passports and tokens; the key otherwise."),
    ] = None,
    execute: _Execute = False,
    days: _Open = 14,
    output: Output = None,
    json: JsonFlag = False,
) -> None:
    """Propose to admit an organisation with its first key.

    Example: tradeseal council propose admit 9521300000015 --name "Alpine Loden" --country AT
    --role BRAND_OWNER --key brand --as council-1 --as council-2 --execute
    """

    def make(session: Session) -> "Setter":
        from cli import acts

        address = session.address_of(key)
        holder = address if account is None else session.address_of(account)
        return acts.admit(gln, country, role, name, holder, address)

    _propose(make, _How(seats, execute, days, output, json))


@_app.command("roles")
def roles(
    gln: GlnArgument,
    role: _Role,
    seats: AsSeveral,
    execute: _Execute = False,
    days: _Open = 14,
    output: Output = None,
    json: JsonFlag = False,
) -> None:
    """Propose to replace a member's roles.

    Example: tradeseal council propose roles 9521300000015 --role MAKER --role TRADER --as council-1
    """

    def make(_: Session) -> "Setter":
        from cli import setters

        return setters.set_roles(gln, role)

    _propose(make, _How(seats, execute, days, output, json))


@_app.command("suspend")
def suspend(
    gln: GlnArgument,
    reason: _Reason,
    seats: AsSeveral,
    execute: _Execute = False,
    days: _Open = 14,
    output: Output = None,
    json: JsonFlag = False,
) -> None:
    """Propose to suspend a member.

    Example: tradeseal council propose suspend 9521300000015 --reason decision.pdf --as council-1
    """

    def make(_: Session) -> "Setter":
        from cli import setters
        from cli.options import evidence_hash

        return setters.suspend(gln, evidence_hash(reason))

    _propose(make, _How(seats, execute, days, output, json))


@_app.command("reinstate")
def reinstate(
    gln: GlnArgument,
    seats: AsSeveral,
    execute: _Execute = False,
    days: _Open = 14,
    output: Output = None,
    json: JsonFlag = False,
) -> None:
    """Propose to end a member's suspension.

    Example: tradeseal council propose reinstate 9521300000015 --as council-1
    """

    def make(_: Session) -> "Setter":
        from cli import setters

        return setters.reinstate(gln)

    _propose(make, _How(seats, execute, days, output, json))


@_app.command("recover-key")
def recover_key(
    gln: GlnArgument,
    key: _Key,
    seats: AsSeveral,
    valid: Annotated[int, typer.Option(min=1, max=1096, help="Days for which the key acts.")] = 730,
    execute: _Execute = False,
    days: _Open = 14,
    output: Output = None,
    json: JsonFlag = False,
) -> None:
    """Propose a new key for a member that lost all of its keys.

    Example: tradeseal council propose recover-key 9521300000015 --key brand-3 --as council-1
    """

    def make(session: Session) -> "Setter":
        from cli import setters

        return setters.recover_key(gln, session.address_of(key), valid)

    _propose(make, _How(seats, execute, days, output, json))


@_app.command("prefix")
def prefix(
    digits: Annotated[str, typer.Argument(metavar="PREFIX", help="GS1 Company Prefix, 4 to 12 digits.")],
    owner: Annotated[str, typer.Option(metavar="GLN", help="The member whose prefix it is.")],
    seats: AsSeveral,
    execute: _Execute = False,
    days: _Open = 14,
    output: Output = None,
    json: JsonFlag = False,
) -> None:
    """Propose to record a GS1 Company Prefix as a member's.

    Example: tradeseal council propose prefix 9521300 --owner 9521300000015 --as council-1
    """

    def make(_: Session) -> "Setter":
        from cli import acts

        return acts.assign_prefix(digits, owner)

    _propose(make, _How(seats, execute, days, output, json))


@_app.command("mark")
def mark(
    name: Annotated[str, typer.Argument(help="The trademark.")],
    owner: Annotated[str, typer.Option(metavar="GLN", help="Its owner.")],
    territory: Annotated[list[str], typer.Option(help="ISO 3166-1 alpha-2; repeatable.")],
    nice: Annotated[list[int], typer.Option(min=1, max=45, help="Nice class; repeatable.")],
    valid_until: Annotated[str, typer.Option(metavar="TIME", help="ISO 8601, as 2036-01-01T00:00:00Z.")],
    seats: AsSeveral,
    mark_id: Annotated[
        str | None,
        typer.Option("--mark", metavar="0x…", help="Its id; SHA-256 of owner and name otherwise."),
    ] = None,
    execute: _Execute = False,
    days: _Open = 14,
    output: Output = None,
    json: JsonFlag = False,
) -> None:
    """Propose to record a trademark.

    Example: tradeseal council propose mark ALPINE --owner 9521300000015 --territory AT --territory DE
    --nice 25 --valid-until 2036-01-01T00:00:00Z --as council-1
    """

    def make(_: Session) -> "Setter":
        from hashlib import sha256

        from cli import acts
        from cli.durations import unix_seconds

        if mark_id is None:
            identity = sha256(f"{acts.gln(owner):013d}/{name}".encode()).digest()
        else:
            identity = acts.hash32(mark_id, "mark")
        return acts.register_mark(
            identity, owner, name, territory, nice, unix_seconds(valid_until, "valid-until")
        )

    _propose(make, _How(seats, execute, days, output, json))


@_app.command("cancel-mark")
def cancel_mark(
    mark_id: _Mark,
    reason: _Reason,
    seats: AsSeveral,
    execute: _Execute = False,
    days: _Open = 14,
    output: Output = None,
    json: JsonFlag = False,
) -> None:
    """Propose to cancel a trademark, and with it its licences.

    Example: tradeseal council propose cancel-mark --mark 0x5c…e1 --reason ruling.pdf --as council-1
    """

    def make(_: Session) -> "Setter":
        from cli import acts, setters
        from cli.options import evidence_hash

        return setters.cancel_mark(acts.hash32(mark_id, "mark"), evidence_hash(reason))

    _propose(make, _How(seats, execute, days, output, json))


@_app.command("seats")
def change_seats(
    seat: Annotated[list[str], typer.Option("--seat", metavar="NAME|ADDRESS", help="Seat; repeatable.")],
    threshold: Annotated[int, typer.Option(min=2, help="Approvals that an action needs.")],
    seats: AsSeveral,
    execute: _Execute = False,
    days: _Open = 14,
    output: Output = None,
    json: JsonFlag = False,
) -> None:
    """Propose to replace all seats of the council.

    Example: tradeseal council propose seats --seat a --seat b --seat 0x1c… --threshold 2 --as council-1
    """

    def make(session: Session) -> "Setter":
        from cli import setters

        return setters.set_seats([session.address_of(one) for one in seat], threshold)

    _propose(make, _How(seats, execute, days, output, json))
