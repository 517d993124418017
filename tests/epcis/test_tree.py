import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epcis import tree
from epcis.gs1 import Gs1KeyError
from epcis.tree import Tree, TreeError
from tests.epcis.vectors import load, unhex

VECTORS = load("tree.json")
LEAVES = [unhex(text) for text in VECTORS["leaves"]]


@pytest.mark.parametrize("case", VECTORS["trees"], ids=lambda case: str(case["size"]))
def test_roots_and_proofs_are_those_of_rfc_9162(case: dict[str, object]) -> None:
    size = case["size"]
    assert isinstance(size, int)
    assert isinstance(case["root"], str)
    assert isinstance(case["proofs"], list)
    built = Tree(LEAVES[:size])
    assert built.size == size
    assert built.root == tree.root(LEAVES[:size]) == unhex(case["root"])
    for index, expected in enumerate(case["proofs"]):
        path = [unhex(text) for text in expected]
        assert built.proof(index) == tree.proof(LEAVES[:size], index) == path
        assert tree.verify(LEAVES[index], index, size, path, built.root)


@settings(derandomize=True)
@given(st.integers(1, 200), st.data())
def test_a_proof_holds_for_its_leaf_and_place_only(size: int, data: st.DataObject) -> None:
    leaves = [f"leaf {i}".encode() for i in range(size)]
    built = Tree(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = built.proof(index)
    assert tree.verify(leaves[index], index, size, path, built.root)
    other = data.draw(st.integers(0, size))
    if other != index:
        assert not tree.verify(leaves[index], other, size, path, built.root)
    assert not tree.verify(leaves[index] + b"x", index, size, path, built.root)
    assert not tree.verify(leaves[index], index, size, [*path, built.root], built.root)
    if path:
        assert not tree.verify(leaves[index], index, size, path[:-1], built.root)
        at = data.draw(st.integers(0, len(path) - 1))
        changed = [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
        assert not tree.verify(leaves[index], index, size, changed, built.root)


def test_a_node_is_no_leaf() -> None:
    built = Tree(LEAVES[:2])
    inner = tree.leaf_hash(LEAVES[0]) + tree.leaf_hash(LEAVES[1])
    assert not tree.verify(inner, 0, 1, [], built.root)


def test_nonsense_is_false_and_never_raises() -> None:
    root = tree.root(LEAVES[:3])
    assert not tree.verify(LEAVES[0], -1, 3, [], root)
    assert not tree.verify(LEAVES[0], 3, 3, [], root)
    assert not tree.verify(LEAVES[0], 0, 0, [], root)
    assert not tree.verify(LEAVES[0], 0, 2**64, [], root)
    assert not tree.verify(LEAVES[0], 0, 3, [b"short", b""], root)
    assert not tree.verify(LEAVES[0], 0, 1, [], b"")


def test_empty_trees_and_indices_outside_are_refused() -> None:
    with pytest.raises(TreeError, match="leaves"):
        tree.root([])
    with pytest.raises(TreeError, match="index: 3"):
        tree.proof(LEAVES[:3], 3)
    with pytest.raises(TreeError, match="index: -1"):
        Tree(LEAVES).proof(-1)


def test_leaf_data_and_salts() -> None:
    vectors = load("leaves.json")
    for row in vectors["leafSalts"]:
        assert tree.leaf_salt(unhex(row["seed"]), int(row["index"]), unhex(row["sealId"])) == unhex(
            row["salt"]
        )
    for row in vectors["eventLeaves"]:
        data = tree.event_leaf(unhex(row["sealId"]), unhex(row["eventHash"]), unhex(row["salt"]))
        assert len(data) == 97
        assert data == unhex(row["data"])
        assert tree.leaf_hash(data) == unhex(row["leafHash"])
    for row in vectors["itemLeaves"]:
        assert tree.item_leaf(row["serial"]) == unhex(row["data"])
        assert tree.leaf_hash(unhex(row["data"])) == unhex(row["leafHash"])


def test_leaf_parts_of_the_wrong_length_are_refused() -> None:
    good = bytes(32)
    with pytest.raises(TreeError, match="salt: must have 32 bytes, has 31"):
        tree.event_leaf(good, good, bytes(31))
    with pytest.raises(TreeError, match="seed"):
        tree.leaf_salt(b"", 0, good)
    with pytest.raises(TreeError, match="index"):
        tree.leaf_salt(good, 2**64, good)
    with pytest.raises(Gs1KeyError, match="serial"):
        tree.item_leaf("x" * 21)
