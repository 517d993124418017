"""What a member signs is what the protocol says, and both sides compute the same."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from chain.requests import MAX_SERIALS
from epcis import canonical, tree
from epcis.digital_link import item_id
from epcis.gs1 import Gs1KeyError
from epcis.model import SignedFieldsError
from evidence.batch import BatchError, attestation, build_batch, build_issue
from evidence.documents import Refused
from evidence.signed_fields import ZERO32, compare
from tests.evidence import documents as docs
from vault.unixfs import cid_of

GLN = "9506000134369"
SEED = bytes(range(32))
EVENTS = [docs.commissioning(str(i)) for i in range(5)]


def test_batch_follows_the_protocol_byte_for_byte() -> None:
    batch = build_batch(docs.document(*EVENTS), GLN, SEED)
    leaves = []
    for i, leaf in enumerate(batch.leaves):
        assert leaf.document == canonical.dumps({**EVENTS[i], "@context": [docs.CONTEXT]})
        assert leaf.seal_id == sha256(b"tradeseal/seal/v1\0" + leaf.document).digest()
        salt = sha256(b"tradeseal/leaf-salt/v1\0" + SEED + i.to_bytes(8, "big") + leaf.seal_id).digest()
        assert leaf.salt == salt
        assert leaf.cid == cid_of(leaf.document)
        leaves.append(b"\x01" + leaf.seal_id + leaf.event_hash + salt)
    assert batch.root == tree.root(leaves)
    manifest = json.loads(batch.manifest)
    assert manifest["root"] == "0x" + batch.root.hex()
    assert (manifest["type"], manifest["version"], manifest["member"], manifest["size"]) == (
        "TradeSealBatch",
        1,
        GLN,
        5,
    )
    assert [entry["cid"] for entry in manifest["leaves"]] == [str(leaf.cid) for leaf in batch.leaves]
    anchor = batch.anchor(1_800_000_000)
    assert (anchor.root, anchor.size, anchor.deadline) == (batch.root, 5, 1_800_000_000)
    assert anchor.cid == bytes(cid_of(batch.manifest))


def test_seed_and_member_change_what_is_signed_but_not_the_seals() -> None:
    one = build_batch(docs.document(*EVENTS), GLN, SEED)
    other = build_batch(docs.document(*EVENTS), GLN, bytes(32))
    assert one.root != other.root
    assert [leaf.seal_id for leaf in one.leaves] == [leaf.seal_id for leaf in other.leaves]
    assert build_batch(docs.document(*EVENTS), GLN, SEED).manifest == one.manifest


def test_faults_are_listed_event_by_event() -> None:
    wrong = docs.commissioning("3")
    wrong["action"] = "INVENT"
    wrong["epcList"] = ["https://id.gs1.org/01/09506000134353/21/3"]
    with pytest.raises(Refused) as caught:
        build_batch(docs.document(EVENTS[0], wrong, EVENTS[1]), GLN, SEED)
    assert {error.event for error in caught.value.errors} == {1}
    paths = [error.path for error in caught.value.errors]
    assert "/epcisBody/eventList/1/action" in paths


def test_personal_data_is_refused_with_its_pointer_and_term_but_never_its_value() -> None:
    event = docs.commissioning("1")
    event["@context"] = [{"schema": "https://schema.org/"}]
    event["schema:email"] = "jo@example.org"
    event["schema:telephone"] = "+1"
    with pytest.raises(Refused) as caught:
        build_batch(docs.document(EVENTS[0], event), GLN, SEED)
    assert [(error.event, error.path, error.term) for error in caught.value.errors] == [
        (1, "/epcisBody/eventList/1/schema:email", "https://schema.org/email"),
        (1, "/epcisBody/eventList/1/schema:telephone", "https://schema.org/telephone"),
    ]
    assert caught.value.personal
    assert "jo@example.org" not in str(caught.value)


def test_one_event_twice_in_a_document_is_refused() -> None:
    with pytest.raises(Refused, match="same as event 0"):
        build_batch(docs.document(EVENTS[0], EVENTS[1], EVENTS[0]), GLN, SEED)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"a":NaN}', b"[" * 100_000])
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        build_batch(body, GLN, SEED)


def test_no_events_are_refused() -> None:
    with pytest.raises(Refused, match="holds no event"):
        build_batch(docs.document(), GLN, SEED)


def test_issue_follows_the_protocol() -> None:
    batch = build_issue("9506000134352", ["a1", "B/2", "%3"], GLN)
    assert batch.gtin == docs.GTIN
    assert batch.root == tree.root([b"\x02\x02a1", b"\x02\x03B/2", b"\x02\x02%3"])
    assert json.loads(batch.manifest)["serials"] == ["a1", "B/2", "%3"]
    issue = batch.issue(b"\1" * 32, 5)
    assert (issue.gtin, issue.size, issue.licence) == (9506000134352, 3, b"\1" * 32)
    assert issue.cid == bytes(cid_of(batch.manifest))


def test_issue_refuses_what_cannot_be_issued() -> None:
    with pytest.raises(BatchError, match="'x' is given twice"):
        build_issue(docs.GTIN, ["x", "y", "x"], GLN)
    with pytest.raises(BatchError, match="at least one"):
        build_issue(docs.GTIN, [], GLN)
    with pytest.raises(Gs1KeyError):
        build_issue("09506000134353", ["x"], GLN)
    with pytest.raises(BatchError, match=r"serials/1: serial number .*must have 1 to 20") as caught:
        build_issue(docs.GTIN, ["x", "x" * 21], GLN)
    assert caught.value.path == "/serials/1"


def test_attestation_signs_what_the_event_says() -> None:
    made = attestation(
        docs.bare(docs.delivery()), subject=docs.SSCC, deadline=9, order=b"\7" * 32, milestone=1
    )
    fields = made.message
    assert fields.subject == item_id(docs.SSCC)
    assert fields.biz_step == sha256(b"https://ref.gs1.org/cbv/BizStep-arriving").digest()
    assert fields.disposition == sha256(b"https://ref.gs1.org/cbv/Disp-in_progress").digest()
    assert fields.place == int(GLN)
    assert fields.event_time == 1_773_070_215_123
    assert (fields.quantity, fields.unit) == (0, bytes(3))
    assert (fields.order, fields.milestone, fields.extension) == (b"\7" * 32, 1, ZERO32)
    assert fields.cid == bytes(cid_of(made.sealed.document))
    assert compare(fields, made.sealed, canonical.loads(made.sealed.document)) == []


def test_attestation_refuses_a_subject_that_the_event_does_not_name() -> None:
    with pytest.raises(SignedFieldsError, match="subject"):
        attestation(docs.bare(docs.delivery()), subject=docs.item("1"), deadline=9)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seal_id", b"\1" * 32),
        ("event_hash", b"\1" * 32),
        ("subject", b"\1" * 32),
        ("biz_step", ZERO32),
        ("disposition", b"\1" * 32),
        ("place", 0),
        ("event_time", 1),
        ("quantity", 1),
        ("unit", b"KGM"),
        ("cid", b"\1" * 36),
        ("extension", b"\1" * 32),
    ],
)
def test_each_signed_field_that_differs_from_the_document_is_named(name: str, value: Any) -> None:
    made = attestation(docs.bare(docs.delivery()), deadline=9)
    changed = replace(made.message, **{name: value})
    found = compare(changed, made.sealed, canonical.loads(made.sealed.document))
    assert [difference.field for difference in found] == [name]


def test_an_issue_has_a_bound_that_its_error_names() -> None:
    with pytest.raises(BatchError, match=f"{MAX_SERIALS + 1} are given, {MAX_SERIALS} are allowed") as caught:
        build_issue("09506000134352", ["S"] * (MAX_SERIALS + 1), "9506000000015")
    assert caught.value.path == "/serials"
