"""RightsRegistry.check and checkTerritory (rule 5): the most telling reason comes first."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.evm import attempt, reverts
from tests.contracts.harness import DAY, YEAR, World, gtin_of


def test_licensee_and_owner_may_sell_nobody_else(world: World) -> None:
    licence = world.grant_licence()
    for member in (world.maker, world.brand):
        world.rights.call("check", licence, member.gln, gtin_of(1), b"US")
    with reverts("NotLicensee", licence=licence, member=world.buyer.gln, licensee=world.maker.gln):
        world.rights.call("check", licence, world.buyer.gln, gtin_of(1), b"US")


def test_rule_5_only_licensed_goods_where_they_are_licensed(world: World) -> None:
    licence = world.grant_licence()
    with reverts("GtinNotLicensed", licence=licence, gtin=gtin_of(2)):
        world.rights.call("check", licence, world.maker.gln, gtin_of(2), b"US")
    # France is the mark's, not the licence's.
    for territory in (b"FR", b"GB"):
        with reverts("TerritoryNotLicensed", licence=licence, territory=territory):
            world.rights.call("check", licence, world.maker.gln, gtin_of(1), territory)
        with reverts("TerritoryNotLicensed", licence=licence, territory=territory):
            world.rights.call("checkTerritory", licence, territory)


@pytest.mark.parametrize("territory", [b"us", b"\x00\x00", b"[[", b"@@", b"\xff\xff"])
def test_what_is_no_territory_is_said_so(world: World, territory: bytes) -> None:
    licence = world.grant_licence()
    with reverts("TerritoryInvalid", territory=territory):
        world.rights.call("check", licence, world.maker.gln, gtin_of(1), territory)


def test_territory_alone_whoever_asks(world: World) -> None:
    licence = world.grant_licence()
    for territory in (b"CN", b"DE", b"US"):
        world.rights.call("checkTerritory", licence, territory)


def test_the_first_reason_is_the_one_that_matters_most(world: World) -> None:
    licence = world.grant_licence(validUntil=world.now + DAY)
    wrong_in_everything = (licence, world.buyer.gln, gtin_of(2), b"FR")
    with reverts("LicenceUnknown", licence=b"\x01" * 32):
        world.rights.call("check", b"\x01" * 32, *wrong_in_everything[1:])
    with reverts("NotLicensee", licence=licence, member=world.buyer.gln, licensee=world.maker.gln):
        world.rights.call("check", *wrong_in_everything)
    with reverts("GtinNotLicensed", licence=licence, gtin=gtin_of(2)):
        world.rights.call("check", licence, world.maker.gln, gtin_of(2), b"FR")
    granted = world.now
    world.evm.warp(DAY)
    with reverts("LicenceNotLive", licence=licence, validFrom=granted, validUntil=granted + DAY):
        world.rights.call("check", *wrong_in_everything)
    world.as_council(world.rights, "cancelMark", world.mark, b"\x01" * 32)
    with reverts("MarkNotLive", mark=world.mark):
        world.rights.call("check", *wrong_in_everything)
    world.revoke_licence(licence)
    with reverts("LicenceIsRevoked", licence=licence, revokedAt=world.now):
        world.rights.call("check", *wrong_in_everything)


def test_an_expired_mark_ends_its_licences(world: World) -> None:
    licence = world.grant_licence(validUntil=world.now + 20 * YEAR)
    world.evm.warp(10 * YEAR - 1)
    world.rights.call("checkTerritory", licence, b"DE")
    world.evm.warp(1)
    with reverts("MarkNotLive", mark=world.mark):
        world.rights.call("checkTerritory", licence, b"DE")


TERRITORIES = st.lists(
    st.tuples(st.sampled_from(b"AMNYZ"), st.sampled_from(b"AMNYZ")).map(bytes), min_size=1, max_size=6
)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(marks=TERRITORIES, licensed=TERRITORIES, asked=TERRITORIES)
def test_rule_5_territories_are_exactly_those_named(
    world: World, marks: list[bytes], licensed: list[bytes], asked: list[bytes]
) -> None:
    mark = b"\x11" * 32
    with world.evm.sandbox():
        mark_terms = (mark, world.brand.gln, "OTHER", marks, [25], world.now + YEAR)
        world.as_council(world.rights, "registerMark", *mark_terms)
        missing = next((territory for territory in licensed if territory not in marks), None)
        if missing is not None:
            with reverts("MarkNotInTerritory", mark=mark, territory=missing):
                world.grant_licence(mark=mark, territories=licensed)
            return
        licence = world.grant_licence(mark=mark, territories=licensed)
        for territory in asked:
            with attempt() as tried:
                world.rights.call("checkTerritory", licence, territory)
            assert tried.done == (territory in licensed)
            assert tried.error is None or tried.error.name == "TerritoryNotLicensed"
