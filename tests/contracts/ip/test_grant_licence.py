"""RightsRegistry.grant (rule 5): only the owner of mark and GTINs licenses, and only what it has."""

from typing import Any

import pytest

from tests.contracts.evm import reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import (
    BRAND_OWNER,
    DAY,
    KEY_ADMIN,
    TRADER,
    YEAR,
    World,
    gln_of,
    gtin_of,
    sign,
    signer,
)

OTHER_MARK = b"\x11" * 32


def test_a_licence_is_recorded_as_signed(world: World, gas_snapshot: GasSnapshot) -> None:
    terms = world.licence_terms()
    receipt = world.send(world.rights, "grant", "Licence", terms, world.brand.key)
    licence = receipt.result
    assert licence == world.rights.call("licenceId", terms)
    assert receipt.event("LicenceGranted") == {
        "licence": licence,
        "licensor": world.brand.gln,
        "licensee": world.maker.gln,
        "terms": terms,
        "signer": world.brand.key.address,
    }
    assert world.rights.call("licenceRecord", licence) == {
        "mark": world.mark,
        "licensor": world.brand.gln,
        "licensee": world.maker.gln,
        "validFrom": world.now,
        "validUntil": world.now + YEAR,
        "quantity": 1000,
        "consumed": 0,
        "revokedAt": 0,
    }
    gas_snapshot.record("RightsRegistry.grant, 1 GTIN, 3 territories", receipt.gas)


def test_many_territories_cost_little(world: World, gas_snapshot: GasSnapshot) -> None:
    territories = [bytes([first, second]) for first in b"ABCDEF" for second in b"ABCDE"]
    mark_terms = (OTHER_MARK, world.brand.gln, "OTHER", territories, [25], world.now + YEAR)
    world.as_council(world.rights, "registerMark", *mark_terms)
    terms = world.licence_terms(mark=OTHER_MARK, territories=territories, gtins=[gtin_of(1), gtin_of(2)])
    receipt = world.send(world.rights, "grant", "Licence", terms, world.brand.key)
    for territory in territories:
        world.rights.call("checkTerritory", receipt.result, territory)
    gas_snapshot.record("RightsRegistry.grant, 2 GTINs, 30 territories", receipt.gas)


def test_a_licence_is_granted_once(world: World) -> None:
    terms = world.licence_terms()
    licence = world.grant_licence()
    with reverts("LicenceExists", licence=licence):
        world.send(world.rights, "grant", "Licence", terms, world.brand.key)
    world.revoke_licence(licence)
    with reverts("LicenceExists", licence=licence):
        world.send(world.rights, "grant", "Licence", terms, world.brand.key)
    assert world.grant_licence(salt=b"\x01" * 32) != licence


def test_rule_5_nobody_licenses_anothers_mark(world: World) -> None:
    world.as_council(world.registry, "setRoles", world.maker.gln, BRAND_OWNER)
    terms = world.licence_terms()
    with reverts("NotMarkOwner", mark=world.mark, member=world.maker.gln, owner=world.brand.gln):
        world.send(world.rights, "grant", "Licence", terms, world.maker.key)


def test_rule_5_nobody_licenses_anothers_gtins(world: World) -> None:
    world.as_council(world.rights, "assignPrefix", "4006381", world.maker.gln)
    for gtin in (gtin_of(1, "4006381"), gtin_of(1, "4006382")):
        with reverts("GtinNotOwned", gtin=gtin, owner=world.brand.gln):
            world.grant_licence(gtins=[gtin_of(1), gtin])


def test_it_takes_the_brand_owners_role_on_member_and_key(world: World) -> None:
    trader = signer("trader key")
    world.grant_key(world.brand, trader, roles=TRADER)
    terms = world.licence_terms()
    with reverts("RoleMissing", gln=world.brand.gln, required=BRAND_OWNER, roles=TRADER):
        world.send(world.rights, "grant", "Licence", terms, trader)
    world.as_council(world.registry, "setRoles", world.brand.gln, TRADER)
    with reverts("RoleMissing", gln=world.brand.gln, required=BRAND_OWNER, roles=TRADER | KEY_ADMIN):
        world.send(world.rights, "grant", "Licence", terms, world.brand.key)


def test_a_suspended_owner_grants_nothing(world: World) -> None:
    world.as_council(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    with reverts("MemberNotActive", gln=world.brand.gln):
        world.grant_licence()


def test_a_mark_must_be_known_and_live(world: World) -> None:
    with reverts("MarkNotLive", mark=OTHER_MARK):
        world.grant_licence(mark=OTHER_MARK)
    mark_terms = (OTHER_MARK, world.brand.gln, "OTHER", [b"CN"], [25], world.now + DAY)
    world.as_council(world.rights, "registerMark", *mark_terms)
    world.evm.warp(DAY)
    with reverts("MarkNotLive", mark=OTHER_MARK):
        world.grant_licence(mark=OTHER_MARK, territories=[b"CN"])


@pytest.mark.parametrize("territory", [b"GB", b"AA", b"ZZ"])
def test_a_licence_covers_no_more_than_its_mark(world: World, territory: bytes) -> None:
    with reverts("MarkNotInTerritory", mark=world.mark, territory=territory):
        world.grant_licence(territories=[b"DE", territory, b"CN"])


@pytest.mark.parametrize("gtin", [0, gtin_of(1) + 1, 10**14 + gtin_of(1), 2**64 - 1])
def test_a_gtin_needs_its_check_digit(world: World, gtin: int) -> None:
    with reverts("GtinInvalid", gtin=gtin):
        world.grant_licence(gtins=[gtin])


@pytest.mark.parametrize("territory", [b"de", b"\x00\x00", b"D1"])
def test_a_territory_is_two_capitals(world: World, territory: bytes) -> None:
    with reverts("TerritoryInvalid", territory=territory):
        world.grant_licence(territories=[territory])


@pytest.mark.parametrize(("field", "empty"), [("gtins", []), ("territories", []), ("quantity", 0)])
def test_nothing_of_a_licence_is_empty(world: World, field: str, empty: Any) -> None:
    with reverts("FieldEmpty", field=field):
        world.grant_licence(**{field: empty})


@pytest.mark.parametrize(("start", "end"), [(0, 0), (10, 5), (-20, 0), (-20, -10)])
def test_validity_is_neither_empty_nor_over(world: World, start: int, end: int) -> None:
    span = {"validFrom": world.now + start, "validUntil": world.now + end}
    with reverts("ValidityInvalid", **span):
        world.grant_licence(**span)


def test_the_licensee_is_a_member_and_may_be_the_owner(world: World) -> None:
    with reverts("MemberUnknown", gln=gln_of(77)):
        world.grant_licence(licensee=gln_of(77))
    world.grant_licence(licensee=world.brand.gln)


CHANGES: dict[str, Any] = {
    "mark": OTHER_MARK,
    "licensee": gln_of(952_000_000_007),
    "gtins": [gtin_of(1), gtin_of(2)],
    "territories": [b"DE"],
    "validFrom": 1,
    "validUntil": 2**47,
    "quantity": 1001,
    "salt": b"\x01" * 32,
    "deadline": 2**63,
}


@pytest.mark.parametrize("field", CHANGES)
def test_every_field_of_a_licence_is_signed_and_in_its_id(world: World, field: str) -> None:
    terms = world.licence_terms()
    signature = sign(world.rights, "Licence", terms, world.brand.key)
    changed = terms | {field: CHANGES[field]}
    assert world.rights.call("licenceId", changed) != world.rights.call("licenceId", terms)
    with reverts("SignatureInvalid"):
        world.rights.transact("grant", changed, world.brand.key.address, signature)


def test_a_grant_has_a_deadline(world: World) -> None:
    with reverts("DeadlineExpired", deadline=world.now - 1, timestamp=world.now):
        world.grant_licence(deadline=world.now - 1)
