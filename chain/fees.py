"""What a transaction offers for gas, and by how much a replacement must offer more."""

from dataclasses import dataclass
from typing import Final

from chain.blocks import Block
from chain.rpc import Rpc

_STEP: Final = (9, 8)  # pools ask for at least 10 % more; 12.5 % passes all of them


@dataclass(frozen=True, slots=True)
class Fees:
    """An offer in wei per gas: `fee` at most, of it `tip` to the proposer; `tip` None: a legacy price."""

    fee: int
    tip: int | None

    def outbid(self, quote: "Fees", cap: int) -> "Fees | None":
        """An offer that replaces this one: an eighth more, or the quote if higher; None above the cap."""
        fee = max(_raised(self.fee), quote.fee)
        if fee > cap:
            return None
        if self.tip is None:
            return Fees(fee, None)
        return Fees(fee, min(fee, max(_raised(self.tip), quote.tip or 0)))


def _raised(price: int) -> int:
    """An eighth more, rounded up, and at least 1 wei: a chain without fees wants a higher price too."""
    numerator, denominator = _STEP
    return max(-(-price * numerator // denominator), price + 1)


def quote_fees(rpc: Rpc, head: Block, cap: int) -> Fees:
    """What the node suggests now, at most `cap`: twice the base fee and a tip, or its legacy price."""
    if head.base_fee is None:
        return Fees(min(rpc.gas_price(), cap), None)
    tip = rpc.priority_fee()
    fee = min(2 * head.base_fee + tip, cap)
    return Fees(fee, min(tip, fee))
