"""The council: who sits in it, what was proposed, who approved."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col

from indexer.read.values import in_order, latest, seconds
from indexer.tables.access import ActionApproved, ActionExecuted, ActionProposed, SeatsChanged


@dataclass(frozen=True, slots=True)
class Council:
    """Present seats (accounts) and the approvals an action needs."""

    seats: list[str]
    threshold: int


@dataclass(frozen=True, slots=True)
class Approval:
    """One seat's approval. `present` tells whether the seat is still one: only those count."""

    seat: str
    approved_at: datetime
    present: bool


@dataclass(frozen=True, slots=True)
class CouncilAction:
    """An action; target, data, salt and deadline are what seats sign and what executes it."""

    id: str
    target: str
    data: str
    salt: str
    deadline: datetime
    deadline_seconds: int
    proposed_at: datetime
    approvals: list[Approval]
    executed_at: datetime | None


def council(session: Session) -> Council | None:
    """The council as it is now; None before its first block is mirrored."""
    row = latest(session, SeatsChanged)
    return None if row is None else Council(list(row.seats), row.threshold)


def council_actions(session: Session, open_only: bool = False) -> list[CouncilAction]:
    """Actions in the order they were proposed."""
    found = _actions(session, None)
    return [action for action in found if action.executed_at is None] if open_only else found


def council_action(session: Session, action_id: str) -> CouncilAction | None:
    """One action by its id (EIP-712 struct hash, lower-case hexadecimal)."""
    found = _actions(session, action_id)
    return found[0] if found else None


def _actions(session: Session, only: str | None) -> list[CouncilAction]:
    def which(column: str) -> list[object]:
        return [] if only is None else [col(column) == only]

    now = council(session)
    seats = set(now.seats if now else [])
    approvals: defaultdict[str, list[Approval]] = defaultdict(list)
    for row in in_order(session, ActionApproved, *which(ActionApproved.action)):
        approvals[row.action].append(Approval(row.seat, seconds(row.block_time), row.seat in seats))
    executed = {
        row.action: seconds(row.block_time)
        for row in in_order(session, ActionExecuted, *which(ActionExecuted.action))
    }
    return [
        CouncilAction(
            id=row.action,
            target=row.target,
            data=row.data,
            salt=row.salt,
            deadline=seconds(row.deadline),
            deadline_seconds=row.deadline,
            proposed_at=seconds(row.block_time),
            approvals=approvals[row.action],
            executed_at=executed.get(row.action),
        )
        for row in in_order(session, ActionProposed, *which(ActionProposed.action))
    ]
