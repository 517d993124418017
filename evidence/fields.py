"""Field types of the JSON that this room reads from strangers: strict, bounded, named when they are wrong."""

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic.alias_generators import to_camel

from chain.codec import FieldError, address
from epcis.canonical import MAX_INTEGER
from epcis.gs1 import Gs1KeyError, parse_gln
from vault.cid import Cid, InvalidCid

_HEX: Final = re.compile(r"0x(?:[0-9a-f]{2})*")


class Record(BaseModel):
    """Base of the JSON objects of the protocol: camelCase names, no others, no conversions between types."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )

    def to_json(self) -> dict[str, Any]:
        """The object as JSON values, named as in the protocol."""
        return self.model_dump(by_alias=True)


def hex_text(value: bytes) -> str:
    """Lower-case hexadecimal with `0x`."""
    return "0x" + value.hex()


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

    return BeforeValidator(read)


_MAX_HEX: Final = 2 + 2 * 65536


def _address(value: object) -> str:
    try:
        return address("address", value)
    except FieldError as error:
        raise ValueError(str(error)[:200]) from None


def _gln(value: object) -> int:
    """A GLN on the chain is a number; in JSON it is 13 digits of text."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**13:
        value = f"{value:013d}"
    if not isinstance(value, str) or len(value) != 13:
        raise ValueError("must be a GLN of 13 digits")
    try:
        return int(parse_gln(value))
    except Gs1KeyError as error:
        raise ValueError(str(error)) from None


def gln_text(gln: int) -> str:
    """A GLN as GS1 writes it: 13 digits."""
    return f"{gln:013d}"


def _cid(value: object) -> Cid:
    if isinstance(value, Cid):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a CID in text form")  # noqa: TRY004 - pydantic reads ValueError only
    try:
        return Cid.parse(value)
    except InvalidCid as error:
        raise ValueError(error.reason) from None


_HEX_OUT: Final = PlainSerializer(hex_text, return_type=str)

Bytes32 = Annotated[bytes, _bytes(32), _HEX_OUT]
HexBytes = Annotated[bytes, _bytes(None), _HEX_OUT]
Address = Annotated[str, BeforeValidator(_address)]
Gln = Annotated[int, BeforeValidator(_gln), PlainSerializer(gln_text, return_type=str)]
CidText = Annotated[Cid, BeforeValidator(_cid), PlainSerializer(str, return_type=str)]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
"""A plain JSON number"""


def explain(error: ValidationError) -> list[tuple[str, str]]:
    """(JSON Pointer, reason) of everything that was wrong; reasons never repeat what was given."""
    found = []
    for entry in error.errors(include_url=False, include_input=False):
        path = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in entry["loc"])
        found.append((path, entry["msg"].removeprefix("Value error, ")))
    return found
