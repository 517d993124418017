"""The keeper: everything that a deadline decides happens without a human, by anybody, and by us.

It looks at the mirror, asks the chain's own clock, and submits what is due to the durable sender under keys
that make every submission harmless to repeat. What it may not do, the contract refuses.
"""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, exists
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from chain.bindings import types
from chain.codec import encode
from chain.database import reading
from chain.deployment import Deployment
from chain.errors import ChainError
from chain.requests import ApplyEffect, RefundOrder, Request, SettleOrder, Withdraw
from chain.rpc import Rpc
from chain.sender import Sender
from indexer.read import order as read_order
from indexer.read import orders as read_orders
from indexer.read.events import attestation
from indexer.tables import provenance, settlement

_log = logging.getLogger(__name__)

_ORDER_ABI: Final = (
    "(uint64,uint64,address,address,address,uint256,bytes32,uint64,uint64,uint48,uint32,uint32,uint32,uint16,"
    "uint8,(uint64,bytes32,uint64,bytes2)[],bytes32,bytes32)"
)
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that anybody may do now; `key` names it for good."""

    key: str
    purpose: str
    request: Request


def order_data(order: types.Order) -> bytes:
    """The order as the escrow wants it in an attestation's consumer data: its ABI encoding."""
    return encode((_ORDER_ABI,), (order.abi_tuple(),))


class Keeper:
    """Keeps the deadlines of one network; runs on whatever sender it is given."""

    def __init__(
        self, mirror: Engine, rpc: Rpc, sender: Sender, deployment: Deployment, interval: float = 2.0
    ) -> None:
        self._mirror = mirror
        self._rpc = rpc
        self._sender = sender
        self._deployment = deployment
        self._interval = interval

    def run(self, stop: threading.Event) -> None:
        """Look every `interval` seconds until `stop` is set; errors are logged and tried again."""
        while not stop.is_set():
            try:
                self.run_once()
            except (ChainError, SQLAlchemyError) as error:
                _log.warning("keeper: %s; again in %g s", error, self._interval)
            stop.wait(self._interval)

    def run_once(self) -> int:
        """Submit what is due at the newest block's time; number of things newly submitted.

        Raises ChainError, SQLAlchemyError.
        """
        head = self._rpc.get_block("latest")
        if head is None:
            return 0
        with reading(self._mirror) as session:
            due = [*orders_due(session, head.timestamp), *effects_due(session), *credits_due(session)]
        return sum(self._submit(one) for one in due)

    def _submit(self, due: Due) -> bool:
        """Hand it to the sender, unless it is under way or was refused too often."""
        for attempt in range(_TRIES):
            key = f"keeper/{due.key}/{attempt}"
            before = self._sender.by_key(key)
            if before is None:
                to, data = due.request.call(self._deployment)
                self._sender.submit(to, data, key=key, purpose=due.purpose)
                return True
            if not before.settled or before.succeeded:
                return False
        return False


def orders_due(session: Session, now: int) -> Iterator[Due]:
    """Orders whose refund or settlement anybody may trigger at block time `now` (Unix seconds)."""
    for order in read_orders(session, status=types.Status.FUNDED):
        if now > order.terms.deliver_by + order.terms.grace:
            yield Due(
                f"refund/{order.hash}",
                f"refund order {order.hash}: not delivered in time",
                RefundOrder(order=order.terms),
            )
    for status, reason in (
        (types.Status.PROVEN, "inspection window is over"),
        (types.Status.DISPUTED, "dispute not ruled in time"),
    ):
        for order in read_orders(session, status=status):
            end = order.window_end if status == types.Status.PROVEN else order.ruling_deadline
            if end is not None and now > end.timestamp():
                yield Due(
                    f"settle/{order.hash}",
                    f"settle order {order.hash}: {reason}",
                    SettleOrder(order=order.terms),
                )


def effects_due(session: Session) -> Iterator[Due]:
    """Attestations of an order whose effect failed and was not applied since."""
    failed = provenance.EffectFailed
    applied = provenance.EffectApplied
    statement = select(failed).where(
        ~exists().where(
            col(applied.member) == col(failed.member), col(applied.seal_id) == col(failed.seal_id)
        )
    )
    for effect in session.exec(statement).all():
        attested = session.exec(
            select(provenance.Attested).filter_by(member=effect.member, seal_id=effect.seal_id)
        ).first()
        if attested is None:
            continue
        order = read_order(session, attested.order)
        fields = attestation(session, effect.member, effect.seal_id)
        if order is None or fields is None or order.status == types.Status.CLOSED:
            continue
        yield Due(
            f"effect/{effect.member}/{effect.seal_id}",
            f"apply attestation {effect.seal_id} to order {order.hash}",
            ApplyEffect(
                attestation=fields,
                member=effect.member,
                recorded_at=attested.block_time,
                consumer_data=order_data(order.terms),
            ),
        )


def credits_due(session: Session) -> Iterator[Due]:
    """Credits that were not withdrawn since they were given."""
    latest: dict[tuple[str, str], tuple[int, int]] = {}
    for credit in session.exec(select(settlement.Credited)).all():
        place = (credit.block_number, credit.log_index)
        latest[credit.token, credit.account] = max(place, latest.get((credit.token, credit.account), place))
    for (token, account), place in latest.items():
        gone = session.exec(select(settlement.Withdrawn).filter_by(token=token, account=account)).all()
        if any((row.block_number, row.log_index) > place for row in gone):
            continue
        yield Due(
            f"withdraw/{token}/{account}/{place[0]}-{place[1]}",
            f"pay the credit of {account}",
            Withdraw(token=token, account=account),
        )
