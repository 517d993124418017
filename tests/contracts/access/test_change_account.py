"""MemberRegistry.changeAccount."""

from typing import Any

import pytest

from tests.contracts.evm import ZERO_ADDRESS, Receipt, address_of, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import KEY_ADMIN, Party, Signer, World, sign, signer

NEW_ACCOUNT = signer("new account")
NEW = NEW_ACCOUNT.address


def change(
    world: World, member: Party, by: Signer | None = None, account: Signer = NEW_ACCOUNT, **changes: Any
) -> Receipt:
    return world.change_account(member, account, by, **({"nonce": 0} | changes))


def test_the_account_changes_and_the_old_one_is_free(world: World, gas_snapshot: GasSnapshot) -> None:
    receipt = change(world, world.brand)
    assert receipt.event("AccountChanged") == {
        "gln": world.brand.gln,
        "account": NEW,
        "by": world.brand.key.address,
    }
    old = world.brand.account
    assert world.registry.call("memberOfAccount", NEW) == world.brand.gln
    assert world.registry.call("memberOfAccount", old.address) == 0
    assert world.registry.call("member", world.brand.gln)["account"] == NEW
    assert world.registry.call("accountNonce", world.brand.gln) == 1
    change(world, world.maker, account=old)
    assert world.registry.call("memberOfAccount", old.address) == world.maker.gln
    gas_snapshot.record("MemberRegistry.changeAccount", receipt.gas)


def test_changes_come_in_turn_and_are_not_replayed(world: World) -> None:
    change(world, world.brand)
    with reverts("NonceInvalid", gln=world.brand.gln, nonce=0, expected=1):
        change(world, world.brand)
    with reverts("NonceInvalid", gln=world.brand.gln, nonce=2, expected=1):
        change(world, world.brand, nonce=2)
    change(world, world.brand, nonce=1, account=world.brand.account)
    with reverts("NonceInvalid", gln=world.brand.gln, nonce=0, expected=2):
        change(world, world.brand)


def test_an_account_is_one_members(world: World) -> None:
    taken = world.maker.account
    with reverts("AccountTaken", account=taken.address, gln=world.maker.gln):
        change(world, world.brand, account=taken)
    with reverts("AccountTaken", account=ZERO_ADDRESS, gln=0):
        change(world, world.brand, account=Signer(b"", ZERO_ADDRESS))


def test_the_own_account_again_is_harmless(world: World) -> None:
    own = world.brand.account
    change(world, world.brand, account=own)
    assert world.registry.call("memberOfAccount", own.address) == world.brand.gln


def test_it_takes_a_live_key_admin_of_an_active_member(world: World) -> None:
    plain = signer("plain key")
    world.grant_key(world.brand, plain)
    with reverts("RoleMissing", gln=world.brand.gln, required=KEY_ADMIN, roles=world.brand.roles):
        change(world, world.brand, by=plain)
    with reverts("KeyNotLive", key=world.brand.account.address, gln=0, validFrom=0, validUntil=0):
        change(world, world.brand, by=world.brand.account)
    with reverts(
        "WrongMember", signer=world.maker.key.address, actual=world.maker.gln, expected=world.brand.gln
    ):
        change(world, world.brand, by=world.maker.key)
    world.as_council(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    with reverts("MemberNotActive", gln=world.brand.gln):
        change(world, world.brand)


@pytest.mark.parametrize("field", ["gln", "account", "nonce", "deadline"])
def test_every_field_of_a_change_is_signed(world: World, field: str) -> None:
    values = {"gln": world.brand.gln, "account": NEW, "nonce": 0, "deadline": world.deadline}
    signature = sign(world.registry, "AccountChange", values, world.brand.key)
    consent = sign(world.registry, "AccountChange", values, NEW_ACCOUNT)
    other = {
        "gln": world.maker.gln,
        "account": address_of("thief"),
        "nonce": 1,
        "deadline": world.deadline + 1,
    }
    with reverts("SignatureInvalid"):
        world.registry.transact(
            "changeAccount", values | {field: other[field]}, world.brand.key.address, signature, consent
        )


def test_a_change_has_a_deadline(world: World) -> None:
    with reverts("DeadlineExpired", deadline=world.now - 1, timestamp=world.now):
        change(world, world.brand, deadline=world.now - 1)
