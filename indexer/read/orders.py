"""Orders in escrow: what was agreed, where they stand, what happened, and the credits left over."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_
from sqlmodel import Session, col

from chain.bindings import types
from indexer.read.events import struct
from indexer.read.transactions import transactions
from indexer.read.values import gln, in_order, seconds
from indexer.tables import EventRow
from indexer.tables.settlement import (
    Credited,
    DeliveryProven,
    OrderClosed,
    OrderDisputed,
    OrderFunded,
    OrderOpened,
    OrderRuled,
    Withdrawn,
)

_STEPS: Final[tuple[type[Any], ...]] = (
    OrderOpened,
    OrderFunded,
    DeliveryProven,
    OrderDisputed,
    OrderRuled,
    OrderClosed,
    Credited,
)


@dataclass(frozen=True, slots=True)
class OrderStep:
    """One event of an order; `details` are the event's own fields, amounts in minor units of the token."""

    name: str
    at: datetime
    block_number: int
    transaction: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `terms` is what both sides signed and what every call to the escrow needs; amounts are minor
    units of its token. `status` and `outcome` are the contract's."""

    hash: str
    escrow: str
    terms: types.Order
    buyer: str
    seller: str
    prover: str
    arbiter: str
    status: types.Status
    outcome: types.Outcome
    opened_at: datetime
    funded_at: datetime | None
    proven_at: datetime | None
    proven_by: str | None
    """sealId of the attestation that proved delivery"""
    window_end: datetime | None
    disputed_at: datetime | None
    ruling_deadline: datetime | None
    closed_at: datetime | None
    seller_amount: int | None
    buyer_amount: int | None
    history: list[OrderStep]


@dataclass(frozen=True, slots=True)
class Credit:
    """Money that could not be paid out and waits for its account, minor units of `token`."""

    escrow: str
    token: str
    account: str
    amount: int


def orders(
    session: Session,
    member: str | None = None,
    status: types.Status | None = None,
    shipment: str | None = None,
) -> list[Order]:
    """Orders in the order they were opened.

    `member`: GLN of buyer, seller, prover or arbiter; `shipment`: item id of the shipment.
    """
    conditions: list[Any] = []
    if member is not None:
        sides = (OrderOpened.buyer, OrderOpened.seller, OrderOpened.prover, OrderOpened.arbiter)
        conditions.append(or_(*(col(side) == int(member) for side in sides)))
    if shipment is not None:
        conditions.append(col(OrderOpened.shipment) == shipment)
    found = _orders(session, conditions, None)
    return found if status is None else [one for one in found if one.status is status]


def order(session: Session, order_hash: str) -> Order | None:
    """One order by its hash in lower-case hexadecimal."""
    found = _orders(session, [col(OrderOpened.order) == order_hash], order_hash)
    return found[0] if found else None


def credits_of(session: Session) -> list[Credit]:
    """Credits that were not withdrawn, by escrow, token and account."""
    sums: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for credited in in_order(session, Credited):
        sums[credited.address, credited.token, credited.account] += credited.amount
    for withdrawn in in_order(session, Withdrawn):
        sums[withdrawn.address, withdrawn.token, withdrawn.account] -= withdrawn.amount
    return [Credit(*key, amount) for key, amount in sorted(sums.items()) if amount]


def _orders(session: Session, conditions: list[Any], only: str | None) -> list[Order]:
    opened = in_order(session, OrderOpened, *conditions)
    steps: defaultdict[str, list[EventRow]] = defaultdict(list)
    for table in _STEPS:
        for row in in_order(session, table, *([] if only is None else [col(table.order) == only])):
            steps[row.order].append(row)
    for rows in steps.values():
        rows.sort(key=lambda row: (row.block_number, row.log_index))
    wanted = [row for one in opened for row in steps[one.order]]
    sent = transactions(session, [(row.block_hash, row.log_index) for row in wanted])
    return [_order(one, steps[one.order], sent) for one in opened]


def _order(opened: OrderOpened, rows: list[EventRow], sent: dict[tuple[str, int], str]) -> Order:
    last: dict[type[EventRow], Any] = {type(row): row for row in rows}
    funded, proven = last.get(OrderFunded), last.get(DeliveryProven)
    disputed, closed = last.get(OrderDisputed), last.get(OrderClosed)
    if closed:
        status = types.Status.CLOSED
    elif disputed:
        status = types.Status.DISPUTED
    elif proven:
        status = types.Status.PROVEN
    else:
        status = types.Status.FUNDED if funded else types.Status.OPEN
    return Order(
        hash=opened.order,
        escrow=opened.address,
        terms=_terms(opened),
        buyer=gln(opened.buyer),
        seller=gln(opened.seller),
        prover=gln(opened.prover),
        arbiter=gln(opened.arbiter),
        status=status,
        outcome=types.Outcome(closed.outcome) if closed else types.Outcome.NONE,
        opened_at=seconds(opened.block_time),
        funded_at=_at(funded),
        proven_at=_at(proven),
        proven_by=proven.seal_id if proven else None,
        window_end=seconds(proven.window_end) if proven else None,
        disputed_at=_at(disputed),
        ruling_deadline=seconds(disputed.ruling_deadline) if disputed else None,
        closed_at=_at(closed),
        seller_amount=closed.seller_amount if closed else None,
        buyer_amount=closed.buyer_amount if closed else None,
        history=[
            OrderStep(
                name=type(row).__name__,
                at=seconds(row.block_time),
                block_number=row.block_number,
                transaction=sent[row.block_hash, row.log_index],
                details={name: getattr(row, name) for name in _own(type(row))},
            )
            for row in rows
        ],
    )


def _at(row: EventRow | None) -> datetime | None:
    return None if row is None else seconds(row.block_time)


def _own(table: type[EventRow]) -> list[str]:
    return [name for name in table.model_fields if name not in EventRow.model_fields]


def _terms(opened: OrderOpened) -> types.Order:
    lines = tuple(
        types.OrderLine(
            gtin=line["gtin"],
            licence=bytes.fromhex(line["licence"][2:]),
            quantity=line["quantity"],
            destination=bytes.fromhex(line["destination"][2:]),
        )
        for line in opened.lines
    )
    terms: types.Order = struct(types.Order, opened, lines=lines)
    return terms
