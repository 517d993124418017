"""Reading DAGs from whoever gives the blocks: what was written is read, what was not is refused."""

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.cid import DAG_PB, Cid
from vault.content import CorruptContent
from vault.dag import DIRECTORY, FILE, DagReader, MalformedNode, directory_of, read_node
from vault.unixfs import LEAF_SIZE, LINKS_PER_NODE, blocks_of

DEEP = b"".join(number.to_bytes(4, "big") * (LEAF_SIZE // 4) for number in range(LINKS_PER_NODE + 2)) + b"end"


def reader_of(blocks: dict[Cid, bytes], root: Cid) -> DagReader:
    return DagReader(root, blocks.__getitem__)


@pytest.mark.slow
def test_a_file_of_two_levels_is_read_from_any_position() -> None:
    blocks = {block.cid: block.data for block in blocks_of(DEEP)}
    *_, root = blocks
    raw = reader_of(blocks, root)
    assert raw.file_size == len(DEEP)
    with io.BufferedReader(raw, LEAF_SIZE) as reader:
        assert reader.read() == DEEP
        rng = random.Random(2)
        for _ in range(200):
            start, size = rng.randrange(len(DEEP) + 10), rng.randrange(3)
            reader.seek(start)
            assert reader.read(size) == DEEP[start : start + size]
        assert reader.seek(-4, io.SEEK_END) == len(DEEP) - 4
        assert reader.read(10) == DEEP[-4:]


def test_a_directory_names_its_entries() -> None:
    entries = [(Cid.of_block(bytes([number])), 1) for number in range(20)]
    node = read_node(directory_of(entries).data)
    assert node.kind == DIRECTORY
    assert [(link.name, link.cid, link.size) for link in node.links] == sorted(
        (str(cid), cid, size) for cid, size in entries
    )


@given(st.binary(max_size=200), st.integers(0, 300))
def test_noise_is_no_node(noise: bytes, cut: int) -> None:
    node = directory_of([(Cid.of_block(b"x"), 1)]).data
    for block in (noise, node[:cut] + noise):
        try:
            read = read_node(block)
        except MalformedNode:
            continue
        assert read.kind in (FILE, DIRECTORY)


def test_sizes_that_contradict_the_blocks_are_refused() -> None:
    honest = list(blocks_of(bytes(LEAF_SIZE) + b"12345"))
    leaf, short, root = honest
    for said in (4, 6):
        data = root.data.replace(b"\x85\x80\x10", bytes((0x80 | said, 0x80, 0x10))).replace(
            b"\x20\x05", bytes((0x20, said))
        )
        forged = Cid.of_block(data, DAG_PB)
        blocks = {leaf.cid: leaf.data, short.cid: short.data, forged: data}
        with reader_of(blocks, forged) as reader, pytest.raises(CorruptContent, match=str(forged)):
            reader.readall()


def test_a_directory_is_no_content() -> None:
    directory = directory_of([(Cid.of_block(b"x"), 1)])
    with pytest.raises(CorruptContent):
        reader_of({directory.cid: directory.data}, directory.cid)
