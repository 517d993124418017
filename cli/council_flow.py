"""Council actions from the command line: proposed, approved by local seats, carried out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli import acts
from cli.failure import Exit, Failure
from cli.session import Session

if TYPE_CHECKING:
    from chain.bindings.types import CouncilAction

FILE_TYPE: Final = "TradeSealCouncilAction"
_SHORTEST_ID: Final = 10


def action_id(action: "CouncilAction") -> str:
    """The id under which seats find an action: its EIP-712 struct hash."""
    return "0x" + action.struct_hash().hex()


def describe(session: Session, action: "CouncilAction") -> str:
    """What it does, in words."""
    from cli.council_calls import read_call

    call = read_call(session.network, action.target, action.data)
    return str(call) if call else f"unknown call of {action.target}: 0x{action.data.hex()}"


def find_action(session: Session, name: str) -> "CouncilAction":
    """An action by its id, the beginning of it, or a file that `council propose` wrote. Raises Failure."""
    if not name.startswith("0x"):
        from cli.files import read_table

        return _read(read_table(Path(name)))
    listed: list[dict[str, Any]] = session.api.get("/council")["actions"]
    found = [one for one in listed if len(name) >= _SHORTEST_ID and one["id"].startswith(name.lower())]
    if len(found) != 1:
        raise Failure(f"action {name[:80]}: {len(found)} of this id; see `tradeseal council list`")
    action = _read(found[0])
    if action_id(action) != found[0]["id"]:
        raise Failure(f"action {found[0]['id']}: the service shows another action under this id")
    return action


def file_of(action: "CouncilAction", description: str) -> dict[str, Any]:
    """The file's object; `description` is for people and never read back."""
    return {
        "type": FILE_TYPE,
        "version": 1,
        "id": action_id(action),
        "description": description,
        "message": action.message(),
    }


def approve(session: Session, action: "CouncilAction", seats: Sequence[str]) -> list[dict[str, Any]]:
    """Approvals of local seats, in order; the first one proposes an unknown action. Raises Failure."""
    return [session.do(acts.approve(session, action, seat)) for seat in dict.fromkeys(seats)]


def carry_out(session: Session, action: "CouncilAction") -> dict[str, Any]:
    """Execute an action that has its approvals. Raises Failure with the contract's reason."""
    return session.do(acts.execute(action))


def _read(record: dict[str, Any]) -> "CouncilAction":
    from chain.bindings.types import CouncilAction
    from chain.codec import FieldError
    from chain.messages import read_message

    try:
        return read_message(CouncilAction, record.get("message"), "/message")
    except FieldError as error:
        raise Failure(f"council action: {error}", Exit.UNCHECKED) from None
