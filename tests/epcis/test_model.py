import copy
import json
from typing import Any

import pytest

from epcis.model import EpcisError, ObjectEvent, TooManyEvents, parse_document

GS1 = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"
CONTEXT = [GS1, {"ex": "https://example.com/ns/"}]
LINK = "https://id.gs1.org/01/04012345111118/21/9876"
EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-07-22T06:45:00.000+02:00",
    "eventTimeZoneOffset": "+02:00",
    "action": "OBSERVE",
    "bizStep": "shipping",
    "epcList": [LINK],
}


def bare(**members: Any) -> dict[str, Any]:
    event = {"@context": CONTEXT, **copy.deepcopy(EVENT), **members}
    return {name: value for name, value in event.items() if value is not ...}


def problems(document: Any) -> list[tuple[str, Any]]:
    data = document if isinstance(document, (dict, bytes, str)) else json.dumps(document)
    with pytest.raises(EpcisError) as caught:
        parse_document(data)
    assert all(problem.reason for problem in caught.value.problems)
    return [(problem.path, problem.value) for problem in caught.value.problems]


def test_bare_event_with_its_own_context() -> None:
    document = parse_document(json.dumps(bare(**{"ex:note": {"ex:n": 1}})))
    (captured,) = document.events
    assert captured.path == ""
    assert captured.context == CONTEXT
    assert captured.event is document.raw
    assert document.head is None
    assert isinstance(captured.model, ObjectEvent)
    assert captured.model.epc_list == [LINK]
    assert captured.model.model_extra is not None
    assert captured.model.model_extra["ex:note"] == {"ex:n": 1}
    assert captured.model.event_time.isoformat() == "2026-07-22T06:45:00+02:00"


def test_query_document() -> None:
    event = {name: value for name, value in bare().items() if name != "@context"}
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-07-22T06:45:00Z",
        "epcisBody": {
            "queryResults": {"queryName": "SimpleEventQuery", "resultsBody": {"eventList": [event]}}
        },
    }
    (captured,) = parse_document(document).events
    assert captured.path == "/epcisBody/queryResults/resultsBody/eventList/0"
    del document["epcisBody"]["queryResults"]["queryName"]
    assert problems(document) == [("/epcisBody/queryResults/queryName", None)]
    document["epcisBody"] = {}
    assert problems(document) == [("/epcisBody/queryResults", None)]


def test_event_contexts_add_to_the_documents() -> None:
    event = {**bare(**{"own:x": 1}), "@context": {"own": "https://own.example/"}}
    other = {name: value for name, value in bare(**{"own:x": 1}).items() if name != "@context"}
    document = {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-07-22T06:45:00Z",
        "epcisBody": {"eventList": [event]},
    }
    (captured,) = parse_document(document).events
    assert captured.context == [*CONTEXT, {"own": "https://own.example/"}]
    document["epcisBody"] = {"eventList": [event, other]}
    assert problems(document) == [("/epcisBody/eventList/1/own:x", 1)]


@pytest.mark.parametrize(
    ("members", "path", "value"),
    [
        ({"colour": "red"}, "/colour", "red"),
        ({"other:x": 1}, "/other:x", 1),
        ({"ex:x": {"other:y": 1}}, "/ex:x/other:y", 1),
        ({"readPoint": {"id": "urn:x:1", "name": "dock"}}, "/readPoint/name", "dock"),
        ({"quantityList": [{"epcClass": "urn:x:1", "ex:q": 1}]}, "/quantityList/0/ex:q", 1),
        ({"parentID": LINK}, "/parentID", LINK),
        ({"a/b": 1}, "/a~1b", 1),
    ],
)
def test_undeclared_fields_are_refused(members: dict[str, Any], path: str, value: Any) -> None:
    assert problems(bare(**members)) == [(path, value)]


@pytest.mark.parametrize(
    "members",
    [
        {"ex:x": {"plain": [1, {"ex:y": None}]}},
        {"https://other.example/field": 1},
        {"urn:example:field": 1},
        {"rdfs:comment": "free text"},
        {"readPoint": {"id": "urn:x:1", "ex:name": "dock"}},
        {"action": "ADD", "ilmd": {"ex:lot": "1", "cbvmda:lotNumber": "A"}},
        {"errorDeclaration": {"declarationTime": "2026-07-23T00:00:00Z", "ex:by": "x"}},
        {"bizStep": "https://example.com/steps/blending"},
        {"certificationInfo": ["https://example.com/c/1", "https://example.com/c/2"]},
        {
            "quantityList": [
                {"epcClass": "https://id.gs1.org/01/04012345111118", "quantity": 2.5, "uom": "KGM"}
            ]
        },
        {"epcList": []},
        {
            "epcList": ...,
            "readPoint": {"id": "urn:x:1"},
            "sensorElementList": [{"sensorReport": [{"type": "Speed"}]}],
        },
        {"eventTime": "2026-07-22t06:45:00.123456789z"},
        {"type": "ex:MyEvent", "action": ..., "epcList": ..., "bizStep": ..., "ex:detail": 1},
    ],
    ids=lambda members: ",".join(members),
)
def test_declared_extensions_and_odd_but_valid_fields_are_kept(members: dict[str, Any]) -> None:
    event = bare(**members)
    assert parse_document(json.dumps(event)).raw == event


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"eventTime": "2026-07-22T06:45:00"}, "/eventTime"),
        ({"eventTime": "2026-02-30T06:45:00Z"}, "/eventTime"),
        ({"eventTime": "2026-07-22T06:45:00+24:00"}, "/eventTime"),
        ({"eventTime": 1790000000}, "/eventTime"),
        ({"eventTimeZoneOffset": "+14:30"}, "/eventTimeZoneOffset"),
        ({"eventTimeZoneOffset": "Z"}, "/eventTimeZoneOffset"),
        ({"eventTimeZoneOffset": ...}, "/eventTimeZoneOffset"),
        ({"bizStep": "urn:epcglobal:cbv:bizstep:shipping"}, "/bizStep"),
        ({"disposition": "lost"}, "/disposition"),
        ({"epcList": [LINK, LINK]}, "/epcList"),
        ({"epcList": ["no uri"]}, "/epcList/0"),
        ({"epcList": "urn:x:1"}, "/epcList"),
        ({"epcList": None}, "/epcList"),
        ({"epcList": ...}, "/epcList"),
        ({"ilmd": {"ex:lot": "1"}}, "/ilmd"),
        ({"persistentDisposition": {}}, "/persistentDisposition"),
        ({"persistentDisposition": {"set": []}}, "/persistentDisposition/set"),
        ({"persistentDisposition": {"set": ["active", "active"]}}, "/persistentDisposition/set"),
        ({"quantityList": [{"epcClass": "urn:x:1", "uom": "kg"}]}, "/quantityList/0/uom"),
        ({"quantityList": [{"epcClass": "urn:x:1", "quantity": True}]}, "/quantityList/0/quantity"),
        ({"quantityList": [{"quantity": 1}]}, "/quantityList/0/epcClass"),
        ({"bizTransactionList": [{"type": "po"}]}, "/bizTransactionList/0/bizTransaction"),
        (
            {"bizTransactionList": [{"type": "bill", "bizTransaction": "urn:x:1"}]},
            "/bizTransactionList/0/type",
        ),
        ({"sourceList": [{"source": "urn:x:1"}]}, "/sourceList/0/type"),
        ({"sensorElementList": [{"sensorReport": []}]}, "/sensorElementList/0/sensorReport"),
        (
            {"sensorElementList": [{"sensorReport": [{"type": "Heat"}]}]},
            "/sensorElementList/0/sensorReport/0/type",
        ),
        (
            {"sensorElementList": [{"sensorReport": [{"type": "https://gs1.org/voc/Speed"}]}]},
            "/sensorElementList/0/sensorReport/0/type",
        ),
        (
            {"sensorElementList": [{"sensorReport": [{"type": "Speed", "hexBinaryValue": "0x1"}]}]},
            "/sensorElementList/0/sensorReport/0/hexBinaryValue",
        ),
        ({"errorDeclaration": {"reason": "incorrect_data"}}, "/errorDeclaration/declarationTime"),
        (
            {"errorDeclaration": {"declarationTime": "2026-07-22T06:45:00Z", "reason": "typo"}},
            "/errorDeclaration/reason",
        ),
        ({"eventID": "7"}, "/eventID"),
        ({"readPoint": "urn:x:1"}, "/readPoint"),
        ({"type": "MyEvent"}, "/type"),
        ({"type": 7}, "/type"),
        ({"type": ...}, "/type"),
        ({"@context": ...}, "/@context"),
        ({"@context": [GS1, 7]}, "/@context/1"),
        ({"@context": "not a uri"}, "/@context"),
    ],
)
def test_wrong_fields_are_named(members: dict[str, Any], path: str) -> None:
    assert path in [where for where, _ in problems(bare(**members))]


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"epcList": ["https://id.gs1.org/01/04012345111117/21/1"]}, "/epcList/0"),
        ({"epcList": ["https://id.gs1.org/00/040123450000011112"]}, "/epcList/0"),
        ({"readPoint": {"id": "https://id.gs1.org/414/4012345000055"}}, "/readPoint/id"),
        (
            {"sourceList": [{"type": "location", "source": "https://id.gs1.org/414/4012345000055"}]},
            "/sourceList/0/source",
        ),
        (
            {"quantityList": [{"epcClass": "https://id.gs1.org/01/04012345111117"}]},
            "/quantityList/0/epcClass",
        ),
    ],
)
def test_wrong_check_digits_are_named(members: dict[str, Any], path: str) -> None:
    with pytest.raises(EpcisError, match="check digit") as caught:
        parse_document(bare(**members))
    assert [problem.path for problem in caught.value.problems] == [path]


def test_check_digits_elsewhere_are_nobodys_business() -> None:
    event = bare(epcList=["https://shop.example/01/04012345111117/21/1"])
    assert parse_document(event).raw == event


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ({"type": "AggregationEvent", "action": "ADD", "parentID": "urn:x:1"}, "/childEPCs"),
        ({"type": "AssociationEvent", "action": "DELETE"}, "/parentID"),
        ({"type": "TransactionEvent", "action": "ADD", "epcList": []}, "/bizTransactionList"),
        (
            {
                "type": "TransactionEvent",
                "action": "ADD",
                "bizTransactionList": [{"bizTransaction": "urn:x:1"}],
            },
            "/epcList",
        ),
        ({"type": "TransformationEvent", "inputEPCList": ["urn:x:1"]}, "/outputEPCList"),
        ({"type": "TransformationEvent", "outputEPCList": ["urn:x:1"]}, "/inputEPCList"),
        ({"type": "TransformationEvent", "transformationID": "urn:x:1"}, "/inputEPCList"),
    ],
)
def test_each_type_requires_its_own(event: dict[str, Any], path: str) -> None:
    members = {"action": ..., "epcList": ..., "bizStep": ..., **event}
    assert [where for where, _ in problems(bare(**members))] == [path]


def test_halves_of_a_transformation_need_only_their_id() -> None:
    members = {"type": "TransformationEvent", "transformationID": "urn:x:1", "outputEPCList": ["urn:x:2"]}
    parse_document(bare(action=..., epcList=..., **members))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{", ""),
        ("[]", ""),
        ("null", ""),
        ('{"type":"ObjectEvent","type":"ObjectEvent"}', "/type"),
        ('{"ex:n": NaN}', "/ex:n"),
        ('{"a": [1e999]}', "/a/0"),
        (b'{"a": "\xff"}', ""),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text: str | bytes, path: str) -> None:
    assert [where for where, _ in problems(text)] == [path]


def test_objects_are_held_to_the_limits_of_json_text() -> None:
    assert problems(bare(**{"ex:n": float("nan")}))
    assert problems(bare(**{"ex:n": 2**60}))


def test_every_problem_is_listed_but_the_message_stays_short() -> None:
    event = bare(**{f"bad{i}": "x" * 500 for i in range(100)})
    with pytest.raises(EpcisError) as caught:
        parse_document(event)
    assert len(caught.value.problems) == 100
    assert len(str(caught.value)) < 4000
    assert "and 80 more" in str(caught.value)


def test_a_small_document_cannot_ask_for_much_memory() -> None:
    """Names and contexts are repeated for every value below them, and in every sealed event."""
    for members in (
        {"ex:" + "n" * 5000: 1},
        {"ex:a": {"n" * 2000: {"n" * 2000: {"n" * 2000: 1}}}},
        {"@context": [*CONTEXT, {"long": "https://example.org/" + "n" * 5000}]},
        {"ex:a": {"@context": {"a": {"@id": "https://example.org/" + "n" * 5000}}}},
    ):
        ((path, _),) = problems(bare(**members))
        assert path in ("", "/@context")


def test_a_context_too_large_for_all_its_events_is_refused() -> None:
    large = {f"p{i}": "https://example.org/" + "n" * 1000 for i in range(1000)}
    listed = [copy.deepcopy(EVENT) for _ in range(40)]
    document = {
        "@context": [*CONTEXT, large],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-01T10:00:00Z",
        "epcisBody": {"eventList": listed},
    }
    ((path, _),) = problems(document)
    assert path == "/@context"
    document["epcisBody"] = {"eventList": listed[:4]}
    assert len(parse_document(json.dumps(document)).events) == 4
    with pytest.raises(TooManyEvents, match="4 given, 3 are allowed"):
        parse_document(json.dumps(document), most_events=3)


def test_only_the_first_of_very_many_problems_are_kept() -> None:
    for event in (bare(epcList=[0] * 5000), bare(**{"ex:a": [{"nobody:b": 1}] * 5000})):
        assert 1000 <= len(problems(event)) <= 2000


def test_a_repeated_epc_is_found_quickly_in_a_long_list() -> None:
    many = [f"urn:example:thing:{i}" for i in range(50_000)]
    ((path, _),) = problems(bare(epcList=[*many, many[-1]]))
    assert path == "/epcList"
