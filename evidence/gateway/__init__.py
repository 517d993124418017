"""A member's own gateway: takes plain EPCIS, seals, batches, signs with the member's key, follows to final.

`Gateway` is the whole of it, driven step by step: `accept` acknowledges what is durable, `run_once` does
what is due. It speaks to the network's service through a `Door`, which somebody else makes: nothing here
does HTTP.
"""

from evidence.gateway.door import (
    Accepted,
    DeadlinePassed,
    Door,
    DoorError,
    Refusal,
    ServiceAway,
    SignerRejected,
    TooMuch,
    Unsettled,
)
from evidence.gateway.gateway import Gateway, Pass, Submission
from evidence.gateway.intake import Effect
from evidence.gateway.limits import Bounds, Closing, Delivery, GatewayLimits
from evidence.gateway.spool import Receipt, Spool, SpoolError, SpoolFull

__all__ = [
    "Accepted",
    "Bounds",
    "Closing",
    "DeadlinePassed",
    "Delivery",
    "Door",
    "DoorError",
    "Effect",
    "Gateway",
    "GatewayLimits",
    "Pass",
    "Receipt",
    "Refusal",
    "ServiceAway",
    "SignerRejected",
    "Spool",
    "SpoolError",
    "SpoolFull",
    "Submission",
    "TooMuch",
    "Unsettled",
]
