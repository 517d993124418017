"""MemberRegistry.suspend and reinstate."""

from tests.contracts.evm import reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import CARRIER, DAY, KEY_ADMIN, MAKER, TRADER, World, gln_of, signer

REASON = b"\x01" * 32


def test_a_suspended_members_keys_are_not_live(world: World, gas_snapshot: GasSnapshot) -> None:
    receipt = world.as_council(world.registry, "suspend", world.brand.gln, REASON)
    assert receipt.event("MemberSuspended") == {"gln": world.brand.gln, "reason": REASON}
    assert not world.registry.call("member", world.brand.gln)["active"]
    with reverts("MemberNotActive", gln=world.brand.gln):
        world.registry.call("requireRole", world.brand.key.address, 0)
    with reverts("MemberNotActive", gln=world.brand.gln):
        world.registry.call("requireMember", world.brand.key.address, world.brand.gln, 0)
    assert world.registry.call("requireRole", world.maker.key.address, 0) == world.maker.gln
    gas_snapshot.record("MemberRegistry.suspend", receipt.gas)


def test_a_reinstated_member_acts_again(world: World, gas_snapshot: GasSnapshot) -> None:
    world.as_council(world.registry, "suspend", world.brand.gln, REASON)
    receipt = world.as_council(world.registry, "reinstate", world.brand.gln)
    assert receipt.event("MemberReinstated") == {"gln": world.brand.gln}
    assert world.registry.call("requireRole", world.brand.key.address, 0) == world.brand.gln
    gas_snapshot.record("MemberRegistry.reinstate", receipt.gas)


def test_rule_6_a_members_standing_reaches_every_key_that_it_has_or_gets(
    world: World, gas_snapshot: GasSnapshot
) -> None:
    """Each key's record carries its member's standing: none may be left behind."""
    brand, registry = world.brand, world.registry
    keys = [signer(f"standing {number}") for number in range(31)]
    for number, key in enumerate(keys[:30]):
        world.grant_key(brand, key, validFrom=world.now + (DAY if number % 2 else 0), roles=TRADER)
    world.revoke_key(brand, keys[3])
    reason = REASON
    receipt = world.as_council(registry, "suspend", brand.gln, reason)
    gas_snapshot.record("MemberRegistry.suspend, a member with 31 keys", receipt.gas)
    world.evm.warp(DAY)
    ended = registry.call("key", keys[3].address)
    for key in [brand.key, *keys[:30]]:
        if key is keys[3]:
            with reverts(
                "KeyNotLive", key=key.address, **{name: ended[name] for name in ended if name != "roles"}
            ):
                registry.call("requireRole", key.address, 0)
            continue
        with reverts("MemberNotActive", gln=brand.gln):
            registry.call("requireRole", key.address, 0)

    world.as_council(registry, "setRoles", brand.gln, MAKER | CARRIER)
    world.as_council(registry, "reinstate", brand.gln)
    assert registry.call("requireRole", brand.key.address, CARRIER) == brand.gln
    with reverts("RoleMissing", gln=brand.gln, required=TRADER, roles=MAKER | CARRIER | KEY_ADMIN):
        registry.call("requireRole", brand.key.address, TRADER)
    for key in [*keys[:3], *keys[4:30]]:
        with reverts("RoleMissing", gln=brand.gln, required=0, roles=0):
            registry.call("requireRole", key.address, 0)
    # In the place of the one that has ended, with the standing of now.
    world.grant_key(brand, keys[30], roles=MAKER | TRADER)
    with reverts("RoleMissing", gln=brand.gln, required=TRADER, roles=MAKER):
        registry.call("requireRole", keys[30].address, TRADER)
    world.as_council(registry, "setRoles", brand.gln, TRADER)
    for key in [*keys[:3], *keys[4:31]]:
        assert registry.call("requireRole", key.address, TRADER) == brand.gln


def test_suspension_and_reinstatement_alternate(world: World) -> None:
    with reverts("MemberActive", gln=world.brand.gln):
        world.as_council(world.registry, "reinstate", world.brand.gln)
    world.as_council(world.registry, "suspend", world.brand.gln, REASON)
    with reverts("MemberNotActive", gln=world.brand.gln):
        world.as_council(world.registry, "suspend", world.brand.gln, REASON)


def test_only_members_are_suspended_and_only_by_the_council(world: World) -> None:
    unknown = gln_of(77)
    with reverts("MemberUnknown", gln=unknown):
        world.as_council(world.registry, "suspend", unknown, REASON)
    with reverts("MemberUnknown", gln=unknown):
        world.as_council(world.registry, "reinstate", unknown)
    seat = world.seats[0].address
    with reverts("AccessManagedUnauthorized", caller=seat):
        world.registry.transact("suspend", world.brand.gln, REASON, sender=seat)
    with reverts("AccessManagedUnauthorized", caller=seat):
        world.registry.transact("reinstate", world.brand.gln, sender=seat)
