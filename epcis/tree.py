"""Merkle tree of RFC 9162, section 2.1, with SHA-256, and the leaf data of a batch.

Leaf hash: SHA-256(0x00 || data). Node hash: SHA-256(0x01 || left || right).
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from epcis.gs1 import parse_serial

HASH_SIZE: Final = 32
MAX_SIZE: Final = 2**64 - 1

_LEAF = b"\x00"
_NODE = b"\x01"
_EVENT_LEAF = b"\x01"
_ITEM_LEAF = b"\x02"
_SALT_TAG = b"tradeseal/leaf-salt/v1\x00"


class TreeError(ValueError):
    """A tree, index or piece of leaf data that cannot be; the message names the field and the value."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data), 32 bytes."""
    return sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), 32 bytes."""
    return sha256(_NODE + left + right).digest()


class Tree:
    """Tree over a batch's leaf data, built once in O(n); root and proofs are then look-ups.

    Holds every level, lowest first. A level's odd last node rises unchanged, which gives the same tree as
    the recursive split at the largest power of two in RFC 9162, section 2.1.1.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """`leaves`: leaf data (not hashes) in batch order. Raises TreeError when empty."""
        if not leaves:
            raise TreeError("leaves: a batch tree needs at least one leaf, got 0")
        levels = [[leaf_hash(data) for data in leaves]]
        while len(levels[-1]) > 1:
            below = levels[-1]
            above = [node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
            if len(below) % 2:
                above.append(below[-1])
            levels.append(above)
        self._levels = levels

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """Merkle tree hash, 32 bytes."""
        return self._levels[-1][0]

    def proof(self, index: int) -> list[bytes]:
        """Inclusion proof of the leaf at `index` (RFC 9162, section 2.1.3.1): 32-byte hashes, lowest up."""
        if not 0 <= index < self.size:
            raise TreeError(f"index: {index} is outside 0..{self.size - 1}")
        path = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return path


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf data, 32 bytes; raises TreeError for no leaves."""
    return Tree(leaves).root


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Inclusion proof of `leaves[index]`; for many proofs of one batch build a Tree."""
    return Tree(leaves).proof(index)


def verify(data: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether leaf data `data` stands at `index` of the tree of `size` leaves (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size <= MAX_SIZE or len(root) != HASH_SIZE:
        return False
    position, last = index, size - 1
    current = leaf_hash(data)
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_SIZE:
            return False
        if position & 1 or position == last:
            current = node_hash(sibling, current)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            current = node_hash(current, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and current == root


def _exactly(field: str, value: bytes) -> bytes:
    if len(value) != HASH_SIZE:
        raise TreeError(f"{field}: must have {HASH_SIZE} bytes, has {len(value)}")
    return value


def event_leaf(seal_id: bytes, event_hash: bytes, salt: bytes) -> bytes:
    """Leaf data of an event, 97 bytes: 0x01 || sealId(32) || CBV hash of the sealed form(32) || salt(32)."""
    parts = _exactly("seal_id", seal_id), _exactly("event_hash", event_hash), _exactly("salt", salt)
    return _EVENT_LEAF + b"".join(parts)


def item_leaf(serial: str) -> bytes:
    """Leaf data of an issued item: 0x02 || uint8 length || serial as in AI (21), never percent-encoded.

    Raises Gs1KeyError for a serial that AI (21) cannot hold.
    """
    text = parse_serial(serial).encode("ascii")
    return _ITEM_LEAF + bytes([len(text)]) + text


def leaf_salt(seed: bytes, index: int, seal_id: bytes) -> bytes:
    """Salt of an event leaf, 32 bytes.

    SHA-256("tradeseal/leaf-salt/v1" || 0x00 || seed(32) || uint64be(index) || sealId(32)).
    One secret seed per batch; publishing a leaf's salt tells nothing about its neighbours'.
    """
    if not 0 <= index <= MAX_SIZE:
        raise TreeError(f"index: {index} is outside 0..{MAX_SIZE}")
    return sha256(
        _SALT_TAG + _exactly("seed", seed) + index.to_bytes(8, "big") + _exactly("seal_id", seal_id)
    ).digest()
