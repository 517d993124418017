"""MemberRegistry.grantKey (rule 6: a member rotates its own keys alone)."""

from dataclasses import replace

import pytest

from tests.contracts.evm import ZERO_ADDRESS, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import (
    ACTIVITIES,
    BRAND_OWNER,
    CARRIER,
    DAY,
    KEY_ADMIN,
    MAKER,
    TRADER,
    Signer,
    World,
    sign,
    signer,
)

FRESH = signer("fresh key")


def test_rule_6_a_member_adds_a_key_by_itself(world: World, gas_snapshot: GasSnapshot) -> None:
    receipt = world.grant_key(world.brand, FRESH)
    expected = {
        "gln": world.brand.gln,
        "validFrom": world.now,
        "validUntil": world.now + 365 * DAY,
        "roles": BRAND_OWNER | TRADER,
    }
    assert receipt.event("KeyGranted") == {
        **expected,
        "key": FRESH.address,
        "by": world.brand.key.address,
    }
    assert world.registry.call("key", FRESH.address) == expected
    assert world.registry.call("requireRole", FRESH.address, BRAND_OWNER) == world.brand.gln
    gas_snapshot.record("MemberRegistry.grantKey", receipt.gas)


def test_rule_6_a_full_rotation_needs_nobody_else(world: World) -> None:
    world.grant_key(world.brand, FRESH, roles=ACTIVITIES | KEY_ADMIN)
    world.revoke_key(world.brand, world.brand.key, by=FRESH)
    world.grant_key(world.brand, signer("third"), by=FRESH)
    assert world.registry.call("requireRole", signer("third").address, TRADER) == world.brand.gln
    with reverts("KeyNotLive"):
        world.registry.call("requireRole", world.brand.key.address, 0)


def test_a_key_without_key_admin_grants_nothing(world: World) -> None:
    world.grant_key(world.brand, FRESH)
    with reverts("RoleMissing", gln=world.brand.gln, required=KEY_ADMIN, roles=BRAND_OWNER | TRADER):
        world.grant_key(world.brand, signer("third"), by=FRESH)


def test_a_key_gives_no_role_that_it_lacks_itself(world: World) -> None:
    world.grant_key(world.brand, FRESH, roles=TRADER | KEY_ADMIN)
    with reverts("RoleMissing", gln=world.brand.gln, required=BRAND_OWNER, roles=TRADER | KEY_ADMIN):
        world.grant_key(world.brand, signer("third"), by=FRESH, roles=BRAND_OWNER)
    world.grant_key(world.brand, signer("third"), by=FRESH, roles=TRADER)


def test_a_key_has_no_role_that_its_member_lacks(world: World) -> None:
    world.grant_key(world.brand, FRESH, roles=BRAND_OWNER | CARRIER)
    with reverts("RoleMissing", gln=world.brand.gln, required=CARRIER, roles=BRAND_OWNER):
        world.registry.call("requireRole", FRESH.address, CARRIER)


def test_one_member_gives_another_no_key(world: World) -> None:
    with reverts(
        "WrongMember", signer=world.maker.key.address, actual=world.maker.gln, expected=world.brand.gln
    ):
        world.grant_key(world.brand, FRESH, by=world.maker.key)


def test_the_council_and_strangers_have_no_key_to_grant_with(world: World) -> None:
    for outsider in (world.seats[0], FRESH):
        with reverts("KeyNotLive", key=outsider.address, gln=0, validFrom=0, validUntil=0):
            world.grant_key(world.brand, signer("third"), by=outsider)


@pytest.mark.parametrize("roles", [0, 1 << 10, 1 << 30, KEY_ADMIN | 1 << 11])
def test_a_key_has_at_least_one_known_role(world: World, roles: int) -> None:
    with reverts("RolesInvalid", roles=roles):
        world.grant_key(world.brand, FRESH, roles=roles)


def test_a_key_belongs_to_one_member_for_ever(world: World) -> None:
    world.grant_key(world.brand, FRESH)
    with reverts("KeyTaken", key=FRESH.address, gln=world.brand.gln):
        world.grant_key(world.maker, FRESH, roles=MAKER)
    world.revoke_key(world.brand, FRESH)
    for member in (world.brand, world.maker):
        with reverts("KeyTaken", key=FRESH.address, gln=world.brand.gln):
            world.grant_key(member, FRESH)


def test_the_zero_address_is_no_key(world: World) -> None:
    with reverts("KeyTaken", key=ZERO_ADDRESS, gln=0):
        world.grant_key(world.brand, Signer(b"", ZERO_ADDRESS))


def test_a_grant_is_not_replayed(world: World) -> None:
    values = {
        "gln": world.brand.gln,
        "key": FRESH.address,
        "validFrom": world.now,
        "validUntil": world.now + DAY,
        "roles": TRADER,
        "deadline": world.deadline,
    }
    signature = sign(world.registry, "KeyGrant", values, world.brand.key)
    consent = sign(world.registry, "KeyGrant", values, FRESH)
    world.registry.transact("grantKey", values, world.brand.key.address, signature, consent)
    with reverts("KeyTaken"):
        world.registry.transact("grantKey", values, world.brand.key.address, signature, consent)


def test_nobody_takes_a_key_that_is_not_its_own(world: World) -> None:
    values = {
        "gln": world.brand.gln,
        "key": FRESH.address,
        "validFrom": world.now,
        "validUntil": world.now + DAY,
        "roles": TRADER,
        "deadline": world.deadline,
    }
    signature = sign(world.registry, "KeyGrant", values, world.brand.key)
    other = sign(world.registry, "KeyGrant", values | {"deadline": world.deadline + 1}, FRESH)
    for consent in (b"", signature, other):
        with reverts("SignatureInvalid"):
            world.registry.transact("grantKey", values, world.brand.key.address, signature, consent)
    assert world.registry.call("key", FRESH.address)["gln"] == 0


@pytest.mark.parametrize("field", ["gln", "key", "validFrom", "validUntil", "roles", "deadline"])
def test_every_field_of_a_grant_is_signed(world: World, field: str) -> None:
    values = {
        "gln": world.brand.gln,
        "key": FRESH.address,
        "validFrom": world.now,
        "validUntil": world.now + DAY,
        "roles": TRADER,
        "deadline": world.deadline,
    }
    signature = sign(world.registry, "KeyGrant", values, world.brand.key)
    other = {
        "gln": world.maker.gln,
        "key": signer("third").address,
        "validFrom": world.now + 1,
        "validUntil": world.now + 2 * DAY,
        "roles": BRAND_OWNER,
        "deadline": world.deadline + 1,
    }
    with reverts("SignatureInvalid"):
        changed = values | {field: other[field]}
        consent = sign(world.registry, "KeyGrant", changed, signer("third") if field == "key" else FRESH)
        world.registry.transact("grantKey", changed, world.brand.key.address, signature, consent)


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 0), (10, 5), (0, 1096 * DAY + 1), (-20, 0), (-20, -10), (1096 * DAY + 1, 1097 * DAY)],
)
def test_validity_is_bounded_and_not_over(world: World, start: int, end: int) -> None:
    first, last = world.now + start, world.now + end
    with reverts("ValidityInvalid", validFrom=first, validUntil=last):
        world.grant_key(world.brand, FRESH, validFrom=first, validUntil=last)


def test_a_key_may_start_later(world: World) -> None:
    start = world.now + 30 * DAY
    world.grant_key(world.brand, FRESH, validFrom=start, validUntil=start + 1096 * DAY)
    span = {"validFrom": start, "validUntil": start + 1096 * DAY}
    world.evm.warp_to(start - 1)
    with reverts("KeyNotLive", key=FRESH.address, gln=world.brand.gln, **span):
        world.registry.call("requireRole", FRESH.address, 0)
    world.evm.warp(1)
    assert world.registry.call("requireRole", FRESH.address, 0) == world.brand.gln
    world.evm.warp_to(start + 1096 * DAY - 1)
    assert world.registry.call("requireRole", FRESH.address, 0) == world.brand.gln
    world.evm.warp(1)
    with reverts("KeyNotLive", key=FRESH.address, gln=world.brand.gln, **span):
        world.registry.call("requireRole", FRESH.address, 0)


def test_a_suspended_member_adds_no_key(world: World) -> None:
    world.as_council(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    with reverts("MemberNotActive", gln=world.brand.gln):
        world.grant_key(world.brand, FRESH)


def test_a_grant_has_a_deadline(world: World) -> None:
    with reverts("DeadlineExpired", deadline=world.now - 1, timestamp=world.now):
        world.grant_key(world.brand, FRESH, deadline=world.now - 1)


def test_keys_that_have_not_ended_are_bounded_and_ended_ones_make_room(
    world: World, gas_snapshot: GasSnapshot
) -> None:
    keys = [signer(f"key {number}") for number in range(40)]
    for key in keys[:31]:
        last = world.grant_key(world.brand, key)
    gas_snapshot.record("MemberRegistry.grantKey, the 32nd", last.gas)
    with reverts("KeyLimitReached", gln=world.brand.gln, limit=32):
        world.grant_key(world.brand, keys[31])
    world.revoke_key(world.brand, keys[7])
    world.grant_key(world.brand, keys[31])
    with reverts("KeyLimitReached", gln=world.brand.gln, limit=32):
        world.grant_key(world.brand, keys[32])
    assert world.registry.call("requireRole", keys[31].address, 0) == world.brand.gln
    assert world.registry.call("key", keys[7].address)["gln"] == world.brand.gln


def test_a_contract_account_is_a_key_too(world: World) -> None:
    owner = signer("wallet owner")
    wallet = replace(owner, address=world.evm.deploy("ContractWallet", owner.address).address)
    world.grant_key(world.brand, wallet, roles=TRADER | KEY_ADMIN)
    world.grant_key(world.brand, FRESH, by=wallet, roles=TRADER)
    thief = replace(signer("thief"), address=wallet.address)
    with reverts("SignatureInvalid"):
        world.grant_key(world.brand, signer("third"), by=thief, roles=TRADER)
    # The owner's own address is no key, only the account's is.
    with reverts("KeyNotLive", key=owner.address, gln=0, validFrom=0, validUntil=0):
        world.registry.call("requireRole", owner.address, 0)
