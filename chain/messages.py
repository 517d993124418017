"""Signed messages as JSON: the `message` member of EIP-712 typed data, read strictly.

Integers are JSON integers, or decimal text where a double could not hold them; bytes are lower-case
hexadecimal with 0x; addresses are EIP-55 or one-case text. What `TypedMessage.message()` writes, this reads.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from chain import codec

M = TypeVar("M")

_HEX: Final = re.compile(r"0x(?:[0-9a-f]{2})*")
_DECIMAL: Final = re.compile(r"0|-?[1-9][0-9]{0,77}")
_ARRAY: Final = re.compile(r"(.+)\[\]")
MAX_SAFE: Final = (1 << 53) - 1
"""The largest integer that a JSON number carries everywhere (RFC 8259, section 6)."""
_MAX_TEXT: Final = 1 << 20
_MAX_ADDRESS: Final = 100  # longer text is not quoted in an error
_MAX_ITEMS: Final = 10_000


def read_message(kind: type[M], value: object, path: str = "") -> M:
    """An instance of a generated struct from its JSON object.

    Raises codec.FieldError naming the member (JSON Pointer) and what is wrong with it.
    """
    if not isinstance(value, Mapping):
        raise codec.FieldError(f"field {path or '/'}: must be an object")
    members = _members(kind)
    unknown = [str(name) for name in value if name not in members]
    if unknown:
        raise codec.FieldError(f"field {path}/{unknown[0][:60]}: is not a member of {kind.__name__}")
    arguments = []
    for name, solidity in members.items():
        if name not in value:
            raise codec.FieldError(f"field {path}/{name}: is missing")
        arguments.append(_read(solidity, value[name], f"{path}/{name}"))
    return kind(*arguments)


def _members(kind: type) -> dict[str, str]:
    declared = getattr(kind, "MEMBERS", None)
    if declared is None or not dataclasses.is_dataclass(kind):
        raise TypeError(f"{kind.__name__} is not a generated message")
    return dict(declared[kind.__name__])


def _read(solidity: str, value: object, path: str) -> Any:
    array = _ARRAY.fullmatch(solidity)
    if array:
        if not isinstance(value, list) or len(value) > _MAX_ITEMS:
            raise codec.FieldError(f"field {path}: must be a list of at most {_MAX_ITEMS}")
        return tuple(_read(array[1], one, f"{path}/{place}") for place, one in enumerate(value))
    if solidity.startswith(("uint", "int")):
        number = read_integer(value, path)
        check = codec.uint if solidity.startswith("uint") else codec.sint
        check(path, number, int(solidity.removeprefix("u").removeprefix("int")))
        return number
    if solidity.startswith("bytes"):
        if not isinstance(value, str) or len(value) > _MAX_TEXT or not _HEX.fullmatch(value):
            raise codec.FieldError(f"field {path}: must be lower-case hexadecimal text with 0x")
        data = bytes.fromhex(value[2:])
        if size := solidity.removeprefix("bytes"):
            codec.fixed_bytes(path, data, int(size))
        return data
    if solidity == "address":
        if not isinstance(value, str) or len(value) > _MAX_ADDRESS:
            raise codec.FieldError(f"field {path}: must be an address (0x and 40 hexadecimal digits)")
        return codec.address(path, value)
    if solidity == "bool":
        if not isinstance(value, bool):
            raise codec.FieldError(f"field {path}: must be true or false")
        return value
    if solidity == "string":
        if not isinstance(value, str) or len(value) > _MAX_TEXT:
            raise codec.FieldError(f"field {path}: must be text")
        return value
    from chain.bindings import types

    return read_message(getattr(types, solidity), value, path)


def read_integer(value: object, path: str) -> int:
    """A JSON integer within ±(2^53-1), or one in decimal text. Raises codec.FieldError."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_SAFE:
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return int(value)
    shown = f"{str(value)[:90]!r} " if isinstance(value, str | int | float) else ""
    raise codec.FieldError(
        f"field {path}: {shown}must be an integer, as decimal text where it is beyond 2^53-1"
    )


def json_schema(kind: type) -> dict[str, Any]:
    """JSON Schema of a message as `read_message` takes it."""
    members = _members(kind)
    return {
        "type": "object",
        "title": kind.__name__,
        "properties": {name: _schema(solidity) for name, solidity in members.items()},
        "required": list(members),
        "additionalProperties": False,
    }


def _schema(solidity: str) -> dict[str, Any]:
    array = _ARRAY.fullmatch(solidity)
    if array:
        return {"type": "array", "items": _schema(array[1]), "maxItems": _MAX_ITEMS}
    if solidity.startswith(("uint", "int")):
        sign = "-?" if solidity.startswith("int") else ""
        text = {"type": "string", "pattern": f"^(0|{sign}[1-9][0-9]{{0,77}})$"}
        return {"anyOf": [{"type": "integer"}, text], "description": solidity}
    if solidity.startswith("bytes"):
        size = solidity.removeprefix("bytes")
        count = f"{{{2 * int(size)}}}" if size else "*"
        return {"type": "string", "pattern": f"^0x[0-9a-f]{count}$", "description": solidity}
    if solidity == "address":
        return {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$", "description": "address"}
    if solidity in ("string", "bool"):
        return {"type": "string" if solidity == "string" else "boolean"}
    from chain.bindings import types

    return json_schema(getattr(types, solidity))


@dataclasses.dataclass(frozen=True, slots=True)
class MessageJson:
    """Pydantic annotation: `Annotated[types.Order, MessageJson(types.Order)]` is an order as JSON."""

    kind: type

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object) -> object:
            return value if isinstance(value, self.kind) else read_message(self.kind, value)

        return core_schema.no_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.message()),
        )

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return json_schema(self.kind)
