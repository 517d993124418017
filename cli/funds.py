"""Whether the relayer can pay for transactions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chain.rpc import Rpc


def missing_coins(rpc: "Rpc", relayer: str) -> str | None:
    """What to do where gas costs something and the relayer has nothing; None where all is well.

    Raises ChainError.
    """
    if rpc.gas_price() > 0 and rpc.balance(relayer) == 0:
        return f"relayer {relayer} has no coins on this chain: fund it, then run this again"
    return None
