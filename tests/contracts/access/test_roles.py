"""MemberRegistry.setRoles, requireRole and requireMember (rule 6: only with a role granted at this block)."""

import pytest

from tests.contracts.evm import RELAYER, address_of, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import (
    ACTIVITIES,
    BRAND_OWNER,
    CARRIER,
    CUSTOMS,
    KEY_ADMIN,
    MAKER,
    TRADER,
    World,
    gln_of,
    signer,
)


def test_one_of_the_asked_roles_is_enough(world: World) -> None:
    maker = world.maker
    assert world.registry.call("requireRole", maker.key.address, CARRIER | MAKER) == maker.gln
    assert world.registry.call("requireRole", maker.key.address, 0) == maker.gln
    world.registry.call("requireMember", maker.key.address, maker.gln, TRADER | CUSTOMS)
    with reverts("RoleMissing", gln=maker.gln, required=CARRIER | CUSTOMS, roles=MAKER | TRADER | KEY_ADMIN):
        world.registry.call("requireRole", maker.key.address, CARRIER | CUSTOMS)


def test_rule_6_a_role_taken_away_is_gone_at_once(world: World, gas_snapshot: GasSnapshot) -> None:
    receipt = world.as_council(world.registry, "setRoles", world.maker.gln, TRADER)
    assert receipt.event("RolesChanged") == {"gln": world.maker.gln, "roles": TRADER}
    with reverts("RoleMissing", gln=world.maker.gln, required=MAKER, roles=TRADER | KEY_ADMIN):
        world.registry.call("requireRole", world.maker.key.address, MAKER)
    gas_snapshot.record("MemberRegistry.setRoles", receipt.gas)


def test_a_role_given_later_needs_no_new_key(world: World) -> None:
    world.as_council(world.registry, "setRoles", world.maker.gln, MAKER | CARRIER)
    assert world.registry.call("requireRole", world.maker.key.address, CARRIER) == world.maker.gln


def test_a_limited_key_keeps_its_limits(world: World) -> None:
    limited = signer("limited")
    world.grant_key(world.maker, limited, roles=MAKER)
    world.as_council(world.registry, "setRoles", world.maker.gln, ACTIVITIES)
    with reverts("RoleMissing", gln=world.maker.gln, required=TRADER, roles=MAKER):
        world.registry.call("requireRole", limited.address, TRADER)


def test_a_key_that_only_administers_keys_does_not_act(world: World) -> None:
    admin = signer("admin")
    world.grant_key(world.maker, admin, roles=KEY_ADMIN)
    assert world.registry.call("requireRole", admin.address, KEY_ADMIN) == world.maker.gln
    with reverts("RoleMissing", gln=world.maker.gln, required=0, roles=KEY_ADMIN):
        world.registry.call("requireRole", admin.address, 0)


def test_a_key_acts_for_its_own_member_only(world: World) -> None:
    brand, maker = world.brand, world.maker
    with reverts("WrongMember", signer=brand.key.address, actual=brand.gln, expected=maker.gln):
        world.registry.call("requireMember", brand.key.address, maker.gln, 0)


def test_no_key_no_role(world: World) -> None:
    nobody = address_of("nobody")
    with reverts("KeyNotLive", key=nobody, gln=0, validFrom=0, validUntil=0):
        world.registry.call("requireRole", nobody, 0)
    with reverts("KeyNotLive", key=nobody, gln=0, validFrom=0, validUntil=0):
        world.registry.call("requireMember", nobody, 0, 0)
    assert world.registry.call("key", nobody) == {"gln": 0, "validFrom": 0, "validUntil": 0, "roles": 0}


@pytest.mark.parametrize("roles", [0, 1 << 10, KEY_ADMIN | BRAND_OWNER])
def test_only_known_roles_are_given(world: World, roles: int) -> None:
    with reverts("RolesInvalid", roles=roles):
        world.as_council(world.registry, "setRoles", world.brand.gln, roles)


def test_roles_are_the_councils_to_give(world: World) -> None:
    with reverts("AccessManagedUnauthorized", caller=RELAYER):
        world.registry.transact("setRoles", world.brand.gln, MAKER)
    with reverts("MemberUnknown", gln=gln_of(77)):
        world.as_council(world.registry, "setRoles", gln_of(77), MAKER)
    with reverts("MemberUnknown", gln=gln_of(77)):
        world.registry.call("member", gln_of(77))
