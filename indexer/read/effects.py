"""Proofs of delivery whose effect on their order failed and can still be applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, exists, select
from sqlmodel import Session, col

from indexer.read.values import ZERO_HASH, chunks, gln
from indexer.tables.provenance import Attested, EffectApplied, EffectFailed, ErrorDeclared
from indexer.tables.settlement import DeliveryProven, OrderClosed, OrderFunded, OrderOpened

_DELIVERED: Final = 1


@dataclass(frozen=True, slots=True)
class PendingEffect:
    """An attestation that the escrow would accept as its order's proof of delivery."""

    member: str
    seal_id: str
    order: str
    recorded_at: int
    """block time of the attestation (Unix seconds), which the call that applies it repeats"""
    reason: str
    """start of the revert data with which it failed, hexadecimal"""


def pending_effects(
    session: Session, orders: str | Sequence[str] | None = None, limit: int = 1000
) -> list[PendingEffect]:
    """Failed effects, of one order or of these (hashes) where given, that their orders wait for.

    Oldest first; `limit`: of every 300 orders.

    Only those that the escrow can accept: by the order's prover, about its shipment, not declared erroneous.
    Anybody may attest what it likes and name an escrow; that must cost nobody anything.
    """
    failed, opened = EffectFailed, OrderOpened
    statement = (
        select(
            col(failed.member),
            col(failed.seal_id),
            col(opened.order),
            col(Attested.block_time),
            col(failed.reason),
        )
        .join(Attested, _same_seal(Attested))
        .join(opened, col(opened.order) == col(Attested.order))
        .where(
            col(opened.prover) == col(Attested.member),
            col(opened.shipment) == col(Attested.subject),
            col(opened.address) == col(Attested.consumer),
            col(Attested.milestone) == _DELIVERED,
            col(Attested.extension) == ZERO_HASH,
            exists().where(col(OrderFunded.order) == col(opened.order)),
            ~exists().where(col(DeliveryProven.order) == col(opened.order)),
            ~exists().where(col(OrderClosed.order) == col(opened.order)),
            ~exists().where(_same_seal(EffectApplied)),
            ~exists().where(_same_seal(ErrorDeclared)),
        )
        .order_by(col(failed.block_number), col(failed.log_index))
    )
    found: list[PendingEffect] = []
    wanted = [orders] if isinstance(orders, str) else orders
    for part in (None,) if wanted is None else chunks(wanted):
        asked = statement if part is None else statement.where(col(opened.order).in_(part))
        rows = session.execute(asked.limit(limit)).all()
        found += [PendingEffect(gln(member), *rest) for member, *rest in rows]
    return found


def _same_seal(table: Any) -> Any:
    return and_(
        col(table.member) == col(EffectFailed.member), col(table.seal_id) == col(EffectFailed.seal_id)
    )
