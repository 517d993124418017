"""The route of a thing: where it went, by what, with whom; what does not fit is named, nothing else is."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from chain.database import open_engine, reading, writing
from epcis import canonical
from epcis.digital_link import DigitalLinkError
from indexer import schema
from indexer.read.route.derive import derive
from indexer.read.route.facts import named
from indexer.read.route.form import to_json, utc
from indexer.read.route.of_mirror import MirrorRoute, route
from indexer.read.route.parts import Finding, Route, Rules
from indexer.read.route.places import distance_m, geo_uri, position_of
from indexer.read.route.spells import Ref
from indexer.read.route.walk import Limits
from indexer.tables import metadata
from indexer.tables.oracle import CustomsDecided
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
    LOGGER,
    LORRY,
    LOT,
    MAKER,
    PALLET,
    PALLET_2,
    SECOND,
    SHOP,
    STRANGER,
    TRUCK,
    Told,
    at,
    between,
    facts,
    good,
    pack,
    step,
)
from tests.indexer.recorded import BASE, MINUTE, counted, event, fact, log_row, record


def told(*what: Told, thing: str = ITEM, rules: Rules | None = None) -> Route:
    return derive(*named(thing), counted(facts(list(what))), rules)


def kinds(found: Route) -> list[tuple[str, str]]:
    return [(one.kind, one.severity) for one in found.findings]


def only(found: Route, kind: str) -> Finding:
    (one,) = [one for one in found.findings if one.kind == kind]
    return one


def steps(found: Route, one: Finding) -> list[str]:
    """Business steps of the events that a finding names."""
    by_ref = {ref: node for node in found.nodes for ref in node.events}
    return [(by_ref[ref].biz_step or "").rpartition("-")[2] for ref in one.events]


# -- a good journey ----------------------------------------------------------------------------------------


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


# -- what does not fit -------------------------------------------------------------------------------------


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


# -- positions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("geo:48.2010,16.3695,183", (48.201, 16.3695, 183.0, None)),
        ("geo:48.198634,16.371648;crs=wgs84;u=40", (48.198634, 16.371648, None, 40.0)),
        ("GEO:-90,0", (-90.0, 0.0, None, None)),
        ("geo:90.1,0", None),
        ("geo:0,180.5", None),
        ("geo:1,2;crs=nad27", None),
        ("geo:1e3,2", None),
        ("geo:1", None),
        ("geo:nan,nan", None),
        (DAIRY, None),
    ],
)
def test_geo_uris_as_rfc_5870_has_them(text: str, expected: Any) -> None:
    assert geo_uri(text) == expected


def test_a_position_comes_from_sensors_before_places() -> None:
    def element(latitude: Any, longitude: Any, time: str | None = None, **more: Any) -> dict[str, Any]:
        reports = [
            {"type": "Angle", "component": name, "value": value, **more}
            for name, value in (("latitude", latitude), ("longitude", longitude))
        ]
        return {"sensorMetadata": {"time": time} if time else {}, "sensorReport": reports}

    late, early = element(1.5, 2.5, "2026-03-01T10:00:00Z"), element(3.5, 4.5, "2026-03-01T09:00:00Z")
    found = position_of({"sensorElementList": [late, early]}, BERN, None)
    assert found is not None
    assert (found.latitude, found.longitude, found.source) == (1.5, 2.5, "sensor")
    radians = position_of({"sensorElementList": [element(0.5, 1, uom="C81")]}, None, None)
    assert radians is not None
    assert round(radians.latitude, 3) == 28.648
    for bad in ({"sensorElementList": [element(95, 1)]}, {"sensorElementList": [element(True, 1)]},
                {"sensorElementList": [element(1, 1, uom="MTR")]}, {"sensorElementList": "x"},
                {"sensorElementList": [element(1, 1, coordinateReferenceSystem="https://epsg.io/21781")]},
                {"sensorElementList": [{"sensorReport": [7, None]}]}):  # fmt: skip
        fallen = position_of(bad, None, BERN)
        assert fallen is not None
        assert fallen.source == "bizLocation"
    assert position_of({}, DAIRY, None) is None


def test_distances() -> None:
    bern, basel = position_of({}, BERN, None), position_of({}, BASEL, None)
    assert bern is not None
    assert basel is not None
    assert distance_m(bern, basel) == pytest.approx(68_750, rel=0.01)
    assert distance_m(bern, bern) == 0
    pole = replace(bern, latitude=90.0, longitude=0.0)
    assert distance_m(pole, replace(pole, latitude=-90.0)) == pytest.approx(20_015_000, rel=0.001)


def test_times_that_no_calendar_has() -> None:
    assert utc(BASE + 5) == "2026-03-01T07:00:00.005Z"
    assert utc(1 << 60).startswith("9999")
    assert utc(-(1 << 60)).startswith("0001")


# -- out of the mirror -------------------------------------------------------------------------------------


@pytest.fixture
def mirror(database_url: Callable[[str], str]) -> Iterator[Engine]:
    engine = open_engine(database_url("route"), synchronous="NORMAL")
    schema.migrate(engine)
    yield engine
    engine.dispose()


def ask(engine: Engine, thing: str = ITEM, limits: Limits | None = None) -> MirrorRoute:
    with reading(engine) as session:
        return route(session, thing, limits=limits)


def noise() -> list[Told]:
    """What happens to the units before and after, and to others."""
    return [
        (step(-50, "storing", PALLET, **at(SHOP)), BUYER),
        (step(350, "storing", PALLET, **at(BERN)), BUYER),
        (step(500, "departing", TRUCK, **at(FREIBURG)), FIRST),
        (pack(340, CASE, f"{ITEM}9"), STRANGER),
        (step(90, "inspecting", f"{ITEM}8", **at(FREIBURG)), STRANGER),
    ]


def test_the_mirrors_route_is_that_of_the_events_alone(mirror: Engine) -> None:
    everything = facts([*good(), *noise()])
    seed = random.randrange(1 << 32)
    print("seed", seed)
    random.Random(seed).shuffle(everything)
    record(mirror, everything)
    found = ask(mirror)
    assert to_json(found.route) == to_json(told(*good()))
    assert {one.ref for one in found.facts} == {one.ref for one in facts(good())}
    assert to_json(derive(*named(ITEM), found.facts)) == to_json(found.route)
    assert (found.truncated, found.unread, found.known) == ((), (), True)


def test_customs_decisions_fall_on_the_leg_of_the_unit(mirror: Engine) -> None:
    record(mirror, facts(good()))
    pallet = named(PALLET)[1]

    def decided(number: int, minutes: int, subject: Any) -> CustomsDecided:
        return CustomsDecided(
            block_hash=f"0x{number:064x}", log_index=0, block_number=number, block_time=BASE // 1000,
            address="0x" + "00" * 20, report=f"0x{number:064x}", subject=subject, country="0x4348",
            decision=1, declaration="0x" + "33" * 32, decided_at=BASE + minutes * MINUTE, cid="0x",
            deadline=1, members=[],
        )  # fmt: skip

    with writing(mirror) as session:
        for number, minutes, subject in (
            (900, 205, pallet),
            (901, 900, pallet),
            (902, 205, named(CASE + "")[1]),
        ):
            session.add(log_row(f"0x{number:064x}", number))
            session.add(decided(number, minutes, subject))
    found = ask(mirror)
    assert [(one.subject, one.node) for one in found.customs] == [(PALLET, 9), (CASE, 9)]
    assert found.route.nodes[9].biz_step is not None
    assert found.route.nodes[9].biz_step.endswith("shipping")


def test_a_truncated_route_says_so(mirror: Engine) -> None:
    record(mirror, facts(good()))
    found = ask(mirror, limits=Limits(events=4))
    assert [one.split(":")[0] for one in found.truncated] == ["events"]
    assert [one.split(":")[0] for one in ask(mirror, limits=Limits(depth=2)).truncated] == ["depth"]


def test_unknown_things_and_what_is_no_identifier(mirror: Engine) -> None:
    found = ask(mirror)
    assert (found.known, found.route.nodes) == (False, ())
    with pytest.raises(DigitalLinkError):
        ask(mirror, "nonsense")


def test_hostile_documents_break_nothing() -> None:
    """Lists of anything, wild times: what cannot be read plays no part."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    values: list[Any] = [
        None,
        7,
        -1.5,
        True,
        "x",
        "",
        [],
        {},
        [[]],
        [{}],
        {"id": 1},
        "geo:91,0",
        ITEM,
        "🦆" * 9,
    ]
    base = facts(good())
    for _ in range(60):
        spoilt = []
        for one in base:
            body = {
                **one.body,
                **{name: draw.choice(values) for name in draw.sample(sorted(_MEMBERS), 3)},
            }
            time = draw.choice([one.event_time, 1 << 61, -(1 << 61), 0])
            spoilt.append(replace(one, body=body, event_time=time, ref=Ref(one.ref.member, one.ref.seal_id)))
        found = derive(*named(ITEM), spoilt)
        assert to_json(found)["thing"] == ITEM


_MEMBERS = (
    "bizTransactionList", "sourceList", "destinationList", "sensorElementList", "transformationID", "ilmd",
    "readPoint", "persistentDisposition",
)  # fmt: skip


@pytest.mark.slow
def test_a_giant_pallet_is_told_in_time(mirror: Engine) -> None:
    """A route asks for a unit's own events, never for all that it holds."""
    children = [f"https://id.gs1.org/01/09506000134352/21/W{number}" for number in range(3_000)]
    record(mirror, facts([(pack(0, PALLET, ITEM, *children), MAKER), (step(5, "storing", PALLET), MAKER)]))
    found = ask(mirror, limits=Limits(rows=10, things=5))
    assert [node.biz_step is None for node in found.route.nodes] == [True, False]
    assert found.truncated == ()


# -- any story ---------------------------------------------------------------------------------------------

_STEPS = (
    *("commissioning", "packing", "unpacking", "shipping", "departing", "transporting", "arriving"),
    *("receiving", "accepting", "storing", "retail_selling", "destroying", "inspecting", "loading"),
    *("unloading", "holding"),
)
_SITES = (DAIRY, HUB, SHOP, BERN, BASEL, FREIBURG, "geo:-33.9,151.2")
_MEMBERS_TOLD = (MAKER, FIRST, SECOND, BUYER, STRANGER)
_STUFF = (ITEM, CASE, PALLET, PALLET_2, TRUCK, f"{ITEM}9", LOGGER)


def any_story(draw: random.Random, length: int) -> list[Told]:
    """Whatever members may tell of goods, sense or nonsense."""
    story: list[Told] = []
    for _ in range(length):
        when, who = draw.randrange(2_000), draw.choice(_MEMBERS_TOLD)
        more: dict[str, Any] = {}
        if draw.random() < 0.6:
            more["bizStep"] = draw.choice(_STEPS)
        if draw.random() < 0.5:
            more |= at(draw.choice(_SITES))
        if draw.random() < 0.3:
            more |= between(draw.choice(_MEMBERS_TOLD), draw.choice(_MEMBERS_TOLD))
        if draw.random() < 0.3:
            more["bizTransactionList"] = [{"type": "bol", "bizTransaction": f"{BOL}{draw.randrange(3)}"}]
        if draw.random() < 0.1:
            more["disposition"] = draw.choice(("stolen", "returned", "destroyed", "retail_sold"))
        kind = draw.choice(("Object", "Object", "Object", "Aggregation", "Association", "Transformation"))
        action = draw.choice(("ADD", "OBSERVE", "DELETE"))
        things = draw.sample(_STUFF, draw.randrange(1, 4))
        if kind == "Object":
            body = event(kind, when, epcList=things, action=action, **more)
        elif kind == "Transformation":
            body = event(kind, when, inputEPCList=things[:1], outputEPCList=things[1:] or [PALLET], **more)
        else:
            children = {"childEPCs": things[1:]} if things[1:] else {}
            body = event(
                kind, when, parentID=things[0], action=action if children else "DELETE", **children, **more
            )
        story.append((body, who))
        if draw.random() < 0.1:
            declared = {**body, "errorDeclaration": {"declarationTime": "2026-03-09T00:00:00Z"}}
            story.append((declared, draw.choice((who, STRANGER))))
    return story


def _check_any(draw: random.Random, engine: Engine | None = None) -> None:
    told_facts = facts(any_story(draw, draw.randrange(1, 25)))
    unique = list({one.ref: one for one in told_facts}.values())
    known = {one.ref for one in unique}
    if engine is not None:
        with writing(engine) as session:
            for table in metadata.sorted_tables:
                session.execute(table.delete())
        record(engine, unique)
    for thing in (ITEM, PALLET):
        found = derive(*named(thing), counted(unique))
        form = to_json(found)
        assert [node.time for node in found.nodes] == sorted(node.time for node in found.nodes)
        for one in found.findings:
            assert 1 <= len(one.events) <= 2
            assert known.issuperset(one.events)
            assert one.text
            if one.kind in ("custody_without_handover", "missing_leg"):
                assert one.severity == "unknown"
        assert all(one.giver != one.taker for one in found.handovers)
        draw.shuffle(unique)
        assert to_json(derive(*named(thing), counted(unique))) == form
        assert canonical.loads(canonical.dumps(form)) == form
        if engine is not None:
            with reading(engine) as session:
                mirrored = route(session, thing)
            assert to_json(mirrored.route) == form
            # the whole documents of the events that the mirror gave lead to the same
            refs = {one.ref for one in mirrored.facts}
            whole = [one for one in counted(unique) if one.ref in refs]
            assert to_json(derive(*named(thing), whole)) == form


def test_any_story_has_one_route(mirror: Engine) -> None:
    """Whatever order its events come in, from the mirror or from their documents."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    for _ in range(15):
        _check_any(draw)
    for _ in range(4):
        _check_any(draw, mirror)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(60))
def test_many_stories_have_one_route(seed: int, mirror: Engine) -> None:
    draw = random.Random(seed)
    for _ in range(10):
        _check_any(draw, mirror)
