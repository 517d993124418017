"""Inclusion proofs out of the Merkle tiles of batches and issues."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import bindparam, select, tuple_
from sqlmodel import Session, col

from chain.fields import raw_bytes
from epcis import tiles, tree
from epcis.tiles import Tile
from epcis.tree import TreeError
from indexer.read.values import chunks
from indexer.tables.content import MerkleTile

Leaf = tuple[str, int, int, int]
"""block hash and log index of the `Anchored` or `Issued` log, index of the leaf, size of the tree"""
_KEY: Final = tuple_(
    col(MerkleTile.block_hash), col(MerkleTile.log_index), col(MerkleTile.level), col(MerkleTile.position)
)
_TILES: Final[Any] = select(
    col(MerkleTile.block_hash),
    col(MerkleTile.log_index),
    col(MerkleTile.level),
    col(MerkleTile.position),
    col(MerkleTile.hashes),
).where(_KEY.in_(bindparam("keys", expanding=True)))


def inclusion(session: Session, block_hash: str, log_index: int, index: int, size: int) -> list[bytes]:
    """Inclusion path (RFC 9162, section 2.1.3.1) of leaf `index` of `size`, lowest 32-byte hash first.

    Of the batch or issue whose `Anchored` or `Issued` log stands at (block_hash, log_index). One select of at
    most two tiles a level, whatever the size. Raises TreeError for an index outside of 0..size-1, and where
    the mirror has not read that manifest or its tiles are of another size.
    """
    wanted = tiles.places(index, size)
    query = select(col(MerkleTile.level), col(MerkleTile.position), col(MerkleTile.hashes)).where(
        col(MerkleTile.block_hash) == block_hash,
        col(MerkleTile.log_index) == log_index,
        tuple_(col(MerkleTile.level), col(MerkleTile.position)).in_(wanted),
    )
    found = [Tile(*row) for row in session.execute(query).tuples()]
    return tiles.inclusion_path(tiles.reader(found), index, size)


def proven_path(
    session: Session, block_hash: str, log_index: int, data: bytes, index: int, size: int, root: str
) -> list[bytes]:
    """As `inclusion`, for leaf data whose path must lead to `root` (0x-hexadecimal): what is handed out.

    Raises TreeError also where it does not, as a mirror is no proof of anything.
    """
    path = inclusion(session, block_hash, log_index, index, size)
    if not tree.verify(data, index, size, path, raw_bytes(root)):
        raise TreeError(f"leaf {index} and the tiles do not lead to the root {root}")
    return path


def tiles_behind(session: Session, leaves: Iterable[Leaf]) -> dict[Leaf, tuple[Tile, ...]]:
    """The tiles that the inclusion paths of these leaves read, in one select; those that are there."""
    wanted: dict[Leaf, list[tuple[int, int]]] = {}
    for leaf in leaves:
        try:
            wanted[leaf] = tiles.places(leaf[2], leaf[3])
        except TreeError:
            wanted[leaf] = []
    keys = {(leaf[0], leaf[1], *place): None for leaf, places in wanted.items() for place in places}
    held: dict[tuple[str, int, int, int], Tile] = {}
    for part in chunks(list(keys)):
        for row in session.connection().execute(_TILES, {"keys": part}):
            held[row[0], row[1], row[2], row[3]] = Tile(row[2], row[3], row[4])
    return {
        leaf: tuple(held[leaf[0], leaf[1], *place] for place in places if (leaf[0], leaf[1], *place) in held)
        for leaf, places in wanted.items()
    }
