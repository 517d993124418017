"""The quick ABI decoder never says anything else than eth_abi."""

from typing import Any

import pytest
from eth_abi.abi import decode as full_decode
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.abi_words import Unusual, reader
from chain.codec import DecodeError, decode

TYPES = [
    *("uint8", "uint32", "uint64", "uint128", "uint256", "int8", "int128", "int256"),
    *("bytes1", "bytes3", "bytes32", "address", "bool", "bytes", "string"),
]


def types() -> st.SearchStrategy[str]:
    return st.recursive(
        st.sampled_from(TYPES),
        lambda inner: st.one_of(
            inner.map(lambda kind: f"{kind}[]"),
            inner.map(lambda kind: f"{kind}[2]"),
            st.lists(inner, min_size=1, max_size=4).map(lambda kinds: f"({','.join(kinds)})"),
        ),
        max_leaves=5,
    )


def split(kind: str) -> list[str]:
    parts, depth, start = [], 0, 0
    inside = kind[1:-1]
    for i, letter in enumerate(inside + ","):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(inside[start:i])
            start = i + 1
    return parts


def values(kind: str) -> st.SearchStrategy[Any]:
    if kind.endswith("[]"):
        return st.lists(values(kind[:-2]), max_size=3).map(tuple)
    if kind.endswith("]"):
        return st.tuples(values(kind[:-3]), values(kind[:-3]))
    if kind.startswith("("):
        return st.tuples(*(values(part) for part in split(kind)))
    if kind.startswith("uint"):
        top = (1 << int(kind[4:])) - 1
        return st.one_of(st.integers(0, top), st.just(top))
    if kind.startswith("int"):
        half = 1 << int(kind[3:]) - 1
        return st.one_of(st.integers(-half, half - 1), st.sampled_from([-half, half - 1, -1]))
    if kind == "bool":
        return st.booleans()
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
    if kind == "string":
        return st.text(max_size=40)
    if kind == "bytes":
        return st.binary(max_size=70)
    size = int(kind[5:])
    return st.binary(min_size=size, max_size=size)


@st.composite
def samples(draw: st.DrawFn) -> tuple[tuple[str, ...], bytes]:
    """Types and the encoding of values of them."""
    kinds = tuple(draw(st.lists(types(), min_size=1, max_size=4)))
    return kinds, encode(kinds, [draw(values(kind)) for kind in kinds])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sample=samples())
def test_plain_encodings_are_read_as_eth_abi_reads_them(sample: tuple[tuple[str, ...], bytes]) -> None:
    kinds, data = sample
    assert decode(kinds, data, "sample") == full_decode(kinds, data)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(sample=samples(), draw=st.data())
def test_spoiled_encodings_are_read_no_otherwise(
    sample: tuple[tuple[str, ...], bytes], draw: st.DataObject
) -> None:
    kinds, data = sample
    spoiled = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 3))):
        place = draw.draw(st.integers(0, len(spoiled) - 1)) if spoiled else 0
        if spoiled:
            spoiled[place] = draw.draw(st.sampled_from([0, 1, 31, 32, 33, 64, 96, 128, 255]))
    if draw.draw(st.booleans()):
        spoiled = spoiled[: draw.draw(st.integers(0, len(spoiled)))]
    elif draw.draw(st.booleans()):
        spoiled += bytes(draw.draw(st.integers(0, 40)))
    try:
        quick = reader(kinds)(bytes(spoiled))
    except Unusual:
        return
    assert quick == full_decode(kinds, bytes(spoiled))


def test_events_of_the_contracts_are_read_quickly() -> None:
    kinds = ("uint64", "bytes", "address")
    data = encode(kinds, [1000, b"\1" * 36, "0x" + "a1" * 20])
    assert reader(kinds)(data) == full_decode(kinds, data)


def test_what_is_no_encoding_is_named() -> None:
    with pytest.raises(DecodeError, match=r"Sample\(uint64\): 31 bytes are not \(uint64\)"):
        decode(("uint64",), bytes(31), "Sample(uint64)")
