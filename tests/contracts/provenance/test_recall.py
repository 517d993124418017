"""ProductPassport.recall: who may stop items, and what a stop reaches."""

from hashlib import sha256
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import Contract, Reverted
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import CARRIER, MAKER, World, party, sign, signer
from tests.contracts.provenance.scene import EMPTY, IssuedItems, issue, materialise, recall

ITEMS = IssuedItems(["A1", "A2", "A3"])
EVIDENCE = sha256(b"decision").digest()


@pytest.fixture
def issued(world: World, passport: Contract, licence: bytes) -> bytes:
    return issue(world, passport, ITEMS, licence)


def as_item(token: int) -> bytes:
    return token.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("who", "seizure"),
    [("maker", False), ("brand", False), ("customs_a", True), ("customs_b", True), ("regulator", True)],
)
@pytest.mark.parametrize("index", [None, 1])
def test_rule_5_maker_licensor_and_authorities_stop_at_once(
    world: World, passport: Contract, issued: bytes, who: str, seizure: bool, index: int | None
) -> None:
    by = getattr(world, who)
    token = 0 if index is None else ITEMS.token(index)
    receipt = recall(world, passport, issued, token, by.key)
    assert receipt.event("Recalled") == {
        "issueId": issued,
        "item": as_item(token),
        "by": by.gln,
        "evidence": EVIDENCE,
        "seizure": seizure,
    }
    assert passport.call("recallOf", issued, as_item(ITEMS.token(1))) == (by.gln, EVIDENCE)
    with pytest.raises(Reverted, match="ItemRecalled"):
        materialise(passport, issued, ITEMS, 1)
    if index is not None:
        assert passport.call("recallOf", issued, as_item(ITEMS.token(0))) == (0, EMPTY)
        assert passport.call("recallOf", issued, EMPTY) == (0, EMPTY)
        materialise(passport, issued, ITEMS, 0)


@pytest.mark.parametrize("who", ["buyer", "carrier", "inspector", "oracle1", "arbiter"])
def test_rule_6_nobody_else_stops_anything(world: World, passport: Contract, issued: bytes, who: str) -> None:
    by = getattr(world, who)
    with pytest.raises(Reverted) as refused:
        recall(world, passport, issued, 0, by.key)
    assert refused.value.name == "NotRecaller"
    assert refused.value.values == {"issueId": issued, "member": by.gln}


def test_rule_6_another_maker_or_brand_is_nobody_else(
    world: World, passport: Contract, issued: bytes
) -> None:
    rival = party("rival", 952_000_000_098, b"CN", MAKER | 1)
    world.admit(rival)
    with pytest.raises(Reverted, match="NotRecaller"):
        recall(world, passport, issued, 0, rival.key)


def test_rule_6_only_a_live_key_that_is_not_limited_to_other_work(
    world: World, passport: Contract, issued: bytes
) -> None:
    with pytest.raises(Reverted, match="KeyNotLive"):
        recall(world, passport, issued, 0, signer("stranger"))
    scanner = signer("a scanner at the maker's dock")
    world.as_council(world.registry, "setRoles", world.maker.gln, MAKER | CARRIER)
    world.grant_key(world.maker, scanner, roles=CARRIER)
    with pytest.raises(Reverted) as refused:
        recall(world, passport, issued, 0, scanner)
    assert refused.value.name == "RoleMissing"
    assert refused.value.values["required"] == MAKER
    stop = {"issueId": issued, "item": EMPTY, "evidence": EVIDENCE, "deadline": world.now - 1}
    with pytest.raises(Reverted, match="DeadlineExpired"):
        world.send(passport, "recall", "Recall", stop, world.maker.key)


@pytest.mark.parametrize(
    "change",
    [{"issueId": b"\x01" * 32}, {"item": b"\x01" * 32}, {"evidence": b"\x01" * 32}, {"deadline": 2**40}],
)
def test_rule_6_no_field_can_be_changed_after_signing(
    world: World, passport: Contract, issued: bytes, change: dict[str, Any]
) -> None:
    stop = {"issueId": issued, "item": EMPTY, "evidence": EVIDENCE, "deadline": world.deadline}
    signature = sign(passport, "Recall", stop, world.maker.key)
    with pytest.raises(Reverted, match="SignatureInvalid"):
        passport.transact("recall", stop | change, world.maker.key.address, signature)


def test_stopped_once(world: World, passport: Contract, issued: bytes) -> None:
    for token in (ITEMS.token(0), 0):
        recall(world, passport, issued, token, world.maker.key)
        with pytest.raises(Reverted) as refused:
            recall(world, passport, issued, token, world.brand.key)
        assert refused.value.name == "AlreadyRecalled"
        assert refused.value.values == {"issueId": issued, "item": as_item(token)}
        assert passport.call("recallOf", issued, as_item(token)) == (world.maker.gln, EVIDENCE)


def test_what_cannot_be(world: World, passport: Contract, issued: bytes) -> None:
    with pytest.raises(Reverted, match="IssueUnknown"):
        recall(world, passport, keccak(text="no issue"), 0, world.maker.key)
    stop = {"issueId": issued, "item": EMPTY, "evidence": EMPTY, "deadline": world.deadline}
    with pytest.raises(Reverted) as refused:
        world.send(passport, "recall", "Recall", stop, world.maker.key)
    assert (refused.value.name, refused.value.values) == ("FieldEmpty", {"field": "evidence"})


def test_rule_5_issuing_a_stopped_item_again_does_not_free_it(
    world: World, passport: Contract, licence: bytes, issued: bytes
) -> None:
    recall(world, passport, issued, ITEMS.token(0), world.customs_b.key)
    again = IssuedItems(["A1", "other"])
    second = issue(world, passport, again, licence)
    assert passport.call("recallOf", second, as_item(ITEMS.token(0))) == (world.customs_b.gln, EVIDENCE)
    with pytest.raises(Reverted) as refused:
        materialise(passport, second, again, 0)
    assert refused.value.values == {"tokenId": ITEMS.token(0), "issueId": second}
    materialise(passport, second, again, 1)


def test_one_maker_does_not_stop_another_maker_s_items(
    world: World, passport: Contract, issued: bytes
) -> None:
    rival = party("rival", 952_000_000_098, b"CN", MAKER)
    world.admit(rival)
    licence = world.grant_licence(licensee=rival.gln, salt=keccak(text="rival"))
    theirs = issue(world, passport, IssuedItems(["B1"]), licence, by=rival.key)
    recall(world, passport, theirs, ITEMS.token(0), rival.key)
    recall(world, passport, theirs, 0, rival.key)
    assert passport.call("recallOf", issued, as_item(ITEMS.token(0))) == (0, EMPTY)
    materialise(passport, issued, ITEMS, 0)


def test_erc_4906_says_that_metadata_changed(world: World, passport: Contract, issued: bytes) -> None:
    unborn = recall(world, passport, issued, ITEMS.token(0), world.maker.key)
    assert not unborn.named("MetadataUpdate")
    token = materialise(passport, issued, ITEMS, 1).result
    changed = recall(world, passport, issued, token, world.maker.key)
    assert changed.event("MetadataUpdate") == {"_tokenId": token}
    whole = recall(world, passport, issued, 0, world.maker.key)
    assert whole.event("BatchMetadataUpdate") == {"_fromTokenId": 0, "_toTokenId": 2**256 - 1}


def test_gas_recall(world: World, passport: Contract, issued: bytes, gas_snapshot: GasSnapshot) -> None:
    gas_snapshot.record(
        "ProductPassport.recall, one item",
        recall(world, passport, issued, ITEMS.token(0), world.maker.key).gas,
    )
    gas_snapshot.record(
        "ProductPassport.recall, an issue, as a seizure",
        recall(world, passport, issued, 0, world.customs_a.key).gas,
    )
