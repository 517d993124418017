"""Random messages of every generated type, drawn from the types' own MEMBERS."""

from typing import Any

from hypothesis import strategies as st

from chain.bindings import types
from chain.codec import TypedMessage, checksum

KINDS: list[type[TypedMessage]] = sorted(
    (
        kind
        for kind in vars(types).values()
        if isinstance(kind, type) and issubclass(kind, TypedMessage) and kind is not TypedMessage
    ),
    key=lambda kind: kind.__name__,
)


def integers(bits: int, signed: bool) -> st.SearchStrategy[int]:
    """All of a type's range, its ends and a double's ends more often."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    edges = {low, high, 0, (1 << 53) - 1, 1 << 53, -(1 << 53)}
    return st.sampled_from(sorted(edge for edge in edges if low <= edge <= high)) | st.integers(low, high)


def values(solidity: str) -> st.SearchStrategy[Any]:
    """Values of a member's Solidity type, as the bindings carry them."""
    if solidity.endswith("[]"):
        return st.lists(values(solidity.removesuffix("[]")), max_size=4).map(tuple)
    for prefix, signed in (("uint", False), ("int", True)):
        if solidity.startswith(prefix):
            return integers(int(solidity.removeprefix(prefix)), signed)
    if solidity == "bytes":
        return st.binary(max_size=80)
    if solidity.startswith("bytes"):
        size = int(solidity.removeprefix("bytes"))
        return st.binary(min_size=size, max_size=size)
    if solidity == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: checksum(raw.hex()))
    return messages(getattr(types, solidity))


def messages(kind: type[TypedMessage]) -> st.SearchStrategy[Any]:
    """Messages of one type."""
    members = [values(solidity) for _, solidity in kind.MEMBERS[kind.PRIMARY_TYPE]]
    return st.tuples(*members).map(lambda drawn: kind(*drawn))
