"""MemberRegistry.suspend and reinstate."""

from tests.contracts.evm import reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import World, gln_of

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
