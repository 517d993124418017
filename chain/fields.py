"""Field types of JSON from strangers: strict, bounded, with reasons that never repeat what was given."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, PlainSerializer

from chain.codec import FieldError, address, uint
from chain.messages import MAX_SAFE, read_integer

_HEX: Final = re.compile(r"0x(?:[0-9a-f]{2})*")
_MAX_HEX: Final = 2 + 2 * 65536


def hex_text(value: bytes) -> str:
    """Lower-case hexadecimal with `0x`."""
    return "0x" + value.hex()


def raw_bytes(text: str) -> bytes:
    """The bytes of 0x-hexadecimal text of our own making."""
    return bytes.fromhex(text[2:])


def _bytes(size: int | None) -> BeforeValidator:
    def read(value: object) -> bytes:
        if isinstance(value, bytes):
            data = value
        elif isinstance(value, str) and len(value) <= _MAX_HEX and _HEX.fullmatch(value):
            data = bytes.fromhex(value[2:])
        else:
            raise ValueError("must be lower-case hexadecimal text with 0x")
        if size is not None and len(data) != size:
            raise ValueError(f"must have {size} bytes, has {len(data)}")
        return data

    return BeforeValidator(read, json_schema_input_type=str)


def _address(value: object) -> str:
    try:
        return address("address", value)
    except FieldError as error:
        raise ValueError(str(error)[:200]) from None


def _uint64(value: object) -> int:
    try:
        number = read_integer(value, "number") if isinstance(value, str) else value
        uint("number", number, 64)
    except FieldError as error:
        raise ValueError(str(error)[:200]) from None
    return number  # type: ignore[return-value]  # uint refused whatever is no integer


_HEX_OUT: Final = PlainSerializer(hex_text, return_type=str)
Bytes32 = Annotated[bytes, _bytes(32), Field(examples=["0x" + "ab" * 32]), _HEX_OUT]
HexBytes = Annotated[bytes, _bytes(None), _HEX_OUT]
Signature = Annotated[bytes, _bytes(None), Field(max_length=4096, examples=["0x" + "5a" * 65]), _HEX_OUT]
Address = Annotated[
    str, BeforeValidator(_address), Field(examples=["0x00000000000000000000000000000000000000A1"])
]
Uint64 = Annotated[
    int,
    BeforeValidator(_uint64, json_schema_input_type=int | str),
    PlainSerializer(lambda number: number if number <= MAX_SAFE else str(number), return_type=int | str),
]
"""A JSON integer, as decimal text where it is beyond 2^53-1."""
