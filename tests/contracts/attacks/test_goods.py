"""Attempts to issue, free or sell goods that must not be, and to use up what is another's."""

from hashlib import sha256

import pytest
from eth_utils.crypto import keccak

from epcis.tree import event_leaf, item_leaf, leaf_hash
from tests.contracts.evm import Contract, attempt
from tests.contracts.harness import MAKER, Party, World, party, sign
from tests.contracts.provenance.scene import IssuedItems, issue, materialise, recall
from tests.contracts.settlement.scene import refused

ITEMS = IssuedItems(["A1", "A2", "A3", "A4"])
ITEM = ITEMS.token(0).to_bytes(32, "big")


@pytest.fixture
def licence(world: World) -> bytes:
    return world.grant_licence()


@pytest.fixture
def accomplice(world: World) -> Party:
    """Another maker whom the brand licensed for the same GTIN."""
    member = party("accomplice", 952_000_000_072, b"CN", MAKER)
    world.admit(member)
    return member


def accomplice_licence(world: World, accomplice: Party) -> bytes:
    return world.grant_licence(licensee=accomplice.gln, salt=keccak(text="accomplice"))


def test_rule_5_a_seized_item_gets_no_passport_from_another_maker(
    world: World, passport: Contract, licence: bytes, accomplice: Party
) -> None:
    seized = issue(world, passport, ITEMS, licence)
    recall(world, passport, seized, ITEMS.token(0), world.customs_b.key)
    again = IssuedItems(["A1", "B1"])
    theirs = accomplice_licence(world, accomplice)
    second = issue(world, passport, again, theirs, by=accomplice.key)
    assert passport.call("recallOf", second, ITEM)[0] == world.customs_b.gln
    with refused("ItemRecalled", tokenId=ITEMS.token(0), issueId=second):
        materialise(passport, second, again, 0)
    materialise(passport, second, again, 1)


@pytest.mark.parametrize("whole", [True, False])
def test_rule_11_a_quick_recall_keeps_no_seizure_from_being_recorded(
    world: World, passport: Contract, licence: bytes, whole: bool
) -> None:
    """A maker that sees customs coming recalls first, so that its own good will is all that is recorded."""
    issued = issue(world, passport, ITEMS, licence)
    item = 0 if whole else ITEMS.token(0)
    recall(world, passport, issued, item, world.maker.key, "good will")
    receipt = recall(world, passport, issued, item, world.customs_a.key, "counterfeit")
    assert receipt.event("Recalled")["seizure"] is True
    shown = passport.call("recallOf", issued, ITEM)
    assert shown == (world.customs_a.gln, sha256(b"counterfeit").digest())
    with refused("AlreadyRecalled"):
        recall(world, passport, issued, item, world.customs_b.key)
    with refused("ItemRecalled"):
        materialise(passport, issued, ITEMS, 0)


def test_a_seizure_keeps_no_recall_from_being_recorded(
    world: World, passport: Contract, licence: bytes
) -> None:
    issued = issue(world, passport, ITEMS, licence)
    recall(world, passport, issued, 0, world.customs_a.key)
    recall(world, passport, issued, 0, world.brand.key)
    assert passport.call("recallOf", issued, ITEM)[0] == world.customs_a.gln


def test_a_maker_reaches_no_other_maker_s_items_by_naming_them(
    world: World, passport: Contract, licence: bytes, accomplice: Party
) -> None:
    issued = issue(world, passport, ITEMS, licence)
    theirs = accomplice_licence(world, accomplice)
    second = issue(world, passport, IssuedItems(["B1"]), theirs, by=accomplice.key)
    recall(world, passport, second, ITEMS.token(0), accomplice.key)
    materialise(passport, issued, ITEMS, 0)


def test_rule_5_no_licence_is_used_up_by_others(
    world: World, passport: Contract, licence: bytes, accomplice: Party
) -> None:
    with refused("NotLicensee", member=accomplice.gln):
        issue(world, passport, ITEMS, licence, by=accomplice.key)
    for caller in (accomplice.account, accomplice.key, world.brand.account, world.seats[0]):
        with refused("AccessManagedUnauthorized", caller=caller.address):
            world.rights.transact("consume", licence, world.maker.gln, ITEMS.gtin, 1, sender=caller.address)
    assert world.rights.call("licenceRecord", licence)["consumed"] == 0


@pytest.mark.parametrize("claimed", [1, 2, 3])
def test_rule_5_no_more_items_than_were_paid_for_with_the_licence(
    world: World, passport: Contract, licence: bytes, claimed: int
) -> None:
    """The maker signs a size smaller than its tree; at most `claimed` of the leaves have a place below it."""
    issued = issue(world, passport, ITEMS, licence, size=claimed)
    tree, born = ITEMS.tree, set[str]()
    for leaf, serial in enumerate(ITEMS.serials):
        path = tree.proof(leaf)
        for index in range(4):
            for proof in (path, path[:1], path[1:], [], [*path, bytes(32)]):
                with attempt() as tried:
                    passport.transact("materialise", issued, index, serial, proof)
                born |= {serial} if tried.done else set()
    assert len(born) <= claimed


def test_no_inner_node_and_no_event_is_an_item(world: World, passport: Contract, licence: bytes) -> None:
    """Leaf data is tagged and as long as it says: a serial cannot be read out of anything else."""
    event = event_leaf(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
    node = b"\x01" + leaf_hash(item_leaf("A1")) + leaf_hash(item_leaf("A2"))
    assert event[0] != item_leaf("A")[0]
    issued = issue(world, passport, ITEMS, licence, root=leaf_hash(event), size=1)
    for data in (event, node):
        with refused("SerialInvalid"):
            passport.transact("materialise", issued, 0, data[2:].decode("latin-1"), [])


def test_rule_5_a_signature_for_one_passport_contract_issues_nothing_in_another(
    world: World, passport: Contract, licence: bytes
) -> None:
    beside = world.evm.deploy("ProductPassport", world.registry, world.rights, label="beside")
    world.allow_consume(beside)
    terms = ITEMS.terms(world, licence)
    signature = sign(passport, "Issue", terms, world.maker.key)
    with refused("SignatureInvalid", signer=world.maker.key.address):
        beside.transact("issue", terms, world.maker.key.address, signature)
