"""MerkleTree9162 against RFC 9162's tree of epcis/tree.py: every size and index, and nothing beside them."""

import json
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epcis import tree
from tests.contracts.evm import Contract
from tests.contracts.provenance.scene import VECTORS


def leaves(size: int) -> list[bytes]:
    return [tree.item_leaf(f"S{number}") for number in range(size)]


def test_hashes_of_leaves_and_nodes(libraries: Contract) -> None:
    for data in (b"", b"\x00", b"leaf" * 50):
        assert libraries.call("leafHash", data) == sha256(b"\x00" + data).digest() == tree.leaf_hash(data)
    left, right = tree.leaf_hash(b"left"), tree.leaf_hash(b"right")
    assert libraries.call("includes", b"left", 0, 2, [right], sha256(b"\x01" + left + right).digest())


def test_vectors(libraries: Contract) -> None:
    vectors = json.loads((VECTORS / "tree.json").read_text(encoding="utf-8"))
    data = [bytes.fromhex(leaf[2:]) for leaf in vectors["leaves"]]
    for entry in vectors["trees"]:
        root = bytes.fromhex(entry["root"][2:])
        assert len(entry["proofs"]) == entry["size"]
        for index, steps in enumerate(entry["proofs"]):
            proof = [bytes.fromhex(step[2:]) for step in steps]
            assert libraries.call("includes", data[index], index, entry["size"], proof, root)


def test_every_index_of_every_small_tree(libraries: Contract) -> None:
    for size in range(1, 20):
        data = leaves(size)
        built = tree.Tree(data)
        for index in range(size):
            proof = built.proof(index)
            assert libraries.call("includes", data[index], index, size, proof, built.root)


def test_a_proof_is_for_one_index_and_size(libraries: Contract) -> None:
    for size in range(1, 8):
        data = leaves(size)
        built = tree.Tree(data)
        for index in range(size):
            proof = built.proof(index)
            places = libraries.call("accepted", data[index], 10, proof, built.root)
            for other_size in range(10):
                for other_index in range(10):
                    accepted = bool(places >> (other_size * 10 + other_index) & 1)
                    expected = tree.verify(data[index], other_index, other_size, proof, built.root)
                    assert accepted is expected, (size, index, other_size, other_index)
                    assert not accepted or other_index == index or other_size != size


@settings(max_examples=25, deadline=None, derandomize=True)
@given(size=st.integers(1, 3000), place=st.integers(0, 2**32), damage=st.integers(0, 2**32))
def test_random_trees(libraries: Contract, size: int, place: int, damage: int) -> None:
    data = leaves(size)
    built = tree.Tree(data)
    index = place % size
    proof = built.proof(index)
    assert libraries.call("includes", data[index], index, size, proof, built.root)
    assert not libraries.call("includes", data[index] + b"x", index, size, proof, built.root)
    assert not libraries.call("includes", data[index], index, size, [*proof, built.root], built.root)
    if proof:
        at = damage % len(proof)
        assert not libraries.call(
            "includes", data[index], index, size, proof[:at] + proof[at + 1 :], built.root
        )
        bent = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        changed = [*proof[:at], bent, *proof[at + 1 :]]
        assert not libraries.call("includes", data[index], index, size, changed, built.root)


@pytest.mark.parametrize("size", [2**32, 2**63, 2**63 + 1, 2**64 - 1])
def test_sizes_beyond_any_that_can_be_built(libraries: Contract, size: int) -> None:
    """Proofs with made-up siblings, folded to the root that they imply."""
    for index in (0, 1, size // 2, size - 2, size - 1):
        position, last = index, size - 1
        current = tree.leaf_hash(b"leaf")
        proof: list[bytes] = []
        while last:
            if position & 1 or position < last:
                sibling = sha256(bytes([len(proof)])).digest()
                proof.append(sibling)
                current = (
                    tree.node_hash(sibling, current) if position & 1 else tree.node_hash(current, sibling)
                )
            position, last = position >> 1, last >> 1
        assert tree.verify(b"leaf", index, size, proof, current)
        assert libraries.call("includes", b"leaf", index, size, proof, current)
        assert not libraries.call("includes", b"leaf", index ^ 1, size, proof, current)


def test_an_inner_node_is_no_leaf(libraries: Contract) -> None:
    """The prefixes keep a node from being passed off as the leaf of a smaller tree."""
    data = leaves(4)
    built = tree.Tree(data)
    inner = tree.leaf_hash(data[0]) + tree.leaf_hash(data[1])
    sibling = tree.node_hash(tree.leaf_hash(data[2]), tree.leaf_hash(data[3]))
    assert not libraries.call("includes", inner, 0, 2, [sibling], built.root)


def test_vectors_of_leaves(libraries: Contract) -> None:
    vectors = json.loads((VECTORS / "leaves.json").read_text(encoding="utf-8"))
    for entry in [*vectors["eventLeaves"], *vectors["itemLeaves"], *vectors["readingLeaves"]]:
        assert libraries.call("leafHash", bytes.fromhex(entry["data"][2:])).hex() == entry["leafHash"][2:]
