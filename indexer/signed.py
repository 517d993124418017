"""A row as the signed message that it lays flat: what the contracts want back in calldata."""

import dataclasses
from typing import Any, TypeVar

from chain.bindings import types
from chain.codec import TypedMessage
from indexer.tables import EventRow

M = TypeVar("M", bound=TypedMessage)


def message_of(row: EventRow, kind: type[M]) -> M:
    """The message of a row whose columns are its members. Raises KeyError where a column is missing."""
    return _message(row.model_dump(), kind)


def _message(values: dict[str, Any], kind: type[M]) -> M:
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]  # generated dataclass
    solidity = [declared for _, declared in kind.MEMBERS[kind.PRIMARY_TYPE]]
    return kind(*(_value(values[name], text) for name, text in zip(names, solidity, strict=True)))


def _value(value: Any, solidity: str) -> Any:
    if solidity.endswith("[]"):
        return tuple(_value(item, solidity[:-2]) for item in value)
    if solidity.startswith("bytes"):
        return bytes.fromhex(str(value)[2:])
    if isinstance(value, dict):
        return _message(value, getattr(types, solidity))
    return value
