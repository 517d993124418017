"""MemberRegistry.recoverKey (rule 6): the council helps who has lost all keys, and nobody else."""

from tests.contracts.evm import RELAYER, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import ACTIVITIES, DAY, KEY_ADMIN, YEAR, World, gln_of, signer

FRESH = signer("fresh key")


def test_rule_6_the_council_gives_no_key_beside_a_live_one(world: World) -> None:
    with reverts("LiveKeyExists", gln=world.brand.gln, key=world.brand.key.address):
        world.decide(world.registry, "recoverKey", world.brand.gln, FRESH.address, world.now + DAY)


def test_rule_6_a_key_that_begins_later_bars_the_council_too(world: World) -> None:
    later = signer("later")
    world.grant_key(world.brand, later, validFrom=world.now + DAY, validUntil=world.now + 2 * DAY)
    world.revoke_key(world.brand, world.brand.key)
    with reverts("LiveKeyExists", gln=world.brand.gln, key=later.address):
        world.as_council(world.registry, "recoverKey", world.brand.gln, FRESH.address, world.now + DAY)
    world.evm.warp(2 * DAY)
    world.as_council(world.registry, "recoverKey", world.brand.gln, FRESH.address, world.now + DAY)


def test_a_member_without_keys_gets_one_from_the_council(world: World, gas_snapshot: GasSnapshot) -> None:
    world.revoke_key(world.brand, world.brand.key)
    until = world.now + YEAR
    receipt = world.as_council(world.registry, "recoverKey", world.brand.gln, FRESH.address, until)
    assert receipt.event("KeyGranted") == {
        "gln": world.brand.gln,
        "key": FRESH.address,
        "validFrom": world.now,
        "validUntil": until,
        "roles": ACTIVITIES | KEY_ADMIN,
        "by": world.council.address,
    }
    world.grant_key(world.brand, signer("third"), by=FRESH)
    with reverts("LiveKeyExists", gln=world.brand.gln, key=FRESH.address):
        world.as_council(world.registry, "recoverKey", world.brand.gln, signer("4").address, until)
    gas_snapshot.record("MemberRegistry.recoverKey", receipt.gas)


def test_expired_keys_are_ended_keys(world: World) -> None:
    world.evm.warp(2 * YEAR)
    world.as_council(world.registry, "recoverKey", world.brand.gln, FRESH.address, world.now + DAY)
    assert world.registry.call("requireRole", FRESH.address, 0) == world.brand.gln


def test_an_old_key_does_not_come_back(world: World) -> None:
    world.revoke_key(world.brand, world.brand.key)
    with reverts("KeyTaken", key=world.brand.key.address, gln=world.brand.gln):
        world.as_council(
            world.registry, "recoverKey", world.brand.gln, world.brand.key.address, world.now + DAY
        )


def test_recovery_needs_a_member_a_valid_span_and_the_council(world: World) -> None:
    unknown = gln_of(77)
    with reverts("MemberUnknown", gln=unknown):
        world.as_council(world.registry, "recoverKey", unknown, FRESH.address, world.now + DAY)
    world.revoke_key(world.brand, world.brand.key)
    for until in (world.now, world.now + 1096 * DAY + 1):
        with reverts("ValidityInvalid", validFrom=world.now, validUntil=until):
            world.as_council(world.registry, "recoverKey", world.brand.gln, FRESH.address, until)
    with reverts("AccessManagedUnauthorized", caller=RELAYER):
        world.registry.transact("recoverKey", world.brand.gln, FRESH.address, world.now + DAY)
