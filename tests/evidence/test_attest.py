"""Single attestations on a real chain: what is recorded, and what is refused with its reason."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chain.bindings import event_ledger
from evidence.bundle import read_bundle
from evidence.capture import CONSUMER_GAS
from evidence.documents import Refused
from evidence.errors import (
    CaptureError,
    FieldsDiffer,
    RequestInvalid,
    SignatureMismatch,
    SignerRefused,
)
from evidence.proof import export
from evidence.report import Link, Status
from evidence.verify import verify_bundle
from tests.evidence import documents as docs
from tests.evidence.world import Key, Member, World

pytestmark = pytest.mark.slow


def request_body(world: World, event: bytes, by: Member, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = world.attest_request(event, by, **more).to_json()
    return made


def test_an_attestation_is_recorded_with_its_signed_fields(world: World) -> None:
    event_document = docs.bare(docs.delivery("2026-03-10T10:00:00Z"))
    body = request_body(world, event_document, world.carrier)
    job = world.finished(world.service.attest(json.dumps(body).encode()))
    assert (job.kind, job.success) == ("attestation", True), job.errors
    again = world.service.attest(json.dumps(body).encode())
    assert again.capture_id == job.capture_id
    # captured in a batch later, it points to the attestation
    captured = world.capture(event_document, world.carrier)
    assert captured.seals[0].seal_id == job.seals[0].seal_id
    assert captured.seals[0].transaction == job.seals[0].transaction


def test_an_attestation_relayed_by_somebody_else_is_found(world: World) -> None:
    made = world.attest_request(docs.bare(docs.delivery("2026-03-11T10:00:00Z")), world.carrier)
    data = event_ledger.encode_attest(made.attestation, made.signer, made.signature, b"")
    world.send(world.deployment.address("EventLedger"), data)
    job = world.service.attest_request(made)
    assert (job.kind, job.success) == ("existing", True)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"event": None}, RequestInvalid),
        ({"event": []}, RequestInvalid),
        ({"attestation": {}}, RequestInvalid),
        ({"signer": "0x1"}, RequestInvalid),
        ({"signature": "5a"}, RequestInvalid),
        ({"surplus": 1}, RequestInvalid),
        ({"event": {}}, Refused),
        ({"signature": "0x" + "11" * 65}, SignatureMismatch),
        ({"signature": "0x"}, SignatureMismatch),
        ({"signer": Key("nobody").address}, SignerRefused),
    ],
)
def test_attestations_are_refused_with_their_reason(
    world: World, change: dict[str, Any], kind: type[CaptureError]
) -> None:
    body = request_body(world, docs.bare(docs.delivery("2026-03-12T10:00:00Z")), world.carrier) | change
    with pytest.raises(kind):
        world.service.attest(json.dumps(body).encode())


def test_attestations_whose_fields_the_event_does_not_say_are_refused(world: World) -> None:
    made = world.attest_request(docs.bare(docs.delivery("2026-03-13T10:00:00Z")), world.carrier)
    lie = replace(made.attestation, place=1, extension=b"\1" * 32)
    signature = world.sign("EventLedger", lie, world.carrier)
    with pytest.raises(FieldsDiffer) as caught:
        world.service.attest_request(made.model_copy(update={"attestation": lie, "signature": signature}))
    assert [difference.field for difference in caught.value.differences] == ["place", "extension"]


def test_a_consumer_that_fails_stops_no_evidence_and_the_verdict_says_so(world: World) -> None:
    event_document = docs.bare(docs.delivery("2026-03-14T10:00:00Z"))
    job = world.attest(event_document, world.carrier, consumer=Key("no code").address)
    assert job.success, job.errors
    assert job.operation is not None
    assert job.operation.gas is not None
    assert job.operation.gas > CONSUMER_GAS
    world.index()
    bundle = read_bundle(json.dumps(export(docs.SSCC, world.deployment, world.mirror, world.store)).encode())
    report = verify_bundle(bundle, world.trust, world.rpc)
    assert report.verdict is Status.VERIFIED, report.failing()
    # anybody can name an order in vain in an event about somebody else's goods: no fact about the goods
    assert report.notices == ()
    place = job.seals[0].seal_id
    (said,) = [one for one in report.checks if (one.link, one.place) == (Link.ATTESTATION, place)]
    assert said.detail.endswith("recorded, its effect on an order was not applied")
