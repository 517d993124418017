"""Public EPCIS documents over HTTP: valid ones come back equal, invalid ones are refused by field."""

import json
from pathlib import Path
from typing import Any

import pytest

from epcis.model import parse_document
from tests.api.world import ApiWorld, Client, slug

pytestmark = pytest.mark.slow

PLACES = ("gs1", "openepcis/documents", "openepcis/events", "event-hash")
WRONG_FIELDS = {
    "Combination_of_multiple_invalid_fields": "/epcisBody/eventList/",
    "EPCISDocument_without_context": "@context",
    "ObjectEvent_with_invalid_action": "/epcisBody/eventList/0/action",
    "ObjectEvent_with_invalid_eventTime_format": "/epcisBody/eventList/0/eventTime",
    "ObjectEvent_with_non_standard_bizStep_in_second_event": "/epcisBody/eventList/1/bizStep",
    "ObjectEvent_with_quantity_as_text": "/epcisBody/eventList/0/quantityList/0/quantity",
    "ObjectEvent_without_action_and_eventTime": "/epcisBody/eventList/0/action",
}


def documents(conformance: Path) -> list[Path]:
    """Every valid document, by name."""
    folders = [conformance / "epcis" / place for place in PLACES]
    return sorted(path for folder in folders for path in folder.rglob("*.json*"))


@pytest.mark.slow
def test_every_public_document_is_captured_and_given_back_equal(
    world: ApiWorld, api: Client, conformance: Path
) -> None:
    found = documents(conformance)
    assert len(found) >= 50
    for path in found:
        body = path.read_bytes()
        captured = parse_document(body).events
        job = api.post("/epcis/capture", body, headers=world.capture_headers(body, world.maker))
        assert job["success"] is True, f"{path.name}: {job['errors']}"
        assert len(job["seals"]) == len(captured), path.name
        for seal, event in zip(job["seals"], captured, strict=True):
            expected: dict[str, Any] = {**event.event, "@context": event.context}
            given = api.get(f"/epcis/events/{seal['sealId']}")
            expected.pop("recordTime", None)
            assert given.pop("recordTime").endswith("Z")
            assert given == expected, path.name


def test_every_invalid_document_is_refused_naming_the_field(
    world: ApiWorld, api: Client, conformance: Path
) -> None:
    signed = world.capture_headers(world.document("https://id.gs1.org/01/09506000134352/21/X"), world.maker)
    refused = {}
    for path in sorted((conformance / "epcis" / "openepcis" / "invalid").glob("*.json")):
        problem = api.post("/epcis/capture", path.read_bytes(), 400, headers=signed)
        assert slug(problem) == "invalid-document", path.name
        refused[path.stem] = json.dumps([error["pointer"] for error in problem["errors"]])
    for name, field in WRONG_FIELDS.items():
        assert field in refused[name], f"{name}: {refused[name]}"
