"""The route of a thing: where it went, by what, with whom."""

import random

from indexer.read.route.derive import derive
from indexer.read.route.facts import named
from indexer.read.route.form import to_json
from tests.indexer.journeys import (
    BOL,
    BUYER,
    CASE,
    FIRST,
    ITEM,
    LORRY,
    LOT,
    MAKER,
    PALLET,
    PALLET_2,
    SECOND,
    TRUCK,
    facts,
    good,
)
from tests.indexer.recorded import BASE, MINUTE, counted, event
from tests.indexer.told_routes import kinds, told


def test_a_good_journey_has_no_findings() -> None:
    found = told(*good())
    assert kinds(found) == []
    assert len(found.nodes) == len(good())


def test_nodes_say_place_unit_vehicle_carrier_and_documents() -> None:
    found = told(*good())
    by_minute = {(node.time - BASE) // MINUTE: node for node in found.nodes}
    departing = by_minute[80]
    assert departing.units == (CASE, PALLET, TRUCK)
    assert departing.vehicle == TRUCK
    assert departing.carrier is not None
    assert (departing.carrier.party, departing.carrier.source) == (FIRST, "signer")
    assert departing.place is None
    assert departing.position is not None
    assert (departing.position.latitude, departing.position.source) == (46.948, "readPoint")
    assert [(one.id, one.transport) for one in departing.documents] == [(BOL, True)]
    assert (by_minute[10].through, by_minute[80].through, by_minute[100].through) == (
        "item",
        "unit",
        "device",
    )
    assert (by_minute[300].vehicle, by_minute[400].vehicle, by_minute[400].units) == (LORRY, None, ())
    measured = by_minute[100]
    assert measured.position is not None
    assert (measured.position.latitude, measured.position.source) == (47.7, "sensor")
    (temperature,) = measured.measurements
    assert (temperature.minimum, temperature.maximum, temperature.unit) == (3.5, 7.25, "CEL")
    assert by_minute[310].place is not None
    assert by_minute[310].place.gln == "9506000134383"
    assert [(one.role, one.id) for one in by_minute[310].sources] == [("possessing_party", SECOND)]


def test_custody_goes_from_hand_to_hand() -> None:
    found = told(*good())
    assert [(one.giver, one.taker, one.basis) for one in found.handovers] == [
        (None, MAKER, "first seen"),
        (MAKER, FIRST, "transport"),
        (FIRST, SECOND, "received"),
        (SECOND, BUYER, "received"),
    ]
    assert all(one.dispatched is not None for one in found.handovers[1:])


def test_the_order_in_which_events_arrive_does_not_matter() -> None:
    whole = to_json(told(*good()))
    seed = random.randrange(1 << 32)
    print("seed", seed)
    shuffled = facts(good())
    random.Random(seed).shuffle(shuffled)
    assert to_json(derive(*named(ITEM), counted(shuffled))) == whole


def test_a_route_of_a_unit_or_a_lot_is_a_route_too() -> None:
    pallet = told(*good(), thing=PALLET)
    assert kinds(pallet) == []
    assert pallet.nodes[0].type == "AggregationEvent"
    lot = {"epcClass": LOT, "quantity": 5, "uom": "KGM"}
    moved = event("Aggregation", 1, parentID=PALLET, childQuantityList=[lot], action="ADD")
    half = event("Aggregation", 2, parentID=PALLET_2, childQuantityList=[lot], action="ADD")
    used = event("Transformation", 5, inputQuantityList=[lot], outputEPCList=[ITEM])
    more = event("Transformation", 6, inputQuantityList=[lot], outputEPCList=[ITEM + "x"])
    found = told((moved, MAKER), (half, MAKER), (used, MAKER), (more, MAKER), thing=LOT)
    assert kinds(found) == []  # a lot may be in two units, and be used up by parts
    assert found.nodes[2].units == (PALLET, PALLET_2)


def test_nothing_known_is_an_empty_route() -> None:
    found = told()
    assert (found.nodes, found.findings, found.handovers) == ((), (), ())
    lonely = told((event("Object", 1, epcList=[ITEM]), MAKER))
    assert kinds(lonely) == []
    assert lonely.nodes[0].position is None
    assert lonely.nodes[0].place is None
