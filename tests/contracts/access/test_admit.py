"""MemberRegistry.admit."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.evm import ZERO_ADDRESS, attempt, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import (
    ACTIVITIES,
    DAY,
    KEY_ADMIN,
    MAKER,
    TRADER,
    Signer,
    World,
    admission,
    check_digit,
    gln_of,
    party,
)

NEWCOMER = party("newcomer", 952_000_000_099, b"IT", MAKER | TRADER)


def test_a_member_is_admitted_with_its_first_key(world: World, gas_snapshot: GasSnapshot) -> None:
    receipt = world.admit(NEWCOMER)
    until = world.now + 2 * 365 * DAY
    assert receipt.event("MemberAdmitted") == {
        "gln": NEWCOMER.gln,
        "country": b"IT",
        "roles": MAKER | TRADER,
        "account": NEWCOMER.account.address,
        "name": "newcomer",
    }
    assert receipt.event("KeyGranted") == {
        "gln": NEWCOMER.gln,
        "key": NEWCOMER.key.address,
        "validFrom": world.now,
        "validUntil": until,
        "roles": ACTIVITIES | KEY_ADMIN,
        "by": world.council.address,
    }
    assert world.registry.call("member", NEWCOMER.gln) == {
        "account": NEWCOMER.account.address,
        "roles": MAKER | TRADER,
        "country": b"IT",
        "active": True,
        "admittedAt": world.now,
    }
    assert world.registry.call("key", NEWCOMER.key.address)["gln"] == NEWCOMER.gln
    assert world.registry.call("memberOfAccount", NEWCOMER.account.address) == NEWCOMER.gln
    assert world.registry.call("accountNonce", NEWCOMER.gln) == 0
    gas_snapshot.record("MemberRegistry.admit", receipt.gas)


def test_the_same_gln_is_admitted_once_even_if_suspended(world: World) -> None:
    world.as_council(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    again = replace(NEWCOMER, gln=world.brand.gln)
    with reverts("MemberExists", gln=world.brand.gln):
        world.admit(again)


@pytest.mark.parametrize(
    "gln", [0, 10**13, 9_520_000_000_010, 952_000_000_001, 2**64 - 1, gln_of(1) + 10, gln_of(1) + 1]
)
def test_a_gln_needs_13_digits_and_its_check_digit(world: World, gln: int) -> None:
    with reverts("GlnInvalid", gln=gln):
        world.admit(replace(NEWCOMER, gln=gln))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(number=st.integers(1, 10**13 + 1000))
def test_the_check_digit_rule_is_gs1s(world: World, number: int) -> None:
    text = f"{number:013d}"
    valid = len(text) == 13 and check_digit(text[:12]) == int(text[12])
    with world.evm.sandbox():
        with attempt() as tried:
            world.admit(replace(NEWCOMER, gln=number))
        assert tried.done == valid
        assert tried.error is None or tried.error.name == "GlnInvalid"


@pytest.mark.parametrize("number", [1, 123_456_789, 999_999_999_999, 400_000_000_000])
def test_valid_glns_with_and_without_leading_zeros_are_admitted(world: World, number: int) -> None:
    world.admit(replace(NEWCOMER, gln=gln_of(number)))


@pytest.mark.parametrize("country", [b"de", b"D1", b"D", b"\x00\x00", b"[A", b"A@"])
def test_a_country_is_two_capitals(world: World, country: bytes) -> None:
    with reverts("CountryInvalid", country=country.ljust(2, b"\x00")):
        world.admit(replace(NEWCOMER, country=country))


@pytest.mark.parametrize("roles", [0, 1 << 10, KEY_ADMIN, KEY_ADMIN | MAKER, 2**32 - 1])
def test_a_member_has_at_least_one_known_role(world: World, roles: int) -> None:
    with reverts("RolesInvalid", roles=roles):
        world.admit(replace(NEWCOMER, roles=roles))


def test_an_account_is_one_members(world: World) -> None:
    with reverts("AccountTaken", account=world.brand.account.address, gln=world.brand.gln):
        world.admit(replace(NEWCOMER, account=world.brand.account))
    with reverts("AccountTaken", account=ZERO_ADDRESS, gln=0):
        world.admit(replace(NEWCOMER, account=Signer(b"", ZERO_ADDRESS)))


def test_a_key_is_one_members(world: World) -> None:
    with reverts("KeyTaken", key=world.brand.key.address, gln=world.brand.gln):
        world.admit(replace(NEWCOMER, key=world.brand.key))
    with reverts("KeyTaken", key=ZERO_ADDRESS, gln=0):
        world.admit(replace(NEWCOMER, key=Signer(b"", ZERO_ADDRESS)))


@pytest.mark.parametrize("valid", [0, -1, 1096 * DAY + 1])
def test_the_first_keys_validity_is_bounded(world: World, valid: int) -> None:
    with reverts("ValidityInvalid", validFrom=world.now, validUntil=world.now + valid):
        world.admit(NEWCOMER, valid)


def test_the_longest_validity_is_1096_days(world: World) -> None:
    world.admit(NEWCOMER, 1096 * DAY)


def test_only_the_council_admits(world: World) -> None:
    arguments = admission(NEWCOMER, world.now + DAY)
    for sender in (world.brand.key.address, world.seats[0].address, world.authority.address):
        with reverts("AccessManagedUnauthorized", caller=sender):
            world.registry.transact("admit", *arguments, sender=sender)
