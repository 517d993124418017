"""Orders as callers read them: parties by name, money in currency, and what has to happen next."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from api.problems import plain
from api.tokens import Tokens
from api.wire import Answer, Moment, Money, Named, time_text
from chain.abi_errors import decode_revert
from chain.bindings import types
from indexer.read import Credit, Order, OrderStep, PendingEffect, credits_of, members, pending_effects

_MOST_EFFECTS: Final = 100_000
"""told in one listing"""


class StepAnswer(Answer):
    """One event of an order; `details` are the event's own fields, amounts in minor units."""

    name: str
    at: Moment
    block: int
    transaction: str
    details: dict[str, Any]


class CreditAnswer(Answer):
    """Money of an order's account that could not be paid out and waits to be withdrawn."""

    token: str
    account: str
    amount: Money


class NextAnswer(Answer):
    """Something that may happen next. `who` is null where anybody may do it; `by`, `after` bound the time."""

    action: str
    """fund, prove, confirm, dispute, rule, settle, refund or withdraw"""
    who: Named | None
    by: Moment | None = None
    after: Moment | None = None
    text: str


class PendingEffectAnswer(Answer):
    """A recorded proof of delivery whose effect failed and that anybody may still apply.

    `reason` is what the escrow said when it failed.
    """

    member: Named
    seal_id: str
    reason: str


class OrderAnswer(Answer):
    """An order. `order` is what both sides signed and every further request repeats; `next` is a sentence,
    `actions` the same for programs."""

    hash: str
    status: str
    outcome: str
    buyer: Named
    seller: Named
    prover: Named
    arbiter: Named
    amount: Money
    seller_amount: Money | None
    buyer_amount: Money | None
    shipment: str
    opened_at: Moment
    funded_at: Moment | None
    proven_at: Moment | None
    proven_by: str | None
    window_end: Moment | None
    disputed_at: Moment | None
    ruling_deadline: Moment | None
    closed_at: Moment | None
    deliver_by: Moment
    refund_after: Moment
    next: str
    actions: list[NextAnswer]
    credits: list[CreditAnswer]
    pending_effects: list[PendingEffectAnswer]
    steps: list[StepAnswer]
    order: dict[str, Any]


class OrdersAnswer(Answer):
    """Orders in the order they were opened."""

    orders: list[OrderAnswer]


class Teller:
    """Tells orders out of one view of the mirror."""

    def __init__(self, session: Session, tokens: Tokens) -> None:
        self._session = session
        self._tokens = tokens
        self._names = {one.gln: one.name for one in members(session)}
        self._pending: dict[str, list[PendingEffect]] | None = None
        self._credits: list[Credit] | None = None

    def tell_all(self, orders: Sequence[Order]) -> list[OrderAnswer]:
        """As `tell`, of many, for which effects are asked for once."""
        waiting = [one.hash for one in orders if one.status is types.Status.FUNDED]
        self._pending = {}
        for effect in pending_effects(self._session, waiting, limit=_MOST_EFFECTS):
            self._pending.setdefault(effect.order, []).append(effect)
        return [self.tell(one) for one in orders]

    def tell(self, order: Order) -> OrderAnswer:
        """An order as the API gives it. Raises ChainError where a token was never asked before."""
        terms = order.terms
        actions = list(self._next(order))
        credits = [
            CreditAnswer(
                token=one.token, account=one.account, amount=self._tokens.money(one.token, one.amount)
            )
            for account in dict.fromkeys((terms.payee, terms.buyer_account))
            for one in self._all_credits()
            if one.account == account and one.token.lower() == terms.token.lower()
        ]
        actions += [
            NextAnswer(
                action="withdraw",
                who=None,
                text=f"anybody may have {_amount(one.amount)} paid out to {one.account}",
            )
            for one in credits
        ]
        return OrderAnswer(
            hash=order.hash,
            status=order.status.name.lower(),
            outcome=order.outcome.name.lower(),
            buyer=self._named(order.buyer),
            seller=self._named(order.seller),
            prover=self._named(order.prover),
            arbiter=self._named(order.arbiter),
            amount=self._tokens.money(terms.token, terms.amount),
            seller_amount=self._money(terms, order.seller_amount),
            buyer_amount=self._money(terms, order.buyer_amount),
            shipment="0x" + terms.shipment.hex(),
            opened_at=order.opened_at,
            funded_at=order.funded_at,
            proven_at=order.proven_at,
            proven_by=order.proven_by,
            window_end=order.window_end,
            disputed_at=order.disputed_at,
            ruling_deadline=order.ruling_deadline,
            closed_at=order.closed_at,
            deliver_by=_seconds(terms.deliver_by),
            refund_after=_seconds(terms.deliver_by + terms.grace),
            next="; ".join(one.text for one in actions) or "nothing: the order is closed",
            actions=actions,
            credits=credits,
            pending_effects=self._pending_effects(order),
            steps=[_step(one) for one in order.history],
            order=terms.message(),
        )

    def _money(self, terms: types.Order, amount: int | None) -> Money | None:
        return None if amount is None else self._tokens.money(terms.token, amount)

    def _named(self, gln: str) -> Named:
        return Named(gln=gln, name=self._names.get(gln))

    def _pending_effects(self, order: Order) -> list[PendingEffectAnswer]:
        if order.status is not types.Status.FUNDED:
            return []  # no other order waits for a proof
        known = self._pending
        found = pending_effects(self._session, order.hash) if known is None else known.get(order.hash, [])
        return [
            PendingEffectAnswer(
                member=self._named(one.member),
                seal_id=one.seal_id,
                reason=decode_revert(bytes.fromhex(one.reason[2:])).reason,
            )
            for one in found
        ]

    def _all_credits(self) -> list[Credit]:
        if self._credits is None:
            self._credits = credits_of(self._session)
        return self._credits

    def _next(self, order: Order) -> Iterator[NextAnswer]:
        terms = order.terms
        buyer, seller = self._named(order.buyer), self._named(order.seller)
        deliver_by = _seconds(terms.deliver_by)
        refund_after = _seconds(terms.deliver_by + terms.grace)
        if order.status is types.Status.OPEN:
            yield NextAnswer(
                action="fund",
                who=buyer,
                by=deliver_by,
                text=f"buyer {_name(buyer)} must fund it by {time_text(deliver_by)}",
            )
        if order.status is types.Status.FUNDED:
            prover = self._named(order.prover)
            yield NextAnswer(
                action="prove",
                who=prover,
                by=deliver_by,
                text=f"{_name(prover)} must prove delivery by {time_text(deliver_by)}",
            )
            yield NextAnswer(
                action="refund",
                who=None,
                after=refund_after,
                text=f"after {time_text(refund_after)} anybody may refund it to the buyer",
            )
        if order.status is types.Status.PROVEN and order.window_end is not None:
            yield NextAnswer(
                action="dispute",
                who=buyer,
                by=order.window_end,
                text=f"buyer {_name(buyer)} may dispute the delivery until {time_text(order.window_end)}",
            )
            yield NextAnswer(
                action="settle",
                who=None,
                after=order.window_end,
                text=f"after that anybody may settle it: seller {_name(seller)} is paid",
            )
        if order.status is types.Status.DISPUTED and order.ruling_deadline is not None:
            arbiter = self._named(order.arbiter)
            share = terms.unruled_seller_bps / 100
            yield NextAnswer(
                action="rule",
                who=arbiter,
                by=order.ruling_deadline,
                text=f"arbiter {_name(arbiter)} must rule by {time_text(order.ruling_deadline)}",
            )
            yield NextAnswer(
                action="settle",
                who=None,
                after=order.ruling_deadline,
                text=f"after that anybody may settle it: the seller gets {share:g} % of it",
            )
        if order.status in (types.Status.FUNDED, types.Status.PROVEN, types.Status.DISPUTED):
            yield NextAnswer(
                action="confirm",
                who=buyer,
                text=f"buyer {_name(buyer)} may consent to pay the seller at once",
            )


def _name(one: Named) -> str:
    return f"{one.name} ({one.gln})" if one.name else one.gln


def _amount(money: Money) -> str:
    digits = money.amount.rjust(money.decimals + 1, "0")
    whole = digits[: len(digits) - money.decimals] if money.decimals else digits
    fraction = f".{digits[-money.decimals :]}" if money.decimals else ""
    return f"{whole}{fraction} {money.currency}".rstrip()


def _seconds(unix: int) -> datetime:
    first, last = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    return last if unix > (last - first).total_seconds() else first + timedelta(seconds=unix)


def _step(step: OrderStep) -> StepAnswer:
    return StepAnswer(
        name=step.name,
        at=step.at,
        block=step.block_number,
        transaction=step.transaction,
        details={_camel(name): plain(value) for name, value in step.details.items()},
    )


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
