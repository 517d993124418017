"""Tiles give the proofs of the whole tree, out of few reads."""

import random
from math import ceil, log

import pytest

from epcis import tiles, tree
from epcis.tree import Tree, TreeError


def data_of(size: int) -> list[bytes]:
    return [i.to_bytes(4, "big") for i in range(size)]


def read_of(size: int) -> tuple[tiles.Read, list[tuple[int, int]]]:
    """A reader of the tree's tiles, and the list in which it notes what it was asked."""
    held = tiles.reader(tiles.tiles_of([tree.leaf_hash(data) for data in data_of(size)]))
    asked: list[tuple[int, int]] = []

    def read(level: int, index: int) -> bytes:
        asked.append((level, index))
        return held(level, index)

    return read, asked


def test_paths_and_root_are_the_trees() -> None:
    seed = 51
    for size in [*range(1, 290), *random.Random(seed).sample(range(290, 900), 25)]:
        whole = Tree(data_of(size))
        read, _ = read_of(size)
        assert tiles.root_of(read, size) == whole.root
        for index in {*range(0, size, 61), size // 2, 255 % size, 256 % size, size - 1}:
            assert tiles.inclusion_path(read, index, size) == whole.proof(index), (seed, size, index)


def test_every_index_of_some_trees() -> None:
    for size in (3, 255, 256, 257, 513):
        whole = Tree(data_of(size))
        read, _ = read_of(size)
        for index in range(size):
            assert tiles.inclusion_path(read, index, size) == whole.proof(index), (size, index)


def test_large_trees_read_few_tiles() -> None:
    seed = 20260
    chance = random.Random(seed)
    for size in (65_535, 65_536, chance.randrange(66_000, 90_000)):
        whole = Tree(data_of(size))
        read, asked = read_of(size)
        for index in (0, 65_535 % size, size - 1, *(chance.randrange(size) for _ in range(30))):
            asked.clear()
            path = tiles.inclusion_path(read, index, size)
            assert path == whole.proof(index), (seed, size, index)
            assert tree.verify(data_of(size)[index], index, size, path, whole.root)
            assert len(asked) == len(set(asked)) <= 2 * ceil(log(size, 256) + 1)
            assert set(asked) <= set(tiles.places(index, size))


def test_tiles_are_full_but_for_a_levels_last() -> None:
    found = list(tiles.tiles_of([tree.leaf_hash(data) for data in data_of(66_000)]))
    widths = {(tile.level, tile.index): len(tile.hashes) // 32 for tile in found}
    assert len(widths) == len(found) == 258 + 2 + 1
    assert (widths[0, 257], widths[1, 0], widths[1, 1], widths[2, 0]) == (208, 256, 1, 1)


def test_what_cannot_be() -> None:
    read, _ = read_of(300)
    for index, size in ((300, 300), (-1, 300), (0, 0), (0, 2**64)):
        with pytest.raises(TreeError, match="is outside"):
            tiles.inclusion_path(read, index, size)
    with pytest.raises(TreeError, match="tile 1 of level 0: has 1408 bytes instead of 1440"):
        tiles.inclusion_path(read, 0, 301)
    with pytest.raises(TreeError, match="tile 0 of level 0: has 0 bytes instead of 64"):
        tiles.inclusion_path(lambda *_: b"", 0, 2)
