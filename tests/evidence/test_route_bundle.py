"""A route with its proofs: it verifies, and nothing in it can be changed that its documents do not say."""

import copy
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from chain.bindings import event_ledger, types
from chain.database import reading
from epcis import canonical, digital_link
from epcis.digital_link import DigitalLinkError
from evidence.bundle import Bundle, BundleError, Trust
from evidence.proof import ProofUnavailable
from evidence.report import Link, Report, Status
from evidence.route_bundle import RouteBundle, export_route, read_evidence, read_route_bundle
from evidence.route_verify import verify_route
from indexer.read.route.form import to_json
from indexer.read.route.of_mirror import route
from indexer.read.route.parts import Rules
from tests.evidence import documents as docs
from tests.evidence.world import Member, World
from vault.cid import Cid

pytestmark = pytest.mark.slow

ITEM = docs.item("route-1")
LONELY = docs.item("route-2")
PALLET = "https://id.gs1.org/00/095060001343522257"
TRUCK = "https://id.gs1.org/8004/9506000TRUCK7"
LOGGER = "https://id.gs1.org/8004/9506000LOGGER7"
CONTAINER = "urn:epc:id:bic:CSQU3054383"


def happening(kind: str, hour: int, **members: Any) -> dict[str, Any]:
    event = {
        "type": f"{kind}Event",
        "eventTime": f"2026-03-02T{hour:02d}:00:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
    }
    return event | members


def between(giver: Member, taker: Member) -> dict[str, Any]:
    return {
        "sourceList": [{"type": "possessing_party", "source": digital_link.gln_uri(giver.gln)}],
        "destinationList": [{"type": "possessing_party", "destination": digital_link.gln_uri(taker.gln)}],
    }


@pytest.fixture(scope="module")
def told(world: World) -> World:
    """Made, packed, shipped on a truck with a logger, and seen somewhere else at the same hour; one mistake
    that its member took back in a document, one that it declared to the ledger."""
    maker, carrier, brand = world.maker, world.carrier, world.brand
    world.issue("route-1", "route-2")
    wrong = happening("Object", 3, epcList=[ITEM], bizStep="storing", readPoint={"id": "geo:1,1"})
    mine = [
        happening("Object", 1, epcList=[ITEM, LONELY], bizStep="commissioning", action="ADD"),
        wrong,
        happening("Aggregation", 4, parentID=PALLET, childEPCs=[ITEM], action="ADD", bizStep="packing"),
        happening("Association", 5, parentID=PALLET, childEPCs=[LOGGER], action="ADD"),
        happening(
            "Object", 6, epcList=[PALLET], bizStep="shipping", readPoint={"id": "geo:46.9,7.4"},
            **between(maker, brand),
        ),
    ]  # fmt: skip
    warm = {"type": "Temperature", "value": 5.5, "uom": "CEL"}
    theirs = [
        happening("Aggregation", 7, parentID=TRUCK, childEPCs=[PALLET], action="ADD", bizStep="loading"),
        happening("Aggregation", 7, parentID=CONTAINER, childEPCs=[TRUCK], action="ADD", bizStep="loading"),
        happening("Object", 8, epcList=[LOGGER], sensorElementList=[{"sensorReport": [warm]}],
                  readPoint={"id": "geo:47.1,7.4"}),
        happening("Object", 8, epcList=[LOGGER], bizStep="inspecting"),
        happening("Object", 9, epcList=[ITEM], bizStep="inspecting", readPoint={"id": "geo:60.2,24.9"}),
        happening("Aggregation", 12, parentID=TRUCK, action="DELETE", bizStep="unloading"),
    ]  # fmt: skip
    back = {**wrong, "errorDeclaration": {"declarationTime": "2026-03-03T00:00:00Z"}}
    for document, by, seed in (
        (docs.document(*mine), maker, b"\x61"),
        (docs.document(*theirs), carrier, b"\x62"),
        (docs.document(back), maker, b"\x63"),
        (docs.document(theirs[4]), maker, b"\x64"),
    ):
        job = world.capture(document, by, seed=seed * 32)
        assert job.success, job.errors
    arrived = happening("Object", 13, epcList=[PALLET], bizStep="receiving", **between(maker, brand))
    second = happening("Object", 14, epcList=[PALLET], bizStep="departing", readPoint={"id": "geo:52,13"})
    for event in (arrived, second):
        job = world.attest(docs.bare(event), carrier)
        assert job.success, job.errors
    _declare(world, second, arrived)
    world.index()
    return world


def _declare(world: World, wrong: dict[str, Any], by: dict[str, Any]) -> None:
    """The carrier tells the ledger that one of its attestations was an error."""
    from evidence.batch import attestation

    seals = [attestation(docs.bare(event), deadline=9).sealed.seal_id for event in (wrong, by)]
    message = types.ErrorDeclaration(seals[0], seals[1], bytes(32), world.now() + 3600)
    data = event_ledger.encode_declare_error(
        message, world.carrier.key.address, world.sign("EventLedger", message, world.carrier)
    )
    world.send(world.deployment.address("EventLedger"), data)


@pytest.fixture(scope="module")
def bundle(told: World) -> dict[str, Any]:
    return export_route(ITEM, told.deployment, told.mirror, told.store)


def verify(
    world: World, bundle: dict[str, Any], trust: Trust | None = None, rpc: Any = "the world's"
) -> Report:
    read = read_route_bundle(json.dumps(bundle).encode())
    return verify_route(read, trust or world.trust, world.rpc if rpc == "the world's" else rpc)


def contradicted(report: Report) -> set[Link]:
    return {check.link for check in report.checks if check.status is Status.CONTRADICTED}


def test_a_true_route_is_verified(told: World, bundle: dict[str, Any]) -> None:
    report = verify(told, bundle)
    assert report.verdict is Status.VERIFIED, report.failing()
    route_checks = [check for check in report.checks if check.link is Link.ROUTE]
    assert [check.status for check in route_checks] == [Status.VERIFIED]
    assert "nodes" in route_checks[0].detail
    assert any("the route contradicts itself" in notice for notice in report.notices)


def test_what_the_route_says(told: World, bundle: dict[str, Any]) -> None:
    stated = bundle["route"]
    assert [node["through"] for node in stated["nodes"]].count("device") == 1
    assert {one["source"] for one in stated["voided"]} == {"chain", "document"}
    assert [one["kind"] for one in stated["findings"] if one["severity"] == "contradiction"] == ["too_fast"]
    assert [(one["unit"], one["until"]) for one in stated["units"]] == [
        (PALLET, None),
        (TRUCK, "2026-03-02T12:00:00.000Z"),
        (CONTAINER, None),
    ]
    both = [node for node in stated["nodes"] if len(node["events"]) == 2]
    assert [{one["member"] for one in node["events"]} for node in both] == [
        {told.maker.gln, told.carrier.gln}
    ]
    assert {one["sealId"] for one in bundle["proof"]["events"]} >= {one["sealId"] for one in stated["voided"]}


def test_the_bundles_route_is_the_mirrors(told: World, bundle: dict[str, Any]) -> None:
    with reading(told.mirror) as session:
        found = route(session, ITEM)
    assert canonical.dumps(to_json(found.route)) == canonical.dumps(bundle["route"])


def test_the_same_state_gives_the_same_bytes(told: World, bundle: dict[str, Any]) -> None:
    """So that the hash given to a dispute can be found again."""
    again = export_route("urn:epc:id:sgtin:9506000.013435.route-1", told.deployment, told.mirror, told.store)
    assert sha256(canonical.dumps(again)).digest() == sha256(canonical.dumps(bundle)).digest()


def test_a_unit_has_a_route_with_proofs_too(told: World) -> None:
    made = export_route(PALLET, told.deployment, told.mirror, told.store)
    assert made["proof"]["passport"] is None
    report = verify(told, made)
    assert report.verdict is Status.VERIFIED, report.failing()


def test_without_node_or_trust_anchor_a_route_is_unchecked(told: World, bundle: dict[str, Any]) -> None:
    read = read_route_bundle(json.dumps(bundle).encode())
    for report in (verify_route(read, told.trust, None), verify_route(read, None, told.rpc)):
        assert report.exit_code == 2
        (check,) = [check for check in report.checks if check.link is Link.ROUTE]
        assert check.status is Status.UNCHECKED


Change = Callable[[dict[str, Any]], None]


def _set(*path: Any) -> Change:
    *steps, last, value = path

    def change(route: dict[str, Any]) -> None:
        place: Any = route
        for step in steps:
            place = place[step]
        assert not isinstance(place, dict) or place.get(last) is not value
        place[last] = value

    return change


CHANGES: dict[str, Change] = {
    "a place": _set("nodes", 1, "position", {"latitude": 1.0}),
    "a carrier": _set("nodes", 4, "carrier", {"party": "9506000000015", "source": "signer"}),
    "a time": _set("nodes", 2, "time", "utc", "2026-03-02T05:30:00.000Z"),
    "a block time": _set("nodes", 2, "recordTime", "utc", "2026-03-02T05:00:00.000Z"),
    "a signer": _set("nodes", 0, "events", 0, "member", "9506000000039"),
    "a unit": _set("nodes", 4, "units", []),
    "a member of a node": _set("nodes", 0, "weather", "fair"),
    "a node that is no object": _set("nodes", 0, 7),
    "the nodes": _set("nodes", None),
    "a finding": _set("findings", 0, "severity", "unknown"),
    "a finding taken out": lambda route: route["findings"].pop(),
    "a node taken out": lambda route: route["nodes"].pop(1),
    "a node doubled": lambda route: route["nodes"].append(route["nodes"][0]),
    "nodes in another order": lambda route: route["nodes"].reverse(),
    "custody": _set("custody", 0, "to", "9506000000039"),
    "an error that nobody declared": lambda route: route["voided"].append(
        {**route["nodes"][0]["events"][0], "declaration": "0x" + "ab" * 32, "source": "chain"}
    ),
    "an error that was declared": lambda route: route["voided"].pop(),
    "the thing": _set("thing", LONELY),
    "a rule": _set("rules", "maxSpeedKmh", 5_000),
    "a rule that is none": _set("rules", "maxSpeedKmh", -1),
    "a rule that is a truth": _set("rules", "clockSkewS", True),
    "no rules": _set("rules", []),
    "something more": _set("verdict", "guilty"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_route_that_its_documents_do_not_say_is_refused(
    told: World, bundle: dict[str, Any], name: str
) -> None:
    changed = copy.deepcopy(bundle)
    changed["route"].setdefault("verdict", None)
    if name != "something more":
        del changed["route"]["verdict"]
    CHANGES[name](changed["route"])
    report = verify(told, changed)
    assert contradicted(report) == {Link.ROUTE}, report.failing()
    assert report.exit_code == 1


def test_the_refused_node_is_named(told: World, bundle: dict[str, Any]) -> None:
    changed = copy.deepcopy(bundle)
    changed["route"]["nodes"][3]["vehicle"] = TRUCK + "8"
    (check,) = [one for one in verify(told, changed).checks if one.status is Status.CONTRADICTED]
    assert check.detail.startswith("node 3: vehicle is stated as")
    assert check.place == changed["route"]["nodes"][3]["events"][0]["sealId"]


def test_a_changed_document_is_refused_and_so_is_the_route(told: World, bundle: dict[str, Any]) -> None:
    changed = copy.deepcopy(bundle)
    changed["proof"]["events"][0]["document"]["bizStep"] = "destroying"
    assert {Link.DOCUMENT, Link.ROUTE} <= contradicted(verify(told, changed))


def test_leaving_a_document_out_changes_the_route(told: World, bundle: dict[str, Any]) -> None:
    """What nobody can prove is that everything is there; but the route must be that of what is there."""
    changed = copy.deepcopy(bundle)
    seal_id = changed["route"]["nodes"][2]["events"][0]["sealId"]
    changed["proof"]["events"] = [one for one in changed["proof"]["events"] if one["sealId"] != seal_id]
    assert Link.ROUTE in contradicted(verify(told, changed))


def test_an_event_of_other_goods_is_no_part_of_it(told: World, bundle: dict[str, Any]) -> None:
    other = happening("Object", 20, epcList=[docs.item("route-other")], bizStep="storing")
    told.capture(docs.document(other), told.carrier, seed=b"\x71" * 32)
    told.index()
    alien = export_route(docs.item("route-other"), told.deployment, told.mirror, told.store)
    changed = copy.deepcopy(bundle)
    changed["proof"]["events"] += alien["proof"]["events"]
    assert contradicted(verify(told, changed)) == {Link.SUBJECT}


def test_another_network_is_refused(told: World, bundle: dict[str, Any]) -> None:
    elsewhere = told.trust.model_copy(update={"chain_id": 1})
    report = verify(told, bundle, elsewhere)
    assert contradicted(report) == {Link.NETWORK}
    assert report.exit_code == 1


def test_an_error_declared_after_the_export_is_seen(told: World) -> None:
    one = happening("Object", 15, epcList=[docs.item("route-late")], bizStep="storing")
    two = happening("Object", 16, epcList=[docs.item("route-late")], bizStep="storing")
    for event in (one, two):
        assert told.attest(docs.bare(event), told.carrier).success
    told.index()
    made = export_route(docs.item("route-late"), told.deployment, told.mirror, told.store)
    assert contradicted(verify(told, made)) == set()
    _declare(told, one, two)
    assert contradicted(verify(told, made)) == {Link.ROUTE}


def test_unusual_thresholds_are_noticed(told: World) -> None:
    made = export_route(ITEM, told.deployment, told.mirror, told.store, Rules(max_speed_kmh=10**9))
    assert "too_fast" not in {one["kind"] for one in made["route"]["findings"]}
    report = verify(told, made)
    assert report.verdict is Status.VERIFIED
    assert any("thresholds are not the usual ones" in notice for notice in report.notices)


def test_what_is_no_route_bundle_says_why(bundle: dict[str, Any]) -> None:
    assert isinstance(read_evidence(json.dumps(bundle).encode()), RouteBundle)
    proof = json.dumps(bundle["proof"]).encode()
    assert isinstance(read_evidence(proof), Bundle)
    for data in (b"", b"[]", proof, b'{"type":1}'):
        with pytest.raises(BundleError):
            read_route_bundle(data)
    for data in (b"", b"[]", b'{"type":1}'):
        with pytest.raises(BundleError):
            read_evidence(data)
    for changed in (
        {**bundle, "version": True},
        {**bundle, "route": []},
        {**bundle, "more": 1},
        {**bundle, "proof": {**bundle["proof"], "item": "https://id.gs1.org/01/09506000134352/21/"}},
        {**bundle, "proof": {**bundle["proof"], "item": "https://x.example/01/09506000134352/21/route-1"}},
    ):
        with pytest.raises(BundleError):
            read_route_bundle(json.dumps(changed).encode())


def test_what_cannot_be_exported_says_why(told: World) -> None:
    def export(thing: str) -> Any:
        return export_route(thing, told.deployment, told.mirror, told.store)

    with pytest.raises(ProofUnavailable, match="nothing is known"):
        export(docs.item("route-nobody"))
    for wrong in ("nonsense", CONTAINER, "https://example.com/"):
        with pytest.raises(DigitalLinkError):
            export(wrong)
    lost = happening("Object", 17, epcList=[docs.item("route-lost")], bizStep="storing")
    told.capture(docs.document(lost), told.carrier, seed=b"\x72" * 32)
    told.index()
    made = export(docs.item("route-lost"))
    with reading(told.mirror) as session:
        (fact,) = route(session, docs.item("route-lost")).facts
    from indexer.read import event

    with reading(told.mirror) as session:
        row = event(session, fact.ref.member, fact.ref.seal_id)
    assert row is not None
    path = told.store.path_of(Cid.parse(row.cid))
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(ProofUnavailable) as missing:
        export(docs.item("route-lost"))
    assert [gap.missing for gap in missing.value.gaps] == [True]
    path.write_bytes(content.replace(b"storing", b"packing"))
    with pytest.raises(ProofUnavailable) as corrupt:
        export(docs.item("route-lost"))
    assert [gap.missing for gap in corrupt.value.gaps] == [False]
    path.write_bytes(content)
    assert export(docs.item("route-lost")) == made
