"""What a node's refusals and reverts mean for an operation: engines say the same in different words."""

from typing import Final, Literal

from chain.errors import RpcError
from chain.operation import Reason

_TAKEN: Final = ("already known", "already imported", "already exists", "known transaction", "tx already in")
_NONCE_USED: Final = ("nonce too low", "nonce is too low", "invalid nonce; got", "oldnonce")
_UNDERPRICED: Final = (
    "replacement transaction underpriced",
    "replacement underpriced",
    "underpriced replacement",
)
_CANNOT_RUN: Final = (
    "out of gas",
    "gas required exceeds",
    "invalid opcode",
    "stack underflow",
    "invalid jump",
)
_REFUSED: Final = "node refuses it: "
_OF_PRICE: Final = ("price", "fee", "fund", "balance")


def cannot_run(error: RpcError) -> bool:
    """Whether an estimate failed because the call itself cannot run, not because of the node."""
    return any(words in error.message.lower() for words in _CANNOT_RUN)


def explain_revert(data: bytes) -> Reason:
    """Revert data as people read it, with the contract's own error where its ABI is known."""
    try:
        from chain.abi_errors import decode_revert

        revert = decode_revert(data)
    except ImportError:  # bindings are generated when the contracts are compiled
        return Reason(f"reverted with 0x{data.hex()}" if data else "reverted without a reason", data=data)
    name = None if revert.error is None else type(revert.error).__name__
    return Reason(str(revert), name, data)


def problem_of(result: object) -> str | None:
    """What a node's answer to a transaction means: None where it has it, now or before."""
    if not isinstance(result, RpcError):
        return None
    message = result.message.lower()
    if any(words in message for words in (*_TAKEN, *_NONCE_USED, *_UNDERPRICED)):
        return None  # this very transaction, or another version of it, is there: its receipt will tell
    return _REFUSED + result.message


def refused_for(problem: str | None) -> Literal["gas", "price"] | None:
    """What a refusal that `problem_of` gave may be mended by: another gas limit or another price."""
    if problem is None or not problem.startswith(_REFUSED):
        return None
    message = problem.lower()
    if any(word in message for word in _OF_PRICE):
        return "price"
    return "gas" if "gas" in message else None
