"""Gas limits: what a transaction uses before anything runs, and what it is given."""

from typing import Final

_TRANSACTION: Final = 21_000
_CREATION: Final = 32_000  # EIP-2
_WORD_OF_CODE: Final = 2  # EIP-3860
_ZERO_BYTE, _OTHER_BYTE = 4, 16  # EIP-2028
_TOKEN: Final = 10  # EIP-7623: a zero byte is one token, any other byte four


def least_gas(to: str | None, data: bytes) -> int:
    """What no transaction may be given less than: the intrinsic gas of the Yellow Paper (section 6.2, with
    EIP-2028 and EIP-3860) or the floor for its data of EIP-7623, whichever is more.

    A node may take one that has less; no block ever holds it, and nothing behind it is mined.
    """
    zeros = data.count(0)
    others = len(data) - zeros
    intrinsic = _ZERO_BYTE * zeros + _OTHER_BYTE * others
    if to is None:
        intrinsic += _CREATION + _WORD_OF_CODE * -(-len(data) // 32)
    return _TRANSACTION + max(intrinsic, _TOKEN * (zeros + 4 * others))


def bounded(gas: int, least: int, block_limit: int) -> int:
    """A limit that a block can hold; `block_limit` below `least` stands for a chain that tells none."""
    return max(least, min(gas, block_limit)) if block_limit >= least else max(least, gas)


def another_limit(refused: int, least: int, block_limit: int) -> int:
    """What to try where a node refuses a limit that its own estimate led to.

    Near the least it was probably too low, else above a bound that the node does not tell (EIP-7825).
    """
    return bounded(refused * 2 if refused < 2 * least else refused // 2, least, block_limit)
