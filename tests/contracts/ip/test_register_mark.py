"""RightsRegistry.registerMark and cancelMark."""

from typing import Any

import pytest

from tests.contracts.evm import RELAYER, Receipt, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import DAY, World, gln_of

MARK = b"\x11" * 32
REASON = b"\x22" * 32


def register(world: World, **changes: Any) -> Receipt:
    terms = {
        "mark": MARK,
        "owner": world.maker.gln,
        "name": "OTHER",
        "territories": [b"CN", b"ZZ", b"AA"],
        "niceClasses": [1, 45],
        "validUntil": world.now + DAY,
    } | changes
    return world.as_council(world.rights, "registerMark", *terms.values())


def test_a_mark_is_recorded_as_registered(world: World, gas_snapshot: GasSnapshot) -> None:
    receipt = register(world)
    assert receipt.event("MarkRegistered") == {
        "mark": MARK,
        "owner": world.maker.gln,
        "name": "OTHER",
        "territories": [b"CN", b"ZZ", b"AA"],
        "niceClasses": [1, 45],
        "validUntil": world.now + DAY,
    }
    assert world.rights.call("markRecord", MARK) == {
        "owner": world.maker.gln,
        "validUntil": world.now + DAY,
        "cancelledAt": 0,
    }
    gas_snapshot.record("RightsRegistry.registerMark, 3 territories", receipt.gas)


def test_a_mark_is_registered_once(world: World) -> None:
    with reverts("MarkTaken", mark=world.mark):
        register(world, mark=world.mark)
    with reverts("MarkTaken", mark=bytes(32)):
        register(world, mark=bytes(32))
    register(world)
    world.as_council(world.rights, "cancelMark", MARK, REASON)
    with reverts("MarkTaken", mark=MARK):
        register(world)


@pytest.mark.parametrize("field", ["name", "territories", "niceClasses"])
def test_nothing_of_a_mark_is_empty(world: World, field: str) -> None:
    with reverts("FieldEmpty", field=field):
        register(world, **{field: "" if field == "name" else []})


@pytest.mark.parametrize("territory", [b"de", b"D1", b"\x00\x00", b"[A", b"@A", b"A["])
def test_a_territory_is_two_capitals(world: World, territory: bytes) -> None:
    with reverts("TerritoryInvalid", territory=territory):
        register(world, territories=[b"CN", territory])


@pytest.mark.parametrize("nice_class", [0, 46, 255])
def test_nice_classes_run_from_1_to_45(world: World, nice_class: int) -> None:
    with reverts("NiceClassInvalid", niceClass=nice_class):
        register(world, niceClasses=[25, nice_class])


def test_an_expired_mark_is_not_registered(world: World) -> None:
    with reverts("ValidityInvalid", validFrom=world.now, validUntil=world.now):
        register(world, validUntil=world.now)


def test_an_owner_is_a_member_and_the_council_registers(world: World) -> None:
    with reverts("MemberUnknown", gln=gln_of(77)):
        register(world, owner=gln_of(77))
    with reverts("AccessManagedUnauthorized", caller=RELAYER):
        arguments = (MARK, world.maker.gln, "OTHER", [b"CN"], [1], world.now + DAY)
        world.rights.transact("registerMark", *arguments)


def test_rule_5_a_cancelled_mark_ends_its_licences(world: World, gas_snapshot: GasSnapshot) -> None:
    licence = world.grant_licence()
    receipt = world.as_council(world.rights, "cancelMark", world.mark, REASON)
    assert receipt.event("MarkCancelled") == {"mark": world.mark, "reason": REASON}
    assert world.rights.call("markRecord", world.mark)["cancelledAt"] == world.now
    with reverts("MarkNotLive", mark=world.mark):
        world.rights.call("checkTerritory", licence, b"DE")
    with reverts("MarkNotLive", mark=world.mark):
        world.grant_licence(salt=b"\x01" * 32)
    gas_snapshot.record("RightsRegistry.cancelMark", receipt.gas)


def test_only_a_live_mark_is_cancelled_with_a_reason_by_the_council(world: World) -> None:
    with reverts("MarkNotLive", mark=MARK):
        world.as_council(world.rights, "cancelMark", MARK, REASON)
    with reverts("FieldEmpty", field="reason"):
        world.as_council(world.rights, "cancelMark", world.mark, bytes(32))
    with reverts("AccessManagedUnauthorized", caller=RELAYER):
        world.rights.transact("cancelMark", world.mark, REASON)
    world.as_council(world.rights, "cancelMark", world.mark, REASON)
    with reverts("MarkNotLive", mark=world.mark):
        world.as_council(world.rights, "cancelMark", world.mark, REASON)
