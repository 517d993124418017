"""Every public EPCIS document: accepted and given back equal, or refused naming the right field."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from epcis import canonical, sealed
from epcis.model import EpcisError, parse_document

INVALID = {
    "Combination_of_multiple_invalid_fields.json": {
        ("/epcisBody/eventList/0/bizStep", "transforming"),
        ("/epcisBody/eventList/1/disposition", "in_transport"),
        ("/epcisBody/eventList/2/sourceList/0/type", "place"),
        ("/epcisBody/eventList/3/ilmd/materialType", "soil"),
        ("/epcisBody/eventList/4/eventTime", "22-07-2026"),
        ("/epcisBody/eventList/4/action", "CREATE"),
    },
    "EPCISDocument_without_context.json": {("/@context", None)},
    "ObjectEvent_with_invalid_action.json": {("/epcisBody/eventList/0/action", "CREATE")},
    "ObjectEvent_with_invalid_eventTime_format.json": {("/epcisBody/eventList/0/eventTime", "22-07-2026")},
    "ObjectEvent_with_non_standard_bizStep_in_second_event.json": {
        ("/epcisBody/eventList/1/bizStep", "transforming")
    },
    "ObjectEvent_with_quantity_as_text.json": {("/epcisBody/eventList/0/quantityList/0/quantity", "twenty")},
    "ObjectEvent_without_action_and_eventTime.json": {
        ("/epcisBody/eventList/0/eventTime", None),
        ("/epcisBody/eventList/0/eventTimeZoneOffset", None),
        ("/epcisBody/eventList/0/action", None),
    },
}


def documents(conformance: Path) -> list[Path]:
    folder = conformance / "epcis"
    found = [*(folder / "gs1").rglob("*.json*"), *(folder / "openepcis").rglob("*.json*")]
    found += (folder / "event-hash").glob("*.jsonld")
    return sorted(path for path in found if path.parent.name != "invalid")


def events_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    body = document.get("epcisBody")
    return [document] if body is None else list(body["eventList"])


def test_valid_documents_are_accepted_and_given_back_equal(conformance: Path) -> None:
    paths = documents(conformance)
    assert len(paths) >= 50
    for path in paths:
        data = path.read_bytes()
        document = parse_document(data)
        plain = json.loads(data)
        assert document.raw == plain, path.name
        assert [captured.event for captured in document.events] == events_of(plain), path.name


def test_every_valid_event_can_be_sealed_and_opened_again(conformance: Path) -> None:
    for path in documents(conformance):
        for captured in parse_document(path.read_bytes()).events:
            result = sealed.seal(captured.event, captured.context)
            expected = {k: v for k, v in captured.event.items() if k != "recordTime"}
            assert sealed.join(result.document, None) == {**expected, "@context": captured.context}
            assert canonical.dumps(canonical.loads(result.document)) == result.document


def test_a_sealed_document_is_a_valid_event(conformance: Path) -> None:
    for path in documents(conformance):
        for captured in parse_document(path.read_bytes()).events:
            result = sealed.seal(captured.event, captured.context)
            assert len(parse_document(result.document).events) == 1, path.name


def test_invalid_documents_are_refused_naming_field_and_value(conformance: Path) -> None:
    paths = sorted((conformance / "epcis" / "openepcis" / "invalid").glob("*.json"))
    assert {path.name for path in paths} == set(INVALID)
    for path in paths:
        with pytest.raises(EpcisError) as caught:
            parse_document(path.read_bytes())
        assert {(p.path, p.value) for p in caught.value.problems} == INVALID[path.name], path.name


def test_gs1s_schema_agrees_on_every_document(conformance: Path) -> None:
    schema = json.loads((conformance / "epcis" / "schema" / "EPCIS-JSON-Schema.json").read_text("utf-8"))
    checker = jsonschema.Draft7Validator(schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)
    for path in documents(conformance):
        assert checker.is_valid(json.loads(path.read_bytes())), path.name
