"""The protocol's vectors for batches and issues (tests/vectors/batches.md)."""

import json
from pathlib import Path
from typing import Any

import pytest

from chain.codec import Domain
from epcis.tree import event_leaf, item_leaf
from evidence.batch import build_batch, build_issue
from evidence.chain_records import issue_id_of
from evidence.signature_header import parse
from evidence.signatures import recover

VECTORS = Path(__file__).parent.parent / "vectors" / "batches.json"


@pytest.fixture
def vectors() -> Any:
    return json.loads(VECTORS.read_text(encoding="utf-8"))


def test_a_capture_is_what_the_vector_says(vectors: Any) -> None:
    given = vectors["batch"]
    batch = build_batch(given["document"].encode(), given["member"], bytes.fromhex(given["seed"][2:]))
    assert [leaf.document.decode() for leaf in batch.leaves] == given["sealed"]
    assert [
        "0x" + event_leaf(leaf.seal_id, leaf.event_hash, leaf.salt).hex() for leaf in batch.leaves
    ] == given["leafData"]
    assert "0x" + batch.root.hex() == given["root"]
    assert batch.manifest.decode() == given["manifest"]
    assert str(batch.manifest_cid) == given["cid"]
    domain = Domain(
        given["domain"]["name"],
        given["domain"]["version"],
        given["domain"]["chainId"],
        given["domain"]["verifyingContract"],
    )
    digest = batch.anchor(given["deadline"]).signing_hash(domain)
    assert "0x" + digest.hex() == given["digest"]
    assert recover(digest, bytes.fromhex(given["signature"][2:])) == given["signer"]
    header = parse(given["header"])
    assert (header.signer, header.deadline) == (given["signer"], given["deadline"])
    assert "0x" + header.seed.hex() == given["seed"]
    assert "0x" + header.signature.hex() == given["signature"]
    assert header.serialise() == given["header"]


def test_an_issue_is_what_the_vector_says(vectors: Any) -> None:
    given = vectors["issue"]
    issue = build_issue(given["gtin"], given["serials"], given["member"])
    assert ["0x" + item_leaf(serial).hex() for serial in issue.serials] == given["leafData"]
    assert "0x" + issue.root.hex() == given["root"]
    assert issue.manifest.decode() == given["manifest"]
    assert str(issue.manifest_cid) == given["cid"]
    assert "0x" + issue_id_of(int(given["member"]), issue.root).hex() == given["issueId"]
