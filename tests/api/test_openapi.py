"""The description of the API: complete, and its examples are taken by the service itself."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from api.examples import DOCUMENT, REQUESTS
from epcis.model import parse_document
from tests.api.world import ApiWorld, Client
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

REFERENCE = ROOT / "docs" / "api.md"


@pytest.fixture(scope="module")
def description(api: Client) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/openapi.json")
    return found


@pytest.mark.parametrize("model", list(REQUESTS), ids=lambda model: model.__name__)
def test_examples_are_requests(model: Any) -> None:
    found = model.model_validate(REQUESTS[model])
    again = model.model_validate(found.to_json())
    assert again == found


def test_the_example_document_is_one() -> None:
    import json

    assert len(parse_document(json.dumps(DOCUMENT).encode()).events) == 1


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_has_a_summary_and_its_problems(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        assert operation["summary"], path
        assert operation.get("description"), path
        assert "HTTPValidationError" not in str(operation), path
        if method == "post":
            assert operation["requestBody"]["content"], path
            assert {"202", "400", "413", "422", "503"} <= set(operation["responses"]), path


def test_examples_fit_their_own_schemas(description: dict[str, Any]) -> None:
    checked = 0
    for _, path, operation in operations(description):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = {**content["schema"], "components": description["components"]}
            jsonschema.validate(content["example"], schema)
            checked += 1
            assert path
    assert checked >= len(REQUESTS)


def test_references_lead_somewhere(description: dict[str, Any]) -> None:
    text = str(description)
    for name in set(re.findall(r"#/components/schemas/([A-Za-z0-9_]+)", text)):
        assert name in description["components"]["schemas"], name


def _documented() -> set[tuple[str, str]]:
    found = set()
    for line in Path(REFERENCE).read_text(encoding="utf-8").splitlines():
        cell = line.split("|")[1].strip() if line.startswith("| `") else ""
        method, _, paths = cell.replace("`", "").partition(" ")
        if method not in ("GET", "POST"):
            continue
        base = ""
        for part in paths.split(", "):
            path = part.partition("?")[0].strip()
            if base and path.count("/") == 1 and base.startswith("/escrows/{hash}"):
                path = "/escrows/{hash}" + path
            base = path
            found.add((method.lower(), re.sub(r"\{[^}]*\}", "{}", path)))
    return found


def test_every_documented_route_is_served(description: dict[str, Any], world: ApiWorld) -> None:
    served = {(method, re.sub(r"\{[^}]*\}", "{}", path)) for method, path, _ in operations(description)}
    documented = _documented()
    assert len(documented) > 35
    assert documented <= served, documented - served
