"""Captures and attestations on a real chain."""

import json

from tests.evidence import documents as docs
from tests.evidence.world import World


def test_a_signed_capture_ends_on_the_chain_with_its_seals(world: World) -> None:
    document = docs.document(docs.commissioning("cap-1"), docs.commissioning("cap-2"))
    job = world.capture(document, world.maker)
    assert job.success, job.errors
    body = job.to_json()
    assert json.loads(json.dumps(body)) == body
    assert (body["running"], body["success"], body["errors"]) == (False, True, [])
    assert [seal["index"] for seal in body["seals"]] == [0, 1]
    for seal in job.seals:
        assert seal.transaction is not None
        receipt = world.rpc.get_receipt(bytes.fromhex(seal.transaction[2:]))
        assert receipt is not None
        assert receipt.succeeded
