"""MemberRegistry.revokeKey (rule 6)."""

import pytest

from tests.contracts.evm import reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import BRAND_OWNER, DAY, KEY_ADMIN, TRADER, World, sign, signer

FRESH = signer("fresh key")


def test_a_key_ends_at_the_including_block(world: World, gas_snapshot: GasSnapshot) -> None:
    world.grant_key(world.brand, FRESH)
    granted = world.now
    world.evm.warp(100)
    assert world.registry.call("requireRole", FRESH.address, 0) == world.brand.gln
    receipt = world.revoke_key(world.brand, FRESH)
    assert receipt.event("KeyRevoked") == {
        "gln": world.brand.gln,
        "key": FRESH.address,
        "by": world.brand.key.address,
    }
    with reverts(
        "KeyNotLive", key=FRESH.address, gln=world.brand.gln, validFrom=granted, validUntil=world.now
    ):
        world.registry.call("requireRole", FRESH.address, 0)
    gas_snapshot.record("MemberRegistry.revokeKey", receipt.gas)


def test_a_key_ends_itself_without_key_admin(world: World) -> None:
    world.grant_key(world.brand, FRESH, roles=TRADER)
    world.revoke_key(world.brand, FRESH, by=FRESH)
    with reverts("KeyNotLive"):
        world.registry.call("requireRole", FRESH.address, 0)


def test_a_key_that_has_not_begun_ends_itself_and_never_begins(world: World) -> None:
    world.grant_key(world.brand, FRESH, validFrom=world.now + DAY, validUntil=world.now + 2 * DAY)
    world.revoke_key(world.brand, FRESH, by=FRESH)
    world.evm.warp(DAY)
    with reverts("KeyNotLive"):
        world.registry.call("requireRole", FRESH.address, 0)


def test_a_key_without_key_admin_ends_no_other(world: World) -> None:
    world.grant_key(world.brand, FRESH)
    with reverts("RoleMissing", gln=world.brand.gln, required=KEY_ADMIN, roles=BRAND_OWNER | TRADER):
        world.revoke_key(world.brand, world.brand.key, by=FRESH)


def test_one_member_ends_no_key_of_another(world: World) -> None:
    maker, brand = world.maker, world.brand
    with reverts("WrongMember", signer=maker.key.address, actual=maker.gln, expected=brand.gln):
        world.revoke_key(brand, brand.key, by=maker.key)
    with reverts("WrongMember", signer=brand.key.address, actual=brand.gln, expected=maker.gln):
        world.revoke_key(maker, brand.key, by=maker.key)


def test_a_self_revocation_names_the_right_member(world: World) -> None:
    brand = world.brand
    with reverts("WrongMember", signer=brand.key.address, actual=brand.gln, expected=world.maker.gln):
        world.revoke_key(world.maker, brand.key, by=brand.key)


def test_neither_the_council_nor_a_stranger_ends_a_key(world: World) -> None:
    for outsider in (world.seats[0], FRESH):
        with reverts("KeyNotLive", key=outsider.address, gln=0, validFrom=0, validUntil=0):
            world.revoke_key(world.brand, world.brand.key, by=outsider)


@pytest.mark.parametrize("ended_by", ["revocation", "time"])
def test_an_ended_key_is_not_ended_again_and_ends_nothing(world: World, ended_by: str) -> None:
    world.grant_key(world.brand, FRESH, roles=TRADER | KEY_ADMIN, validUntil=world.now + DAY)
    if ended_by == "revocation":
        world.revoke_key(world.brand, FRESH)
    else:
        world.evm.warp(DAY)
    for by in (FRESH, world.brand.key):
        with reverts("KeyNotLive"):
            world.revoke_key(world.brand, FRESH, by=by)
    with reverts("KeyNotLive"):
        world.revoke_key(world.brand, world.brand.key, by=FRESH)


def test_a_suspended_member_still_ends_its_stolen_keys(world: World) -> None:
    world.grant_key(world.brand, FRESH)
    world.as_council(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    world.revoke_key(world.brand, FRESH)
    world.as_council(world.registry, "reinstate", world.brand.gln)
    with reverts("KeyNotLive"):
        world.registry.call("requireRole", FRESH.address, 0)


@pytest.mark.parametrize("field", ["gln", "key", "deadline"])
def test_every_field_of_a_revocation_is_signed(world: World, field: str) -> None:
    world.grant_key(world.brand, FRESH)
    values = {"gln": world.brand.gln, "key": FRESH.address, "deadline": world.deadline}
    signature = sign(world.registry, "KeyRevocation", values, world.brand.key)
    other = {"gln": world.maker.gln, "key": world.brand.key.address, "deadline": world.deadline + 1}
    with reverts("SignatureInvalid"):
        world.registry.transact(
            "revokeKey", values | {field: other[field]}, world.brand.key.address, signature
        )


def test_a_revocation_has_a_deadline(world: World) -> None:
    with reverts("DeadlineExpired", deadline=world.now - 1, timestamp=world.now):
        world.revoke_key(world.brand, world.brand.key, deadline=world.now - 1)
