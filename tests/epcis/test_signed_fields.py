from hashlib import sha256
from typing import Any

import pytest

from epcis.digital_link import item_id
from epcis.model import SignedFieldsError, signed_fields

CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"ex": "https://example.com/ns/"}]
ITEM = "https://id.gs1.org/01/04012345111118/21/9876"
OTHER = "https://id.gs1.org/01/04012345111118/21/9877"
CLASS = "https://id.gs1.org/01/04012345111118"
SSCC = "https://id.gs1.org/00/040123450000011111"
EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-07-22T06:45:00.1239+02:00",
    "eventTimeZoneOffset": "+02:00",
    "action": "OBSERVE",
    "epcList": [ITEM],
}


def fields(subject: str | None = None, **members: Any) -> Any:
    return signed_fields({**EVENT, **members}, CONTEXT, subject)


def test_a_shipping_event() -> None:
    got = fields(
        bizStep="shipping",
        disposition="in_transit",
        readPoint={"id": "urn:epc:id:sgln:4012345.00005.dock-7"},
    )
    assert got.biz_step == sha256(b"https://ref.gs1.org/cbv/BizStep-shipping").digest()
    assert got.disposition == sha256(b"https://ref.gs1.org/cbv/Disp-in_transit").digest()
    assert got.place == 4012345000054
    assert got.event_time_ms == 1784695500123
    assert got.subject == sha256(ITEM.encode()).digest()
    assert got.subject_uri == ITEM
    assert (got.quantity, got.unit) == (0, "")


def test_what_is_absent_is_zero() -> None:
    got = fields()
    assert (got.biz_step, got.disposition, got.place) == (bytes(32), bytes(32), 0)


@pytest.mark.parametrize(
    ("value", "iri"),
    [
        ("https://example.com/steps/blending", "https://example.com/steps/blending"),
        ("ex:blending", "https://example.com/ns/blending"),
        ("cbv:BizStep-shipping", "https://ref.gs1.org/cbv/BizStep-shipping"),
    ],
)
def test_business_steps_of_ones_own_are_expanded(value: str, iri: str) -> None:
    assert fields(bizStep=value).biz_step == sha256(iri.encode()).digest()


@pytest.mark.parametrize(
    ("location", "point", "place"),
    [
        ("https://id.gs1.org/414/4012345000054", "https://id.gs1.org/414/4012345000016", 4012345000054),
        ("https://shop.example/dock/7", "https://id.gs1.org/414/4012345000016/254/7", 4012345000016),
        ("https://id.gs1.org/417/4012345000054", "geo:50.9,6.9", 0),
        ("https://id.gs1.org/414/0012345111112", "urn:x:1", 12345111112),
    ],
)
def test_place_is_the_first_location_with_a_gln(location: str, point: str, place: int) -> None:
    assert fields(bizLocation={"id": location}, readPoint={"id": point}).place == place


@pytest.mark.parametrize(
    ("time", "millis"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.9999999Z", 999),
        ("1969-12-31T23:30:00-00:30", 0),
        ("9999-12-31T23:59:59.999Z", 253402300799999),
    ],
)
def test_event_time(time: str, millis: int) -> None:
    assert fields(eventTime=time).event_time_ms == millis


@pytest.mark.parametrize("time", ["1969-12-31T23:59:59.999Z", "2026-07-22", None])
def test_event_times_that_cannot_be_signed(time: Any) -> None:
    with pytest.raises(SignedFieldsError, match="eventTime"):
        fields(eventTime=time)


def test_the_subject_may_be_named_in_any_form() -> None:
    for name in (
        "urn:epc:id:sgtin:4012345.011111.9877",
        OTHER,
        "https://shop.example/gtin/4012345111118/ser/9877",
    ):
        got = fields(name, epcList=[ITEM, "urn:epc:id:sgtin:4012345.011111.9877"])
        assert got.subject == item_id(OTHER)
        assert got.subject_uri == OTHER


def test_a_parent_is_the_subject_unless_another_is_named() -> None:
    members: dict[str, Any] = {"epcList": [], "parentID": SSCC, "childEPCs": [ITEM, OTHER]}
    assert fields(**members).subject_uri == SSCC
    assert fields(OTHER, **members).subject_uri == OTHER


@pytest.mark.parametrize(
    ("subject", "members", "reason"),
    [
        (None, {"epcList": [ITEM, OTHER]}, "names 2 things"),
        (None, {"epcList": []}, "no thing"),
        (OTHER, {}, "does not occur"),
        ("urn:uuid:1", {"epcList": ["urn:uuid:1"]}, "subject"),
        (None, {"epcList": ["https://example.com/thing"]}, "no GS1 key"),
        (None, {"type": "TransformationEvent", "epcList": [], "outputEPCList": [ITEM]}, "say which"),
    ],
)
def test_subjects_that_cannot_be_told(subject: str | None, members: dict[str, Any], reason: str) -> None:
    with pytest.raises(SignedFieldsError, match=reason) as caught:
        fields(subject, **members)
    assert caught.value.field == "subject"


@pytest.mark.parametrize(
    ("quantity", "scaled"),
    [(2, 2_000_000), (2.5, 2_500_000), (0.000001, 1), (0, 0), (0.1, 100_000)],
)
def test_quantities_of_a_class_are_millionths(quantity: float, scaled: int) -> None:
    element = {"epcClass": CLASS, "quantity": quantity, "uom": "KGM"}
    got = fields(epcList=[], quantityList=[element])
    assert (got.subject_uri, got.quantity, got.unit) == (CLASS, scaled, "KGM")


def test_counted_things_have_no_unit_and_no_number_is_zero() -> None:
    assert fields(CLASS, quantityList=[{"epcClass": CLASS, "quantity": 3}]).quantity == 3_000_000
    assert fields(CLASS, quantityList=[{"epcClass": CLASS, "quantity": 3}]).unit == ""
    assert fields(CLASS, quantityList=[{"epcClass": CLASS}]).quantity == 0
    assert fields(ITEM, quantityList=[{"epcClass": CLASS, "quantity": 3, "uom": "KGM"}]).unit == ""


@pytest.mark.parametrize("quantity", [-1, 0.0000001, -0.5])
def test_quantities_that_cannot_be_signed(quantity: float) -> None:
    with pytest.raises(SignedFieldsError, match="quantity"):
        fields(CLASS, quantityList=[{"epcClass": CLASS, "quantity": quantity}])


def test_two_quantities_of_one_class_are_ambiguous() -> None:
    urn = "urn:epc:idpat:sgtin:4012345.011111.*"
    with pytest.raises(SignedFieldsError, match="more than one quantity"):
        fields(CLASS, quantityList=[{"epcClass": CLASS, "quantity": 1}, {"epcClass": urn, "quantity": 2}])
