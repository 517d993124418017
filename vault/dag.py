"""Reading what vault.unixfs writes: the nodes of a file's DAG, and directories that name many files.

Every block is checked against the CID that named it, so that a whole file is as trustworthy as the CID it
was asked for by, whoever gave the blocks. Nothing is held but the nodes on the way to the current leaf.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from vault.cid import DAG_PB, RAW, Cid, InvalidCid
from vault.content import CorruptContent
from vault.reader import LeafReader
from vault.unixfs import Block, varint

LARGEST_BLOCK: Final = 2 * 1024 * 1024
"""Bytes of the largest block that IPFS exchanges (bitswap's limit)."""

DIRECTORY: Final = 1
FILE: Final = 2

_DEEPEST: Final = 8  # 174 ** 8 leaves are more than any disk holds

FetchBlock = Callable[[Cid], bytes]
"""Gives a block that was checked against its CID; raises VaultError."""


class MalformedNode(ValueError):
    """A block that is no dag-pb node as vault.unixfs writes it."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a node: `size` is dag-pb's Tsize, `file_size` the bytes of file below (0 in directories)."""

    cid: Cid
    name: str
    size: int
    file_size: int


@dataclass(frozen=True, slots=True)
class Node:
    """A decoded dag-pb node; `kind` is UnixFS's type, `file_size` the bytes of file below."""

    kind: int
    file_size: int
    links: tuple[Link, ...]


def read_node(block: bytes) -> Node:
    """Decode a node of a file or a directory. Raises MalformedNode."""
    links: list[tuple[Cid, str, int]] = []
    data = b""
    for number, value in _fields(block):
        if number == 2 and isinstance(value, bytes):
            links.append(_link(value))
        elif number == 1 and isinstance(value, bytes):
            data = value
        else:
            raise MalformedNode(f"field {number} is no link or data")
    kind, file_size, sizes = 0, 0, []
    for number, value in _fields(data):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 3 and isinstance(value, int):
            file_size = value
        elif number == 4 and isinstance(value, int):
            sizes.append(value)
        else:
            raise MalformedNode(f"UnixFS field {number} is not used by files or directories")
    if kind == FILE and (len(sizes) != len(links) or sum(sizes) != file_size):
        raise MalformedNode("sizes do not fit the links")
    if kind not in (FILE, DIRECTORY):
        raise MalformedNode(f"UnixFS type {kind} is neither file nor directory")
    below = sizes if kind == FILE else [0] * len(links)
    return Node(kind, file_size, tuple(Link(*link, size) for link, size in zip(links, below, strict=True)))


def directory_of(entries: Iterable[tuple[Cid, int]]) -> Block:
    """A UnixFS directory whose entries are named by their CIDs; each with its DAG's size in bytes."""
    body = b""
    total = 0
    for name, cid, size in sorted((str(cid), cid, size) for cid, size in entries):
        link = b"\x0a\x24" + bytes(cid) + b"\x12" + varint(len(name)) + name.encode() + b"\x18" + varint(size)
        body += b"\x12" + varint(len(link)) + link
        total += size
    data = body + b"\x0a\x02\x08" + bytes([DIRECTORY])
    return Block(Cid.of_block(data, DAG_PB), data, 0, len(data) + total)


class DagReader(LeafReader):
    """A seekable file over its blocks; holds one leaf and the nodes above it."""

    def __init__(self, root: Cid, fetch: FetchBlock) -> None:
        super().__init__(root)
        self._fetch = fetch
        self._path: list[tuple[int, Cid, Node]] = []  # start in the file, CID, node; root first
        if root.codec == RAW:
            self._leaf = fetch(root)
            self.file_size = len(self._leaf)
            return
        node = self._node(root)
        if node.kind != FILE:
            raise CorruptContent(root, None)
        self._path.append((0, root, node))
        self.file_size = node.file_size

    def leaf_at(self, position: int) -> tuple[int, bytes]:
        """The leaf that holds a byte of the file, by the shortest way from the nodes that are held."""
        while len(self._path) > 1 and not self._path[-1][0] <= position < _end(self._path[-1]):
            self._path.pop()
        while True:
            start, _, node = self._path[-1]
            starts = list(accumulate((link.file_size for link in node.links), initial=start))
            index = bisect_right(starts, position) - 1
            if not 0 <= index < len(node.links):
                raise CorruptContent(self.cid, None)
            link = node.links[index]
            if link.cid.codec == RAW:
                leaf = self._fetch(link.cid)
                if len(leaf) != link.file_size:
                    raise CorruptContent(self.cid, None)
                return starts[index], leaf
            child = self._node(link.cid)
            if child.kind != FILE or child.file_size != link.file_size or len(self._path) == _DEEPEST:
                raise CorruptContent(self.cid, None)
            self._path.append((starts[index], link.cid, child))

    def _node(self, cid: Cid) -> Node:
        try:
            return read_node(self._fetch(cid))
        except MalformedNode as error:
            raise CorruptContent(self.cid, None) from error


def _end(entry: tuple[int, Cid, Node]) -> int:
    return entry[0] + entry[2].file_size


def _link(data: bytes) -> tuple[Cid, str, int]:
    cid, name, size = None, "", 0
    for number, value in _fields(data):
        try:
            if number == 1 and isinstance(value, bytes):
                cid = Cid.from_bytes(value)
            elif number == 2 and isinstance(value, bytes):
                name = value.decode()
            elif number == 3 and isinstance(value, int):
                size = value
        except (InvalidCid, UnicodeDecodeError) as error:
            raise MalformedNode(str(error)) from error
    if cid is None:
        raise MalformedNode("a link without CID")
    return cid, name, size


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Fields of a protobuf message: varints and length-delimited ones, others are not used here."""
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        value, position = _read_varint(data, position)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2:
            if position + value > len(data):
                raise MalformedNode("a field is longer than its message")
            yield tag >> 3, data[position : position + value]
            position += value
        else:
            raise MalformedNode(f"wire type {tag & 7} is not used by dag-pb")


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise MalformedNode("a number is cut off or too long")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
