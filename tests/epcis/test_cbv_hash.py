from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from epcis import canonical, cbv_hash, sealed
from epcis.canonical import JsonError
from epcis.hash_identifier import hash_form

GS1 = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
BASE: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-07-22T06:45:00+02:00",
    "eventTimeZoneOffset": "+02:00",
    "action": "OBSERVE",
    "epcList": ["urn:epc:id:sscc:4012345.0000001111"],
}
HEAD = "eventType=ObjectEventeventTime=2026-07-22T04:45:00.000ZeventTimeZoneOffset=+02:00"
EPCS = "epcListepc=https://id.gs1.org/00/040123450000011111"
PLAIN = HEAD + EPCS + "action=OBSERVE"


def pre(*context: Any, **members: Any) -> str:
    return cbv_hash.prehash({**BASE, **members}, [GS1, *context])


def test_published_hashes_and_pre_hashes(conformance: Path) -> None:
    """Two published .prehashes files have damaged lines, which do not have the hash published beside them."""
    paths = sorted((conformance / "epcis" / "event-hash").glob("*.jsonld"))
    assert len(paths) == 10
    matched = damaged = 0
    for path in paths:
        document = canonical.loads(path.read_bytes())
        events = document["epcisBody"]["eventList"]
        hashes = path.with_suffix(".hashes").read_text("utf-8").split()
        published = path.with_suffix(".prehashes").read_text("utf-8").splitlines()
        context = sealed.effective_context(document["@context"], None)
        assert [cbv_hash.ni(cbv_hash.event_hash(event, context)) for event in events] == hashes, path.name
        known = {cbv_hash.ni(sha256(line.encode()).digest()): line for line in published}
        for event, ni in zip(events, hashes, strict=True):
            if ni in known:
                assert cbv_hash.prehash(event, context) == known[ni], path.name
                matched += 1
            else:
                damaged += 1
    assert (matched, damaged) == (24, 2)


def test_ni_form() -> None:
    assert cbv_hash.ni(bytes(31) + b"\xff") == "ni:///sha-256;" + "00" * 31 + "ff?ver=CBV2.0"


def test_fields_that_take_no_part() -> None:
    assert (
        pre(
            eventID="urn:uuid:1",
            recordTime="2026-07-22T06:46:00Z",
            errorDeclaration={"declarationTime": "2026-07-23T00:00:00Z", "reason": "incorrect_data"},
            **{"@context": {"ex": "https://example.com/"}, "rdfs:comment": "no"},
        )
        == PLAIN
    )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("2026-07-22T06:45:00.1234+02:00", "2026-07-22T04:45:00.123Z"),
        ("2026-07-22T06:45:00.1235+02:00", "2026-07-22T04:45:00.124Z"),
        ("2026-07-22T06:45:00.1225+02:00", "2026-07-22T04:45:00.122Z"),
        ("2026-12-31T23:59:59.9999Z", "2027-01-01T00:00:00.000Z"),
        ("2026-07-22T06:45:00-00:30", "2026-07-22T07:15:00.000Z"),
        ("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00+01:00"),
        ("2026-07-22T06:45:60Z", "2026-07-22T06:45:60Z"),
    ],
)
def test_times(given: str, text: str) -> None:
    assert f"eventTime={text}eventTimeZoneOffset" in pre(eventTime=given)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(12.50, "12.5"), (5.0, "5"), ("007", "7"), ("+1.50", "1.5"), (1e-7, "1e-07"), (-0.0, "0")],
        *[("Infinity", "Infinity"), ("nan", "nan"), ("1e400", "1e400"), (True, "true"), (False, "false")],
        *[(" padded ", "padded"), ("urn:epcglobal:cbv:btt:po", "https://ref.gs1.org/cbv/BTT-po")],
    ],
)
def test_extension_values(value: Any, text: str) -> None:
    ex = {"ex": "https://example.com/"}
    assert pre(ex, **{"ex:v": value}) == PLAIN + "{https://example.com/}v=" + text


def test_nulls_and_empty_lists_leave_no_trace() -> None:
    assert pre({"ex": "https://example.com/"}, bizTransactionList=[], **{"ex:v": None, "ex:w": []}) == PLAIN


def test_order_in_the_document_never_counts() -> None:
    pair = {"type": "po", "bizTransaction": "urn:x:1"}
    turned = dict(reversed(pair.items()))
    other = {"bizTransaction": "urn:x:0"}
    one = pre(bizTransactionList=[pair, other])
    assert one == pre(bizTransactionList=[other, turned])
    assert one == PLAIN + (
        "bizTransactionListbizTransaction=urn:x:0type=https://ref.gs1.org/cbv/BTT-pobizTransaction=urn:x:1"
    )
    event = {**BASE, "bizStep": "shipping", "bizTransactionList": [pair]}
    assert cbv_hash.prehash(dict(reversed(event.items())), [GS1]) == cbv_hash.prehash(event, [GS1])


def test_only_vocabulary_fields_get_vocabulary_iris() -> None:
    text = pre({"ex": "https://example.com/"}, bizStep="shipping", **{"ex:v": "shipping"})
    assert text == PLAIN + "bizStep=https://ref.gs1.org/cbv/BizStep-shipping{https://example.com/}v=shipping"


def test_prefixes_of_gs1s_context_need_no_declaration() -> None:
    report = {"type": "gs1:Temperature", "exception": "ALARM_CONDITION", "component": "cbv:Comp-x"}
    assert pre(sensorElementList=[{"sensorReport": [report]}]) == PLAIN + (
        "sensorElementListsensorElementsensorReporttype=https://gs1.org/voc/Temperature"
        "exception=https://gs1.org/voc/ALARM_CONDITIONcomponent=https://ref.gs1.org/cbv/Comp-x"
    )


def test_event_and_document_contexts_count_alike() -> None:
    a, b = {"a": "https://a.example/"}, {"b": "https://b.example/"}
    assert pre(a, b, **{"a:x": 1, "b:x": 2}) == PLAIN + "{https://a.example/}x=1{https://b.example/}x=2"


def test_a_committed_value_stands_as_its_commitment() -> None:
    committed = {sealed.COMMITMENT: "0" * 43}
    ex = {"ex": "https://example.com/"}
    assert pre(ex, **{"ex:v": committed}) == PLAIN + "{https://example.com/}v=" + "0" * 43
    assert pre(ex, **{"ex:v": [committed, "a"]}).endswith(
        "{https://example.com/}v=" + "0" * 43 + "{https://example.com/}v=a"
    )


def test_an_error_declaration_has_the_hash_of_what_it_corrects() -> None:
    declared = {**BASE, "errorDeclaration": {"declarationTime": "2026-08-01T00:00:00Z"}}
    assert cbv_hash.event_hash(declared, [GS1]) == cbv_hash.event_hash(BASE, [GS1])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://example.com/x/gtin/4012345111118/ser/1?a=b", "https://id.gs1.org/01/04012345111118/21/1"),
        ("https://id.gs1.org/01/96385074", "https://id.gs1.org/01/00000096385074"),
        ("https://id.gs1.org/01/04012345111118/22/2A", "https://id.gs1.org/01/04012345111118"),
        ("https://id.gs1.org/01/04012345111118/22/2A/21/7", "https://id.gs1.org/01/04012345111118/21/7"),
        ("https://id.gs1.org/01/04012345111118/10/L/21/7", "https://id.gs1.org/01/04012345111118/21/7"),
        (
            "urn:epc:id:sgtin:4012345.011111.a%2Fb+(c)",
            "https://id.gs1.org/01/04012345111118/21/a%2Fb%2B%28c%29",
        ),
        # a link that needs escapes stays as it is, as with the reference implementation
        (
            "https://id.gs1.org/01/04012345111118/21/a%2Fb?x",
            "https://id.gs1.org/01/04012345111118/21/a%2Fb?x",
        ),
        ("https://example.com/414/about", "https://example.com/414/about"),
        ("urn:epc:id:sgtin:4012345.01111.1", "urn:epc:id:sgtin:4012345.01111.1"),
    ],
)
def test_identifiers(given: str, expected: str) -> None:
    assert hash_form(given) == expected


def test_a_pre_hash_of_any_size_cannot_be_asked_for() -> None:
    with pytest.raises(JsonError, match="more than 67108864 characters"):
        pre({"ex": "https://example.org/" + "n" * 2000}, **{"ex:a": [1] * 40_000})


def test_long_lists_of_extensions_are_hashed_quickly() -> None:
    behind = {f"b:{i}": 1 for i in range(20_000)}
    ahead = {f"a:{i}": 1 for i in range(20_000)}
    place = {"id": "urn:example:place", **behind, **ahead}
    assert pre({"a": "https://a.example/", "b": "https://b.example#"}, readPoint=place)
