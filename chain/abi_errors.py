"""Revert data in words: custom errors with their values, `Error(string)`, `Panic(uint256)`, or bytes."""

from dataclasses import dataclass

from chain import codec

_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")

# Solidity documentation, "Panic via assert and Error via require".
_PANICS = {
    0x00: "generic compiler-inserted panic",
    0x01: "assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division or modulo by zero",
    0x21: "value outside its enum",
    0x22: "storage byte array incorrectly encoded",
    0x31: "pop on an empty array",
    0x32: "array index out of bounds",
    0x41: "too much memory allocated",
    0x51: "call of an uninitialised internal function",
}


@dataclass(frozen=True, slots=True)
class Revert:
    """Why a call was refused.

    `error` is the contract's own error with its values where there is one; `reason` is always readable;
    `data` is what the chain returned.
    """

    reason: str
    data: bytes
    error: codec.ContractError | None = None

    def __str__(self) -> str:
        return self.reason


def decode_revert(data: bytes) -> Revert:
    """Read the data that a reverted call returned; never raises, since it reads what others wrote."""
    if not data:
        return Revert("reverted without a reason", data)
    from chain.bindings import ERRORS

    selector = data[:4]
    try:
        if selector in ERRORS:
            error = ERRORS[selector].decode(data)
            return Revert(str(error), data, error)
        if selector == _ERROR_STRING:
            return Revert(str(codec.decode(("string",), data[4:], "Error(string)")[0]), data)
        if selector == _PANIC:
            code = int(codec.decode(("uint256",), data[4:], "Panic(uint256)")[0])
            return Revert(f"panic 0x{code:02x}: {_PANICS.get(code, 'unknown code')}", data)
    except codec.DecodeError as error:
        return Revert(f"revert data 0x{data.hex()} cannot be read: {error}", data)
    return Revert(f"unknown error 0x{data.hex()}", data)
