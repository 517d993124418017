"""A proof bundle of a real chain verifies; changing anything in it, or asking the wrong network, does not."""

import copy
import json
import re
from typing import Any

import pytest

from evidence.bundle import BundleError, Trust, read_bundle
from evidence.fields import time_text
from evidence.proof import ProofUnavailable, export
from evidence.report import Link, Report, Status
from evidence.verify import verify_bundle
from tests.evidence import documents as docs
from tests.evidence.world import World
from vault.cid import Cid

SERIALS = ("v1", "v2", "v3", "v4", "v5")


@pytest.fixture(scope="module")
def bundle(world: World) -> dict[str, Any]:
    """v3 was made, packed and delivered; three others were made with it."""
    world.issue(*SERIALS)
    made = world.capture(docs.document(*(docs.commissioning(serial) for serial in SERIALS)), world.maker)
    packed = world.capture(
        docs.document(docs.packing("v2", "v3", sscc=docs.OTHER_SSCC)), world.carrier, seed=b"\1" * 32
    )
    delivered = world.attest(docs.bare(docs.delivery(sscc=docs.OTHER_SSCC)), world.carrier)
    assert made.success, made.errors
    assert packed.success, packed.errors
    assert delivered.success, delivered.errors
    world.index()
    return export(docs.item("v3"), world.deployment, world.mirror, world.store)


def verify(world: World, bundle: dict[str, Any], trust: Trust | None = None) -> Report:
    return verify_bundle(read_bundle(json.dumps(bundle).encode()), trust or world.trust, world.rpc)


def links(report: Report, status: Status) -> set[Link]:
    return {check.link for check in report.checks if check.status is status}


def test_a_true_bundle_is_verified_link_by_link(world: World, bundle: dict[str, Any]) -> None:
    report = verify(world, bundle)
    assert report.verdict is Status.VERIFIED, report.failing()
    assert report.exit_code == 0
    assert links(report, Status.VERIFIED) == {
        Link.NETWORK,
        Link.CONTRACTS,
        Link.DOCUMENT,
        Link.SUBJECT,
        Link.INCLUSION,
        Link.ANCHOR,
        Link.ATTESTATION,
        Link.SIGNED_FIELDS,
        Link.TRANSACTION,
        Link.ISSUE,
        Link.SERIAL,
        Link.LICENCE,
        Link.RECALL,
    }
    kinds = [event["proof"]["kind"] for event in bundle["events"]]
    assert kinds == ["batch", "batch", "attestation"]


def test_rule_12_no_verdict_speaks_of_authentic_goods(world: World, bundle: dict[str, Any]) -> None:
    for report in (
        verify(world, bundle),
        verify_bundle(read_bundle(json.dumps(bundle).encode()), None, world.rpc),
        verify_bundle(read_bundle(json.dumps(bundle).encode()), world.trust, None),
    ):
        assert "authentic" not in json.dumps(report.to_json()).lower()
        assert "record" in report.text


def test_rule_12_without_trust_anchor_or_node_nothing_on_the_chain_is_verified(
    world: World, bundle: dict[str, Any]
) -> None:
    read = read_bundle(json.dumps(bundle).encode())
    for report in (verify_bundle(read, None, world.rpc), verify_bundle(read, world.trust, None)):
        assert report.exit_code == 2
        assert links(report, Status.VERIFIED) == {
            Link.DOCUMENT,
            Link.SUBJECT,
            Link.INCLUSION,
            Link.SIGNED_FIELDS,
            Link.SERIAL,
        }
        assert Link.NETWORK in links(report, Status.UNCHECKED)


@pytest.mark.parametrize("uri", [docs.OTHER_SSCC, "https://id.gs1.org/01/09506000134352"])
def test_rule_12_a_bundle_that_holds_nothing_verifies_nothing(
    world: World, bundle: dict[str, Any], uri: str
) -> None:
    """The right network and contracts say nothing of the item."""
    report = verify(world, {**bundle, "item": uri, "passport": None, "events": []})
    assert report.exit_code == 2
    assert links(report, Status.UNCHECKED) == {Link.BUNDLE}


@pytest.mark.parametrize("name", ["registry", "ledger", "passport"])
def test_other_contracts_than_the_trust_anchors_are_contradicted(
    world: World, bundle: dict[str, Any], name: str
) -> None:
    changed = copy.deepcopy(bundle)
    changed["contracts"][name] = "0x" + "11" * 20
    report = verify(world, changed)
    assert report.exit_code == 1
    assert links(report, Status.CONTRADICTED) == {Link.CONTRACTS}


def test_another_network_than_the_trust_anchors_is_contradicted(world: World, bundle: dict[str, Any]) -> None:
    for change in ({"chain_id": 1}, {"first_block": bytes(32)}):
        elsewhere = world.trust.model_copy(update=change)
        assert links(verify(world, bundle, elsewhere), Status.CONTRADICTED) == {Link.NETWORK}
        changed = copy.deepcopy(bundle)
        changed["chain"] = elsewhere.model_dump(by_alias=True, include={"chain_id", "first_block"})
        # bundle and trust anchor agree with each other, and the node is of another network
        assert links(verify(world, changed, elsewhere), Status.CONTRADICTED) == {Link.NETWORK}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a JSON value that is no object or list."""
    if isinstance(value, dict):
        return [one for name, inner in value.items() for one in leaves(inner, (*path, name))]
    if isinstance(value, list):
        return [one for place, inner in enumerate(value) for one in leaves(inner, (*path, place))]
    return [path]


def altered(value: Any) -> Any:
    """Another value of the same form."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + 1
    last = value[-1]
    return value[:-1] + ("1" if last == "0" else "0" if last.isdigit() else "a" if last != "a" else "b")


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_changing_any_value_of_a_bundle_is_never_verified(
    world: World, bundle: dict[str, Any], step: int
) -> None:
    for path in leaves(bundle)[::step]:
        changed = copy.deepcopy(bundle)
        holder: Any = changed
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = altered(holder[path[-1]])
        try:
            report = verify(world, changed)
        except BundleError:
            continue
        assert report.verdict is not Status.VERIFIED, path


def test_an_event_of_another_item_is_contradicted(world: World, bundle: dict[str, Any]) -> None:
    other = export(docs.item("v1"), world.deployment, world.mirror, world.store)
    changed = copy.deepcopy(bundle)
    changed["events"].append(other["events"][0])
    report = verify(world, changed)
    assert links(report, Status.CONTRADICTED) == {Link.SUBJECT}


def test_an_item_without_passport_is_never_verified(world: World, bundle: dict[str, Any]) -> None:
    changed = copy.deepcopy(bundle)
    changed["passport"] = None
    report = verify(world, changed)
    assert report.exit_code == 2
    assert any(
        one.link is Link.ISSUE and one.status is Status.UNCHECKED and "ever issued" in one.detail
        for one in report.checks
    )


def test_a_recall_is_the_first_thing_said(world: World) -> None:
    issue = world.issue("recalled-1", "recalled-2")
    world.capture(docs.document(docs.commissioning("recalled-1")), world.maker)
    world.index()
    found = export(docs.item("recalled-1"), world.deployment, world.mirror, world.store)
    assert verify(world, found).notices == ()
    world.recall(issue)
    report = verify(world, found)
    assert report.notices[0].startswith("RECALLED by member " + world.maker.gln)
    assert report.notices[0] not in report.text  # it is printed by itself


def test_times_are_told_in_utc_whatever_a_bundle_says(world: World, bundle: dict[str, Any]) -> None:
    details = [one.detail for one in verify(world, bundle).checks if one.link in (Link.ANCHOR, Link.ISSUE)]
    assert details
    for detail in details:
        assert re.search(r"block of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", detail), detail
    assert time_text(1_795_362_687) == "2026-11-22 15:51:27 UTC"
    assert time_text(2**64) == f"Unix time {2**64}"


def test_unknown_items_have_no_bundle(world: World, bundle: dict[str, Any]) -> None:
    with pytest.raises(ProofUnavailable, match="nothing is known"):
        export(docs.item("never-made"), world.deployment, world.mirror, world.store)


def test_missing_content_is_named_and_no_bundle_is_made(world: World) -> None:
    job = world.capture(docs.document(docs.commissioning("gone")), world.maker)
    world.index()
    cid = Cid.parse(job.seals[0].cid)
    world.store.path_of(cid).rename(world.store.path_of(cid).with_suffix(".away"))
    try:
        with pytest.raises(ProofUnavailable, match=str(cid)):
            export(docs.item("gone"), world.deployment, world.mirror, world.store)
    finally:
        world.store.path_of(cid).with_suffix(".away").rename(world.store.path_of(cid))


@pytest.mark.parametrize(
    "change",
    [
        {"type": "TradeSealTrust"},
        {"version": 2},
        {"version": True},
        {"version": "1"},
        {"item": 5},
        {"item": "https://example.org/"},
        {"item": "https://id.gs1.org/01/9506000134352/21/v3"},
        {"chain": None},
        {"chain": {"chainId": -1, "firstBlock": "0x" + "00" * 32}},
        {"chain": {"chainId": 1.5, "firstBlock": "0x" + "00" * 32}},
        {"chain": {"chainId": 1, "firstBlock": "0x00"}},
        {"contracts": {}},
        {"passport": []},
        {"events": {}},
        {"events": [[]]},
        {"events": [{}]},
        {"more": 1},
    ],
)
def test_hostile_bundles_are_a_clear_error(bundle: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(BundleError):
        read_bundle(json.dumps({**bundle, **change}).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"\xff\xfe",
        b"[" * 1_000_000,
        b'{"type":' * 100 + b"1" + b"}" * 100,
        b'{"version": 1e999}',
        b'{"version": 123456789012345678901234567890}',
        b'{"type":"TradeSealProof","type":"TradeSealProof"}',
    ],
)
def test_what_is_no_json_object_is_a_clear_error(data: bytes) -> None:
    with pytest.raises(BundleError):
        read_bundle(data)


def test_a_second_document_of_one_seal_id_is_read_by_itself(bundle: dict[str, Any]) -> None:
    """A sealId that a bundle claims for other content stands for nothing of it."""
    first = bundle["events"][0]
    posing = {**first, "document": {**first["document"], "bizStep": "destroying"}}
    report = verify_bundle(
        read_bundle(json.dumps({**bundle, "events": [*bundle["events"], posing]}).encode()), None, None
    )
    assert [check.status for check in report.checks if check.link is Link.DOCUMENT][-1] is Status.CONTRADICTED
