"""One event's proof for its member: of the batch or the attestation that is asked for, and how deep it is."""

import json
from typing import Any

import pytest

from tests.api.test_capture import capture, item
from tests.api.world import ApiWorld, Client, slug

pytestmark = pytest.mark.slow


def test_a_proof_is_of_what_is_asked_for_and_gets_deeper(world: ApiWorld, api: Client) -> None:
    document = world.document(item("DEEP-1"), step="inspecting")
    job = capture(world, api, document)
    seal = job["seals"][0]
    path = f"/epcis/events/{seal['sealId']}/proof"
    gln = f"{int(job['member']):013d}"

    def proof(status: int = 200, **more: str) -> Any:
        return api.get(path, status, params={"member": gln, **more})

    first = proof()
    assert (first["kind"], first["root"], first["index"]) == ("batch", job["root"], 0)
    assert proof(kind="batch", root=job["root"]) == first
    assert slug(proof(404, root="0x" + "12" * 32)) == "not-found"
    assert slug(proof(404, kind="attestation")) == "not-found"
    assert proof(400, kind="rumour")
    said = json.loads(document)
    event = {"@context": said["@context"], **said["epcisBody"]["eventList"][0]}
    attested = api.post("/attestations", world.attestation_body(event, world.maker))
    assert attested["capture"]["success"] is True
    alone = proof(kind="attestation")
    assert (alone["kind"], alone["transaction"]) == ("attestation", attested["transaction"])
    # the batch goes first, and has at least the attestation's block on top
    assert proof()["root"] == job["root"]
    assert proof()["depth"] > first["depth"] >= 0
    assert proof(kind="batch")["depth"] > alone["depth"]
