"""The quick way to a pre-hash against the general one: the same text, or none."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epcis import cbv_hash, hash_plan
from epcis.canonical import JsonError
from epcis.hash_order import COMMITMENT, EVENT
from epcis.hash_plan import Plans
from epcis.hash_terms import Terms
from tests.epcis.test_cbv_differential import CONTEXT, EVENTS, QUICK, SCALARS, TIMES, URIS

EXTRA = {"ex2": "https://ns.example.com/epcis/", "long": "https://ns.example.com/" + "n" * 300 + "/"}
CONTEXTS = st.sampled_from([CONTEXT, [*CONTEXT, EXTRA], [*CONTEXT, {"urn": "https://x.example/"}]])
NAMES = st.sampled_from(
    [
        *EVENT.slots,
        *(
            "id",
            "type",
            "epcClass",
            "quantity",
            "uom",
            "set",
            "unset",
            "time",
            "value",
            "component",
            "exception",
        ),
        *(
            "sensorMetadata",
            "sensorReport",
            "sensorElement",
            "bizTransaction",
            "source",
            "destination",
            "reason",
        ),
        *("eventID", "recordTime", "errorDeclaration", "@context", "comment", "rdfs:comment", "ilmd", "List"),
        *(
            "ex:a",
            "ex2:a",
            "ex:aList",
            "ex2:aList",
            "hash:b",
            "ex:action",
            "long:a",
            "no:prefix",
            "{http://x/}y",
        ),
        *("inputEPC", "childQuantity", "inputQuantityList", COMMITMENT, "", "a" * 300),
    ]
)
WORDS = st.sampled_from(
    ["shipping", "active", "Temperature", "po", "x", "cbv:BizStep-packing", "", " ", " b ", "n:m"]
)
VALUES = st.recursive(
    SCALARS | WORDS | TIMES | URIS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
ODD = st.builds(
    lambda event, more, left_out: {k: v for k, v in {**event, **more}.items() if k not in left_out},
    EVENTS,
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.sets(st.sampled_from(["eventTime", "action", "type"]), max_size=1) | st.just(set()),
)


def agree(event: dict[str, Any], context: list[Any]) -> bool:
    found = Plans.of(context).prehash(event)
    if found is not None:
        assert found == cbv_hash.general_prehash(event, Terms(context))
    return found is not None


@QUICK
@given(ODD, CONTEXTS)
def test_odd_events(event: dict[str, Any], context: list[Any]) -> None:
    agree(event, context)


@pytest.mark.deep
@settings(QUICK, max_examples=50_000)
@given(ODD, CONTEXTS)
def test_very_many_odd_events(event: dict[str, Any], context: list[Any]) -> None:
    agree(event, context)


@settings(QUICK, max_examples=30)
@given(EVENTS)
def test_turned_events(event: dict[str, Any]) -> None:
    agree(dict(reversed(event.items())), CONTEXT)


def test_usual_events_go_the_quick_way() -> None:
    event = {
        "type": "ObjectEvent",
        "eventTime": "2026-07-22T06:45:00+02:00",
        "eventTimeZoneOffset": "+02:00",
        "epcList": ["urn:epc:id:sgtin:4012345.011111.a.b"],
        "quantityList": [{"epcClass": "urn:epc:class:lgtin:4012345.011111.7", "quantity": 2, "uom": "KGM"}],
        "readPoint": {"id": "urn:epc:id:sgln:4012345.00011.987"},
        "bizTransactionList": [{"type": "po", "bizTransaction": "urn:x:1"}],
        "ilmd": {"ex:a": {COMMITMENT: "0" * 43}, "ex:list": [1, {"ex:b": True}]},
        "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 2.5, "ex:a": "b"}]}],
    }
    assert agree(event, CONTEXT)


def test_shapes_do_not_pile_up() -> None:
    plans = Plans(Terms(CONTEXT))
    base = {"type": "ObjectEvent", "eventTime": "2026-07-22T06:45:00+02:00"}
    many = [{f"ex:{number}": 1} for number in range(3_000)]
    assert plans.prehash({**base, "ex:many": many}) is not None
    for number in range(1_000):
        assert plans.prehash({**base, f"ex:{number}": {f"ex:{number}": 1}}) is not None
    kept = [len(names) for shapes in plans._places.values() for names in shapes]
    assert 0 < sum(kept) <= hash_plan._MOST_REMEMBERED


@pytest.mark.parametrize("value", [[1] * 40_000, [{"ex:b": 1}] * 40_000])
def test_a_pre_hash_of_any_size_cannot_be_asked_for(value: list[Any]) -> None:
    context = [*CONTEXT, {"ex": "https://example.org/" + "n" * 2000 + "/"}]
    event = {"type": "ObjectEvent", "eventTime": "2026-07-22T06:45:00+02:00", "ex:a": value}
    with pytest.raises(JsonError, match="more than 67108864 characters"):
        Plans.of(context).prehash(event)
