"""RightsRegistry.revoke (rule 5: stops at once)."""

from typing import Any

import pytest

from tests.contracts.evm import Receipt, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import BRAND_OWNER, MAKER, TRADER, Signer, World, gtin_of, sign, signer

REASON = b"\x22" * 32


def revoke(world: World, licence: bytes, by: Signer | None = None, **changes: Any) -> Receipt:
    values = {"licence": licence, "reason": REASON, "deadline": world.deadline} | changes
    return world.send(world.rights, "revoke", "LicenceRevocation", values, by or world.brand.key)


def test_rule_5_a_revoked_licence_is_dead_in_the_same_block(world: World, gas_snapshot: GasSnapshot) -> None:
    licence = world.grant_licence()
    receipt = revoke(world, licence)
    assert receipt.event("LicenceRevoked") == {
        "licence": licence,
        "reason": REASON,
        "signer": world.brand.key.address,
    }
    assert world.rights.call("licenceRecord", licence)["revokedAt"] == world.now
    with reverts("LicenceIsRevoked", licence=licence, revokedAt=world.now):
        world.rights.call("check", licence, world.maker.gln, gtin_of(1), b"DE")
    gas_snapshot.record("RightsRegistry.revoke", receipt.gas)


def test_a_licence_is_revoked_once(world: World) -> None:
    licence = world.grant_licence()
    revoke(world, licence)
    revoked_at = world.now
    world.evm.warp(10)
    with reverts("LicenceIsRevoked", licence=licence, revokedAt=revoked_at):
        revoke(world, licence)


def test_only_the_licensor_revokes(world: World) -> None:
    licence = world.grant_licence()
    maker, brand = world.maker, world.brand
    world.as_council(world.registry, "setRoles", maker.gln, MAKER | BRAND_OWNER)
    with reverts("WrongMember", signer=maker.key.address, actual=maker.gln, expected=brand.gln):
        revoke(world, licence, by=maker.key)
    trader = signer("trader key")
    world.grant_key(brand, trader, roles=TRADER)
    with reverts("RoleMissing", gln=brand.gln, required=BRAND_OWNER, roles=TRADER):
        revoke(world, licence, by=trader)


def test_there_must_be_a_licence_and_a_reason(world: World) -> None:
    with reverts("LicenceUnknown", licence=b"\x01" * 32):
        revoke(world, b"\x01" * 32)
    with reverts("FieldEmpty", field="reason"):
        revoke(world, world.grant_licence(), reason=bytes(32))


@pytest.mark.parametrize("field", ["licence", "reason", "deadline"])
def test_every_field_of_a_revocation_is_signed(world: World, field: str) -> None:
    first = world.grant_licence()
    second = world.grant_licence(salt=b"\x01" * 32)
    values = {"licence": first, "reason": REASON, "deadline": world.deadline}
    signature = sign(world.rights, "LicenceRevocation", values, world.brand.key)
    other = {"licence": second, "reason": b"\x33" * 32, "deadline": world.deadline + 1}
    with reverts("SignatureInvalid"):
        world.rights.transact("revoke", values | {field: other[field]}, world.brand.key.address, signature)


def test_a_revocation_has_a_deadline(world: World) -> None:
    with reverts("DeadlineExpired", deadline=world.now - 1, timestamp=world.now):
        revoke(world, world.grant_licence(), deadline=world.now - 1)
