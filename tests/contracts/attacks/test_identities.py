"""Attempts to squat, borrow or mix up ids: accounts, marks, licences, keys, roots, seals."""

from hashlib import sha256

import pytest

from tests.contracts.evm import Contract
from tests.contracts.harness import YEAR, Signer, World, gtin_of, sign, signer
from tests.contracts.provenance.scene import IssuedItems, attest, attestation, cid_of, issue, materialise
from tests.contracts.settlement.scene import Scene, refused

TREASURY = signer("a newcomer's treasury")


def test_rule_6_no_account_is_registered_without_its_consent(world: World) -> None:
    """A member that sees another's admission or change coming keeps the account from it."""
    squatter, victim = world.carrier, world.brand
    with refused("SignatureInvalid", signer=TREASURY.address):
        world.change_account(squatter, Signer(b"", TREASURY.address))
    world.change_account(victim, TREASURY)
    assert world.registry.call("memberOfAccount", TREASURY.address) == victim.gln


def test_rule_6_what_an_account_signed_for_one_member_serves_no_other(world: World) -> None:
    values = {"gln": world.brand.gln, "account": TREASURY.address, "nonce": 0, "deadline": world.deadline}
    consent = sign(world.registry, "AccountChange", values, TREASURY)
    stolen = values | {"gln": world.carrier.gln}
    signature = sign(world.registry, "AccountChange", stolen, world.carrier.key)
    with refused("SignatureInvalid", signer=TREASURY.address):
        world.registry.transact("changeAccount", stolen, world.carrier.key.address, signature, consent)


def test_nobody_shows_another_s_goods_as_its_own_by_taking_its_former_account(
    world: World, passport: Contract
) -> None:
    items = IssuedItems(["A1"])
    issued = issue(world, passport, items, world.grant_licence())
    token = materialise(passport, issued, items).result
    former = world.maker.account.address
    world.change_account(world.maker, TREASURY)
    assert passport.call("ownerOf", token) == former
    with refused("SignatureInvalid", signer=former):
        world.change_account(world.carrier, Signer(b"", former))
    assert world.registry.call("memberOfAccount", former) == 0


@pytest.mark.parametrize("mark_first", [True, False])
def test_rule_5_a_mark_that_is_named_like_a_licence_widens_no_licence(world: World, mark_first: bool) -> None:
    """A licence's id can be computed beforehand and the council takes a mark's id as it is given."""
    terms = world.licence_terms(territories=[b"CN"])
    licence = world.rights.call("licenceId", terms)
    mark = (licence, world.maker.gln, "MAKER'S OWN", [b"US", b"JP"], [25], world.now + YEAR)
    if mark_first:
        world.as_council(world.rights, "registerMark", *mark)
    world.send(world.rights, "grant", "Licence", terms, world.brand.key)
    if not mark_first:
        world.as_council(world.rights, "registerMark", *mark)
    world.rights.call("checkTerritory", licence, b"CN")
    for territory in (b"US", b"JP"):
        with refused("TerritoryNotLicensed", licence=licence, territory=territory):
            world.rights.call("checkTerritory", licence, territory)
        with refused("TerritoryNotLicensed"):
            world.rights.call("check", licence, world.maker.gln, gtin_of(1), territory)


def test_rule_6_no_key_is_taken_that_does_not_sign_for_it(world: World) -> None:
    with refused("SignatureInvalid", signer=TREASURY.address):
        world.grant_key(world.carrier, Signer(b"", TREASURY.address))
    world.grant_key(world.brand, TREASURY)
    assert world.registry.call("key", TREASURY.address)["gln"] == world.brand.gln


def test_rule_11_nobody_takes_another_s_seal_or_root(scene: Scene) -> None:
    """Front-running with the same document, or the same root, leaves the honest one its own place."""
    world = scene.world
    fields = attestation(world)
    attest(world, scene.ledger, fields | {"subject": sha256(b"lie").digest()}, by=world.inspector.key)
    attest(world, scene.ledger, fields)
    batch = {"root": b"\x07" * 32, "size": 3, "cid": cid_of("manifest"), "deadline": world.deadline}
    for member, size in ((world.inspector, 99), (world.carrier, 3)):
        world.send(scene.ledger, "anchor", "Anchor", batch | {"size": size}, member.key)
        assert scene.ledger.call("anchored", member.gln, batch["root"])[0] == size


def test_rule_5_nobody_takes_another_maker_s_issue_id(world: World, passport: Contract) -> None:
    items = IssuedItems(["A1", "A2"])
    issued = issue(world, passport, items, world.grant_licence())
    assert issued == passport.call("issueIdOf", world.maker.gln, items.tree.root)
    with refused("AlreadyIssued", issueId=issued):
        issue(world, passport, items, world.grant_licence(salt=b"\x09" * 32))
