"""Bloom filters of blocks (Ethereum Yellow Paper, section 4.4.1), and what they tell of missing logs."""

from collections.abc import Iterable
from functools import lru_cache

from chain.codec import keccak256


@lru_cache(maxsize=4_096)  # addresses and kinds of events come again with every log
def bits_of(value: str) -> int:
    """The three bits that an address or a topic (0x-hexadecimal text) sets, as a number of 2,048 bits."""
    digest = keccak256(bytes.fromhex(value[2:]))
    bits = 0
    for place in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[place : place + 2], "big") & 2047)
    return bits


def unexplained(logs_bloom: bytes | None, logs: Iterable[tuple[str, Iterable[str]]]) -> bool:
    """Whether a block's filter tells of more than these logs: (address, topics), 0x-hexadecimal text each.

    The rest may be logs of other contracts, or such as a node left out. False where there is no filter; true
    for every log that is missing unless others set all of its bits, which few do.
    """
    if logs_bloom is None:
        return False
    told = 0
    for address, topics in logs:
        told |= bits_of(address)
        for topic in topics:
            told |= bits_of(topic)
    return bool(int.from_bytes(logs_bloom, "big") & ~told)
