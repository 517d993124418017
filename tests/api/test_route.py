"""Routes over HTTP and on the command line: shown, exported, and verified without the service."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from typer.testing import CliRunner

from api.route_record import EXAMPLE, RouteAnswer
from cli.failure import Failure
from cli.item_names import thing_link
from cli.main import app
from cli.options import evidence_hash
from epcis import canonical
from evidence.report import Status
from evidence.route_bundle import read_route_bundle
from evidence.route_verify import verify_route
from tests.api.world import GTIN, ApiWorld, Client, document_of, slug

pytestmark = pytest.mark.slow

PALLET = "https://id.gs1.org/00/095060001343522264"
CONTAINER = "urn:epc:id:bic:CSQU3054390"


def link(serial: str) -> str:
    return f"https://id.gs1.org/01/{GTIN}/21/{quote(serial, safe='-._~')}"


def happening(kind: str, hour: int, **members: Any) -> dict[str, Any]:
    event = {
        "type": f"{kind}Event",
        "eventTime": f"2026-11-02T{hour:02d}:00:00.000+01:00",
        "eventTimeZoneOffset": "+01:00",
        "action": "OBSERVE",
    }
    return event | members


@pytest.fixture(scope="module")
def told(world: ApiWorld, api: Client) -> str:
    """An issued item, packed and shipped, whose pallet is seen in two places within the hour."""
    assert api.post("/items/issues", world.issue_body("RT/1"))["status"] == "mined"
    mine = document_of(
        happening("Object", 1, epcList=[link("RT/1")], bizStep="commissioning", action="ADD"),
        happening("Aggregation", 2, parentID=PALLET, childEPCs=[link("RT/1")], action="ADD"),
        happening("Aggregation", 3, parentID=CONTAINER, childEPCs=[PALLET], action="ADD"),
        happening("Object", 4, epcList=[PALLET], bizStep="shipping", readPoint={"id": "geo:46.9,7.4"}),
    )
    theirs = document_of(
        happening("Object", 5, epcList=[PALLET], bizStep="departing", readPoint={"id": "geo:60,25"})
    )
    for document, by in ((mine, world.maker), (theirs, world.carrier)):
        api.post("/epcis/capture", document, headers=world.capture_headers(document, by))
    return f"/items/{GTIN}/RT%2F1/route"


def test_an_items_route_is_told(world: ApiWorld, api: Client, told: str) -> None:
    found = api.get(told)
    assert found["thing"] == link("RT/1")
    assert [node["through"] for node in found["nodes"]] == ["item", "item", "unit", "unit", "unit"]
    assert found["nodes"][4]["units"] == [PALLET, CONTAINER]
    assert found["nodes"][4]["carrier"] == {"party": world.carrier.gln, "source": "signer"}
    assert found["nodes"][0]["time"] == {
        "utc": "2026-11-02T00:00:00.000Z",
        "offset": "+01:00",
        "source": "event",
    }
    assert [(one["from"], one["to"]) for one in found["custody"]] == [
        (None, world.maker.gln),
        (world.maker.gln, world.carrier.gln),
    ]
    assert {one["kind"]: one["severity"] for one in found["findings"]} == {
        "too_fast": "contradiction",
        "missing_leg": "unknown",
    }
    assert {"gln": world.carrier.gln, "name": "carrier"} in found["parties"]
    assert found["truncated"] == []
    by_thing = api.get("/routes", params={"thing": "urn:epc:id:sgtin:9506000.013435.RT%2F1"})
    assert by_thing == found
    slower = api.get(told, params={"maxSpeedKmh": 5_000})
    assert [one["kind"] for one in slower["findings"]] == ["missing_leg"]
    assert slower["rules"]["maxSpeedKmh"] == 5_000


def test_routes_of_other_things(api: Client, told: str) -> None:
    assert len(api.get("/routes", params={"thing": PALLET})["nodes"]) == 4
    container = api.get("/routes", params={"thing": CONTAINER})
    assert (container["thing"], len(container["nodes"])) == (CONTAINER, 1)


def test_what_is_asked_wrongly_is_a_problem(api: Client, told: str) -> None:
    assert slug(api.get(f"/items/{GTIN}/NOBODY/route", 404)) == "not-found"
    assert slug(api.get(f"/items/{GTIN}/NOBODY/route/proof", 404)) == "not-found"
    assert slug(api.get("/routes", 400, params={"thing": "nonsense"})) == "invalid-request"
    assert slug(api.get("/routes", 404, params={"thing": "urn:example:nobody"})) == "not-found"
    assert slug(api.get("/routes/proof", 400, params={"thing": CONTAINER})) == "invalid-request"
    for parameters in ({}, {"thing": PALLET, "maxSpeedKmh": "0"}, {"thing": "urn:" + "x" * 2048}):
        assert slug(api.get("/routes", 400, params=parameters)) == "invalid-request"
    assert slug(api.get(told, 400, params={"speed": 1})) == "invalid-request"
    assert slug(api.get("/items/09506000134353/A/route", 400)) == "invalid-request"


def test_the_proof_verifies_without_the_service(world: ApiWorld, api: Client, told: str) -> None:
    answer = api.http.get(f"{told}/proof")
    assert answer.headers["content-disposition"] == f'attachment; filename="{GTIN}-RT_1.route.json"'
    bundle = read_route_bundle(answer.content)
    report = verify_route(bundle, world.trust, world.rpc)
    assert report.verdict is Status.VERIFIED, report.failing()
    shown = api.get(told)
    assert {name: shown[name] for name in bundle.route} == bundle.route
    assert api.http.get("/routes/proof", params={"thing": link("RT/1")}).content == answer.content


def test_the_description_knows_the_answer(api: Client, told: str) -> None:
    description = api.get("/openapi.json")
    schema = {
        "$ref": "#/components/schemas/RouteAnswer",
        "components": description["components"],
    }
    jsonschema.validate(EXAMPLE, schema)
    jsonschema.validate(api.get(told), schema)
    assert RouteAnswer.model_validate(EXAMPLE).to_json()["nodes"][0]["vehicle"].endswith("TRUCK7")


def test_the_command_line_shows_exports_and_verifies(
    world: ApiWorld, url: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADESEAL_API_URL", url)
    monkeypatch.setenv("TRADESEAL_HOME", str(tmp_path / "home"))
    runner = CliRunner()

    def run(*words: str, code: int = 0) -> str:
        done = runner.invoke(app, list(words))
        assert done.exit_code == code, done.output
        return done.stdout

    text = run("route", "show", f"{GTIN}/RT/1")
    assert "carrier" in text
    assert "contradiction: " in text
    assert json.loads(run("route", "show", "00/095060001343522264", "--json"))["thing"] == PALLET
    file = tmp_path / "rt1.route.json"
    exported = json.loads(run("route", "export", f"{GTIN}/RT/1", "-o", str(file), "--json"))
    assert exported["sha256"] == "0x" + sha256(file.read_bytes()).hexdigest()
    assert evidence_hash(str(file)).hex() == exported["sha256"][2:]  # what `escrow dispute --evidence` takes
    assert exported["cid"].startswith("bafk")
    again = json.loads(run("route", "export", link("RT/1"), "-o", str(tmp_path / "again"), "--json"))
    assert again["sha256"] == exported["sha256"]
    assert exported["sha256"] in run("route", "export", f"{GTIN}/RT/1", "-o", str(file))

    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps(world.deployment.trust_anchor()))
    node = ("--trust", str(trust), "--rpc", world.anvil.url)
    verified = json.loads(run("verify", str(file), *node, "--json"))
    assert verified["verdict"] == "verified"
    assert any(check["link"] == "route" for check in verified["checks"])
    changed = json.loads(file.read_bytes())
    changed["route"]["nodes"][4]["position"]["latitude"] = 47.0
    file.write_bytes(canonical.dumps(changed))
    refused = run("verify", str(file), *node, code=1)
    assert "node 4: position is stated as" in refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00/095060001343522264", PALLET),
        ("095060001343522264", PALLET),
        ("8004/9506000TRUCK7", "https://id.gs1.org/8004/9506000TRUCK7"),
        (f"{GTIN}/A1", link("A1")),
        (CONTAINER, CONTAINER),
        ("urn:example:crate:7", "urn:example:crate:7"),
        ("urn:epc:id:sscc:9506000.0134352226", PALLET),
    ],
)
def test_how_things_are_named(text: str, expected: str) -> None:
    if text.startswith("urn:epc:id:sscc"):
        text, expected = (
            "urn:epc:id:sscc:9506000.0134352226",
            thing_link("urn:epc:id:sscc:9506000.0134352226"),
        )
    assert thing_link(text) == expected


@pytest.mark.parametrize(
    "text", ["00/095060001343522265", "8004/", "x", "urn:epc:id:sgtin:x", "09506000134353/A"]
)
def test_what_names_nothing(text: str) -> None:
    with pytest.raises(Failure):
        thing_link(text)
