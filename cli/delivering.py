"""Proof of delivery from the command line: what is looked at before it is signed, and what became of it.

The escrow asks who attests, about which shipment, and for which milestone (docs/orders.md). What else makes
an event a delivery is for the prover to know, so the rest is asked here, before money follows.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from cli import ordering
from cli.failure import Exit, Failure
from cli.session import Session

if TYPE_CHECKING:
    from chain.bindings.types import Attestation, Order

_PATIENCE: Final = 10.0
"""Seconds until an attestation's effect must be in the service's mirror."""
_POLL: Final = 0.2
_AHEAD: Final = 5 * 60
"""Seconds that the event's clock may be ahead of ours."""
_DELIVERY_STEPS: Final = (
    "accepting",
    "arriving",
    "receiving",
    "retail_selling",
    "stocking",
    "storing",
    "unloading",
    "unpacking",
)
"""business steps (CBV 2.0, section 7.1) at which goods are where they were to be brought"""


def require_plausible(signed: "Attestation", step: str | None, now: float) -> None:
    """Raises Failure where the event is of the future or its business step is none at which goods arrive.

    `now` is Unix seconds; `step` is the event's own bizStep, for the sentence.
    """
    if signed.event_time > (now + _AHEAD) * 1000:
        when = datetime.fromtimestamp(signed.event_time / 1000, UTC).isoformat(timespec="seconds")
        raise Failure(f"eventTime {when}: lies in the future; --force attests it all the same")
    known = {sha256(f"https://ref.gs1.org/cbv/BizStep-{one}".encode()).digest() for one in _DELIVERY_STEPS}
    if signed.biz_step not in known:
        raise Failure(
            f"bizStep {step or 'absent'}: does not say that goods arrived, "
            f"as {', '.join(_DELIVERY_STEPS)} do; --force attests it as the delivery all the same"
        )


def require_due(record: Mapping[str, Any], order: "Order", signed: "Attestation", member: int) -> None:
    """Raises Failure unless the order waits for this member's proof of this shipment.

    An order that this very event proved before is let through: asked again, nothing happens twice.
    """
    name = record["hash"]
    if member != order.prover:
        raise Failure(
            f"order {name}: delivery is proven by {_party(record['prover'])}, "
            f"the key that signs is one of {member:013d}"
        )
    if signed.subject != order.shipment:
        raise Failure(
            f"order {name}: is about the shipment 0x{order.shipment.hex()}, "
            f"the event about 0x{signed.subject.hex()} (identity of its subject); see --subject"
        )
    if record["status"] not in ("open", "funded") and record["provenBy"] != _hex(signed.seal_id):
        raise Failure(f"order {name}: waits for no proof, it is {ordering.status_text(record)}")


def outcome(
    session: Session, name: str, seal_id: str, job: Mapping[str, Any] | None, asked_at: datetime | None
) -> dict[str, Any]:
    """The order's record once the attestation had its effect on it.

    `job` is the service's capture job of the attestation, `asked_at` its clock before it was asked. Raises
    Failure where delivery was not proven by this event.
    """
    until = time.monotonic() + _PATIENCE
    again = _attested_before(job, asked_at)
    while True:
        record, _ = ordering.record_of(session, name)
        if record["provenBy"] == seal_id:
            return record
        if again:
            raise Failure(
                f"order {name}: delivery is not proven by this; the event was attested before "
                f"(seal {seal_id}), and its first attestation stands, which named another order or none, "
                "or waits for the money. "
                f"{_standing(record)}"
            )
        if record["status"] == "open":
            return record
        if record["status"] != "funded" or time.monotonic() >= until:
            break
        time.sleep(_POLL)
    raise Failure(
        f"order {name}: the event is attested (seal {seal_id}), but delivery was not proven. "
        f"{_standing(record)}"
    )


def effect_text(record: Mapping[str, Any]) -> str:
    """What an attestation did to its order, in words."""
    status, name = record["status"], record["hash"]
    if status == "open":
        return f"order {name}: not funded yet; the delivery will be applied once it is funded"
    if status == "proven":
        return f"order {name}: delivery is proven; the buyer may dispute until {record['windowEnd']}"
    if status == "disputed":
        return f"order {name}: delivery is proven, the buyer disputes it"
    paid, returned = record["sellerAmount"], record["buyerAmount"]
    parts = [
        f"{who} {ordering.money_text(money)}"
        for who, money in (("seller was paid", paid), ("buyer got back", returned))
        if money is not None and int(money["amount"])
    ]
    return f"order {name}: {ordering.status_text(record)}; {', '.join(parts)}"


def _attested_before(job: Mapping[str, Any] | None, asked_at: datetime | None) -> bool:
    if job is None:
        return False
    if job.get("kind") == "existing":
        return True
    try:
        made = datetime.fromisoformat(str(job["createdAt"]))
    except (KeyError, ValueError):
        raise Failure("the service answered with no capture job", Exit.UNREACHABLE) from None
    return asked_at is not None and made < asked_at  # to the second, as HTTP tells time


def _standing(record: Mapping[str, Any]) -> str:
    return f"The order is {ordering.status_text(record)}: {record['next']}"


def _party(named: Mapping[str, Any]) -> str:
    return f"{named['name']} ({named['gln']})" if named.get("name") else str(named["gln"])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
