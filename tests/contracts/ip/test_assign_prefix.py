"""RightsRegistry.assignPrefix and ownerOfGtin: no GTIN ever has two owners."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.contracts.evm import RELAYER, attempt, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import PREFIX, World, gln_of, gtin_of


def assign(world: World, prefix: str, owner: int | None = None) -> None:
    world.as_council(world.rights, "assignPrefix", prefix, owner or world.maker.gln)


def test_a_prefix_makes_its_gtins_the_owners(world: World, gas_snapshot: GasSnapshot) -> None:
    receipt = world.as_council(world.rights, "assignPrefix", "4006381", world.maker.gln)
    assert receipt.event("PrefixAssigned") == {"prefix": "4006381", "owner": world.maker.gln}
    assert world.rights.call("ownerOfGtin", 4_006_381_333_931) == world.maker.gln
    assert world.rights.call("ownerOfGtin", gtin_of(7, "4006381", indicator=9)) == world.maker.gln
    assert world.rights.call("ownerOfGtin", gtin_of(7)) == world.brand.gln
    assert world.rights.call("ownerOfGtin", gtin_of(7, "4006382")) == 0
    gas_snapshot.record("RightsRegistry.assignPrefix, 7 digits", receipt.gas)


def test_the_indicator_digit_is_no_part_of_the_prefix(world: World) -> None:
    assign(world, "0000")
    assert world.rights.call("ownerOfGtin", gtin_of(1, "0000", indicator=5)) == world.maker.gln
    assert world.rights.call("ownerOfGtin", gtin_of(1, "5000")) == 0


@pytest.mark.parametrize("gtin", [0, gtin_of(1) + 1, 10**14 + gtin_of(1), 2**64 - 1])
def test_what_is_no_gtin_has_no_owner(world: World, gtin: int) -> None:
    assert world.rights.call("ownerOfGtin", gtin) == 0


@pytest.mark.parametrize("prefix", ["", "952", "1234567890123", "95213a1", "9521 21", "952132/", "９５２１"])
def test_a_prefix_has_4_to_12_digits(world: World, prefix: str) -> None:
    with reverts("PrefixInvalid", prefix=prefix):
        assign(world, prefix)


@pytest.mark.parametrize("prefix", ["1234", "123456789012"])
def test_the_shortest_and_the_longest_prefix(world: World, prefix: str) -> None:
    assign(world, prefix)
    assert world.rights.call("ownerOfGtin", gtin_of(0, prefix)) == world.maker.gln


@pytest.mark.parametrize("prefix", [PREFIX, PREFIX[:4], PREFIX[:6], PREFIX + "0", PREFIX + "99999"])
def test_overlap_is_refused_both_ways_for_everybody(world: World, prefix: str) -> None:
    for owner in (world.maker.gln, world.brand.gln):
        with reverts("PrefixTaken", prefix=prefix, owner=world.brand.gln):
            assign(world, prefix, owner)


def test_leading_zeros_count(world: World) -> None:
    assign(world, "0123")
    assign(world, "00123", world.brand.gln)
    assert world.rights.call("ownerOfGtin", gtin_of(1, "0123")) == world.maker.gln
    assert world.rights.call("ownerOfGtin", gtin_of(1, "00123")) == world.brand.gln


def test_neighbours_do_not_overlap(world: World) -> None:
    assign(world, "9521320")
    assign(world, "9521322")
    assign(world, "95213200"[:6] + "30")
    assert world.rights.call("ownerOfGtin", gtin_of(1)) == world.brand.gln


def test_an_owner_is_a_member_and_the_council_assigns(world: World) -> None:
    with reverts("MemberUnknown", gln=gln_of(77)):
        assign(world, "1234", gln_of(77))
    with reverts("AccessManagedUnauthorized", caller=RELAYER):
        world.rights.transact("assignPrefix", "1234", world.maker.gln)


# Few digits, so that random prefixes often begin with one another.
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    assignments=st.lists(
        st.tuples(st.text("01", min_size=4, max_size=12), st.booleans()), min_size=1, max_size=6
    ),
    # Fourteen zeros have a right check digit and are no GTIN all the same.
    bodies=st.lists(
        st.text("01", min_size=12, max_size=12).filter(lambda body: int(body) > 0), min_size=1, max_size=6
    ),
)
@example([("0000", True), ("00000", False), ("000", True)], ["000000000001"])
def test_rule_5_of_any_assignments_each_gtin_has_at_most_one_owner(
    world: World, assignments: list[tuple[str, bool]], bodies: list[str]
) -> None:
    taken: dict[str, int] = {}
    with world.evm.sandbox():
        for prefix, brands in assignments:
            owner = world.brand.gln if brands else world.maker.gln
            free = not any(prefix.startswith(other) or other.startswith(prefix) for other in taken)
            with attempt() as tried:
                assign(world, prefix, owner)
            assert tried.done == (free and len(prefix) >= 4), str(tried.error)
            if tried.done:
                taken[prefix] = owner
        for body in bodies:
            owners = [owner for prefix, owner in taken.items() if body.startswith(prefix)]
            assert len(owners) <= 1
            gtin = gtin_of(int(body[4:]), body[:4])
            assert world.rights.call("ownerOfGtin", gtin) == (owners[0] if owners else 0)
