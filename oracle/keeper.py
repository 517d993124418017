"""The keeper: everything that a deadline decides happens without a human, by anybody, and by us.

It looks at the mirror, asks the chain's own clock, and submits what is due to the durable sender under keys
that make every submission harmless to repeat. What it may not do, the contract refuses.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain as chained
from typing import Any, Final

from sqlalchemy import Engine, exists, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col

from chain.bindings import escrow, types
from chain.database import reading
from chain.deployment import Deployment
from chain.errors import ChainError
from chain.operation import Operation
from chain.requests import ApplyEffect, RefundOrder, Request, SettleOrder, Withdraw
from chain.rpc import Rpc
from chain.sender import Sender
from indexer.read import credits_of, pending_effects
from indexer.read import order as read_order
from indexer.read.events import attestation
from indexer.tables.settlement import (
    Credited,
    DeliveryProven,
    OrderClosed,
    OrderDisputed,
    OrderFunded,
    OrderOpened,
)

_log = logging.getLogger(__name__)

_LOOK_AHEAD: Final = 1000  # due things read in a pass


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a thing is tried that is refused or reverts; seconds.

    A chain that is behind or a registry that is down for a while costs one attempt at a time, each after four
    times the pause of the one before; what is refused for good is left to people after about two days.
    """

    tries: int = 12
    first_pause: float = 15.0
    longest_pause: float = 6 * 3600.0

    def pause(self, failures: int) -> timedelta:
        """From the end of the last of so many failures (at least 1) to the next attempt."""
        return timedelta(seconds=min(self.first_pause * 4 ** (failures - 1), self.longest_pause))


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that anybody may do now; `key` names it for good."""

    key: str
    purpose: str
    request: Request


def order_data(order: types.Order) -> bytes:
    """The order as the escrow wants it in an attestation's consumer data: what `hashOrder` takes, too."""
    return escrow.encode_hash_order(order)[4:]


class Keeper:
    """Keeps the deadlines of one network; runs on whatever sender it is given.

    At most `most_open` of its operations wait in the outbox at a time, so that a day on which everything
    falls due does not stand in the way of what people ask for.
    """

    def __init__(
        self,
        mirror: Engine,
        rpc: Rpc,
        sender: Sender,
        deployment: Deployment,
        interval: float = 2.0,
        patience: Patience | None = None,
        most_open: int = 20,
    ) -> None:
        self._mirror = mirror
        self._rpc = rpc
        self._sender = sender
        self._deployment = deployment
        self._interval = interval
        self._patience = patience or Patience()
        self._most_open = most_open
        self._given_up: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Look every `interval` seconds until `stop` is set; errors are logged and tried again."""
        while not stop.is_set():
            try:
                self.run_once()
            except Exception as error:
                expected = isinstance(error, ChainError | SQLAlchemyError)
                _log.warning("keeper: %s; again in %g s", error, self._interval, exc_info=not expected)
            stop.wait(self._interval)

    def run_once(self) -> int:
        """Submit what is due at the newest block's time; number of things newly submitted.

        One thing that cannot be submitted does not keep the others from it. Raises ChainError,
        SQLAlchemyError.
        """
        head = self._rpc.get_block("latest")
        if head is None:
            return 0
        with reading(self._mirror) as session:
            due = list(
                chained(orders_due(session, head.timestamp), effects_due(session), credits_due(session))
            )
        self._given_up &= {one.key for one in due}
        submitted = waiting = 0
        for one in due:
            if waiting >= self._most_open:
                break
            if one.key in self._given_up:
                continue
            attempts = self._attempts(one)
            if attempts and not attempts[-1].settled:
                waiting += 1
            elif self._may_try(one, attempts) and self._submit(one, len(attempts)):
                submitted += 1
                waiting += 1
        return submitted

    def _attempts(self, due: Due) -> list[Operation]:
        """What was submitted for it before, in order."""
        found: list[Operation] = []
        while len(found) < self._patience.tries:
            one = self._sender.by_key(_key(due, len(found)))
            if one is None:
                break
            found.append(one)
        return found

    def _may_try(self, due: Due, attempts: Sequence[Operation]) -> bool:
        """Whether to submit it now: it was not done, and rested long enough after it failed."""
        if not attempts:
            return True
        last = attempts[-1]
        if last.succeeded:
            return False  # the mirror has not seen it yet
        if len(attempts) >= self._patience.tries:
            self._given_up.add(due.key)
            _log.error("keeper: %s: given up after %d attempts: %s", due.purpose, len(attempts), last.error)
            return False
        return datetime.now(UTC) >= last.updated + self._patience.pause(len(attempts))

    def _submit(self, due: Due, attempt: int) -> bool:
        try:
            to, data = due.request.call(self._deployment)
            self._sender.submit(to, data, key=_key(due, attempt), purpose=due.purpose)
        except (ChainError, ValueError) as error:
            _log.warning("keeper: %s: cannot be submitted: %s", due.purpose, error)
            return False
        return True


def _key(due: Due, attempt: int) -> str:
    return f"keeper/{due.key}/{attempt}"


def orders_due(session: Session, now: int) -> Iterator[Due]:
    """Orders whose refund or settlement anybody may trigger at block time `now` (Unix seconds).

    What is due longest comes first.
    """
    opened, funded, proven, disputed = OrderOpened, OrderFunded, DeliveryProven, OrderDisputed
    end = func.coalesce(
        col(disputed.ruling_deadline), col(proven.window_end), col(opened.deliver_by) + col(opened.grace)
    )
    statement = (
        select(col(opened.order), col(proven.seal_id), col(disputed.evidence))
        .join(funded, col(funded.order) == col(opened.order))
        .outerjoin(proven, col(proven.order) == col(opened.order))
        .outerjoin(disputed, col(disputed.order) == col(opened.order))
        .where(~_closed(), end < now)
        .order_by(end, col(opened.order))
        .limit(_LOOK_AHEAD)
    )
    for order_hash, proof, dispute in session.execute(statement).all():
        found = read_order(session, order_hash)
        if found is None:
            continue
        if proof is None:
            purpose = f"refund order {order_hash}: not delivered in time"
            yield Due(f"refund/{order_hash}", purpose, RefundOrder(order=found.terms))
        else:
            reason = "inspection window is over" if dispute is None else "dispute not ruled in time"
            # An order that is disputed after an attempt to settle it is another matter than it was before.
            state = "settle" if dispute is None else "settle-dispute"
            purpose = f"settle order {order_hash}: {reason}"
            yield Due(f"{state}/{order_hash}", purpose, SettleOrder(order=found.terms))


def effects_due(session: Session, order_hash: str | None = None) -> Iterator[Due]:
    """Proofs of delivery whose effect failed, of orders (or one order) that wait for one, oldest first."""
    for one in pending_effects(session, order_hash, limit=_LOOK_AHEAD):
        order, fields = read_order(session, one.order), attestation(session, one.member, one.seal_id)
        if order is None or fields is None:
            continue
        yield Due(
            # With the time, which the call carries: a chain that lost the block may record it at another.
            f"effect/{int(one.member)}/{one.seal_id}/{one.recorded_at}",
            f"apply attestation {one.seal_id} to order {one.order}",
            ApplyEffect(
                attestation=fields,
                member=int(one.member),
                recorded_at=one.recorded_at,
                consumer_data=order_data(order.terms),
            ),
        )


def credits_due(session: Session) -> Iterator[Due]:
    """Credits that were not withdrawn since they were given."""
    for credit in credits_of(session):
        last = session.execute(
            select(col(Credited.block_number), col(Credited.log_index))
            .where(col(Credited.token) == credit.token, col(Credited.account) == credit.account)
            .order_by(col(Credited.block_number).desc(), col(Credited.log_index).desc())
            .limit(1)
        ).one()
        yield Due(
            f"withdraw/{credit.token}/{credit.account}/{last[0]}-{last[1]}",
            f"pay the credit of {credit.account}",
            Withdraw(token=credit.token, account=credit.account),
        )


def _closed() -> Any:
    return exists().where(col(OrderClosed.order) == col(OrderOpened.order))
