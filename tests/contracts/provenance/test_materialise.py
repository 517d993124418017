"""ProductPassport.materialise: one issued item becomes a token, once and while it may be."""

import pytest
from eth_utils.crypto import keccak

from epcis.digital_link import item_id, item_uri
from tests.contracts.evm import ZERO_ADDRESS, Contract, Reverted, address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import YEAR, World, signer
from tests.contracts.provenance.scene import IssuedItems, deep_items, issue, materialise, recall


@pytest.fixture
def items() -> IssuedItems:
    return IssuedItems(["0", 'a/b%c+"', "A-1.z_", "x" * 20, "12345"])


@pytest.fixture
def issued(world: World, passport: Contract, licence: bytes, items: IssuedItems) -> bytes:
    return issue(world, passport, items, licence)


def test_every_item_becomes_the_token_of_its_digital_link(
    world: World, passport: Contract, items: IssuedItems, issued: bytes
) -> None:
    for index, serial in enumerate(items.serials):
        receipt = passport.transact(
            "materialise", issued, index, serial, items.tree.proof(index), sender=address_of("anybody")
        )
        token = int.from_bytes(item_id(item_uri(f"{items.gtin:014d}", serial)), "big")
        assert receipt.result == token
        assert receipt.event("Materialised") == {
            "issueId": issued,
            "tokenId": token,
            "index": index,
            "serial": serial,
            "to": world.maker.account.address,
        }
        assert receipt.event("Transfer") == {
            "from": ZERO_ADDRESS,
            "to": world.maker.account.address,
            "tokenId": token,
        }
        assert passport.call("ownerOf", token) == world.maker.account.address
        assert passport.call("issueOf", token) == issued
        assert passport.call("balanceOf", world.maker.account.address) == index + 1


def test_once_and_the_first_issue_counts(
    world: World, passport: Contract, licence: bytes, items: IssuedItems, issued: bytes
) -> None:
    token = materialise(passport, issued, items, 2).result
    again = IssuedItems([*items.serials, "new"])
    second = issue(world, passport, again, licence)
    for issue_id, batch in ((issued, items), (second, again)):
        with pytest.raises(Reverted) as refused:
            materialise(passport, issue_id, batch, 2)
        assert refused.value.name == "AlreadyMaterialised"
        assert refused.value.values == {"tokenId": token, "issueId": issued}
    assert passport.call("issueOf", token) == issued
    materialise(passport, second, again, 5)


def test_only_what_was_issued(
    world: World, passport: Contract, licence: bytes, items: IssuedItems, issued: bytes
) -> None:
    proof = items.tree.proof(0)
    other = issue(world, passport, IssuedItems(["other", "items"]), licence)
    for issue_id, index, serial, steps in (
        (issued, 0, "1", proof),
        (issued, 1, "0", proof),
        (issued, 5, "0", proof),
        (issued, 2**64 - 1, "0", proof),
        (issued, 0, "0", proof[:-1]),
        (issued, 0, "0", [*proof, items.tree.root]),
        (issued, 0, "0", []),
        (other, 0, "0", proof),
    ):
        with pytest.raises(Reverted) as refused:
            passport.transact("materialise", issue_id, index, serial, steps)
        assert refused.value.name == "ProofInvalid"
        assert refused.value.values == {"issueId": issue_id, "index": index, "serial": serial}
    with pytest.raises(Reverted, match="IssueUnknown"):
        passport.transact("materialise", keccak(text="none"), 0, "0", proof)
    with pytest.raises(Reverted, match="SerialInvalid"):
        passport.transact("materialise", issued, 0, "", proof)
    with pytest.raises(Reverted, match="SerialInvalid"):
        passport.transact("materialise", issued, 0, "a b", proof)


def test_rule_5_no_passport_without_a_live_licence(
    world: World, passport: Contract, licence: bytes, items: IssuedItems, issued: bytes
) -> None:
    with world.evm.sandbox():
        world.evm.warp(YEAR)
        with pytest.raises(Reverted, match="LicenceNotLive"):
            materialise(passport, issued, items)
    with world.evm.sandbox():
        world.as_council(world.rights, "cancelMark", world.mark, keccak(text="why"))
        with pytest.raises(Reverted, match="MarkNotLive"):
            materialise(passport, issued, items)
    world.revoke_licence(licence)
    with pytest.raises(Reverted, match="LicenceIsRevoked"):
        materialise(passport, issued, items)


def test_rule_5_recalled_items_get_no_passport(
    world: World, passport: Contract, items: IssuedItems, issued: bytes
) -> None:
    recall(world, passport, issued, items.token(0), world.maker.key)
    with pytest.raises(Reverted) as refused:
        materialise(passport, issued, items, 0)
    assert refused.value.name == "ItemRecalled"
    assert refused.value.values == {"tokenId": items.token(0), "issueId": issued}
    materialise(passport, issued, items, 1)
    recall(world, passport, issued, 0, world.brand.key)
    with pytest.raises(Reverted, match="ItemRecalled"):
        materialise(passport, issued, items, 2)


def test_a_suspended_maker_gets_no_passport(
    world: World, passport: Contract, items: IssuedItems, issued: bytes
) -> None:
    world.as_council(world.registry, "suspend", world.maker.gln, keccak(text="why"))
    with pytest.raises(Reverted) as refused:
        materialise(passport, issued, items)
    assert (refused.value.name, refused.value.values) == (
        "HolderNotMember",
        {"holder": world.maker.account.address},
    )
    world.as_council(world.registry, "reinstate", world.maker.gln)
    materialise(passport, issued, items)


def test_the_maker_s_present_account_is_given_the_token(
    world: World, passport: Contract, items: IssuedItems, issued: bytes
) -> None:
    account = signer("new account")
    world.change_account(world.maker, account)
    token = materialise(passport, issued, items).result
    assert passport.call("ownerOf", token) == account.address


def test_gas_materialise(world: World, passport: Contract, gas_snapshot: GasSnapshot) -> None:
    first, second = deep_items(world, passport)
    assert passport.call("balanceOf", world.maker.account.address) == 0
    of_first = passport.transact("materialise", *first).gas
    of_second = passport.transact("materialise", *second).gas
    gas_snapshot.record("ProductPassport.materialise, 20 deep, holder's first", of_first)
    gas_snapshot.record("ProductPassport.materialise, 20 deep", of_second)
    assert of_first <= 110_000
    assert of_second <= 110_000


def test_gas_materialise_for_an_account_that_no_issue_opened(
    world: World, passport: Contract, gas_snapshot: GasSnapshot
) -> None:
    """An issue pays for the account of its day; the first item after a change of accounts pays itself."""
    first, second = deep_items(world, passport)
    passport.transact("materialise", *first)
    account = signer("maker's new account")
    world.change_account(world.maker, account)
    of_new = passport.transact("materialise", *second).gas
    gas_snapshot.record("ProductPassport.materialise, 20 deep, account changed since its issue", of_new)
    assert passport.call("balanceOf", world.maker.account.address) == 1
    assert passport.call("balanceOf", account.address) == 1
