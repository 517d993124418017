"""ABI decoding for the many: readers compiled once for each list of types.

A reader gives what `eth_abi` gives, or raises Unusual and leaves the verdict to it: it takes the encodings
that a compiler writes, a few times to a few dozen times faster.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

_ARRAY: Final = re.compile(r"(.*)\[(\d*)\]\Z", re.ASCII)
_SIZED: Final = re.compile(r"(uint|int|bytes)(\d+)\Z", re.ASCII)
_ZEROS: Final = bytes(32)

Read = Callable[[bytes, int, int], Any]
"""(data, place of the head, start that pointers count from) -> value"""
_Kind = tuple[Read, int, bool]
"""reader, size of the head in bytes, whether the head is a pointer"""


class Unusual(ValueError):
    """Data or a type that only the full decoder judges."""


@cache
def reader(types: tuple[str, ...]) -> Callable[[bytes], tuple[Any, ...]]:
    """A function that decodes a tuple of these canonical types. Raises Unusual, now or when it is called."""
    read = _members([_kind(one) for one in types])

    def decode(data: bytes) -> tuple[Any, ...]:
        return read(data, 0)

    return decode


def _members(kinds: Sequence[_Kind]) -> Callable[[bytes, int], tuple[Any, ...]]:
    places: list[tuple[Read, int]] = []
    size = 0
    for read, head, _ in kinds:
        places.append((read, size))
        size += head
    heads = size
    pointers = [place for (_, _, dynamic), (_, place) in zip(kinds, places, strict=True) if dynamic]

    def read_members(data: bytes, base: int) -> tuple[Any, ...]:
        if base + heads > len(data):
            raise Unusual
        for place in pointers:  # none may point into the heads
            if _word(data, base + place) < heads:
                raise Unusual
        return tuple([read(data, base + place, base) for read, place in places])

    return read_members


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 32], "big")


def _kind(abi: str) -> _Kind:
    array = _ARRAY.match(abi)
    if array:
        return _array(_kind(array[1]), int(array[2]) if array[2] else None)
    if abi.startswith("("):
        return _struct([_kind(part) for part in members_of(abi)])
    if abi in _PLAIN:
        return _PLAIN[abi]
    kind, size = sized(abi)
    return {"uint": _uint, "int": _int, "bytes": _fixed}[kind](size), 32, False


def sized(abi: str) -> tuple[str, int]:
    """`uint64` -> uint, 64; `bytes3` -> bytes, 3. Raises Unusual for what has no size."""
    match = _SIZED.match(abi)
    if match is None:
        raise Unusual
    return match[1], int(match[2])


def members_of(abi: str) -> list[str]:
    """Types in a tuple type: `(a,(b,c)[],d)` -> a, (b,c)[], d."""
    parts, depth, start = [], 0, 1
    for i, letter in enumerate(abi):
        depth += (letter == "(") - (letter == ")")
        if (letter == "," and depth == 1) or depth == 0:
            parts.append(abi[start:i])
            start = i + 1
    return [part for part in parts if part]


def _uint(bits: int) -> Read:
    def read(data: bytes, at: int, _base: int) -> int:
        value = int.from_bytes(data[at : at + 32], "big")
        if value >> bits:
            raise Unusual
        return value

    return read


def _int(bits: int) -> Read:
    half = 1 << bits - 1

    def read(data: bytes, at: int, _base: int) -> int:
        value = int.from_bytes(data[at : at + 32], "big", signed=True)
        if not -half <= value < half:
            raise Unusual
        return value

    return read


def _fixed(size: int) -> Read:
    filling = _ZEROS[size:]

    def read(data: bytes, at: int, _base: int) -> bytes:
        if data[at + size : at + 32] != filling:
            raise Unusual
        return data[at : at + size]

    return read


def _address(data: bytes, at: int, _base: int) -> str:
    if data[at : at + 12] != _ZEROS[:12]:
        raise Unusual
    return "0x" + data[at + 12 : at + 32].hex()


def _bool(data: bytes, at: int, _base: int) -> bool:
    value = int.from_bytes(data[at : at + 32], "big")
    if value > 1:
        raise Unusual
    return value == 1


def _bytes(data: bytes, at: int, base: int) -> bytes:
    start = base + _word(data, at) + 32
    size = _word(data, start - 32)
    end = start + size
    filling = -size % 32
    if end + filling > len(data) or data[end : end + filling] != _ZEROS[:filling]:
        raise Unusual
    return data[start:end]


def _string(data: bytes, at: int, base: int) -> str:
    try:
        return _bytes(data, at, base).decode()
    except UnicodeDecodeError:
        raise Unusual from None


def _array(item: _Kind, length: int | None) -> _Kind:
    _, size, pointers = item

    def read_items(data: bytes, start: int, count: int) -> tuple[Any, ...]:
        if count * size > len(data) - start:
            raise Unusual
        return _members([item] * count)(data, start)

    def read_counted(data: bytes, at: int, base: int) -> tuple[Any, ...]:
        start = base + _word(data, at) + 32
        if start > len(data):
            raise Unusual
        return read_items(data, start, _word(data, start - 32))

    if length is None:
        return read_counted, 32, True
    if not length or pointers:
        raise Unusual
    fixed = length
    return lambda data, at, _base: read_items(data, at, fixed), size * fixed, False


def _struct(kinds: Sequence[_Kind]) -> _Kind:
    read = _members(kinds)
    if any(dynamic for _, _, dynamic in kinds):
        return lambda data, at, base: read(data, base + _word(data, at)), 32, True
    return lambda data, at, _base: read(data, at), sum(size for _, size, _ in kinds), False


_PLAIN: Final[dict[str, _Kind]] = {
    "address": (_address, 32, False),
    "bool": (_bool, 32, False),
    "bytes": (_bytes, 32, True),
    "string": (_string, 32, True),
}
