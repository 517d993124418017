"""The CID of a file, as IPFS computes it: UnixFS 1.0 over dag-pb.

Equal to `ipfs add --cid-version 1 --raw-leaves`: leaves of 256 KiB, a balanced DAG with at most 174 links
a node; what fits one leaf is that raw block and nothing else. The file itself is never held in memory: what
is kept grows with the depth of the tree.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from vault.cid import DAG_PB, Cid

LEAF_SIZE: Final = 256 * 1024
LINKS_PER_NODE: Final = 174

_UNIXFS_FILE: Final = 2


class Readable(Protocol):
    """What content is read from: a binary stream, at any position."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; empty only at the end."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a file's DAG; `data` is what `cid` is the hash of."""

    cid: Cid
    data: bytes
    file_size: int
    """Bytes of the file below this block."""
    dag_size: int
    """Bytes of this block and all blocks below it (dag-pb's Tsize)."""


@dataclass(frozen=True, slots=True)
class _Link:
    cid: Cid
    file_size: int
    dag_size: int


def varint(value: int) -> bytes:
    """An unsigned number in protobuf's and multiformats' LEB128."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return bytes((number << 3 | 2,)) + varint(len(payload)) + payload


def _number(number: int, value: int) -> bytes:
    """A varint protobuf field."""
    return bytes((number << 3,)) + varint(value)


def _node(links: list[_Link]) -> Block:
    """An inner node. dag-pb writes links before data, an empty name included, or the hash differs."""
    file_size = sum(link.file_size for link in links)
    unixfs = _number(1, _UNIXFS_FILE) + _number(3, file_size)
    unixfs += b"".join(_number(4, link.file_size) for link in links)
    body = b"".join(
        _field(2, _field(1, bytes(link.cid)) + _field(2, b"") + _number(3, link.dag_size)) for link in links
    )
    data = body + _field(1, unixfs)
    dag_size = len(data) + sum(link.dag_size for link in links)
    return Block(Cid.of_block(data, DAG_PB), data, file_size, dag_size)


def read_leaf(stream: Readable) -> bytes:
    """The next leaf: 256 KiB, or what is left; a stream may give less than it was asked for."""
    leaf = stream.read(LEAF_SIZE)
    if len(leaf) == LEAF_SIZE or not leaf:
        return leaf
    parts = [leaf]
    missing = LEAF_SIZE - len(leaf)
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def blocks_of(content: bytes | Readable) -> Iterator[Block]:
    """All blocks of a file, children before their parents; the last one is the root.

    An empty file is one empty raw block.
    """
    stream = io.BytesIO(content) if isinstance(content, bytes) else content
    levels: list[list[_Link]] = [[]]
    leaf = read_leaf(stream)
    while True:
        block = Block(Cid.of_block(leaf), leaf, len(leaf), len(leaf))
        yield block
        following = read_leaf(stream) if len(leaf) == LEAF_SIZE else b""
        if not following and not any(levels):
            return
        yield from _add(levels, 0, block)
        if not following:
            break
        leaf = following
    # All leaves stand at the same depth, so even a lone link on the right gets a node on every level.
    for height, links in enumerate(levels):
        node = _node(links)
        yield node
        if height == len(levels) - 1:
            return
        yield from _add(levels, height + 1, node)


def _add(levels: list[list[_Link]], height: int, block: Block) -> Iterator[Block]:
    """Put a block on its level; a level that was full is closed first, so that the last one stays open."""
    if height == len(levels):
        levels.append([])
    if len(levels[height]) == LINKS_PER_NODE:
        node = _node(levels[height])
        yield node
        levels[height] = []
        yield from _add(levels, height + 1, node)
    levels[height].append(_Link(block.cid, block.file_size, block.dag_size))


def cid_of(content: bytes | Readable) -> Cid:
    """CID of a file of any size, equal to `ipfs add --cid-version 1 --raw-leaves`."""
    if isinstance(content, bytes) and len(content) <= LEAF_SIZE:
        return Cid.of_block(content)  # what most content is
    root: Cid | None = None
    for block in blocks_of(content):
        root = block.cid
    assert root is not None  # noqa: S101 - blocks_of always yields a root, and mypy cannot know it
    return root
