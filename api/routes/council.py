"""`/council`: seats and the actions that they approve."""

from fastapi import APIRouter

from api.problems import Problem
from api.routes.relaying import Use, add_relay, problems
from api.wire import Answer, Moment
from chain.bindings.types import CouncilAction
from chain.database import reading
from chain.requests import ApproveAction, ExecuteAction
from indexer import read
from indexer.read import council, council_actions

router = APIRouter(prefix="/council", tags=["council"])


class ApprovalAnswer(Answer):
    """One seat's approval; it counts while the seat is one."""

    seat: str
    approved_at: Moment
    present: bool


class ActionAnswer(Answer):
    """A council action; `message` is what seats sign and what executes it."""

    id: str
    message: dict[str, object]
    deadline: Moment
    proposed_at: Moment
    approvals: list[ApprovalAnswer]
    executed_at: Moment | None


class CouncilAnswer(Answer):
    """Present seats, the approvals an action needs, and all actions in the order they were proposed."""

    seats: list[str]
    threshold: int
    actions: list[ActionAnswer]


def _action(action: read.CouncilAction) -> ActionAnswer:
    signed = CouncilAction(
        target=action.target,
        data=bytes.fromhex(action.data[2:]),
        salt=bytes.fromhex(action.salt[2:]),
        deadline=action.deadline_seconds,
    )
    return ActionAnswer(
        id=action.id,
        message=signed.message(),
        deadline=action.deadline,
        proposed_at=action.proposed_at,
        approvals=[ApprovalAnswer.model_validate(one) for one in action.approvals],
        executed_at=action.executed_at,
    )


@router.get("", summary="Seats, threshold and actions", response_model=CouncilAnswer, responses=problems(503))
def show_council(services: Use, open: bool = False) -> CouncilAnswer:
    """The council with its actions; `open` leaves out those that were executed."""
    with reading(services.mirror) as session:
        found = council(session)
        actions = council_actions(session, open_only=open)
    if found is None:
        raise Problem(503, "not-ready", "the mirror has not read the council yet")
    return CouncilAnswer(
        seats=found.seats, threshold=found.threshold, actions=[_action(one) for one in actions]
    )


add_relay(router, "/approvals", ApproveAction, "Approve a council action; the first approval proposes it")
add_relay(router, "/executions", ExecuteAction, "Carry out an action that enough seats approved")
