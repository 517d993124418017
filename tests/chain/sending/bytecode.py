"""Hand-written contracts, small enough to be read byte by byte, for what needs no compiler."""


def creation(runtime: bytes) -> bytes:
    """Creation code that returns `runtime`: PUSH1 size DUP1 PUSH1 9 PUSH0 CODECOPY PUSH0 RETURN."""
    return bytes([0x60, len(runtime), 0x80, 0x60, 9, 0x5F, 0x39, 0x5F, 0xF3]) + runtime


_ECHO_REVERT = bytes.fromhex("365f5f37365ffd")  # CALLDATASIZE 0 0 CALLDATACOPY CALLDATASIZE 0 REVERT

ECHO_REVERT = creation(_ECHO_REVERT)
"""Reverts with its call data."""

ECHO_LOG = creation(bytes.fromhex("365f5f37602a365fa100"))
"""Logs its call data with the topic 42 (LOG1) and stops."""

ONCE = creation(bytes.fromhex("5f54600a5760015f55005b") + _ECHO_REVERT)
"""The first call sets a flag; every later one reverts with its call data."""

AFTER = creation(bytes.fromhex("5f54600c5736600e575f5ffd5b005b60015f5500"))
"""A call without data reverts until a call with data was made."""
