"""Inclusion proofs out of the Merkle tiles of batches and issues."""

from sqlalchemy import select, tuple_
from sqlmodel import Session, col

from epcis import tiles
from epcis.tiles import Tile
from indexer.tables.content import MerkleTile


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
