"""Whatever stands in a bundle, reading and verifying it ends in a clear error or a report, not in a crash."""

import copy
import json
import random
import time
from typing import Any

import pytest

from epcis.digital_link import item_id
from evidence.bundle import Bundle, BundleError, Trust, read_bundle, read_trust
from evidence.documents import Refused, read_sealed
from evidence.readings import Reading
from evidence.report import Link, Status
from evidence.verify import BundleVerifier, verify_bundle
from evidence.verify_events import EventChecks
from tests.evidence import documents as docs
from tests.evidence.bundles import made_bundle

TRUST: dict[str, Any] = {
    "type": "TradeSealTrust",
    "version": 1,
    "chainId": 5,
    "firstBlock": "0x" + "ab" * 32,
    "registry": "0x" + "11" * 20,
    "ledger": "0x" + "22" * 20,
    "passport": "0x" + "33" * 20,
}
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2**53 - 1,
    1e300,
    1.5,
    "",
    "0x",
    "\u0000",
    "https://id.gs1.org/01/09506000134352/21/h1",
    "urn:epc:id:sgtin:9506000.013435.h1",
    [],
    [[]],
    {},
    {"tradeseal:commitment": "x"},
    {"tradeseal:commitment": 1},
    {"@context": {"@vocab": 5}},
    ["https://example.org/", {"a": "a:b"}],
    "x" * 5000,
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for name, child in inner for one in places(child, (*path, name)))]


def holder_of(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        value = value[step]
    return value


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_any_bundle_is_refused_or_reported(count: int) -> None:
    rng = random.Random(12)
    whole = made_bundle()
    paths = places(whole)[1:]
    reported = 0
    for _ in range(count):
        changed = copy.deepcopy(whole)
        for path in rng.sample(paths, rng.choice([1, 1, 2])):
            try:
                holder = holder_of(changed, path)
                if rng.random() < 0.2 and isinstance(holder, dict):
                    del holder[path[-1]]
                elif rng.random() < 0.2 and isinstance(holder, dict):
                    holder[rng.choice(["more", "tradeseal:x", "schema:email", "@id"])] = rng.choice(ODD)
                else:
                    holder[path[-1]] = rng.choice(ODD)
            except (KeyError, IndexError, TypeError):
                continue  # the first change took the second one's place away
        try:
            bundle = read_bundle(json.dumps(changed).encode())
        except BundleError as error:
            assert error.errors
            continue
        report = verify_bundle(bundle, None, None)
        assert report.verdict is not Status.VERIFIED
        assert json.dumps(report.to_json())
        reported += 1
    assert reported > count // 20


def test_the_unchanged_bundle_is_read_back_equal() -> None:
    whole = made_bundle()
    assert read_bundle(json.dumps(whole).encode()).to_json() == whole


def test_trust_anchors_are_read_strictly() -> None:
    assert read_trust(json.dumps(TRUST).encode()) == Trust.model_validate(TRUST)
    for name, value in [
        ("type", "TradeSealProof"),
        ("version", 2),
        ("chainId", "5"),
        ("chainId", -5),
        ("firstBlock", "0x" + "AB" * 32),
        ("firstBlock", "ab" * 32),
        ("ledger", "0x22"),
        ("ledger", "0xabcdefABCDEF" + "00" * 14),
        ("url", "http://example.org"),
    ]:
        with pytest.raises(BundleError, match=name):
            read_trust(json.dumps({**TRUST, name: value}).encode())
    for name in TRUST:
        with pytest.raises(BundleError, match=name):
            read_trust(json.dumps({key: value for key, value in TRUST.items() if key != name}).encode())
    with pytest.raises(BundleError):
        read_trust(b" " * 100_000)


def test_documents_with_the_largest_allowed_depth_fit_a_bundle() -> None:
    """An event that capture accepts is never too deep for its own proof."""
    deep: Any = 1
    for _ in range(57):
        deep = [deep]
    event = {**docs.commissioning("h1"), "@context": [{"ex": "https://example.org/"}], "ex:deep": deep}
    whole = made_bundle(event)
    assert read_bundle(json.dumps(whole).encode()).to_json() == whole


def test_commitments_in_the_place_of_any_text_are_reported() -> None:
    """A sealed document may hold one wherever text stands, also where the verifier looks for identifiers."""
    whole = made_bundle()
    reached = 0
    for number, event in enumerate(whole["events"]):
        for path in places(event["document"])[1:]:
            changed = copy.deepcopy(whole)
            proof = changed["events"][number]
            holder = holder_of(proof["document"], path)
            if not isinstance(holder[path[-1]], str) or path[0] == "@context":
                continue
            holder[path[-1]] = {"tradeseal:commitment": holder[path[-1]]}
            try:
                sealed = read_sealed(proof["document"])
            except Refused:
                continue
            ids = {"sealId": "0x" + sealed.seal_id.hex(), "eventHash": "0x" + sealed.event_hash.hex()}
            proof.update(ids)
            if "attestation" in proof["proof"]:
                proof["proof"]["attestation"].update(ids)
            report = verify_bundle(read_bundle(json.dumps(changed).encode()), None, None)
            assert report.verdict is not Status.VERIFIED
            reached += 1
    assert reached > 10


def test_a_disclosure_of_an_impossible_place_is_contradicted() -> None:
    whole = made_bundle()
    event = whole["events"][0]
    for token in ("9" * 5000, "0" * 5000 + "1", "²"):
        event["disclosure"] = {
            "type": "TradeSealDisclosure",
            "version": 1,
            "sealId": event["sealId"],
            "values": [{"path": f"/epcList/{token}", "salt": "A" * 43, "value": 1}],
        }
        report = verify_bundle(read_bundle(json.dumps(whole).encode()), None, None)
        assert Link.DISCLOSURE in {one.link for one in report.checks if one.status is Status.CONTRADICTED}


def test_units_packed_in_the_worst_order_are_followed_quickly() -> None:
    """Each unit in the next one, told last first."""
    checks = EventChecks(BundleVerifier(Bundle.model_validate(made_bundle()), None, None))
    units = [f"urn:epc:id:sscc:9506000.{number:010d}" for number in range(3000)]
    for number in reversed(range(2999)):
        unit, inside = item_id(units[number + 1]), item_id(units[number])
        checks._valid[number.to_bytes(32, "big")] = Reading(
            {}, 0, None, unit=frozenset({unit}), inside=frozenset({inside})
        )
    started = time.monotonic()
    assert len(checks._packed_into(item_id(units[0]))) == 3000
    assert time.monotonic() - started < 5
