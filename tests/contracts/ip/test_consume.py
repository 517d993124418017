"""RightsRegistry.consume (rule 5: no passport without a live licence for the country of make)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.evm import Contract, Receipt, address_of, attempt, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import DAY, YEAR, World, gtin_of

PASSPORT = address_of("stand-in of the passport contract")


@pytest.fixture
def licence(world: World) -> bytes:
    # The council gives the role to an address; who stands there does not matter to this registry.
    world.as_council(world.authority, "grantRole", 1, PASSPORT, 0)
    return world.grant_licence()


def consume(world: World, licence: bytes, quantity: int = 1, gtin: int | None = None) -> Receipt:
    rights: Contract = world.rights
    wanted = gtin_of(1) if gtin is None else gtin
    return rights.transact("consume", licence, world.maker.gln, wanted, quantity, sender=PASSPORT)


def test_items_are_counted(world: World, licence: bytes, gas_snapshot: GasSnapshot) -> None:
    consume(world, licence, 400)
    second = consume(world, licence, 600)
    assert second.event("LicenceConsumed") == {
        "licence": licence,
        "gtin": gtin_of(1),
        "quantity": 600,
        "consumed": 1000,
    }
    assert world.rights.call("licenceRecord", licence)["consumed"] == 1000
    gas_snapshot.record("RightsRegistry.consume", second.gas)


def test_rule_5_no_item_beyond_the_quantity(world: World, licence: bytes) -> None:
    with reverts("QuantityExceeded", licence=licence, wanted=1001, left=1000):
        consume(world, licence, 1001)
    consume(world, licence, 999)
    for wanted in (2, 2**64 - 1):
        with reverts("QuantityExceeded", licence=licence, wanted=wanted, left=1):
            consume(world, licence, wanted)
    consume(world, licence, 1)
    with reverts("QuantityExceeded", licence=licence, wanted=1, left=0):
        consume(world, licence, 1)


def test_rule_5_only_the_licensee_uses_it_up(world: World, licence: bytes) -> None:
    for member in (world.brand, world.buyer):
        with reverts("NotLicensee", licence=licence, member=member.gln, licensee=world.maker.gln):
            world.rights.transact("consume", licence, member.gln, gtin_of(1), 1, sender=PASSPORT)


def test_rule_5_only_licensed_gtins(world: World, licence: bytes) -> None:
    with reverts("GtinNotLicensed", licence=licence, gtin=gtin_of(2)):
        consume(world, licence, gtin=gtin_of(2))


def test_rule_5_the_makers_country_must_be_licensed(world: World, licence: bytes) -> None:
    elsewhere = world.grant_licence(territories=[b"DE", b"US"])
    with reverts("TerritoryNotLicensed", licence=elsewhere, territory=b"CN"):
        consume(world, elsewhere)


def test_rule_5_only_while_live(world: World, licence: bytes) -> None:
    start = world.now + DAY
    later = world.grant_licence(validFrom=start, validUntil=start + DAY)
    with reverts("LicenceNotLive", licence=later, validFrom=start, validUntil=start + DAY):
        consume(world, later)
    world.evm.warp_to(start)
    consume(world, later)
    world.evm.warp_to(start + DAY - 1)
    consume(world, later)
    world.evm.warp(1)
    with reverts("LicenceNotLive", licence=later, validFrom=start, validUntil=start + DAY):
        consume(world, later)


def test_rule_5_revoked_or_without_mark_nothing_is_made(world: World, licence: bytes) -> None:
    other = world.grant_licence(salt=b"\x01" * 32)
    world.revoke_licence(other)
    with reverts("LicenceIsRevoked", licence=other, revokedAt=world.now):
        consume(world, other)
    world.as_council(world.rights, "cancelMark", world.mark, b"\x01" * 32)
    with reverts("MarkNotLive", mark=world.mark):
        consume(world, licence)
    with reverts("LicenceUnknown", licence=b"\x01" * 32):
        consume(world, b"\x01" * 32)


def test_nothing_is_no_quantity(world: World, licence: bytes) -> None:
    with reverts("FieldEmpty", field="quantity"):
        consume(world, licence, 0)


def test_nobody_else_consumes_not_even_the_council(world: World, licence: bytes) -> None:
    arguments = (licence, world.maker.gln, gtin_of(1), 1)
    for sender in (world.council.address, world.brand.key.address, world.maker.account.address):
        with reverts("AccessManagedUnauthorized", caller=sender):
            world.rights.transact("consume", *arguments, sender=sender)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(quantity=st.integers(1, 2**64 - 1), wanted=st.lists(st.integers(0, 2**64 - 1), max_size=6))
def test_rule_5_consumed_never_exceeds_the_quantity(world: World, quantity: int, wanted: list[int]) -> None:
    with world.evm.sandbox():
        world.as_council(world.authority, "grantRole", 1, PASSPORT, 0)
        licence = world.grant_licence(quantity=quantity, validUntil=world.now + YEAR)
        consumed = 0
        for amount in wanted:
            fits = 0 < amount <= quantity - consumed
            with attempt() as tried:
                consume(world, licence, amount)
            assert tried.done == fits, str(tried.error)
            if tried.done:
                consumed += amount
            assert world.rights.call("licenceRecord", licence)["consumed"] == consumed
