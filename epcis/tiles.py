"""A batch's Merkle tree kept as tiles, so that a proof reads a few of them instead of every leaf.

After C2SP tlog-tiles (https://c2sp.org/tlog-tiles), "Merkle Tree": a tile is up to 256 hashes side by side.
Tiles of level 0 hold leaf hashes; the hash at place n of level L is the root of the 256**L leaves from
n * 256**L on. Only full subtrees are kept: what is left at the right edge is computed from lower tiles.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from epcis.tree import HASH_SIZE, MAX_SIZE, TreeError

TILE_WIDTH: Final = 256
_HEIGHT: Final = 8
"""levels of the binary tree that one level of tiles spans"""

Read = Callable[[int, int], bytes]
"""(level, index) of a tile -> its hashes side by side"""


@dataclass(frozen=True, slots=True)
class Tile:
    """`hashes`: 1 to 256 hashes of 32 bytes, side by side; all but a level's last tile have 256."""

    level: int
    index: int
    hashes: bytes


def tiles_of(leaf_hashes: Sequence[bytes]) -> Iterator[Tile]:
    """All tiles of the tree over these leaf hashes (32 bytes each, not leaf data), lowest level first."""
    level, hashes = 0, list(leaf_hashes)
    while hashes:
        above = []
        for start in range(0, len(hashes), TILE_WIDTH):
            row = hashes[start : start + TILE_WIDTH]
            yield Tile(level, start // TILE_WIDTH, b"".join(row))
            if len(row) == TILE_WIDTH:
                above.append(_full_root(row))
        level, hashes = level + 1, above


def places(index: int, size: int) -> list[tuple[int, int]]:
    """(level, index) of every tile that the proof of leaf `index` may read: at most two a level."""
    _check(index, size)
    found = []
    level, width = 0, size
    while width:
        last = (width - 1) // TILE_WIDTH
        own = (index >> _HEIGHT * level) // TILE_WIDTH
        found += [(level, tile) for tile in sorted({own, last}) if tile <= last]
        level, width = level + 1, width >> _HEIGHT
    return found


def inclusion_path(read: Read, index: int, size: int) -> list[bytes]:
    """Inclusion proof of the leaf at `index` of `size` leaves (RFC 9162, section 2.1.3.1), lowest hash first.

    Exactly `Tree.proof`, out of O(log size) tiles, each read once. Raises TreeError for an index outside of
    the tree and for a tile that has not the hashes it should have.
    """
    _check(index, size)
    tiles = _Tiles(read, size)
    path = []
    for height in range((size - 1).bit_length()):
        sibling = index >> height ^ 1
        if sibling << height < size:
            path.append(tiles.node(height, sibling))
    return path


def root_of(read: Read, size: int) -> bytes:
    """Merkle tree hash of the whole tree, 32 bytes. Raises TreeError as `inclusion_path` does."""
    _check(0, size)
    return _Tiles(read, size).node((size - 1).bit_length(), 0)


def reader(tiles: Iterable[Tile]) -> Read:
    """Reads from tiles held in memory; a tile that is not there has no hashes."""
    held = {(tile.level, tile.index): tile.hashes for tile in tiles}
    return lambda level, index: held.get((level, index), b"")


def _check(index: int, size: int) -> None:
    if not 1 <= size <= MAX_SIZE:
        raise TreeError(f"size: {size} is outside 1..{MAX_SIZE}")
    if not 0 <= index < size:
        raise TreeError(f"index: {index} is outside 0..{size - 1}")


class _Tiles:
    """The tiles of one tree as they are asked for."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._held: dict[tuple[int, int], bytes] = {}

    def node(self, height: int, place: int) -> bytes:
        """The hash above leaves from `place << height` on, as many as there are up to `1 << height`."""
        first, end = place << height, min(place + 1 << height, self._size)
        # left to right the largest full subtrees, which RFC 9162 joins from the right
        parts = []
        while first < end:
            part = (end - first).bit_length() - 1
            parts.append(self._full(part, first >> part))
            first += 1 << part
        joined = parts.pop()
        while parts:
            joined = sha256(b"\x01" + parts.pop() + joined).digest()
        return joined

    def _full(self, height: int, place: int) -> bytes:
        level, inside = divmod(height, _HEIGHT)
        first = place << inside
        tile = self._tile(level, first // TILE_WIDTH)
        start = first % TILE_WIDTH
        return _full_root(
            [tile[HASH_SIZE * i : HASH_SIZE * (i + 1)] for i in range(start, start + (1 << inside))]
        )

    def _tile(self, level: int, index: int) -> bytes:
        found = self._held.get((level, index))
        if found is None:
            found = self._held[level, index] = self._read(level, index)
            hashes = min(TILE_WIDTH, (self._size >> _HEIGHT * level) - TILE_WIDTH * index)
            if len(found) != HASH_SIZE * hashes:
                raise TreeError(
                    f"tile {index} of level {level}: has {len(found)} bytes instead of {HASH_SIZE * hashes}"
                )
        return found


def _full_root(row: list[bytes]) -> bytes:
    """Root over a power of two of hashes."""
    while len(row) > 1:
        row = [sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    return row[0]
