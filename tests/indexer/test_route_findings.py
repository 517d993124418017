"""What does not fit in a route is named, nothing else is."""

from typing import Any

import pytest

from indexer.read.route.derive import derive
from indexer.read.route.facts import named
from indexer.read.route.parts import Rules
from tests.indexer.journeys import (
    BASEL,
    BERN,
    BOL,
    BUYER,
    CASE,
    DAIRY,
    FIRST,
    FREIBURG,
    HUB,
    ITEM,
    MAKER,
    PALLET,
    PALLET_2,
    SECOND,
    SHOP,
    STRANGER,
    Told,
    at,
    between,
    facts,
    good,
    pack,
    step,
)
from tests.indexer.recorded import BASE, MINUTE, counted, event, fact
from tests.indexer.told_routes import kinds, only, steps, told


def test_two_places_at_once_and_too_fast() -> None:
    here, there = step(0, "storing", ITEM, **at(BERN)), step(0, "inspecting", ITEM, **at(BASEL))
    found = told((here, MAKER), (there, MAKER))
    assert kinds(found) == [("two_places", "contradiction")]
    assert 67_000 < int(only(found, "two_places").values["metres"]) < 70_000
    later = step(3, "inspecting", ITEM, **at(BASEL))
    found = told((here, MAKER), (later, MAKER))
    finding = only(found, "too_fast")
    assert steps(found, finding) == ["storing", "inspecting"]
    assert 1_300 < int(finding.values["kmh"]) < 1_400
    assert kinds(told((here, MAKER), (later, MAKER), rules=Rules(max_speed_kmh=2_000))) == []
    assert kinds(told((here, MAKER), (step(5, "inspecting", ITEM, **at(BASEL)), MAKER))) == []
    near = step(0, "inspecting", ITEM, **at("geo:46.949,7.448"))
    assert kinds(told((here, MAKER), (near, MAKER))) == []
    # unknown positions contradict nothing
    assert kinds(told((here, MAKER), (step(0, "inspecting", ITEM, **at(HUB)), MAKER))) == []


def test_the_same_instant_at_two_named_places_of_unknown_distance_is_a_suspicion() -> None:
    one, other = step(0, "storing", ITEM, **at(DAIRY)), step(0, "inspecting", ITEM, **at(HUB))
    assert kinds(told((one, MAKER), (other, FIRST))) == [("two_places", "suspicion")]
    dock = f"{DAIRY}/254/DOCK-2"
    assert kinds(told((one, MAKER), (step(0, "inspecting", ITEM, **at(dock)), FIRST))) == []


def test_a_unit_that_nobody_unpacked_makes_only_a_suspicion() -> None:
    what = [
        (pack(0, PALLET, ITEM), MAKER),
        (step(10, "inspecting", ITEM, **at(BERN)), MAKER),
        (step(11, "inspecting", PALLET, **at(FREIBURG)), MAKER),
    ]
    found = told(*what)
    assert kinds(found) == [("too_fast", "suspicion")]
    found = told(*what, (pack(12, PALLET, ITEM, action="DELETE"), MAKER))
    assert kinds(found) == [("too_fast", "contradiction")]


def test_a_clock_ahead_of_the_chain_is_named_beyond_the_skew() -> None:
    body = step(10, "inspecting", ITEM)
    base = BASE // 1000
    for recorded, expected in ((base, ["recorded_before_event"]), (base + 300, []), (base + 10_000, [])):
        found = derive(*named(ITEM), [fact(body, MAKER, record_time=recorded)])
        assert [one.kind for one in found.findings] == expected
    skewed = derive(*named(ITEM), [fact(body, MAKER, record_time=base + 300)], Rules(clock_skew_s=299))
    assert only(skewed, "recorded_before_event").values == {"seconds": 300}


def test_received_before_shipped_and_arrived_before_departed() -> None:
    bol = {"bizTransactionList": [{"type": "bol", "bizTransaction": BOL}]}
    found = told(
        (step(10, "receiving", PALLET, **bol, **between(MAKER, BUYER)), BUYER),
        (step(20, "shipping", PALLET, **bol, **between(MAKER, BUYER)), MAKER),
        thing=PALLET,
    )
    assert steps(found, only(found, "out_of_order")) == ["receiving", "shipping"]
    found = told(
        (step(10, "arriving", PALLET, **bol), FIRST),
        (step(20, "departing", PALLET, **bol), FIRST),
        thing=PALLET,
    )
    assert steps(found, only(found, "out_of_order")) == ["arriving", "departing"]
    # without anything that ties them they are two journeys
    found = told((step(10, "arriving", PALLET), FIRST), (step(20, "departing", PALLET), FIRST), thing=PALLET)
    assert kinds(found) == []


def test_seen_before_it_was_made() -> None:
    found = told((step(5, "inspecting", ITEM), MAKER), (step(10, "commissioning", ITEM, action="ADD"), MAKER))
    assert steps(found, only(found, "out_of_order")) == ["inspecting", "commissioning"]


def test_custody_without_handover_is_unknown_and_said_once() -> None:
    found = told(
        (step(0, "commissioning", ITEM, action="ADD"), MAKER),
        (step(10, "storing", ITEM), STRANGER),
        (step(11, "storing", ITEM), STRANGER),
        (step(12, "inspecting", ITEM), BUYER),  # looking at goods is not having them
    )
    assert kinds(found) == [("custody_without_handover", "unknown")]
    assert steps(found, found.findings[0]) == ["commissioning", "storing"]
    assert STRANGER in found.findings[0].text


def test_a_second_carrier_without_handover() -> None:
    found = told(
        (step(0, "shipping", PALLET, **between(MAKER, BUYER)), MAKER),
        (step(1, "departing", PALLET), FIRST),
        (step(2, "departing", PALLET), SECOND),
        (step(3, "receiving", PALLET, **between(MAKER, BUYER)), BUYER),
        thing=PALLET,
    )
    assert kinds(found) == [("custody_without_handover", "unknown")]
    assert found.nodes[3].carrier is not None
    assert found.nodes[3].carrier.party == SECOND


def test_parties_that_do_not_fit() -> None:
    shipped = step(0, "shipping", PALLET, **between(MAKER, BUYER)), MAKER
    found = told(shipped, (step(9, "receiving", PALLET, **between(STRANGER, BUYER)), BUYER), thing=PALLET)
    assert kinds(found) == [("parties_differ", "contradiction")]
    elsewhere = step(9, "receiving", PALLET), STRANGER
    found = told(shipped, elsewhere, thing=PALLET)
    assert kinds(found) == [("parties_differ", "suspicion")]
    # on its way through somebody's hub
    found = told(
        shipped,
        elsewhere,
        (step(10, "shipping", PALLET), STRANGER),
        (step(19, "receiving", PALLET), BUYER),
        thing=PALLET,
    )
    assert kinds(found) == []


def test_missing_legs() -> None:
    shipped = step(0, "shipping", PALLET, **between(MAKER, BUYER)), MAKER
    found = told(shipped, thing=PALLET)
    assert kinds(found) == [("missing_leg", "unknown")]
    assert "so far" in found.findings[0].text
    found = told(shipped, (step(9, "unpacking", PALLET), BUYER), thing=PALLET)
    assert kinds(found) == [("missing_leg", "unknown")]
    assert steps(found, found.findings[0]) == ["shipping", "unpacking"]
    made = step(0, "commissioning", PALLET, action="ADD"), MAKER
    found = told(made, (step(9, "receiving", PALLET), BUYER), thing=PALLET)
    assert kinds(found) == [("missing_leg", "unknown")]
    assert steps(found, found.findings[0]) == ["commissioning", "receiving"]
    assert kinds(told((step(9, "receiving", PALLET), BUYER), thing=PALLET)) == []


def test_one_thing_in_two_units_at_once() -> None:
    first, second = (pack(0, PALLET, ITEM), MAKER), (pack(10, PALLET_2, ITEM), FIRST)
    found = told(first, second)
    assert kinds(found) == [("two_units", "unknown")]  # nobody recorded that it left the first
    out = pack(20, PALLET, ITEM, action="DELETE"), MAKER
    found = told(first, second, out)
    assert kinds(found) == [("two_units", "contradiction")]
    assert found.findings[0].events == tuple(facts([one])[0].ref for one in (first, second))
    moved = pack(10, PALLET, ITEM, action="DELETE"), MAKER
    assert kinds(told(first, second, moved)) == []
    nested = pack(5, PALLET_2, PALLET), MAKER
    assert kinds(told(first, nested, second, out)) == []


def test_units_in_each_other_are_named() -> None:
    found = told((pack(0, CASE, PALLET), MAKER), (pack(1, PALLET, CASE), MAKER), thing=CASE)
    assert ("cycle", "contradiction") in kinds(found)


def test_seen_elsewhere_while_packed() -> None:
    what = [
        (pack(0, PALLET, ITEM), MAKER),
        (step(5, "storing", PALLET, **at(DAIRY)), MAKER),
        (step(10, "inspecting", ITEM, **at(SHOP)), MAKER),
        (step(15, "storing", PALLET, **at(DAIRY)), MAKER),
        (pack(20, PALLET, ITEM, action="DELETE"), MAKER),
    ]
    assert kinds(told(*what)) == [("packed_elsewhere", "suspicion")]
    what[2] = (step(10, "inspecting", ITEM, **at(DAIRY)), MAKER)
    assert kinds(told(*what)) == []


_DESTROYED = step(10, "destroying", ITEM, action="DELETE", disposition="destroyed")
_USED_UP = event("Transformation", 10, inputEPCList=[ITEM], outputEPCList=[CASE])


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (_DESTROYED, [("after_end", "contradiction")]),
        (step(10, "decommissioning", ITEM, action="DELETE"), [("after_end", "contradiction")]),
        (_USED_UP, [("after_end", "contradiction")]),
        (step(10, "retail_selling", ITEM, disposition="retail_sold"), [("after_sale", "suspicion")]),
        (step(10, "holding", ITEM, disposition="stolen"), [("after_theft", "suspicion")]),
        (step(10, "storing", ITEM), []),
    ],
)
def test_seen_after_its_end(last: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    later = [(step(20, "inspecting", ITEM), MAKER), (step(21, "inspecting", ITEM), MAKER)]
    assert kinds(told((last, MAKER), *later)) == expected
    again = step(15, "commissioning", ITEM, action="ADD"), MAKER
    if expected and expected[0][0] == "after_end":
        reborn = [one for one in kinds(told((last, MAKER), again, *later)) if one[0] != "out_of_order"]
        assert reborn == []


def test_goods_that_come_back_were_sold_without_contradiction() -> None:
    sold = step(10, "retail_selling", ITEM, disposition="retail_sold"), BUYER
    back = step(20, "receiving", ITEM, disposition="returned"), BUYER
    assert kinds(told(sold, back, (step(21, "inspecting", ITEM), BUYER))) == []


def test_a_stolen_pallet_that_turns_up_in_a_shop() -> None:
    story = [one for one in good() if (minute_of(one) < 215)]
    story += [
        (step(216, "holding", PALLET, disposition="stolen", **at(BASEL)), SECOND),
        (step(500, "receiving", PALLET, **at(FREIBURG)), STRANGER),
        (step(600, "retail_selling", ITEM, **at(FREIBURG)), STRANGER),
    ]
    found = told(*story)
    assert set(kinds(found)) == {("after_theft", "suspicion"), ("missing_leg", "unknown")}
    assert steps(found, only(found, "after_theft")) == ["holding", "receiving"]


def minute_of(one: Told) -> float:
    made = facts([one])[0]
    return ((made.event_time or 0) - BASE) / MINUTE


def test_an_event_taken_back_is_no_part_of_the_route() -> None:
    wrong = step(0, "storing", ITEM, **at(BERN))
    declared = {**wrong, "errorDeclaration": {"declarationTime": "2026-03-02T00:00:00Z"}}
    there = step(0, "inspecting", ITEM, **at(FREIBURG))
    found = told((wrong, MAKER), (there, MAKER), (declared, MAKER))
    assert kinds(found) == []
    assert len(found.nodes) == 1
    (voided,) = found.voided
    assert (voided.event, voided.source) == (facts([(wrong, MAKER)])[0].ref, "document")
    # what another member says of it is that member's word
    assert len(told((wrong, MAKER), (there, MAKER), (declared, FIRST)).nodes) == 2
    by_chain = facts([(wrong, MAKER), (there, MAKER)])
    found = derive(*named(ITEM), counted(by_chain, {by_chain[0].ref: "0x" + "ab" * 32}))
    assert [one.source for one in found.voided] == ["chain"]


def test_one_document_of_two_members_is_one_node_with_both() -> None:
    body = step(1, "receiving", ITEM)
    found = told((body, MAKER), (body, FIRST))
    (node,) = found.nodes
    assert node.signers == (MAKER, FIRST)
