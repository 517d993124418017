"""Content archives (CARv1): many blocks in one stream, as IPLD's specification of CAR version 1 says."""

from collections.abc import Iterable, Iterator
from typing import Final

from vault.unixfs import Block, varint

# The header in DAG-CBOR: {"roots": [], "version": 1}. What is pinned is said apart from the import.
_HEADER: Final = b"\xa2\x65roots\x80\x67version\x01"
_PIECE: Final = 128 * 1024


def archive(blocks: Iterable[Block]) -> Iterator[bytes]:
    """The archive of blocks without roots, in pieces fit for sending."""
    piece = bytearray(varint(len(_HEADER)) + _HEADER)
    for block in blocks:
        cid = bytes(block.cid)
        piece += varint(len(cid) + len(block.data)) + cid + block.data
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)
